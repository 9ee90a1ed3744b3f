//! The devices of this machine: each Vulkan adapter, with and without subgroups, and SwiftShader as a second software one.

use crate::programs::{Programs, json};
use crate::setup;
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What runs the kernels.
pub struct Device {
    /// A name for people.
    pub label: String,
    /// Which driver it is: one with and without subgroups is one device.
    pub driver: String,
    /// `cpu` for software, as adapters say it.
    pub device_type: String,
    /// The only driver that the loader may see.
    manifest: Option<PathBuf>,
    arguments: Vec<String>,
}

impl Device {
    /// `nestling-device` with these arguments, on this device.
    pub fn command(&self, programs: &Programs, arguments: &[&str]) -> Command {
        let mut command = programs.device(arguments);
        command.args(["--backend", "vulkan"]).args(&self.arguments);
        if let Some(manifest) = &self.manifest {
            command.env("VK_DRIVER_FILES", manifest);
        }
        command
    }

    /// The label as a part of a file's name.
    pub fn file_name(&self) -> String {
        let letters = self.label.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' });
        letters.collect::<String>().to_lowercase()
    }
}

/// All of them, real GPUs first.
pub fn find(programs: &Programs) -> Result<Vec<Device>> {
    let mut all = Vec::new();
    let info = json(programs.device(&["info", "--backend", "vulkan"]))?;
    let mut adapters: Vec<_> = info["adapters"].as_array().cloned().unwrap_or_default();
    adapters.retain(|adapter| adapter["backend"] == "vulkan");
    adapters.sort_by_key(|adapter| adapter["device_type"] == "cpu");
    for adapter in adapters {
        let name = adapter["name"].as_str().unwrap_or_default();
        let short = if name.starts_with("llvmpipe") { "lavapipe" } else { name };
        let chosen = ["--adapter".to_owned(), name.to_owned()];
        let device = |label: &str, more: &[&str]| Device {
            label: label.to_owned(),
            driver: name.to_owned(),
            device_type: adapter["device_type"].as_str().unwrap_or_default().to_owned(),
            manifest: None,
            arguments: chosen.iter().cloned().chain(more.iter().map(ToString::to_string)).collect(),
        };
        all.push(device(short, &[]));
        if adapter["subgroups"] == true {
            all.push(device(&format!("{short} without subgroups"), &["--without", "subgroups"]));
        }
    }
    match setup::swiftshader() {
        Some(manifest) => all.push(swiftshader(&manifest)),
        None => println!("note: no SwiftShader, so one device less; on Debian the package `chromium` has it"),
    }
    Ok(all)
}

fn swiftshader(manifest: &Path) -> Device {
    let label = "SwiftShader".to_owned();
    let (manifest, device_type) = (Some(manifest.to_owned()), "cpu".to_owned());
    Device { driver: label.clone(), label, device_type, manifest, arguments: Vec::new() }
}
