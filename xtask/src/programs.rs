//! The two programs of this repository, built in release mode and run for their JSON output.

use crate::{process, workspace};
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `nestling` (trainer) and `nestling-device` (runtime).
pub struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// Builds both programs.
    pub fn build() -> Result<Self> {
        let build = ["build", "--release", "--bins", "-p", "nestling-train", "-p", "nestling-lab"];
        process::run(&mut workspace::cargo(&build))?;
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(workspace::target, PathBuf::from);
        Ok(Self { folder: workspace::root().join(target).join("release") })
    }

    /// Returns a command that runs the trainer.
    pub fn trainer(&self, arguments: &[&str]) -> Command {
        self.command("nestling", arguments)
    }

    /// Returns a command that runs the device program.
    pub fn device(&self, arguments: &[&str]) -> Command {
        self.command("nestling-device", arguments)
    }

    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.folder.join(name));
        command.args(arguments).current_dir(workspace::root());
        command
    }
}

/// Runs a command with `--json` and returns the document; progress goes to the terminal.
pub fn json(mut command: Command) -> Result<Value> {
    process::json(command.arg("--json"))
}

/// Writes a document whole or not at all.
pub fn write_json(path: &Path, value: &Value) -> Result<()> {
    write_text(path, &format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// Writes a text under a temporary name, and renames it: a process that is killed leaves the old one.
pub fn write_text(path: &Path, text: &str) -> Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let write = || {
        std::fs::write(&temporary, text)?;
        std::fs::rename(&temporary, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
