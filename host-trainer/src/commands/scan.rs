//! `scan`: opens every picture of a data set and says what is wrong with which.

use super::data::DataArguments;
use super::{print, reserve, shown};
use anyhow::Result;
use clap::Args;
use nestling_bundle::atomic_file::check_outputs;
use nestling_train::data::{ScanReport, write_report};
use std::fmt::Write;
use std::path::PathBuf;

/// Lines of faults that are printed.
const MAX_LINES: usize = 40;

/// Opens every picture of a data set once: says which cannot be used and why, which are copies of others or look like
/// them, and how many each class gives to training, validation and test.
#[derive(Args, Debug)]
pub struct Scan {
    /// The pictures, in any form that `--data` takes
    path: PathBuf,
    #[command(flatten)]
    pictures: super::data::PictureArguments,
    /// File to write the whole outcome to, as JSON
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Scan {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        if let Some(out) = &self.out {
            reserve(out, self.json);
            // An older outcome may lie among the pictures, and is none of them.
            let is_outcome = out.extension().is_some_and(|extension| extension == "json");
            check_outputs([&**out], (!is_outcome).then_some(&*self.path))?;
        }
        let report = DataArguments::scan(&self.path, &self.pictures)?;
        if let Some(out) = &self.out {
            write_report(&report, out)?;
        }
        let out = self.out.unwrap_or_default();
        print(self.json, &report, || {
            let mut text = text(&report);
            if !out.as_os_str().is_empty() {
                let _ = write!(text, "everything: {}", shown(&out));
            }
            text
        })?;
        self.pictures.check(&report)
    }
}

fn text(report: &ScanReport) -> String {
    let mut text = format!("{}: {}\n", report.source, report.summary());
    let _ = writeln!(text, "\n{:>10} {:>10} {:>10}  class", "training", "validation", "test");
    for count in &report.classes {
        let _ = writeln!(text, "{:10} {:10} {:10}  {}", count.training, count.held_out, count.test, count.class);
    }
    if !report.faults.is_empty() {
        text.push('\n');
    }
    for fault in report.faults.iter().take(MAX_LINES) {
        let _ = writeln!(text, "{}: {}: {}", fault.path, fault.kind, fault.reason);
    }
    if report.faults.len() > MAX_LINES {
        let _ = writeln!(text, "and {} more; --out FILE has all", report.faults.len() - MAX_LINES);
    }
    for note in &report.notes {
        let _ = writeln!(text, "note: {note}");
    }
    text
}
