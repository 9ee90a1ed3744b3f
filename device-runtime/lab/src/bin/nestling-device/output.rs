//! Output to stdout and stderr: one report, for people or as JSON; one error.
//!
//! Names come from files and drivers. Nothing of them is printed that a terminal would obey.

use anyhow::Result;
use nestling_core::names::{is_unprintable, printable, printable_lines};
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
    let text = if json {
        safe_json(&serde_json::to_string_pretty(report)?) + "\n"
    } else {
        let mut text = Vec::new();
        report.print(&mut text)?;
        printable_lines(&String::from_utf8_lossy(&text)).into_owned()
    };
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// The same document without characters that a terminal would obey. JSON escapes some of them only.
fn safe_json(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unprintable(c) && c != '\n' {
            let mut units = [0; 2];
            c.encode_utf16(&mut units).iter().for_each(|unit| safe += &format!("\\u{unit:04x}"));
        } else {
            safe.push(c);
        }
    }
    safe
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
        Error::NoAdapter { .. } | Error::AmbiguousAdapter { .. } | Error::NoDevice { .. } => {
            Some("choose another adapter with --adapter")
        }
        Error::NoArithmetic { .. } => Some("compute with --arithmetic f32"),
        Error::SelfTest { .. } => Some("load with --weight-storage f32 and --arithmetic f32"),
        Error::Untrained { .. } => Some("time untrained children with --untrained"),
        Error::StaleProfile(_) => Some("measure again with `nestling-device profile`"),
        _ => None, // `Error` is non-exhaustive, and its other messages need no flag
    }
}

/// Writes a line to stderr, if anybody listens.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{}", printable_lines(line));
}

/// Writes rows in columns: the first cell of each to the left, the rest to the right.
pub fn columns(out: &mut dyn Write, rows: &[Vec<String>]) -> io::Result<()> {
    let safe = |row: &Vec<String>| row.iter().map(|cell| printable(cell).into_owned()).collect();
    let rows: Vec<Vec<String>> = rows.iter().map(safe).collect();
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    for row in &rows {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_printed() {
        let hostile = "a\u{1b}[2J\u{9b}31m\u{202e}\r\n\u{7f}b";
        let document = serde_json::json!({ "name": hostile, "list": [1, hostile] });
        let text = safe_json(&serde_json::to_string_pretty(&document).unwrap());
        assert!(!text.chars().any(|c| is_unprintable(c) && c != '\n'), "{text:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), document);
        let mut printed = Vec::new();
        columns(&mut printed, &[row(["child", "ms"]), row([hostile, "1"])]).unwrap();
        let printed = String::from_utf8(printed).unwrap();
        assert!(!printed.chars().any(|c| is_unprintable(c) && c != '\n') && printed.lines().count() == 2, "{printed}");
    }
}
