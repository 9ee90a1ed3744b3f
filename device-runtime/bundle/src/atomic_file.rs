//! Files that are either whole or absent: written under a temporary name, synced, then renamed.
//!
//! A pipe or a device has no name to be replaced: it is written in place.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Temporary names that are tried, and links that are followed, before giving up.
const MAX_TRIES: usize = 100;

/// Why a file could not be written. An older file of that name is untouched.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot write {path}: {source}; an older file of that name is untouched, free space or choose another folder and try \
     again"
)]
pub struct WriteError {
    path: PathBuf,
    source: io::Error,
}

impl WriteError {
    /// A stable name of this error, for bindings.
    pub fn code(&self) -> &'static str {
        "file_write"
    }

    /// Which file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Writes `path` whole, or not at all. A link stays: the file that it names is replaced. A pipe or a device, such as
/// `/dev/stdout`, is written in place.
///
/// # Errors
/// [`WriteError`] if the folder is missing or read-only, or the disk is full. The temporary file is removed.
pub fn write_atomically(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), WriteError> {
    let written = target(path).and_then(|target| match target {
        Target::InPlace => write_in_place(path, fill),
        Target::Replaced(file) => replace(&file, fill),
    });
    written.map_err(|source| WriteError { path: path.to_owned(), source })
}

/// Whether [`write_atomically`] writes `path` in place: it is a pipe, a device, or an open file of a process such as
/// `/dev/stdout`. Such a path has no older file that could be kept under another name, and reading it first may wait
/// for ever.
pub fn is_written_in_place(path: &Path) -> bool {
    !path.is_dir() && target(path).is_ok_and(|target| matches!(target, Target::InPlace))
}

enum Target {
    /// Anything that is not a regular file.
    InPlace,
    /// A regular file, or none yet.
    Replaced(PathBuf),
}

/// Follows links, so that a renamed file takes the place of a file and not of a link to it.
fn target(path: &Path) -> io::Result<Target> {
    let mut path = path.to_owned();
    for _ in 0..MAX_TRIES {
        let Ok(link) = fs::read_link(&path) else {
            let is_other = fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file());
            return Ok(if is_other { Target::InPlace } else { Target::Replaced(path) });
        };
        // Such a link stands for an open file of a process: `/dev/stdout` ends there.
        if fs::canonicalize(folder(&path)).is_ok_and(|folder| folder.starts_with("/proc")) {
            return Ok(Target::InPlace);
        }
        path = folder(&path).join(link);
    }
    Err(io::Error::other("too many links"))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn write_in_place(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    // Appending leaves what was written there before, if standard output is a file after all.
    let mut file = BufWriter::new(OpenOptions::new().append(true).open(path)?);
    fill(&mut file)?;
    file.flush()
}

fn replace(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let (file, temporary) = create_beside(path)?;
    let write = || {
        let mut file = BufWriter::new(file);
        fill(&mut file)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&temporary, path)?;
        // The rename itself must survive a power cut; not every platform can open a folder.
        File::open(folder(path)).and_then(|folder| folder.sync_all()).or(Ok(()))
    };
    write().inspect_err(|_| {
        // Best effort: the first error is the one to report.
        let _ = fs::remove_file(&temporary);
    })
}

