//! The subcommands of `nestling`. They parse, call the library and print; they hold no logic.

mod advice;
pub mod bench;
mod compare_table;
pub mod cost;
mod data;
pub mod eval;
pub mod export;
pub mod images;
pub mod import;
pub mod init;
pub mod latency;
mod new_bundle;
pub mod pack;
pub mod parity;
pub mod report;
pub mod search;
mod search_under_limit;
pub mod spaces;
pub mod train;
mod trained_run;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::io::Write;

/// A progress bar on standard error with rate and time to go.
fn bar(length: u64, label: &str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    let template = "{prefix:>10} [{bar:30}] {pos}/{len} {per_sec}, {eta} to go {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(label.to_owned());
    bar
}

/// Writes a line to standard error. A closed standard error does not stop a training.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Prints one JSON document, or the text that `human` writes.
fn print(json: bool, value: &impl Serialize, human: impl FnOnce() -> String) -> Result<()> {
    let text = if json { serde_json::to_string_pretty(value)? } else { human() };
    let mut output = std::io::stdout().lock();
    match writeln!(output, "{}", text.trim_end()).and_then(|()| output.flush()) {
        // A reader that stops early (`| head`) is not an error.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Writes an error with its causes, and a hint in terms of this program's flags where there is one.
pub fn complain(error: &anyhow::Error) {
    say(&format!("error: {}", causes(error)));
    if let Some(advice) = error.chain().find_map(advice::advice) {
        say(&format!("hint: {advice}"));
    }
}

/// An error with its causes, each said once: many messages already hold their cause.
fn causes(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, cause| {
        if text.contains(&cause) {
            text
        } else if text.is_empty() {
            cause
        } else {
            format!("{text}: {cause}")
        }
    })
}
