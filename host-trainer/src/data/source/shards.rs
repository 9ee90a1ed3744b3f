//! Tar files of samples, as webdataset has them: files of one sample have the same name up to the first dot.

use super::names::{counted, is_hidden, natural_order, path_text, text};
use super::{Entry, Source, Stamp, Truncated, stamp_of};
use crate::data::dataset::{DataError, Part};
use serde_json::Value;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Most bytes of a label.
const MAX_LABEL: u64 = 1 << 20;
/// Endings of a picture's name.
const PICTURES: [&str; 7] = ["jpg", "jpeg", "png", "webp", "ppm", "image", "img"];

/// The pictures of some tar files.
#[derive(Debug)]
pub(super) struct Shards {
    files: Vec<PathBuf>,
    entries: Vec<Entry>,
    /// File, first byte and number of bytes of each picture.
    places: Vec<(usize, u64, u64)>,
    notes: Vec<String>,
    truncated: Vec<Truncated>,
    /// Names of all samples.
    names: BTreeSet<String>,
}

/// A sample while its files are collected.
#[derive(Default)]
struct Sample {
    key: String,
    picture: Option<(u64, u64)>,
    class: Option<String>,
    group: Option<String>,
}

impl Shards {
    /// The tar files at a path and their parts: the file itself, those of a folder, and those of its folders that are
    /// called like parts. None if there are none.
    pub(super) fn find(path: &Path) -> Result<Vec<(PathBuf, Option<Part>)>, DataError> {
        if path.is_file() {
            return Ok(if is_tar(path) { vec![(path.to_owned(), None)] } else { Vec::new() });
        }
        let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) = listed(path)?.into_iter().partition(|path| path.is_dir());
        let mut found = Vec::new();
        if folders.is_empty() {
            found.extend(files.into_iter().filter(|file| is_tar(file)).map(|file| (part_of_file(&file), file)));
        }
        // Other folders may have been unpacked from a tar file beside them.
        for folder in folders {
            if let Some(part) = folder.file_name().and_then(|name| Part::of_name(&name.to_string_lossy())) {
                let files = listed(&folder)?.into_iter().filter(|path| path.is_file() && is_tar(path));
                found.extend(files.map(|file| (Some(part), file)));
            }
        }
        if found.iter().all(|(part, _)| *part != Some(Part::Training)) {
            // Names alone, without a training part, say nothing.
            found.iter_mut().for_each(|(part, _)| *part = None);
        }
        Ok(found.into_iter().map(|(part, file)| (file, part)).collect())
    }

    /// Reads the names and labels of all samples.
    pub(super) fn open(root: &Path, files: Vec<(PathBuf, Option<Part>)>) -> Result<Self, DataError> {
        let mut shards = Self {
            files: Vec::new(),
            entries: Vec::new(),
            places: Vec::new(),
            notes: Vec::new(),
            truncated: Vec::new(),
            names: BTreeSet::new(),
        };
        for (file, part) in files {
            let below = file.strip_prefix(root).ok().filter(|path| !path.as_os_str().is_empty());
            let name = below.map_or_else(|| file.file_name().map(text).unwrap_or_default(), path_text);
            shards.files.push(file);
            shards.read_file(&name, part)?;
        }
        if shards.entries.is_empty() {
            let problem =
                "its tar files hold no sample with a picture and a label (`cls`, or `label` in `json`)".to_owned();
            return Err(DataError::NoDataset { path: root.to_owned(), problem });
        }
        Ok(shards)
    }

    /// Reads the headers of the last file.
    fn read_file(&mut self, name: &str, part: Option<Part>) -> Result<(), DataError> {
        let path = self.files[self.files.len() - 1].clone();
        let listing = |source| DataError::Listing { path: path.clone(), source };
        let file = Watched::open(&path).map_err(listing)?;
        let (length, has_ended) = (file.length, file.has_ended.clone());
        let mut archive = tar::Archive::new(file);
        let (before, mut sample, mut unlabelled, mut is_cut) = (self.entries.len(), Sample::default(), 0, false);
        for member in archive.entries_with_seek().map_err(listing)? {
            let mut member = match member {
                Err(_) if has_ended.get() => break,
                member => member.map_err(listing)?,
            };
            let member_path = member.path().map_err(listing)?.into_owned();
            if !member.header().entry_type().is_file() || is_hidden(member_path.file_name().unwrap_or_default()) {
                continue;
            }
            let (stem, ending) = key(&member_path);
            if stem != sample.key {
                unlabelled += usize::from(!self.add(name, part, std::mem::take(&mut sample)));
                self.begin(name, &stem)?;
                sample.key = stem;
            }
            is_cut = member.raw_file_position().checked_add(member.size()).is_none_or(|end| end > length);
            if is_cut {
                break;
            }
            read_member(&mut member, &ending, &mut sample).map_err(|problem| self.fault(&sample.key, problem))?;
        }
        // A sample without its end may lack its label: it is no fault of its own.
        let (key, is_whole) = (sample.key.clone(), self.add(name, part, sample));
        let is_truncated = is_cut || has_ended.get();
        unlabelled += usize::from(!is_whole && !is_truncated);
        if is_truncated {
            self.add_truncated(name, is_cut.then_some(key), self.entries.len() - before);
        }
        if unlabelled > 0 {
            self.notes.push(format!("not used: {} of {name} without a label", counted(unlabelled, "sample")));
        }
        Ok(())
    }

    /// A fault of a sample in the last file.
    fn fault(&self, key: &str, problem: String) -> DataError {
        let path = self.files[self.files.len() - 1].clone();
        DataError::List { path, place: format!("sample {key}"), problem }
    }

    /// Keeps the name of a sample, which must be new.
    fn begin(&mut self, file: &str, key: &str) -> Result<(), DataError> {
        if self.names.insert(format!("{file}/{key}")) {
            return Ok(());
        }
        let problem = "its files do not lie side by side; sort the files of the archive by name".to_owned();
        Err(self.fault(key, problem))
    }

    /// Keeps that a file ends within the sample `key`, or between samples.
    fn add_truncated(&mut self, name: &str, key: Option<String>, pictures: usize) {
        let place =
            key.map_or_else(|| "without the end of a tar file".to_owned(), |key| format!("within sample {key}"));
        let reason = format!("it ends {place}: {} read, others may be missing", counted(pictures, "picture"));
        self.truncated.push(Truncated { name: name.to_owned(), reason });
    }

    /// Adds a sample. False if its picture has no label.
    fn add(&mut self, file: &str, part: Option<Part>, sample: Sample) -> bool {
        let Some((offset, size)) = sample.picture else { return true };
        let Some(class) = sample.class.filter(|class| !class.is_empty()) else { return false };
        self.entries.push(Entry { name: format!("{file}/{}", sample.key), class, part, group: sample.group });
        self.places.push((self.files.len() - 1, offset, size));
        true
    }
}

