//! Output to stdout and stderr: one report, for people or as JSON; errors, for people and as JSON.
//!
//! Names and messages come from files of strangers and from drivers. Nothing of them reaches a terminal without
//! [`printable_lines`] or [`to_json`].

use crate::words::in_flags;
use anyhow::{Context as _, Result};
use nestling_bundle::atomic_file::is_standard_output;
use nestling_core::names::printable_lines;
use nestling_lab::documents::{Fault, to_json};
use serde::Serialize;
use std::cell::Cell;
use std::io::{self, Write};
use std::path::Path;

/// The result of a command. Its JSON is its serde form.
pub trait Report: Serialize {
    /// The same for people, apart from what [`Output::show`] has printed already.
    fn print(&self, out: &mut dyn Write) -> io::Result<()>;

    /// One fault for all inputs that failed. The report is printed, with this as its `error`, but the command fails.
    fn failed(&self) -> Option<Fault> {
        None
    }
}

/// Where a command shows its results.
pub struct Output {
    json: bool,
    /// A file of the command goes to stdout: the report goes to stderr.
    is_taken: bool,
    /// An input has failed. The exit code says so even where nobody reads the report.
    has_failed: Cell<bool>,
}

/// Nobody reads stdout any more (`| head`).
#[derive(Debug, thiserror::Error)]
#[error("nobody reads the output")]
pub(crate) struct ReaderGone;

/// A document with the fault of the inputs that failed.
#[derive(Serialize)]
struct Document<'a, T> {
    #[serde(flatten)]
    report: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Fault>,
}

/// The document of a call without a result.
#[derive(Serialize)]
struct Failure {
    error: Fault,
}

impl Output {
    /// JSON is one document at the end.
    pub fn new(json: bool) -> Self {
        Self { json, is_taken: false, has_failed: Cell::new(false) }
    }

    /// For a command that writes these files: one of them may be stdout, and then nothing else goes there.
    pub fn beside<'a>(self, mut files: impl Iterator<Item = &'a Path>) -> Self {
        Self { is_taken: files.any(is_standard_output), ..self }
    }

    /// Whether the report is printed as JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether an input has failed.
    pub fn has_failed(&self) -> bool {
        self.has_failed.get()
    }

    /// Prints a part of the report at once, for people.
    pub fn show(&self, print: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        let mut text = Vec::new();
        if !self.json {
            print(&mut text)?;
        }
        self.write(&printable_lines(&String::from_utf8_lossy(&text)))
    }

    /// Names an input that failed on stderr, and returns its fault for the report.
    pub fn failed(&self, error: &anyhow::Error) -> Fault {
        let fault = fault_of(error);
        self.has_failed.set(true);
        complain(&fault);
        fault
    }

    /// Prints the report. Returns whether all inputs had a result.
    pub fn finish<T: Report>(&self, report: &T) -> Result<bool> {
        let error = report.failed();
        let succeeded = error.is_none();
        // Whole first: nothing is printed of a report that cannot be.
        if self.json {
            self.write(&format!("{}\n", to_json(&Document { report, error })?))?;
        } else {
            self.show(|out| report.print(out))?;
        }
        Ok(succeeded)
    }

    /// Says that the call failed: on stderr, and as the document if one is wanted.
    pub fn fail(&self, fault: Fault) {
        complain(&fault);
        self.print_failure(fault);
    }

    /// Prints the document of a call without a result, if one is wanted.
    pub fn print_failure(&self, error: Fault) {
        if self.json
            && let Ok(text) = to_json(&Failure { error })
        {
            // The exit code says that it failed; more cannot be done.
            let _ = self.write(&format!("{text}\n"));
        }
    }

    fn write(&self, text: &str) -> Result<()> {
        let (mut stream, name): (Box<dyn Write>, _) = match self.is_taken {
            true => (Box::new(io::stderr()), "standard error"),
            false => (Box::new(io::stdout()), "standard output"),
        };
        match stream.write_all(text.as_bytes()).and_then(|()| stream.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(ReaderGone.into()),
            written => written.with_context(|| format!("cannot write to {name}")),
        }
    }
}

/// The fault of a failed call, with the remedy in terms of this program's flags.
pub fn fault_of(error: &anyhow::Error) -> Fault {
    let fault = Fault::of(error);
    Fault { message: in_flags(&fault.message), ..fault }
}

fn complain(fault: &Fault) {
    say(&format!("error: {}", fault.message));
}

/// Writes a line to stderr, if anybody listens. It may hold a library's message.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{}", printable_lines(&in_flags(line)));
}

/// Writes rows in columns: the first cell of each to the left, the rest to the right.
pub fn columns(out: &mut dyn Write, rows: &[Vec<String>]) -> io::Result<()> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            line += &if column == 0 { format!("  {cell:<width$}") } else { format!("  {cell:>width$}") };
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// A row of [`columns`].
pub fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}
