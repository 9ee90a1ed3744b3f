//! Locks between processes that change the same file or folder.
//!
//! A lock is a file beside what it protects. The system locks it, so it is free as soon as its process has ended, however
//! that happened. Its text says which process holds it and since when. It is removed where the lock is given back.

use crate::atomic_file::replaced_file;
use nestling_core::names::printable;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};
use time::UtcDateTime;

/// Time between two tries.
const PAUSE: Duration = Duration::from_millis(20);
/// Waiting for longer is reported.
const PATIENCE: Duration = Duration::from_secs(1);
/// Bytes that are read of another process's lock file.
const MAX_TEXT: u64 = 1000;

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
    #[error("cannot lock {path}: {source}; it must be possible to write files beside it")]
    File {
        /// The file or folder that is protected.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
}

impl LockError {
    /// A stable name of this kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Held { .. } => "lock_held",
            Self::File { .. } => "lock_file",
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
    /// Takes the lock of a folder, whose file is called `lock`.
    ///
    /// # Errors
    /// [`LockError::Held`] at once if another process has it.
    pub fn try_folder(folder: &Path, activity: &str) -> Result<Self, LockError> {
        Self::try_file(&folder.join("lock"), folder, activity)
    }

    /// Takes the lock of a file that will be replaced; waits until other processes have given it back. `waiting` is
    /// called once if that takes long. None for what is written in place.
    ///
    /// # Errors
    /// [`LockError::File`] if the lock file cannot be made or locked.
    pub fn wait_for_output(
        output: &Path,
        activity: &str,
        waiting: impl FnOnce(&LockError),
    ) -> Result<Option<Self>, LockError> {
        let Some(file) = replaced_file(output) else { return Ok(None) };
        let mut lock = file.into_os_string();
        lock.push(".lock");
        let (lock, started, mut waiting) = (PathBuf::from(lock), Instant::now(), Some(waiting));
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
        let fail = |source| LockError::File { path: protected.to_owned(), source };
        loop {
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
            let _ = fs::remove_file(&self.lock);
        }
        let _ = self.file.unlock();
    }
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
    match options.open(lock) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && lock.exists() => File::open(lock),
        opened => opened,
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |found: fs::Metadata| (found.dev(), found.ino());
    matches!((file.metadata().map(identity), fs::metadata(path).map(identity)), (Ok(a), Ok(b)) if a == b)
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
    file.set_len(0)?;
    file.rewind()?;
    let process = std::process::id();
    let text = format!(
        "process {process} ({activity}) since {year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC\n"
    );
    file.write_all(text.as_bytes())
}

/// The text of the process that has the lock, which may be about to write it.
fn owner(lock: &Path) -> String {
    for _ in 0..5 {
        let mut text = String::new();
        let read = File::open(lock).and_then(|file| file.take(MAX_TEXT).read_to_string(&mut text));
        if read.is_ok() && text.ends_with('\n') {
            return printable(text.trim()).into_owned();
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
        fs::write(folder.path().join("lock"), "process 1 (a training) since 2020-01-01 00:00:00 UTC\n").unwrap();
        let taken = FileLock::try_folder(folder.path(), "a test").unwrap();
        let text = fs::read_to_string(folder.path().join("lock")).unwrap();
        assert!(text.starts_with(&format!("process {} (a test) since", std::process::id())), "{text}");
        drop(taken);
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
