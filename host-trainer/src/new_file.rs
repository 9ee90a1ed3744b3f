//! The file of a new bundle: checked and locked before work starts, so that nothing is lost unasked.

use nestling_bundle::atomic_file::{WriteError, check_bundle_output, is_written_in_place, write_atomically};
use nestling_bundle::file_lock::{FileLock, LockError};
use nestling_bundle::{Bundle, BundleError, Trained};
use nestling_core::latency::LatencyTable;
use nestling_core::names::printable;
use nestling_core::space::SearchSpace;
use nestling_page::is_document;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The reason why a bundle cannot be written to a file, or what would be lost there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NewFileError {
    /// Something else lies there.
    #[error("{path} holds {holds}, which would be lost; name another file")]
    Occupied {
        /// The file.
        path: PathBuf,
        /// Its contents.
        holds: String,
    },
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The file cannot be locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The latency tables of the replaced file cannot be read.
    #[error("the latency tables of {path} are not kept: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: Box<BundleError>,
    },
    /// A bundle of another space has tables that would be lost.
    #[error(
        "{count} latency tables of {path} are not kept, because its search space is another; measure the devices with the \
         new bundle and add their profiles to it"
    )]
    OtherSpace {
        /// The bundle.
        path: PathBuf,
        /// Number of tables that are lost.
        count: usize,
    },
}

impl NewFileError {
    /// A stable name of this kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Occupied { .. } => "output_occupied",
            Self::Write(error) => error.code(),
            Self::Lock(error) => error.code(),
            Self::Unreadable { .. } => "tables_unreadable",
            Self::OtherSpace { .. } => "tables_of_other_space",
        }
    }
}

/// Bytes of a page that say who wrote it.
const HEAD_BYTES: u64 = 4096;

/// First bytes of the document of a scan.
const SCAN: &[u8] = b"{\n  \"source\": ";

/// Checks that a new page replaces nothing but a page of Nestling, unless any file may be replaced.
///
/// # Errors
/// [`NewFileError::Occupied`] if another file would be lost.
pub fn check_page(path: &Path, replace: bool) -> Result<(), NewFileError> {
    check_kind(path, replace, "a file that is no page of Nestling", is_document)
}

/// As [`check_page`], for the document of a scan.
///
/// # Errors
/// [`NewFileError::Occupied`] if another file would be lost.
pub fn check_scan(path: &Path, replace: bool) -> Result<(), NewFileError> {
    check_kind(path, replace, "a file that is no document of a scan", |head| head.starts_with(SCAN))
}

/// Checks that a file is not there, empty, or of the kind that `is_own` knows by its first bytes.
fn check_kind(path: &Path, replace: bool, holds: &str, is_own: fn(&[u8]) -> bool) -> Result<(), NewFileError> {
    // Reading a pipe or a device may wait for ever.
    if replace || is_written_in_place(path) {
        return Ok(());
    }
    let mut head = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(HEAD_BYTES).read_to_end(&mut head));
    // A file that cannot be read is of no known kind; one that is not there is not lost.
    let is_lost = match read {
        Ok(count) => count > 0 && !is_own(&head),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    };
    if is_lost {
        return Err(NewFileError::Occupied { path: path.to_owned(), holds: holds.to_owned() });
    }
    Ok(())
}

/// The file that a new bundle will be written to: it can be written, no other process writes it, and nothing that it
/// holds is lost unasked.
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    older: Older,
    /// Held until the bundle is written.
    _lock: Option<FileLock>,
}

/// The contents of the file so far.
#[derive(Debug)]
enum Older {
    Nothing,
    Bundle(Box<Bundle>),
    /// It cannot be opened as a bundle.
    Other(Box<BundleError>),
}

/// The conditions for a new bundle's file.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The file.
    pub path: &'a Path,
    /// All files and folders that are read, none of which the new one may replace.
    pub inputs: &'a [PathBuf],
    /// Whether any file may be replaced.
    pub replace: bool,
    /// The activity that other processes are told of.
    pub activity: &'a str,
}

