//! Output to stdout and stderr: one report, for people or as JSON; one error.

use anyhow::Result;
use serde::Serialize;
use std::io::{self, Write};

/// The result of a command. Its JSON is its serde form.
pub trait Report: Serialize {
    /// The same for people.
    fn print(&self, out: &mut dyn Write) -> io::Result<()>;
}

/// Writes a report to stdout. A reader that has gone away (`| head`) is not an error.
pub fn emit(report: &impl Report, json: bool) -> Result<()> {
    // Whole first: nothing is printed of a report that cannot be.
    let mut text = Vec::new();
    if json {
        serde_json::to_writer_pretty(&mut text, report)?;
        text.push(b'\n');
    } else {
        report.print(&mut text)?;
    }
    let mut stdout = io::stdout().lock();
    match stdout.write_all(&text).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Writes `error: ...` with its causes to stderr.
pub fn complain(error: &anyhow::Error) {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        // Some errors repeat their cause in their own words.
        if !text.contains(&cause) {
            text = if text.is_empty() { cause } else { format!("{text}: {cause}") };
        }
    }
    if let Some(advice) = error.chain().find_map(|cause| cause.downcast_ref()).and_then(advice) {
        text = format!("{text}; here: {advice}");
    }
    say(&format!("error: {text}"));
}

/// The remedy in terms of this program's flags, where the library's message names an option of its API.
fn advice(error: &nestling::Error) -> Option<&'static str> {
    use nestling::Error;
    match error {
        Error::NoAdapter { .. } | Error::NoDevice { .. } => Some("choose another adapter with --adapter"),
        Error::NoArithmetic { .. } => Some("compute with --arithmetic f32"),
        Error::SelfTest { .. } => Some("load with --weight-storage f32 and --arithmetic f32"),
        Error::Untrained { .. } => Some("time untrained children with --untrained"),
        Error::StaleProfile(_) => Some("measure again with `nestling-device profile`"),
        _ => None, // `Error` is non-exhaustive, and its other messages need no flag
    }
}

/// Writes a line to stderr, if anybody listens.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
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
