//! Folders that are either whole or absent: filled under a temporary name, then renamed.

use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// Between the folder's name and the process that fills it.
const PART: &str = ".part-";

/// Fills a new folder and gives it its name at the end: the moment from which it counts.
pub fn make(folder: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let parent = folder.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).with_context(|| format!("could not make {}", parent.display()))?;
    remove_leftovers(parent);
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let part = parent.join(format!("{name}{PART}{}", std::process::id()));
    let made = fs::create_dir_all(&part)
        .with_context(|| format!("could not make {}", part.display()))
        .and_then(|()| fill(&part))
        .and_then(|()| {
            fs::rename(&part, folder).with_context(|| format!("could not rename {} to its final name", part.display()))
        });
    if made.is_err() {
        let _ = fs::remove_dir_all(&part); // only disk space; the error is what counts
    }
    // Another process may have finished in the meantime: its result is as good.
    if folder.exists() { Ok(()) } else { made }
}

/// What killed processes left; a living one's folder stays.
fn remove_leftovers(parent: &Path) {
    let processes = Path::new("/proc");
    let Ok(entries) = fs::read_dir(parent) else { return };
    // Without /proc there is no telling which are alive.
    for entry in entries.flatten().filter(|_| processes.join("self").exists()) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some((_, process)) = name.rsplit_once(PART) else { continue };
        if process.parse::<u32>().is_ok() && !processes.join(process).exists() {
            let _ = fs::remove_dir_all(entry.path()); // only disk space
        }
    }
}
