//! Keeps a cache within its budget: what was not used for longest goes first.

use super::file::set_now;
use nestling_bundle::file_lock::FileLock;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Files of one form, or a folder of inputs, that can be made again.
#[derive(Debug)]
struct Kept {
    paths: Vec<PathBuf>,
    bytes: u64,
    used: SystemTime,
}

/// Marks an index as used, so that its squares stay for longer.
pub(super) fn mark_used(index: &Path) {
    // The order of two caches is not worth an error.
    let _ = set_now(index);
}

/// Removes the squares of other forms, and inputs that nobody uses, until all that is left has at most `max_bytes`.
/// Those of the `current` form stay. A process that reads from a removed file goes on; the system keeps it that long.
pub(super) fn evict(folder: &Path, current: Option<&str>, max_bytes: u64) {
    let (mut total, mut kept) = contents(folder, current);
    total += kept.iter().map(|one| one.bytes).sum::<u64>();
    kept.sort_by_key(|one| one.used);
    for one in kept {
        if total <= max_bytes {
            break;
        }
        total -= remove(&one);
    }
}

/// Bytes of all squares and inputs in a cache.
pub(super) fn kept_bytes(folder: &Path) -> u64 {
    contents(folder, None).1.iter().map(|one| one.bytes).sum()
}

/// Bytes of the squares of the `current` form, and everything else that can be made again.
fn contents(folder: &Path, current: Option<&str>) -> (u64, Vec<Kept>) {
    let mut kept = Vec::new();
    let mut total = 0;
    for path in folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()) {
        let Some(name) = path.file_name().map(|name| name.to_string_lossy().into_owned()) else { continue };
        if name.starts_with("exact-") && path.is_dir() {
            kept.push(inputs(&path));
        } else if let Some(form) = name.strip_suffix(".index").filter(|form| form.starts_with("squares-")) {
            let squares = squares(folder, form);
            if Some(form) == current { total += squares.bytes } else { kept.push(squares) }
        }
    }
    (total, kept)
}

/// Removes files; returns their bytes, or 0 where a process uses them.
fn remove(kept: &Kept) -> u64 {
    match kept.paths.as_slice() {
        [folder] if folder.is_dir() => {
            let Ok(lock) = FileLock::try_folder(folder, "removing inputs of pictures") else { return 0 };
            let is_removed = folder
                .read_dir()
                .into_iter()
                .flatten()
                .flatten()
                .all(|file| file.file_name() == "lock" || fs::remove_file(file.path()).is_ok());
            drop(lock);
            let _ = fs::remove_dir(folder);
            if is_removed { kept.bytes } else { 0 }
        }
        files => {
            // The index goes first: without it the pixels mean nothing.
            let is_removed = files.iter().all(|file| fs::remove_file(file).is_ok());
            if is_removed { kept.bytes } else { 0 }
        }
    }
}

fn squares(folder: &Path, form: &str) -> Kept {
    let index = folder.join(format!("{form}.index"));
    let used = fs::metadata(&index).and_then(|found| found.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let files = folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    let is_own = |path: &PathBuf| {
        path.file_name().is_some_and(|name| {
            let name = name.to_string_lossy();
            name.strip_prefix(form).is_some_and(|rest| rest.starts_with('-') && rest.ends_with(".pixels"))
        })
    };
    let paths: Vec<PathBuf> = [index].into_iter().chain(files.filter(is_own)).collect();
    Kept { bytes: bytes(&paths), paths, used }
}

fn inputs(folder: &Path) -> Kept {
    let files: Vec<PathBuf> = folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    let times = files.iter().filter_map(|file| fs::metadata(file).ok()?.modified().ok());
    let used = times.max().unwrap_or(SystemTime::UNIX_EPOCH);
    Kept { bytes: bytes(&files), paths: vec![folder.to_owned()], used }
}

fn bytes(files: &[PathBuf]) -> u64 {
    files.iter().filter_map(|file| fs::metadata(file).ok()).map(|found| found.len()).sum()
}
