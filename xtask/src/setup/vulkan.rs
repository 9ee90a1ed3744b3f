//! A Vulkan loader and at least one driver. The runtime chooses between drivers, and names the adapter that it takes.

use super::packages;
use crate::process;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// The loader, and Mesa's drivers: among them lavapipe, which runs on any CPU.
pub const PACKAGES: [&str; 2] = ["libvulkan1", "mesa-vulkan-drivers"];

/// The folders in which the loader looks for drivers' manifests.
const MANIFEST_FOLDERS: [&str; 4] =
    ["/etc/vulkan/icd.d", "/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/usr/local/etc/vulkan/icd.d"];

/// The manifests of SwiftShader, a software driver that browsers bring along.
const SWIFTSHADER: [&str; 4] = [
    "/usr/lib/chromium/vk_swiftshader_icd.json",
    "/usr/lib/chromium-browser/vk_swiftshader_icd.json",
    "/opt/google/chrome/vk_swiftshader_icd.json",
    "/usr/lib64/chromium-browser/vk_swiftshader_icd.json",
];

/// Returns the names of the drivers, or `None` where the loader or every driver is missing.
pub fn find() -> Option<String> {
    // macOS and Windows draw through Metal and Direct3D, which are part of the system.
    if !cfg!(target_os = "linux") {
        return Some("not needed on this system".to_owned());
    }
    let drivers = drivers();
    (loader().is_some() && !drivers.is_empty()).then(|| format!("drivers: {}", drivers.join(", ")))
}

/// Returns the names of the drivers, or an error that says how to install one.
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

/// Whether Mesa's software driver is the only one that has something to run on.
pub fn has_only_lavapipe() -> bool {
    let drivers = drivers();
    let has = |name: &str| drivers.iter().any(|other| other == name);
    // Mesa brings drivers for hardware along, which find none without these.
    let has_gpu = ["/dev/dri", "/dev/nvidia0", "/dev/dxg"].iter().any(|device| Path::new(device).exists());
    has("lavapipe") && !has("vk_swiftshader") && !has_gpu
}

/// Returns SwiftShader's manifest from a browser, which is installed where that is possible.
pub fn swiftshader() -> Option<PathBuf> {
    let find = || SWIFTSHADER.iter().map(PathBuf::from).find(|path| path.is_file());
    find().or_else(|| {
        if let Err(error) = packages::install(&["chromium-common"]) {
            println!("setup: {error:#}");
        }
        find()
    })
}

/// Returns the path of the loader.
pub fn loader() -> Option<PathBuf> {
    const LOADER: &str = "libvulkan.so.1";
    let folders = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let named = std::env::split_paths(&folders).map(|folder| folder.join(LOADER)).find(|path| path.exists());
    named.or_else(|| {
        // By its path, which an ordinary user's PATH often lacks.
        let list = process::answer("/sbin/ldconfig", &["-p"])?;
        let line = list.lines().find(|line| line.trim_start().starts_with(LOADER))?;
        line.split(" => ").nth(1).map(|path| PathBuf::from(path.trim()))
    })
}

fn drivers() -> Vec<String> {
    // Both variables are the loader's; the second is the older one.
    let list = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"].iter().find_map(std::env::var_os);
    let mut manifests: Vec<PathBuf> = match list {
        Some(list) => std::env::split_paths(&list).filter(|path| path.is_file()).collect(),
        None => {
            let entries = MANIFEST_FOLDERS.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
            let files = entries.flatten().map(|entry| entry.path());
            files.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect()
        }
    };
    manifests.sort();
    manifests.iter().map(|path| driver_name(path)).collect()
}

/// `nvidia` of `nvidia_icd.json`; lavapipe's own name is `lvp`.
fn driver_name(manifest: &Path) -> String {
    let file = manifest.file_name().unwrap_or_default().to_string_lossy();
    let name = file.split('.').next().unwrap_or_default();
    let name = name.strip_suffix("_icd").unwrap_or(name);
    if name == "lvp" { "lavapipe".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_have_the_names_that_people_use() {
        assert_eq!(driver_name(Path::new("/usr/share/vulkan/icd.d/lvp_icd.x86_64.json")), "lavapipe");
        assert_eq!(driver_name(Path::new("/etc/vulkan/icd.d/nvidia_icd.json")), "nvidia");
    }
}
