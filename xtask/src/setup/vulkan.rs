//! A Vulkan loader and at least one driver; which one is no matter here, the runtime names the adapter that it takes.

use super::shared_library;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// The loader, and Mesa's drivers: among them lavapipe, which runs on any CPU.
pub const PACKAGES: [&str; 2] = ["libvulkan1", "mesa-vulkan-drivers"];

/// Where drivers leave their manifests (the loader's own search list on Linux).
const MANIFEST_FOLDERS: [&str; 4] =
    ["/etc/vulkan/icd.d", "/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/usr/local/etc/vulkan/icd.d"];

/// The drivers found, in words; `None` where the loader or every driver is missing.
pub fn find() -> Option<String> {
    // macOS and Windows draw through Metal and Direct3D, which are part of the system.
    if !cfg!(target_os = "linux") {
        return Some("not needed on this system".to_owned());
    }
    shared_library::find("libvulkan.so.1")?;
    let drivers: Vec<String> = manifests().iter().map(|path| driver_name(path)).collect();
    (!drivers.is_empty()).then(|| format!("drivers: {}", drivers.join(", ")))
}

/// Whether Mesa's software driver is the only one that has something to run on.
pub fn has_only_lavapipe() -> bool {
    let names: Vec<String> = manifests().iter().map(|path| driver_name(path)).collect();
    let has = |name: &str| names.iter().any(|other| other == name);
    // Mesa brings drivers for hardware along, which find none without these.
    let has_gpu = ["/dev/dri", "/dev/nvidia0", "/dev/dxg"].iter().any(|device| Path::new(device).exists());
    has("lavapipe") && !has("vk_swiftshader") && !has_gpu
}

/// The drivers found, or what to do to have one.
pub fn require() -> Result<String> {
    match find() {
        Some(found) => Ok(found),
        None => bail!(
            "no Vulkan loader (libvulkan.so.1) or no driver manifest (in {}). Install a driver for the GPU, or Mesa's \
             lavapipe (packages {} on Debian and Ubuntu)",
            MANIFEST_FOLDERS.join(", "),
            PACKAGES.join(" ")
        ),
    }
}

fn manifests() -> Vec<PathBuf> {
    // Both names are the loader's: the second is the older one.
    for variable in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] {
        if let Some(list) = std::env::var_os(variable) {
            return std::env::split_paths(&list).filter(|path| path.is_file()).collect();
        }
    }
    let mut found: Vec<PathBuf> = MANIFEST_FOLDERS
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    found.sort();
    found
}

/// `lvp_icd.x86_64.json` is known to people as lavapipe; the other names speak for themselves.
fn driver_name(manifest: &Path) -> String {
    let file = manifest.file_name().unwrap_or_default().to_string_lossy();
    let name = file.split('.').next().unwrap_or_default();
    let name = name.strip_suffix("_icd").unwrap_or(name);
    match name {
        "lvp" => "lavapipe".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_drivers_as_people_do() {
        assert_eq!(driver_name(Path::new("/usr/share/vulkan/icd.d/lvp_icd.x86_64.json")), "lavapipe");
        assert_eq!(driver_name(Path::new("/etc/vulkan/icd.d/nvidia_icd.json")), "nvidia");
    }
}
