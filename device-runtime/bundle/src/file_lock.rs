//! Locks between processes that change the same file or folder.
//!
//! A lock is a hidden file in the folder that it protects, or beside the file. The system locks it, so it is free as
//! soon as its process has ended, however that happened. Its text says which process holds it and since when. It is
//! removed where the lock is given back. A file of that name with another text is somebody else's and stays as it is.

#[cfg(unix)]
use crate::atomic_file::is_at;
use crate::atomic_file::{disk, replaced_file};
use nestling_core::names::printable;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};
use time::UtcDateTime;
use xxhash_rust::xxh3::xxh3_64;

/// Time between two tries.
const PAUSE: Duration = Duration::from_millis(20);
/// Waiting for longer is reported.
const PATIENCE: Duration = Duration::from_secs(1);
/// Bytes that are read of another process's lock file.
const MAX_TEXT: u64 = 1000;
/// The lock file of a folder.
const FOLDER_LOCK: &str = ".nestling-lock";
/// How the text of each lock file begins.
const MARK: &str = "nestling lock: ";
/// Bytes of a file's name that its lock file's name repeats: most systems take 255.
const MAX_STEM_BYTES: usize = 200;

/// The reason why a lock was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process has it.
    #[error("{path} is in use by {owner}; wait until it has ended")]
    Held {
        /// The file or folder that is protected.
        path: PathBuf,
        /// The process, its start and its activity.
        owner: String,
    },
    /// The lock file cannot be made or locked.
    #[error("cannot lock {path} with {lock}: {source}; it must be possible to write files in that folder")]
    File {
        /// The file or folder that is protected.
        path: PathBuf,
        /// The lock file.
        lock: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// Something else has the name of the lock file.
    #[error("cannot lock {path}: {lock} {found}; give that another name or move it away")]
    Occupied {
        /// The file or folder that is protected.
        path: PathBuf,
        /// The name of the lock file.
        lock: PathBuf,
        /// The kind of thing that lies there.
        found: &'static str,
    },
}

impl LockError {
    /// A stable name of this kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Held { .. } => "lock_held",
            Self::File { .. } => "lock_file",
            Self::Occupied { .. } => "lock_occupied",
        }
    }
}

/// A lock that this process holds until the value is dropped.
///
/// A file system that has no locks lets everybody pass.
#[derive(Debug)]
pub struct FileLock {
    file: File,
    lock: PathBuf,
}

impl FileLock {
    /// Takes the lock of a folder, whose file is [`FileLock::of_folder`].
    ///
    /// # Errors
    /// [`LockError::Held`] at once if another process has it.
    pub fn try_folder(folder: &Path, activity: &str) -> Result<Self, LockError> {
        Self::try_file(&Self::of_folder(folder), folder, activity)
    }

    /// The lock file of a folder.
    pub fn of_folder(folder: &Path) -> PathBuf {
        folder.join(FOLDER_LOCK)
    }

    /// Takes the lock of a file that will be replaced; waits until other processes have given it back. `waiting` is
    /// called once if that takes long. None for what is written in place.
    ///
    /// # Errors
    /// [`LockError::File`] if the lock file cannot be made or locked, [`LockError::Occupied`] if something else lies
    /// there.
    pub fn wait_for_output(
        output: &Path,
        activity: &str,
        waiting: impl FnOnce(&LockError),
    ) -> Result<Option<Self>, LockError> {
        let Some(file) = replaced_file(output) else { return Ok(None) };
        let lock = file.with_file_name(lock_name(file.file_name().unwrap_or_default()));
        let (started, mut waiting) = (Instant::now(), Some(waiting));
        loop {
            match Self::try_file(&lock, output, activity) {
                Err(held @ LockError::Held { .. }) => {
                    if started.elapsed() > PATIENCE
                        && let Some(waiting) = waiting.take()
                    {
                        waiting(&held);
                    }
                    sleep(PAUSE);
                }
                taken => return taken.map(Some),
            }
        }
    }

    fn try_file(lock: &Path, protected: &Path, activity: &str) -> Result<Self, LockError> {
        let fail = |source| LockError::File { path: protected.to_owned(), lock: lock.to_owned(), source };
        let occupied = |found| LockError::Occupied { path: protected.to_owned(), lock: lock.to_owned(), found };
        loop {
            if let Some(found) = other_kind(lock) {
                return Err(occupied(found));
            }
            let file = open(lock).map_err(fail)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(LockError::Held { path: protected.to_owned(), owner: owner(lock) });
                }
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
                Err(TryLockError::Error(error)) => return Err(fail(error)),
            }
            // The process before may have removed this file: then another one may lie there, locked by somebody else.
            if is_at(&file, lock) {
                if !is_own(&file).map_err(fail)? {
                    return Err(occupied("is a file with another text"));
                }
                // The text is for people; the lock holds without it.
                let _ = describe(&file, activity);
                return Ok(Self { file, lock: lock.to_owned() });
            }
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Where files have no identity, others could not tell that it was removed.
        if cfg!(unix) {
            let _ = disk::change(|| fs::remove_file(&self.lock));
        }
        let _ = self.file.unlock();
    }
}

/// The name of the lock file of a file: hidden, and hardly one that anybody else gives.
fn lock_name(name: &OsStr) -> OsString {
    let hash = format!("{:016x}", xxh3_64(name.as_encoded_bytes()));
    let stem = if name.len() > MAX_STEM_BYTES { hash.as_ref() } else { name };
    let mut lock = OsString::from(".");
    lock.push(stem);
    lock.push(FOLDER_LOCK);
    lock
}