/// A new file in the same folder, so that it can be renamed. Neither another thread nor another process has its name.
fn create_beside(path: &Path) -> io::Result<(File, PathBuf)> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = path.file_name().ok_or_else(|| io::Error::other("the path names no file"))?;
    let mut tries = 0;
    loop {
        let mut name = name.to_os_string();
        name.push(format!(".{}.tmp", NUMBER.fetch_add(1, Ordering::Relaxed)));
        let temporary = path.with_file_name(name);
        match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            Ok(file) => return Ok((file, temporary)),
            // A process that was killed left it, or another one is writing.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < MAX_TRIES => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn a_failed_write_keeps_the_old_file_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_atomically(&path, |file| file.write_all(b"old")).unwrap();
        let full = |file: &mut dyn Write| file.write_all(b"new").and(Err(io::ErrorKind::StorageFull.into()));
        let error = write_atomically(&path, full).unwrap_err();
        assert!(error.to_string().contains("an older file of that name is untouched"), "{error}");
        assert_eq!((error.code(), error.path()), ("file_write", &*path));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn a_folder_is_no_file_and_a_missing_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), folder.path().join("none/file"), PathBuf::from("/")] {
            let error = write_atomically(&path, |file| file.write_all(b"x")).unwrap_err();
            assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        }
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn a_file_a_folder_and_what_is_not_there_yet_are_not_written_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        assert!(!is_written_in_place(&file));
        fs::write(&file, b"old").unwrap();
        assert!(!is_written_in_place(&file) && !is_written_in_place(folder.path()));
    }

    #[test]
    fn many_writers_leave_one_whole_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        // A killed process left this.
        let left = folder.path().join("file.0.tmp");
        fs::write(&left, b"half").unwrap();
        std::thread::scope(|scope| {
            for writer in 0..8u8 {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..20 {
                        write_atomically(path, |file| (0..100).try_for_each(|_| file.write_all(&[writer; 1000])))
                            .unwrap();
                    }
                });
            }
        });
        let bytes = fs::read(&path).unwrap();
        assert!(bytes.len() == 100_000 && bytes.iter().all(|&byte| byte == bytes[0]));
        assert_eq!(
            (names(folder.path()), fs::read(&left).unwrap()),
            (vec!["file".into(), "file.0.tmp".into()], b"half".to_vec())
        );
    }

    #[cfg(unix)]
    mod unix {
        use super::*;
        use std::io::Read;
        use std::os::unix::fs::{FileTypeExt, symlink};
        use std::process::Command;

        #[test]
        fn a_link_stays_and_its_file_is_replaced() {
            let folder = tempfile::tempdir().unwrap();
            let path = |name: &str| folder.path().join(name);
            fs::create_dir(path("elsewhere")).unwrap();
            symlink("elsewhere/file", path("link")).unwrap();
            for text in ["one", "two"] {
                write_atomically(&path("link"), |file| file.write_all(text.as_bytes())).unwrap();
                assert_eq!(fs::read_to_string(path("elsewhere/file")).unwrap(), text);
                assert_eq!(fs::read_link(path("link")).unwrap(), Path::new("elsewhere/file"));
            }
            assert_eq!((names(folder.path()).len(), names(&path("elsewhere")).len()), (2, 1));
            symlink("circle", path("circle")).unwrap();
            assert!(write_atomically(&path("circle"), |file| file.write_all(b"x")).is_err());
        }

        #[test]
        fn a_pipe_is_written_in_place() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("pipe");
            assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
            let reader = std::thread::spawn({
                let path = path.clone();
                move || {
                    let mut bytes = Vec::new();
                    File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
                    bytes
                }
            });
            assert!(is_written_in_place(&path));
            write_atomically(&path, |file| file.write_all(b"through the pipe")).unwrap();
            assert_eq!(reader.join().unwrap(), b"through the pipe");
            assert!(fs::metadata(&path).unwrap().file_type().is_fifo());
            assert_eq!(names(folder.path()), ["pipe"]);
        }

        #[test]
        fn a_device_behind_a_link_is_written_in_place() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("link");
            symlink("/dev/null", &path).unwrap();
            write_atomically(&path, |file| file.write_all(b"gone")).unwrap();
            assert_eq!(fs::read_link(&path).unwrap(), Path::new("/dev/null"));
            assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
        }

        /// Standard output of a process, here of a shell's file descriptor, may be a file: it is not replaced either.
        #[cfg(target_os = "linux")]
        #[test]
        fn an_open_file_of_a_process_is_written_in_place() {
            use std::os::fd::AsRawFd;
            let folder = tempfile::tempdir().unwrap();
            let mut file = File::create(folder.path().join("output")).unwrap();
            file.write_all(b"before, ").unwrap();
            let link = folder.path().join("stdout");
            symlink(format!("/proc/self/fd/{}", file.as_raw_fd()), &link).unwrap();
            assert!(is_written_in_place(&link));
            write_atomically(&link, |file| file.write_all(b"after")).unwrap();
            assert_eq!(fs::read_to_string(folder.path().join("output")).unwrap(), "before, after");
            assert_eq!(names(folder.path()), ["output", "stdout"]);
        }
    }
}
