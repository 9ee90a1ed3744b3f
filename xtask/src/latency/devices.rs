//! The devices of this machine: each Vulkan adapter, with and without subgroups, and SwiftShader.

use crate::programs::{Programs, json};
use crate::{process, setup};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An adapter, and how a program is run on it.
pub struct Device {
    /// Name in tables.
    pub label: String,
    /// Name of the driver, the same with and without subgroups.
    pub driver: String,
    /// Kind of adapter as wgpu names it; `cpu` for software.
    pub device_type: String,
    /// The only driver that the loader may see.
    manifest: Option<PathBuf>,
    /// The core that a software device runs on.
    core: Option<usize>,
    arguments: Vec<String>,
}

impl Device {
    /// `nestling-device` with these arguments, on this device.
    pub fn command(&self, programs: &Programs, arguments: &[&str]) -> Command {
        let mut command = programs.device(arguments);
        command.args(["--backend", "vulkan"]).args(&self.arguments);
        if let Some(core) = self.core {
            command = on_core(core, &command);
        }
        if let Some(manifest) = &self.manifest {
            command.env("VK_DRIVER_FILES", manifest);
        }
        command
    }

    /// Another program on the same core.
    pub fn beside(&self, command: &Command) -> Command {
        on_core(self.core.unwrap_or_default(), command)
    }

    /// Whether it is held on one core.
    pub fn is_held(&self) -> bool {
        self.core.is_some()
    }

    /// The label as a part of a file's name.
    pub fn file_name(&self) -> String {
        let letters = self.label.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' });
        letters.collect::<String>().to_lowercase()
    }
}

/// Holds a command on one core, without lavapipe's worker threads.
///
/// Spread over cores, a software driver mostly waits for threads to wake: its times then depend on the scheduler more
/// than on the child. On one core they are steady, and shorter.
fn on_core(core: usize, command: &Command) -> Command {
    let mut pinned = Command::new("taskset");
    pinned.args(["-c", &core.to_string()]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => pinned.env(name, value),
            None => pinned.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        pinned.current_dir(folder);
    }
    pinned.env("LP_NUM_THREADS", "0");
    pinned
}

/// The last core, if a program can be held on it.
fn last_core() -> Option<usize> {
    let core = std::thread::available_parallelism().ok()?.get().checked_sub(1)?;
    process::answer("taskset", &["-c", &core.to_string(), "echo", "held"]).map(|_| core)
}

/// All devices, GPUs first.
pub fn find(programs: &Programs) -> Result<Vec<Device>> {
    let mut all = Vec::new();
    let core = last_core();
    if core.is_none() {
        println!("note: no `taskset`, so software devices run on all cores and their times vary");
    }
    let info = json(programs.device(&["info", "--backend", "vulkan"]))?;
    let mut adapters: Vec<_> = info["adapters"].as_array().cloned().unwrap_or_default();
    adapters.retain(|adapter| adapter["backend"] == "vulkan");
    adapters.sort_by_key(|adapter| adapter["device_type"] == "cpu");
    for adapter in adapters {
        let name = adapter["name"].as_str().unwrap_or_default();
        let short = if name.starts_with("llvmpipe") { "lavapipe" } else { name };
        let chosen = ["--adapter".to_owned(), name.to_owned()];
        let device_type = adapter["device_type"].as_str().unwrap_or_default();
        let device = |label: &str, more: &[&str]| Device {
            label: label.to_owned(),
            driver: name.to_owned(),
            device_type: device_type.to_owned(),
            manifest: None,
            core: core.filter(|_| device_type == "cpu"),
            arguments: chosen.iter().cloned().chain(more.iter().map(ToString::to_string)).collect(),
        };
        all.push(device(short, &[]));
        if adapter["subgroups"] == true {
            all.push(device(&format!("{short} without subgroups"), &["--without", "subgroups"]));
        }
    }
    match setup::swiftshader() {
        Some(manifest) => all.push(swiftshader(&manifest, core)),
        None => println!("note: no SwiftShader, so there is one device less; Debian has it in the package `chromium`"),
    }
    Ok(all)
}

fn swiftshader(manifest: &Path, core: Option<usize>) -> Device {
    let label = "SwiftShader".to_owned();
    let (manifest, device_type) = (Some(manifest.to_owned()), "cpu".to_owned());
    Device { driver: label.clone(), label, device_type, manifest, core, arguments: Vec::new() }
}
