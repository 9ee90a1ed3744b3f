//! `scan`: opens every picture of a data set and says what is wrong with which.

use super::data::{DataArguments, refuse_among_pictures};
use super::output::error_document;
use super::{print, reserve, shown};
use anyhow::Result;
use clap::Args;
use nestling_bundle::atomic_file::check_outputs;
use nestling_train::data::{ScanReport, write_report};
use nestling_train::new_file::check_scan;
use serde::Serialize;
use std::fmt::Write;
use std::path::{Path, PathBuf};

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
    /// File to write the whole outcome to, as JSON; an older outcome there is replaced
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file even if it is no outcome of a scan
    #[arg(long)]
    replace: bool,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Scan {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        if let Some(out) = &self.out {
            reserve(out, self.json);
            self.check_out(out)?;
        }
        let report = DataArguments::scan(&self.path, &self.pictures)?;
        if let Some(out) = &self.out {
            write_report(&report, out)?;
        }
        let checked = self.pictures.check(&report);
        let document = Document { report: &report, error: checked.as_ref().err().map(error_document) };
        print(self.json, &document, || {
            let mut text = text(&report);
            if let Some(out) = &self.out {
                let _ = write!(text, "everything: {}", shown(out));
            }
            text
        })?;
        checked
    }

    /// Checks that the outcome replaces no other file, and is no file among the pictures of a class.
    fn check_out(&self, out: &Path) -> Result<()> {
        check_outputs([out], self.path.is_file().then_some(&*self.path))?;
        check_scan(out, self.replace)?;
        refuse_among_pictures(out, &self.path)
    }
}

/// The printed document.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    report: &'a ScanReport,
    /// The reason why the pictures were not accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<serde_json::Value>,
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
