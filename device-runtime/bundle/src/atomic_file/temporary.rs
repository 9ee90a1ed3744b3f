use super::disk;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

/// Temporary names that are tried before giving up.
const MAX_TRIES: u32 = 100;
/// Names among them that are the same for every process, so that the next one finds those of one that was killed.
const COMMON_NAMES: u32 = 8;
/// Bytes of a file's name that its temporary name begins with: most systems take 255.
const MAX_STEM_BYTES: usize = 200;

/// A file that takes the place of another one by its name. Its lock tells that a process writes it.
#[derive(Debug)]
pub(super) struct Temporary {
    pub file: File,
    pub path: PathBuf,
}

impl Temporary {
    /// A new file in the same folder, so that it can be renamed, with the permissions of the `older` one. Neither
    /// another thread nor another process has its name. A file of that name that a killed process left is removed.
    pub fn beside(path: &Path, older: Option<&fs::Metadata>) -> io::Result<Self> {
        let name =
            path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidFilename, "the path names no file"))?;
        let mut taken = io::Error::from(io::ErrorKind::AlreadyExists);
        for number in 0..MAX_TRIES {
            let path = path.with_file_name(temporary_name(name, number));
            // A second time if the name became free.
            for _ in 0..2 {
                match Self::make(&path, older) {
                    Ok(made) => {
                        remove_strays_behind(&path, name, number);
                        return Ok(made);
                    }
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => taken = error,
                    Err(error) => return Err(error),
                }
                if !remove_stray(&path) {
                    break;
                }
            }
        }
        Err(taken)
    }

    fn make(path: &Path, older: Option<&fs::Metadata>) -> io::Result<Self> {
        let file = disk::open(&new_file(older), path)?;
        if !is_locked(&file, path) {
            // Another process took it for one that was left.
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let made = Self { file, path: path.to_owned() };
        if let Some(older) = older {
            keep_permissions(&made.file, older).inspect_err(|_| drop(made.remove()))?;
        }
        Ok(made)
    }

    /// Removes it. It stays locked meanwhile: nobody else has the name before it is gone.
    pub fn remove(&self) -> io::Result<()> {
        disk::change(|| fs::remove_file(&self.path))
    }
}

fn temporary_name(name: &OsStr, number: u32) -> OsString {
    let hash = match number {
        0..COMMON_NAMES => (xxh3_64(name.as_encoded_bytes()) as u32).wrapping_add(number),
        _ => RandomState::new().hash_one(number) as u32,
    };
    let mut temporary = if name.len() > MAX_STEM_BYTES { OsString::from("nestling") } else { name.to_os_string() };
    temporary.push(format!(".{hash:08x}.tmp"));
    temporary
}

/// Locks a file that was just made. False if another process was faster.
#[cfg(unix)]
fn is_locked(file: &File, path: &Path) -> bool {
    match file.try_lock() {
        Ok(()) => is_at(file, path),
        Err(fs::TryLockError::WouldBlock) => false,
        // A file system without locks: nobody takes it, because nobody can lock it.
        Err(fs::TryLockError::Error(_)) => true,
    }
}

#[cfg(not(unix))]
fn is_locked(_: &File, _: &Path) -> bool {
    true // nobody takes it: `remove_stray` does nothing
}

/// Removes files of later names that no process writes: of two that were killed beside each other, or of one that was
/// killed while the first name was locked.
#[cfg(unix)]
fn remove_strays_behind(path: &Path, name: &OsStr, number: u32) {
    for later in number.saturating_add(1)..COMMON_NAMES {
        remove_stray(&path.with_file_name(temporary_name(name, later)));
    }
}

#[cfg(not(unix))]
fn remove_strays_behind(_: &Path, _: &OsStr, _: u32) {}

/// Removes a file with a temporary name that no process writes. True if the name is free now.
#[cfg(unix)]
fn remove_stray(path: &Path) -> bool {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    // Neither a link is followed nor a pipe waited for.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
    let Ok(file) = OpenOptions::new().read(true).custom_flags(flags).open(path) else { return false };
    file.metadata().is_ok_and(|found| found.is_file())
        && file.try_lock().is_ok()
        && is_at(&file, path)
        && disk::change(|| fs::remove_file(path)).is_ok()
}

#[cfg(not(unix))]
fn remove_stray(_: &Path) -> bool {
    false // some systems do not let a locked file be renamed
}

/// Whether a path still names this open file.
#[cfg(unix)]
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |found: fs::Metadata| (found.dev(), found.ino());
    matches!((file.metadata().map(identity), fs::metadata(path).map(identity)), (Ok(a), Ok(b)) if a == b)
}

#[cfg(unix)]
fn new_file(older: Option<&fs::Metadata>) -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    if older.is_some() {
        // Nobody reads the new contents before they have the permissions of the old ones.
        options.mode(0o600);
    }
    options
}

#[cfg(not(unix))]
fn new_file(_: Option<&fs::Metadata>) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    options
}

/// Gives a file the permissions of another, and its owner and group where the system allows that.
#[cfg(unix)]
fn keep_permissions(file: &File, older: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    // Only the administrator gives files away; a member may change the group. The owner comes first, because a change
    // of it resets permissions.
    if fchown(file, Some(older.uid()), Some(older.gid())).is_err() {
        let _ = fchown(file, None, Some(older.gid()));
    }
    disk::change(|| file.set_permissions(fs::Permissions::from_mode(older.mode() & 0o777)))
}

#[cfg(not(unix))]
fn keep_permissions(_: &File, _: &fs::Metadata) -> io::Result<()> {
    Ok(()) // a write-protected file is not replaced at all
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_write_removes_all_that_killed_ones_left_and_nothing_that_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let at = |number| path.with_file_name(temporary_name(OsStr::new("file"), number));
        for number in [0, 1, 4] {
            fs::write(at(number), "half").unwrap();
        }
        // Another process writes this one.
        let locked = File::create(at(2)).unwrap();
        locked.try_lock().unwrap();
        let made = Temporary::beside(&path, None).unwrap();
        assert_eq!(made.path, at(0));
        let left: Vec<u32> = (0..COMMON_NAMES).filter(|&number| at(number).exists()).collect();
        assert_eq!(left, [0, 2], "its own, and the locked one");
    }
}
