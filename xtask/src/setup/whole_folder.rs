//! Folders that are either whole or absent: filled under a temporary name, then renamed.

use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// Stands in a temporary name between the final name and the process that fills the folder.
const PART: &str = ".part-";

/// Fills a new folder under a temporary name and renames it at the end.
pub fn make(folder: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let parent = folder.parent().unwrap_or(Path::new("."));
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let part = parent.join(format!("{name}{PART}{}", std::process::id()));
    remove_leftovers(parent);
    let made = fs::create_dir_all(&part)
        .with_context(|| format!("could not make {}", part.display()))
        .and_then(|()| fill(&part))
        .and_then(|()| fs::rename(&part, folder).with_context(|| format!("could not rename {}", part.display())));
    if made.is_err() {
        let _ = fs::remove_dir_all(&part); // only disk space; the error is what counts
    }
    // Another process may have finished in the meantime: its result is as good.
    if folder.exists() { Ok(()) } else { made }
}

/// Removes the folders of processes that were killed.
fn remove_leftovers(parent: &Path) {
    // Without /proc there is no telling which processes are alive.
    let processes = Path::new("/proc").join("self").exists().then_some(Path::new("/proc"));
    let (Some(processes), Ok(entries)) = (processes, fs::read_dir(parent)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name.rsplit_once(PART).and_then(|(_, process)| process.parse::<u32>().ok());
        if process.is_some_and(|process| !processes.join(process.to_string()).exists()) {
            let _ = fs::remove_dir_all(entry.path()); // only disk space
        }
    }
}
