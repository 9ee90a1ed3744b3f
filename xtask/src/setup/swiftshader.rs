//! SwiftShader: a second Vulkan driver in software, which browsers bring along.

use super::packages;
use std::path::{Path, PathBuf};

/// Where browsers put its manifest.
const MANIFESTS: [&str; 4] = [
    "/usr/lib/chromium/vk_swiftshader_icd.json",
    "/usr/lib/chromium-browser/vk_swiftshader_icd.json",
    "/opt/google/chrome/vk_swiftshader_icd.json",
    "/usr/lib64/chromium-browser/vk_swiftshader_icd.json",
];

/// The manifest, from a browser that is there or that can be installed; `None` where neither is so.
pub fn find_or_install() -> Option<PathBuf> {
    find().or_else(|| {
        if let Err(error) = packages::install(&["chromium-common"]) {
            println!("setup: {error:#}");
        }
        find()
    })
}

fn find() -> Option<PathBuf> {
    MANIFESTS.iter().map(Path::new).find(|path| path.is_file()).map(Path::to_path_buf)
}