/// A file that remembers whether more was asked for than it holds.
struct Watched {
    file: BufReader<File>,
    /// Bytes.
    length: u64,
    has_ended: Rc<Cell<bool>>,
}

impl Watched {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        Ok(Self { length: file.metadata()?.len(), file: BufReader::new(file), has_ended: Rc::default() })
    }
}

impl Read for Watched {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(bytes)?;
        self.has_ended.set(self.has_ended.get() || count == 0 && !bytes.is_empty());
        Ok(count)
    }
}

impl Seek for Watched {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Takes what a sample has in one of its files.
fn read_member(member: &mut tar::Entry<'_, impl Read>, ending: &str, sample: &mut Sample) -> Result<(), String> {
    if PICTURES.iter().any(|picture| ending == *picture || ending.ends_with(&format!(".{picture}"))) {
        if sample.picture.is_some() {
            return Err("it has two pictures; a sample has one".to_owned());
        }
        sample.picture = Some((member.raw_file_position(), member.size()));
    } else if ending == "cls" || ending == "cls.txt" || ending == "json" {
        let mut label = String::new();
        member.take(MAX_LABEL).read_to_string(&mut label).map_err(|error| format!("its {ending}: {error}"))?;
        if ending != "json" {
            sample.class = Some(label.trim().to_owned());
            return Ok(());
        }
        let value: Value = serde_json::from_str(&label).map_err(|error| format!("its json: {error}"))?;
        let class = ["label", "class", "cls"].iter().find_map(|name| json_text(value.get(name)?));
        sample.class = std::mem::take(&mut sample.class).or(class);
        sample.group = value.get("group").and_then(json_text);
    }
    Ok(())
}

fn json_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn is_tar(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("tar"))
}