/// The kind of thing that lies there, if it is no regular file.
fn other_kind(lock: &Path) -> Option<&'static str> {
    let kind = fs::symlink_metadata(lock).ok()?.file_type();
    match () {
        () if kind.is_file() => None,
        () if kind.is_dir() => Some("is a folder"),
        () if kind.is_symlink() => Some("is a link"),
        () => Some("is a pipe, a socket or a device"),
    }
}

/// Whether a lock file is new, or was left by an earlier process.
fn is_own(mut file: &File) -> io::Result<bool> {
    let mut text = Vec::new();
    file.rewind()?;
    file.take(MARK.len() as u64).read_to_end(&mut text)?;
    // A process that was killed may have written half of it, and a machine without power may have kept its length only.
    Ok(MARK.as_bytes().starts_with(&text) || text.iter().all(|&byte| byte == 0))
}

/// Opens the lock file. One that another user left can be locked without being written.
fn open(lock: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // A link could point to a file that the text would overwrite.
        options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32);
    }
    match disk::open(&options, lock) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && lock.exists() => File::open(lock),
        opened => opened,
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true // it is never removed
}

fn describe(mut file: &File, activity: &str) -> io::Result<()> {
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let time = UtcDateTime::from_unix_timestamp(seconds as i64).unwrap_or(UtcDateTime::UNIX_EPOCH);
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    let (hour, minute, second) = time.as_hms();
    disk::change(|| file.set_len(0))?;
    file.rewind()?;
    let process = std::process::id();
    let since = format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC");
    let text = format!("{MARK}process {process} ({activity}) since {since}\n");
    disk::write(text.as_bytes(), |text| file.write_all(text))
}

/// The text of the process that has the lock, which may be about to write it.
fn owner(lock: &Path) -> String {
    for _ in 0..5 {
        let mut text = String::new();
        let read = File::open(lock).and_then(|file| file.take(MAX_TEXT).read_to_string(&mut text));
        if read.is_ok() && text.ends_with('\n') {
            return printable(text.trim().trim_start_matches(MARK)).into_owned();
        }
        sleep(PAUSE);
    }
    "another process".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_one_learns_process_time_and_activity_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = FileLock::try_folder(folder.path(), "a test").unwrap();
        let error = FileLock::try_folder(folder.path(), "another").unwrap_err();
        let (message, process) = (error.to_string(), std::process::id());
        assert_eq!(error.code(), "lock_held");
        assert!(message.contains(&format!("in use by process {process} (a test) since 20")), "{message}");
        assert!(message.contains(" UTC; wait"), "{message}");
        drop(first);
        assert!(FileLock::try_folder(folder.path(), "another").is_ok());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_file_of_a_process_that_was_killed_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let lock = FileLock::of_folder(folder.path());
        for left in
            ["", "nestl", &"\0".repeat(60), "nestling lock: process 1 (a training) since 2020-01-01 00:00:00 UTC\n"]
        {
            fs::write(&lock, left).unwrap();
            let taken = FileLock::try_folder(folder.path(), "a test").unwrap();
            let text = fs::read_to_string(&lock).unwrap();
            assert!(text.starts_with(&format!("{MARK}process {} (a test) since", std::process::id())), "{text}");
            drop(taken);
        }
    }

    #[test]
    fn a_file_of_somebody_else_stays_and_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("net");
        let beside = folder.path().join(".net.nestling-lock");
        for lock in [FileLock::of_folder(folder.path()), beside] {
            let take = || {
                let taken = FileLock::wait_for_output(&output, "a test", |_| ()).map(drop);
                taken.and_then(|()| FileLock::try_folder(folder.path(), "a test").map(drop))
            };
            let refused = |words: &str| {
                let error = take().unwrap_err();
                assert_eq!(error.code(), "lock_occupied", "{error}");
                let message = error.to_string();
                assert!(message.contains(&lock.display().to_string()) && message.contains(words), "{message}");
            };
            for text in ["x", "process 1", "my notes\nnestling lock: "] {
                fs::write(&lock, text).unwrap();
                refused("is a file with another text");
                assert_eq!(fs::read_to_string(&lock).unwrap(), text);
            }
            fs::remove_file(&lock).unwrap();
            fs::create_dir(&lock).unwrap();
            refused("is a folder");
            fs::remove_dir(&lock).unwrap();
            #[cfg(unix)]
            {
                std::os::unix::fs::symlink("elsewhere", &lock).unwrap();
                refused("is a link");
                fs::remove_file(&lock).unwrap();
                assert!(std::process::Command::new("mkfifo").arg(&lock).status().unwrap().success());
                refused("is a pipe");
                fs::remove_file(&lock).unwrap();
            }
            take().unwrap();
        }
    }

    #[test]
    fn every_name_that_a_file_may_have_can_be_locked() {
        let folder = tempfile::tempdir().unwrap();
        for length in [1, 199, 200, 201, 240, 252, 255] {
            let output = folder.path().join("n".repeat(length));
            fs::write(&output, "old").unwrap();
            let lock = FileLock::wait_for_output(&output, "a test", |_| ()).unwrap().unwrap();
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "{length}");
            drop(lock);
            fs::remove_file(&output).unwrap();
        }
    }

    #[test]
    fn no_two_are_ever_inside_although_the_file_comes_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let (output, inside) = (folder.path().join("file"), std::sync::atomic::AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let lock = FileLock::wait_for_output(&output, "a test", |_| ()).unwrap();
                        let before = inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        assert_eq!(before, 0);
                        std::thread::yield_now();
                        inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                        drop(lock);
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_missing_folder_is_an_error_and_a_device_needs_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let error = FileLock::try_folder(&folder.path().join("none"), "a test").unwrap_err();
        assert!(error.code() == "lock_file" && error.to_string().contains("none"), "{error}");
        #[cfg(unix)]
        assert!(FileLock::wait_for_output(Path::new("/dev/null"), "a test", |_| ()).unwrap().is_none());
    }
}
