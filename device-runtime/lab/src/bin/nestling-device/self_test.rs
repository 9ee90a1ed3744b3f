use crate::device;
use crate::output::{Report, columns, fault_of, row};
use anyhow::{Context as _, Result};
use nestling::RuntimeOptions;
use nestling_lab::documents::Fault;
use nestling_lab::self_test::{SelfTest, SelfTestReport};
use serde::Serialize;
use std::io::{self, Write};
use std::path::PathBuf;

/// Decodes and classifies the bundle's golden pictures, and compares the answers with the trainer's.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  nestling-device self-test fashion.nestling --json\n\nThe exit code is 1 if an answer \
                        is wrong."
)]
pub struct Options {
    /// The bundle.
    bundle: PathBuf,
}

#[derive(Serialize)]
#[serde(transparent)]
pub struct Tested(SelfTestReport);

impl Options {
    pub fn run(&self, device: &device::Options) -> Result<Tested> {
        let bundle = device::Options::open_bundle(&self.bundle)?;
        let test = SelfTest::of(&bundle).with_context(|| format!("cannot test with {}", self.bundle.display()))?;
        let defaults = RuntimeOptions::default();
        let side = test.max_image_side().max(defaults.max_image_side);
        // Whether an answer means anything does not matter here, only whether it is the trainer's.
        let opened = device.open_with(&self.bundle, defaults.max_image_side(side).untrained(true), None)?;
        Ok(Tested(test.run(&opened.runtime)?))
    }
}

impl Report for Tested {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self(report) = self;
        writeln!(out, "{}", report.device)?;
        let mut rows = vec![row(["picture", "child", "trainer", "device", "difference", "relative", ""])];
        for answer in &report.answers {
            let (difference, relative) = (format!("{:.1e}", answer.difference), format!("{:.1e}", answer.relative));
            let verdict = if answer.is_right { "ok" } else { "WRONG" };
            let (picture, child) = (&answer.picture, &answer.child);
            rows.push(row([picture, child, &answer.expected, &answer.label, &difference, &relative, verdict]));
        }
        columns(out, &rows)?;
        let (right, all) = (report.answers.len() - report.wrong, report.answers.len());
        writeln!(
            out,
            "{right} of {all} answers are the trainer's, within {:.1e} of its largest logit",
            report.tolerance
        )
    }

    fn failed(&self) -> Option<Fault> {
        self.0.verdict().err().map(|error| fault_of(&error.into()))
    }
}