/// The part that a file's name begins with: `train-0001.tar`.
fn part_of_file(path: &Path) -> Option<Part> {
    let stem = path.file_stem()?.to_string_lossy().into_owned();
    Part::of_name(stem.split(|c: char| !c.is_ascii_alphabetic()).next()?)
}

/// Path up to the first dot of the name, and what follows it, in small letters.
fn key(path: &Path) -> (String, String) {
    let name = path.file_name().map(text).unwrap_or_default();
    let (stem, ending) = name.split_once('.').unwrap_or((&name, ""));
    let folder = path.parent().map(path_text).filter(|folder| !folder.is_empty() && folder != ".");
    let key = folder.map_or_else(|| stem.to_owned(), |folder| format!("{folder}/{stem}"));
    (key, ending.to_ascii_lowercase())
}

/// Files and folders in natural order, without hidden ones.
fn listed(path: &Path) -> Result<Vec<PathBuf>, DataError> {
    let listing = |source| DataError::Listing { path: path.to_owned(), source };
    let all: Vec<_> = path.read_dir().map_err(listing)?.collect::<Result<_, _>>().map_err(listing)?;
    let mut all: Vec<(String, PathBuf)> = (all.into_iter())
        .filter(|entry| !is_hidden(&entry.file_name()))
        .map(|entry| (text(&entry.file_name()), entry.path()))
        .collect();
    all.sort_by(|(a, _), (b, _)| natural_order(a, b));
    Ok(all.into_iter().map(|(_, path)| path).collect())
}