impl NewFile {
    /// Checks and locks the file, before any work. A bundle that lies there is replaced if nothing in it is trained or
    /// `is_own` says that the same work made it. `waiting` is told if another process takes long to write it.
    ///
    /// # Errors
    /// [`NewFileError::Occupied`] if another bundle or another file would be lost, [`NewFileError::Write`] if the file
    /// cannot be written, [`NewFileError::Lock`] if it cannot be locked.
    pub fn claim(
        claim: Claim<'_>,
        is_own: impl FnOnce(&Bundle) -> bool,
        waiting: impl FnOnce(&LockError),
    ) -> Result<Self, NewFileError> {
        let path = claim.path;
        check_bundle_output(path, claim.inputs.iter().map(PathBuf::as_path))?;
        let lock = FileLock::wait_for_output(path, claim.activity, waiting)?;
        let older = Older::at(path);
        let lost = match &older {
            Older::Nothing => None,
            Older::Bundle(bundle) if is_untrained(bundle) || is_own(bundle) => None,
            Older::Bundle(bundle) => {
                let (name, provenance) = (printable(&bundle.manifest().name), printable(&bundle.manifest().provenance));
                Some(format!("bundle `{name}` ({}; {provenance})", bundle.id()))
            }
            Older::Other(_) => Some("a file that this version cannot read as a bundle".to_owned()),
        };
        match lost {
            Some(holds) if !claim.replace => Err(NewFileError::Occupied { path: path.to_owned(), holds }),
            _ => Ok(Self { path: path.to_owned(), older, _lock: lock }),
        }
    }

    /// Writes the bytes of a bundle, whole or not at all, and gives the file back.
    ///
    /// # Errors
    /// [`WriteError`] if the disk does not take them.
    pub fn write(self, bytes: &[u8]) -> Result<(), WriteError> {
        let Self { path, older, _lock } = self;
        // Some systems cannot replace an open file.
        drop(older);
        write_atomically(&path, |file| file.write_all(bytes))
    }

    /// The latency tables of the bundle that is replaced, for a new bundle of `space`: a device's times depend on the
    /// space and the kernels, not on the weights. Closes the older bundle, because some systems cannot replace a mapped
    /// file.
    ///
    /// # Errors
    /// [`NewFileError`] if tables would be lost; the new bundle works without them.
    pub fn take_latency_tables(&mut self, space: &SearchSpace) -> Result<Vec<LatencyTable>, NewFileError> {
        let path = || self.path.clone();
        match std::mem::replace(&mut self.older, Older::Nothing) {
            Older::Nothing => Ok(Vec::new()),
            Older::Other(source) => Err(NewFileError::Unreadable { path: path(), source }),
            Older::Bundle(bundle) => {
                let tables = &bundle.manifest().latency_tables;
                if !tables.is_empty() && bundle.space().definition() != space {
                    return Err(NewFileError::OtherSpace { path: path(), count: tables.len() });
                }
                Ok(tables.clone())
            }
        }
    }
}

impl Older {
    fn at(path: &Path) -> Self {
        // Reading a pipe or a device may wait for ever. An empty file is as good as none.
        if is_written_in_place(path) || std::fs::metadata(path).map_or(true, |file| file.len() == 0) {
            return Self::Nothing;
        }
        match Bundle::open(path) {
            Ok(bundle) => Self::Bundle(Box::new(bundle)),
            Err(source) => Self::Other(Box::new(source)),
        }
    }
}

fn is_untrained(bundle: &Bundle) -> bool {
    matches!(&bundle.manifest().trained, Trained::Only(children) if children.is_empty())
}

