//! Output of the commands: progress bars and notes on standard error, one document or text on standard output.
//!
//! Names, paths and messages come from files of strangers. Nothing of them reaches a terminal without
//! [`printable_lines`].

use super::advice::advice;
use super::error_code::error_code;
use anyhow::Result;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use nestling_bundle::atomic_file::{is_standard_error, is_standard_output};
use nestling_core::names::printable_lines;
use nestling_lab::documents::to_json;
use serde::Serialize;
use serde_json::json;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// A file of the command goes to standard output: its document goes to standard error.
static IS_STDOUT_TAKEN: AtomicBool = AtomicBool::new(false);
/// Standard error holds a file or a document of the command, and nothing else.
static IS_STDERR_TAKEN: AtomicBool = AtomicBool::new(false);
/// This process is not the one of several that prints.
static IS_MUTE: AtomicBool = AtomicBool::new(false);
/// Whether a JSON document was printed.
static IS_DOCUMENT_PRINTED: AtomicBool = AtomicBool::new(false);

/// Keeps everything else out of a standard stream that the command writes its file to, and out of the stream of its
/// document. Each command that writes a file calls it first.
pub(super) fn reserve(output: &Path, json: bool) {
    let is_stdout = is_standard_output(output);
    IS_STDOUT_TAKEN.store(is_stdout, Ordering::Relaxed);
    IS_STDERR_TAKEN.store((is_stdout && json) || is_standard_error(output), Ordering::Relaxed);
}

/// Prints nothing from now on but errors.
pub(super) fn mute() {
    IS_MUTE.store(true, Ordering::Relaxed);
    IS_STDERR_TAKEN.store(true, Ordering::Relaxed);
}

/// A progress bar on standard error with rate and time to go.
pub(super) fn bar(length: u64, label: &str) -> ProgressBar {
    let bar = if IS_STDERR_TAKEN.load(Ordering::Relaxed) { ProgressBar::hidden() } else { ProgressBar::new(length) };
    let template = "{prefix:>10} [{bar:30}] {pos}/{len} {per_sec}, {eta} to go {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(label.to_owned());
    bar
}

/// Several bars on standard error, one below the other.
pub(super) fn bars() -> MultiProgress {
    if IS_STDERR_TAKEN.load(Ordering::Relaxed) {
        MultiProgress::with_draw_target(ProgressDrawTarget::hidden())
    } else {
        MultiProgress::new()
    }
}

/// Writes a line to standard error. A closed standard error does not stop a training.
pub(super) fn say(line: &str) {
    if !IS_STDERR_TAKEN.load(Ordering::Relaxed) {
        let _ = writeln!(io::stderr(), "{}", printable_lines(line));
    }
}

/// A path as text for JSON, which has no form for one that is not Unicode.
pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Prints one JSON document, or the text that `human` writes: to standard output, unless a file goes there.
pub(super) fn print(json: bool, value: &impl Serialize, human: impl FnOnce() -> String) -> Result<()> {
    if IS_MUTE.load(Ordering::Relaxed) {
        Ok(())
    } else if IS_STDOUT_TAKEN.load(Ordering::Relaxed) {
        print_to(&mut io::stderr().lock(), json, value, human)
    } else {
        print_to(&mut io::stdout().lock(), json, value, human)
    }
}

fn print_to(to: &mut dyn Write, json: bool, value: &impl Serialize, human: impl FnOnce() -> String) -> Result<()> {
    IS_DOCUMENT_PRINTED.fetch_or(json, Ordering::Relaxed);
    let text = if json { to_json(value)? } else { printable_lines(human().trim_end()).into_owned() };
    match writeln!(to, "{text}").and_then(|()| to.flush()) {
        // A reader that stops early (`| head`) is not an error.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Writes an error with its causes, and a hint in terms of this program's flags where there is one, to standard error;
/// with `json` also as a document to standard output.
pub fn complain(error: &anyhow::Error, json: bool) {
    let (mut message, advice) = (causes(error), error.chain().find_map(advice));
    // An error of a process that prints nothing else is its launcher's to show.
    if IS_MUTE.swap(false, Ordering::Relaxed) {
        IS_STDERR_TAKEN.store(false, Ordering::Relaxed);
    }
    say(&format!("error: {message}"));
    if let Some(advice) = advice {
        say(&format!("hint: {advice}"));
        message = format!("{message}; {advice}");
    }
    // A document that was printed before holds the error: nobody reads two.
    if json && !IS_DOCUMENT_PRINTED.load(Ordering::Relaxed) {
        print_error(error_code(error), &message);
    }
}

/// The part of a document that says why the command failed.
pub fn error_document(error: &anyhow::Error) -> serde_json::Value {
    json!({ "code": error_code(error), "message": causes(error) })
}

/// Prints the document of a command that failed.
pub fn print_error(code: &str, message: &str) {
    let document = json!({ "error": { "code": code, "message": message.trim_end() } });
    // Nothing can be done about a standard output that is closed.
    let _ = print(true, &document, String::new);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_except_its_lines() {
        let mut out = Vec::new();
        print_to(&mut out, false, &(), || "a\u{1b}[31m\nb\n\n".to_owned()).unwrap();
        assert_eq!(out, b"a\\u{1b}[31m\nb\n");
    }
}