impl Source for Shards {
    fn kind(&self) -> &'static str {
        "tar files of samples"
    }

    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn truncated(&self) -> &[Truncated] {
        &self.truncated
    }

    fn read(&self, index: usize, limit: u64) -> io::Result<Vec<u8>> {
        let (file, offset, size) = self.places[index];
        let mut file = File::open(&self.files[file])?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.take(size.min(limit)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn stamp(&self, index: usize) -> io::Result<Stamp> {
        let (file, offset, size) = self.places[index];
        Ok(Stamp { offset, size, ..stamp_of(&self.files[file])? })
    }

    fn file(&self, _index: usize) -> Option<PathBuf> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_tar(path: &Path, members: &[(&str, &[u8])]) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut builder = tar::Builder::new(File::create(path).unwrap());
        for (name, bytes) in members {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, *bytes).unwrap();
        }
        builder.finish().unwrap();
    }

    fn open(path: &Path) -> Result<Shards, DataError> {
        Shards::open(path, Shards::find(path)?)
    }

    #[test]
    fn samples_are_read_by_their_place_with_any_form_of_label() {
        let folder = tempfile::tempdir().unwrap();
        let first = folder.path().join("data-2.tar");
        write_tar(
            &first,
            &[
                ("a/001.jpg", b"first picture"),
                ("a/001.cls", b"3\n"),
                ("b/001.json", br#"{"label": "cat", "group": "g"}"#),
                ("b/001.PNG", b"second"),
                ("c/003.webp", b"no label"),
                ("c/._003.cls", b"1"),
                ("c/004.txt", b"a caption without a picture"),
            ],
        );
        let long = format!("{}/x.seg.jpg", "deep/".repeat(40));
        write_tar(&folder.path().join("data-10.tar"), &[(&long, b"third"), (&long.replace("seg.jpg", "cls"), b"dog")]);
        let shards = open(folder.path()).unwrap();
        let named: Vec<[&str; 2]> = shards.entries.iter().map(|entry| [&*entry.name, &*entry.class]).collect();
        assert_eq!(named[..2], [["data-2.tar/a/001", "3"], ["data-2.tar/b/001", "cat"]]);
        assert_eq!((named[2][1], shards.entries[1].group.as_deref()), ("dog", Some("g")));
        let bytes: Vec<Vec<u8>> = (0..3).map(|at| shards.read(at, 100).unwrap()).collect();
        assert_eq!(bytes, [&b"first picture"[..], b"second", b"third"]);
        assert_ne!(shards.stamp(0).unwrap(), shards.stamp(1).unwrap());
        assert_eq!(shards.notes, ["not used: 1 sample of data-2.tar without a label"]);
        std::fs::create_dir(folder.path().join("cats")).unwrap();
        assert!(Shards::find(folder.path()).unwrap().is_empty(), "class folders, and the archive of them");
        assert_eq!(open(&first).unwrap().entries[0].name, "data-2.tar/a/001");
    }

    #[test]
    fn parts_are_those_of_folders_or_of_names() {
        for names in [["train/0.tar", "Validation/0.tar"], ["train-000.tar", "val-000.tar"]] {
            let folder = tempfile::tempdir().unwrap();
            for name in names {
                write_tar(&folder.path().join(name), &[("1.jpg", b"x"), ("1.cls", b"0")]);
            }
            let parts: Vec<Option<Part>> = open(folder.path()).unwrap().entries.iter().map(|one| one.part).collect();
            assert!(parts.contains(&Some(Part::Training)) && parts.contains(&Some(Part::HeldOut)), "{names:?}");
        }
    }

    #[test]
    fn an_archive_that_was_cut_anywhere_gives_its_whole_samples_and_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar");
        let picture = [7; 700];
        let names: Vec<[String; 2]> = (0..4).map(|at| [format!("{at}.cls"), format!("{at}.jpg")]).collect();
        let members: Vec<(&str, &[u8])> =
            names.iter().flat_map(|[cls, jpg]| [(&**cls, b"1".as_slice()), (&**jpg, &picture)]).collect();
        write_tar(&path, &members);
        let whole = std::fs::read(&path).unwrap();
        assert!(open(&path).unwrap().truncated.is_empty());
        // Header and label, header and picture: 1024 and 1536 bytes a sample.
        for length in (1024 + 512 + 700..whole.len() - 1024).step_by(37).chain([2560, 5120, 4 * 2560]) {
            std::fs::write(&path, &whole[..length]).unwrap();
            let shards = open(&path).unwrap();
            let count = (length + 324) / 2560;
            assert_eq!(shards.entries.len(), count, "{length}");
            assert!((0..count).all(|at| shards.read(at, 1000).unwrap() == picture), "{length}");
            let [fault] = &shards.truncated[..] else { panic!("{length}: {:?}", shards.truncated) };
            assert!(fault.name == "a.tar" && fault.reason.contains(&format!(": {count} picture")), "{fault:?}");
            assert!(shards.notes.is_empty(), "{length}: {:?}", shards.notes);
        }
        // One zero block is an end, too.
        std::fs::write(&path, &whole[..4 * 2560 + 512]).unwrap();
        assert!(open(&path).unwrap().truncated.is_empty());
    }

    #[test]
    fn damaged_files_and_samples_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar");
        std::fs::write(&path, "x".repeat(1024)).unwrap();
        let error = open(&path).unwrap_err();
        assert!(error.code() == "data_listing" && error.to_string().contains("a.tar"), "{error}");
        write_tar(&path, &[("1.jpg", b"x"), ("1.json", b"{")]);
        let error = open(&path).unwrap_err();
        assert!(error.code() == "data_list" && error.to_string().contains("sample 1: its json"), "{error}");
        write_tar(&path, &[("1.jpg", b"x"), ("2.jpg", b"y"), ("1.cls", b"1"), ("2.cls", b"2")]);
        let error = open(&path).unwrap_err().to_string();
        assert!(error.contains("sample 1") && error.contains("side by side"), "{error}");
        write_tar(&path, &[("1.jpg", b"x"), ("1.txt", b"a cat")]);
        assert_eq!(open(&path).unwrap_err().code(), "data_none");
    }
}
