//! The subcommands of `nestling`. They parse, call the library and print; they hold no logic.

pub mod bench;
pub mod cost;
pub mod export;
pub mod images;
pub mod import;
pub mod init;
pub mod latency;
pub mod parity;
pub mod report;
pub mod run;
pub mod within;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use nestling_core::image::Preprocessing;
use serde::Serialize;
use std::io::Write;

/// Mean and deviation of Fashion-MNIST's training pixels.
pub fn preprocessing() -> Preprocessing {
    Preprocessing { means: vec![0.286], standard_deviations: vec![0.353], centre_fraction: 1.0 }
}

/// A progress bar on standard error with rate and time to go.
pub fn bar(length: u64, what: &str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    let template = "{prefix:>10} [{bar:30}] {pos}/{len} {per_sec}, {eta} to go {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(what.to_owned());
    bar
}

/// A line on standard error; nobody listening is no reason to stop a training.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Prints one JSON document, or what `human` writes.
pub fn print(json: bool, value: &impl Serialize, human: impl FnOnce() -> String) -> Result<()> {
    let text = if json { serde_json::to_string_pretty(value)? } else { human() };
    let mut output = std::io::stdout().lock();
    match writeln!(output, "{}", text.trim_end()).and_then(|()| output.flush()) {
        // A reader that has seen enough is no error.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// An error with its causes, each said once: many of our messages already hold their cause.
pub fn causes(error: &anyhow::Error) -> String {
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
