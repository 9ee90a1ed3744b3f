//! Runs other programs. Their output passes through, and an error names the command that failed.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// Returns the command as one would type it, for messages.
pub fn display(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Runs to the end; its output goes to the terminal.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = display(command);
    let status = command.status().with_context(|| format!("could not start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// Runs to the end, passes every line of standard output on to `each_line`, and prints it too.
pub fn run_watched(command: &mut Command, mut each_line: impl FnMut(&str)) -> Result<()> {
    let shown = display(command);
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("could not start `{shown}`"))?;
    if let Some(stdout) = child.stdout.take() {
        // Bytes, not `lines()`: a test may print text that is not UTF-8.
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line.with_context(|| format!("could not read the output of `{shown}`"))?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            each_line(&line);
        }
    }
    let status = child.wait().with_context(|| format!("lost `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// Runs to the end; all output goes to a file.
pub fn run_into(command: &mut Command, file: &Path) -> Result<()> {
    let output = File::create(file).with_context(|| format!("cannot write {}", file.display()))?;
    let errors = output.try_clone().with_context(|| format!("cannot write {}", file.display()))?;
    run(command.stdout(output).stderr(errors))
}

/// Runs to the end and returns standard output; errors and progress go to the terminal.
pub fn output(command: &mut Command) -> Result<String> {
    let shown = display(command);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("could not start `{shown}`"))?;
    if !output.status.success() {
        bail!("`{shown}` failed ({})", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs to the end and parses standard output as one JSON document.
pub fn json(command: &mut Command) -> Result<Value> {
    let text = output(command)?;
    serde_json::from_str(&text).with_context(|| format!("`{}` printed no JSON", display(command)))
}

/// Runs to the end and parses standard output as one JSON document, also where the command fails: the document then
/// says why.
pub fn document(command: &mut Command) -> Result<Value> {
    let shown = display(command);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("could not start `{shown}`"))?;
    let status = output.status;
    serde_json::from_slice(&output.stdout).with_context(|| format!("`{shown}` printed no JSON ({status})"))
}

/// Returns the output of a command, or `None` where it is missing or fails: for questions such as "is pip there?".
pub fn answer(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
