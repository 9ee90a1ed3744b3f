use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Links that are followed before giving up.
const MAX_LINKS: usize = 40;

/// The way in which a path is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Standard output of this process, through its own handle: another one would have a position of its own and
    /// overwrite what is printed.
    StandardOutput,
    /// The same for standard error.
    StandardError,
    /// Standard input, which is never written: the file behind it is read.
    StandardInput,
    /// Anything that is not a regular file, and open files of a process.
    InPlace,
    /// A regular file, or none yet. The path is not a link.
    Replaced(PathBuf),
}

impl Target {
    /// Follows links, so that a renamed file takes the place of a file and not of a link to it.
    pub fn of(path: &Path) -> io::Result<Self> {
        // `folder/` and `file` would otherwise be the same path.
        if path.as_os_str().as_encoded_bytes().last().is_some_and(|&last| std::path::is_separator(char::from(last))) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let mut path = path.to_owned();
        for _ in 0..MAX_LINKS {
            if let Some(open) = open_file(&path) {
                return Ok(open);
            }
            let Ok(link) = fs::read_link(&path) else {
                return match fs::metadata(&path) {
                    Ok(found) if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
                    Ok(found) if !found.is_file() => Ok(Self::InPlace),
                    _ => Ok(Self::Replaced(path)),
                };
            };
            path = folder(&path).join(link);
        }
        Err(io::Error::other("too many links"))
    }
}

/// The target of a path that stands for an open file of a process: `/dev/stdout` is a link to one.
fn open_file(path: &Path) -> Option<Target> {
    let found = fs::canonicalize(folder(path)).ok()?;
    if !found.starts_with("/proc") && found != Path::new("/dev/fd") {
        return None;
    }
    let own = found == Path::new("/dev/fd") || fs::canonicalize("/proc/self/fd").is_ok_and(|own| own == found);
    Some(match path.file_name()?.to_str() {
        Some("0") if own => Target::StandardInput,
        Some("1") if own => Target::StandardOutput,
        Some("2") if own => Target::StandardError,
        _ => Target::InPlace,
    })
}

/// The folder that a path lies in.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
