//! A folder with a folder for each class, and perhaps with parts above them.

use super::Entry;
use super::files::Files;
use super::names::{counted, is_hidden, natural_order, path_text, text};
use crate::data::dataset::{DataError, Part};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Folders below a class.
const MAX_DEPTH: usize = 64;

/// A folder of class folders while it is listed.
struct Folder {
    root: PathBuf,
    files: Files,
}

/// Lists the pictures of a folder of class folders. Contents of files are not looked at.
pub(super) fn open(given: &Path) -> Result<Files, DataError> {
    Folder::list(given).map(|folder| folder.files)
}

impl Folder {
    fn list(given: &Path) -> Result<Self, DataError> {
        let root = descend(given)?;
        let mut folder = Self { root: root.clone(), files: Files::new("class folders") };
        let (folders, files) = children(&root)?;
        let part_of = |path: &PathBuf| path.file_name().and_then(OsStr::to_str).and_then(Part::of_name);
        let has_parts = has_parts(&folders, part_of)?;
        if has_parts {
            for path in &folders {
                match part_of(path) {
                    Some(part) => folder.list_part(path, Some(part))?,
                    None => folder.files.notes.push(format!("folder {} is no part, and is left out", path.display())),
                }
            }
            folder.note_strays(&root, files.len());
        } else {
            folder.list_part(&root, None)?;
        }
        if folder.files.entries.is_empty() {
            let problem = match files.len() {
                _ if has_parts => "it has no folders of classes in its parts".to_owned(),
                0 => "it has no folder with files".to_owned(),
                count => format!("it has {count} files, but no folder with files"),
            };
            return Err(DataError::NoDataset { path: given.to_owned(), problem });
        }
        Ok(folder)
    }

    /// Lists the classes of a part.
    fn list_part(&mut self, path: &Path, part: Option<Part>) -> Result<(), DataError> {
        let (classes, strays) = children(path)?;
        self.note_strays(path, strays.len());
        for class in classes {
            let name = class.file_name().map(text).unwrap_or_default();
            self.list_class(&class, &name, part, &mut Vec::new())?;
        }
        Ok(())
    }

    /// Lists the files of a class, and of all folders below it.
    fn list_class(
        &mut self,
        path: &Path,
        class: &str,
        part: Option<Part>,
        above: &mut Vec<PathBuf>,
    ) -> Result<(), DataError> {
        let listing = |source| DataError::Listing { path: path.to_owned(), source };
        // A link to a folder above would never end.
        let real = path.canonicalize().map_err(listing)?;
        if above.contains(&real) || above.len() >= MAX_DEPTH {
            self.files.notes.push(format!("folder {} leads back to one above it, and is left out", path.display()));
            return Ok(());
        }
        above.push(real);
        let (folders, files) = children(path)?;
        for file in files {
            let name = path_text(file.strip_prefix(&self.root).unwrap_or(&file));
            self.files.add(Entry { name, class: class.to_owned(), part, group: None }, file);
        }
        folders.iter().try_for_each(|folder| self.list_class(folder, class, part, above))?;
        above.pop();
        Ok(())
    }

    fn note_strays(&mut self, path: &Path, count: usize) {
        if count > 0 {
            self.files.notes.push(format!(
                "not used: {} in {}, outside the folders of the classes",
                counted(count, "file"),
                path.display()
            ));
        }
    }
}

/// Whether folders are parts of a data set, each with a folder for each class. A class may be called `train`, too: it has
/// pictures and no folders, and other classes beside it.
fn has_parts(folders: &[PathBuf], part_of: impl Fn(&PathBuf) -> Option<Part>) -> Result<bool, DataError> {
    let Some(training) = folders.iter().find(|path| part_of(path) == Some(Part::Training)) else { return Ok(false) };
    let (classes, _) = children(training)?;
    Ok(!classes.is_empty() || folders.iter().all(|path| part_of(path).is_some()))
}

/// The folder with the classes: archives are often unpacked into a folder of the same name.
fn descend(given: &Path) -> Result<PathBuf, DataError> {
    let mut path = given.to_owned();
    for _ in 0..MAX_DEPTH {
        let (folders, files) = children(&path)?;
        match folders.as_slice() {
            [only] if files.is_empty() => path.clone_from(only),
            [_, _, ..] => return Ok(path),
            _ => break,
        }
    }
    Ok(given.to_owned())
}

/// Folders and files of a folder, in natural order, without hidden ones. A link that leads nowhere counts as a file.
fn children(path: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), DataError> {
    let listing = |source| DataError::Listing { path: path.to_owned(), source };
    let mut all = Vec::new();
    for entry in path.read_dir().map_err(listing)? {
        let entry = entry.map_err(listing)?;
        if !is_hidden(&entry.file_name()) {
            all.push((text(&entry.file_name()), entry.path()));
        }
    }
    all.sort_by(|(a, _), (b, _)| natural_order(a, b));
    // Reading from a pipe or a device might never end.
    let is_special = |path: &Path| path.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir());
    let (folders, files) = all.into_iter().map(|(_, path)| path).partition::<Vec<_>, _>(|path| path.is_dir());
    Ok((folders, files.into_iter().filter(|path| !is_special(path)).collect()))
}