/// Whether a bundle holds these weights, the flat vector of all parameters of `space` as f32, however it stores them.
pub fn holds_weights(bundle: &Bundle, space: &SearchSpace, weights: &[f32]) -> bool {
    let rounded = || bundle.weight_storage().round(bundle.layout(), weights).ok();
    let held = || bundle.weights().ok();
    bundle.space().definition() == space && rounded().zip(held()).is_some_and(|(rounded, held)| rounded == held)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::table;

    fn asset() -> Bundle {
        Bundle::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/assets/fashion.nestling")).unwrap()
    }

    fn claim(path: &Path, replace: bool, own: bool) -> Result<NewFile, NewFileError> {
        let claim = Claim { path, inputs: &[], replace, activity: "a test" };
        NewFile::claim(claim, |_| own, |_| ())
    }

    #[test]
    fn a_trained_bundle_and_any_other_file_are_replaced_only_by_their_own_work_or_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("my.nestling");
        claim(&path, false, false).unwrap();
        std::fs::write(&path, b"").unwrap();
        claim(&path, false, false).unwrap();
        for (contents, own, holds) in [
            (asset().with_latency_tables(Vec::new()).unwrap(), true, "bundle `"),
            (b"my notes".to_vec(), false, "a file that this version cannot read as a bundle"),
        ] {
            std::fs::write(&path, &contents).unwrap();
            let error = claim(&path, false, false).unwrap_err();
            assert!(error.code() == "output_occupied" && error.to_string().contains(holds), "{error}");
            assert_eq!(claim(&path, false, true).is_ok(), own);
            claim(&path, true, false).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), contents);
        }
        // The lock is given back.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_page_replaces_pages_only_unless_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.html");
        check_page(&path, false).unwrap();
        std::fs::write(&path, b"").unwrap();
        check_page(&path, false).unwrap();
        std::fs::write(&path, nestling_page::document("my run", "", "<p>x</p>")).unwrap();
        check_page(&path, false).unwrap();
        for other in ["my thesis", "<!DOCTYPE html>\n<title>Nestling</title>\n<p>notes</p>"] {
            std::fs::write(&path, other).unwrap();
            let error = check_page(&path, false).unwrap_err();
            assert!(error.code() == "output_occupied" && error.to_string().contains("no page of Nestling"), "{error}");
            check_page(&path, true).unwrap();
        }
    }

    #[test]
    fn the_weights_tell_a_bundle() {
        let bundle = asset();
        let mut weights = bundle.weights().unwrap().to_vec();
        assert!(holds_weights(&bundle, bundle.space(), &weights));
        weights[7] += 1.0;
        assert!(!holds_weights(&bundle, bundle.space(), &weights));
    }

    #[test]
    fn a_missing_folder_is_told_before_any_work() {
        let error = claim(Path::new("/nowhere/my.nestling"), false, false).unwrap_err().to_string();
        assert!(error.contains("cannot write /nowhere/my.nestling") && error.contains("make its folder"), "{error}");
    }

    #[test]
    fn latency_tables_are_kept_for_the_same_space_and_a_loss_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("my.nestling");
        let bundle = asset();
        let space = bundle.space();
        let take = |space: &SearchSpace| claim(&path, true, false).unwrap().take_latency_tables(space);
        assert!(take(space).unwrap().is_empty());
        let tables = vec![table("a", 1.0), table("b", 9.0)];
        std::fs::write(&path, bundle.with_latency_tables(tables.clone()).unwrap()).unwrap();
        assert_eq!(take(space).unwrap(), tables);

        let mut other = space.definition().clone();
        other.stages[0].stride += 1;
        let error = take(&other).unwrap_err().to_string();
        assert!(error.starts_with("2 latency tables of ") && error.contains("add their profiles"), "{error}");
        // Nothing is lost where nothing was.
        std::fs::write(&path, bundle.with_latency_tables(Vec::new()).unwrap()).unwrap();
        assert!(take(&other).unwrap().is_empty());
        std::fs::write(&path, b"a photograph").unwrap();
        let error = take(space).unwrap_err();
        assert!(matches!(error, NewFileError::Unreadable { .. }), "{error}");
    }
}