#[cfg(test)]
mod tests {
    use super::super::Source;
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file).unwrap();
        }
        folder
    }

    /// Name, class and part of every entry.
    fn listed(folder: &Path) -> Vec<(String, String, Option<Part>)> {
        let source = open(folder).unwrap();
        source.entries.iter().map(|entry| (entry.name.clone(), entry.class.clone(), entry.part)).collect()
    }

    fn entry(name: &str, class: &str, part: Option<Part>) -> (String, String, Option<Part>) {
        (name.to_owned(), class.to_owned(), part)
    }

    #[test]
    fn each_folder_is_a_class_with_all_below_it_in_natural_order() {
        let files = ["10/a.png", "2/b10.jpg", "2/b9.jpg", "2/deep/er/c.png", "2/.hidden", ".git/x", "__MACOSX/2/x"];
        let folder = folder(&[&files[..], &["2/Thumbs.db", "2/.ipynb_checkpoints/b9.jpg", "readme.txt"]].concat());
        let expected = [("2/b9.jpg", "2"), ("2/b10.jpg", "2"), ("2/deep/er/c.png", "2"), ("10/a.png", "10")];
        assert_eq!(listed(folder.path()), expected.map(|(name, class)| entry(name, class, None)));
        let source = open(folder.path()).unwrap();
        assert!(source.notes.len() == 1 && source.notes[0].contains("not used: 1 file in"), "{:?}", source.notes);
        assert_eq!(source.read(3, 4).unwrap(), b"10/a");
    }

    #[test]
    fn parts_are_known_in_any_case_and_only_beside_a_training_part() {
        let folder_of =
            folder(&["Train/a/1.png", "VALIDATION/b/2.png", "valid/a/5.png", "Test/a/3.png", "notes/a/4.png"]);
        let expected = [
            entry("Test/a/3.png", "a", Some(Part::Test)),
            entry("Train/a/1.png", "a", Some(Part::Training)),
            entry("VALIDATION/b/2.png", "b", Some(Part::HeldOut)),
            entry("valid/a/5.png", "a", Some(Part::HeldOut)),
        ];
        assert_eq!(listed(folder_of.path()), expected);
        // No part at all: `test` is a class.
        let classes: Vec<String> =
            listed(folder(&["test/1.png", "control/2.png"]).path()).into_iter().map(|(_, class, _)| class).collect();
        assert_eq!(classes, ["control", "test"]);
    }

    #[test]
    fn a_class_may_be_called_train() {
        let vehicles = folder(&["train/1.png", "bus/2.png", "car/3.png"]);
        let expected = [("bus/2.png", "bus"), ("car/3.png", "car"), ("train/1.png", "train")];
        assert_eq!(listed(vehicles.path()), expected.map(|(name, class)| entry(name, class, None)));
        // Nothing but parts, and no class in them.
        let error = open(folder(&["train/1.png", "val/2.png"]).path()).unwrap_err().to_string();
        assert!(error.contains("no folders of classes in its parts"), "{error}");
    }

    #[test]
    fn a_folder_around_the_data_set_is_looked_through() {
        let folder = folder(&["flowers/flowers/train/a/1.png", "flowers/flowers/val/a/2.png", "flowers/.x"]);
        assert_eq!(listed(folder.path())[0], entry("train/a/1.png", "a", Some(Part::Training)));
    }

    #[test]
    fn a_folder_without_class_folders_is_told_with_the_number_of_its_files() {
        let error = open(folder(&["a.png", "b.png"]).path()).unwrap_err();
        assert_eq!(error.code(), "data_none");
        assert!(error.to_string().contains("2 files, but no folder"), "{error}");
        assert!(open(tempfile::tempdir().unwrap().path()).is_err());
        assert_eq!(open(Path::new("/nowhere")).unwrap_err().code(), "data_listing");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_loops_end() {
        use std::os::unix::ffi::OsStrExt;
        use std::os::unix::fs::symlink;
        let folder = folder(&["cat/1.png", "dog/2.png"]);
        let other = self::folder(&["more/3.png"]);
        symlink(folder.path().join("cat"), folder.path().join("cat/loop")).unwrap();
        symlink(other.path().join("more"), folder.path().join("dog/more")).unwrap();
        symlink("/nowhere", folder.path().join("dog/broken.png")).unwrap();
        std::fs::write(folder.path().join("cat").join(OsStr::from_bytes(b"caf\xe9.png")), "x").unwrap();
        let names: Vec<String> = listed(folder.path()).into_iter().map(|(name, ..)| name).collect();
        assert_eq!(names, ["cat/1.png", "cat/caf\\xe9.png", "dog/2.png", "dog/broken.png", "dog/more/3.png"]);
        let source = open(folder.path()).unwrap();
        assert!(source.notes[0].contains("leads back"), "{:?}", source.notes);
        assert_eq!(source.read(1, 9).unwrap(), b"x");
        assert!(source.stamp(3).is_err());
    }
}
