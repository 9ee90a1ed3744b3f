//! Counts the pictures of a data set without opening one.

use super::dataset::{DataError, Part};
use super::load::{class_names, drawn};
use super::picture::is_named_as_picture;
use super::source::{self, Entry, Source};
use super::split::{Candidate, SplitRule, split};
use super::{LoadRequest, idx_files};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Channels that pictures have until one is opened.
const COLOUR: u32 = 3;

/// The pictures of a data set, as they are listed. A scan may leave some of them out: damaged ones, copies.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listing {
    /// The kind of source, for people.
    pub kind: &'static str,
    /// Number of classes.
    pub classes: u32,
    /// Pictures to train on; for IDX files those that the configuration holds out are among them.
    pub training: usize,
    /// Pictures to validate with; none for IDX files, where the configuration says how many are held out.
    pub held_out: Option<usize>,
    /// Pictures to test with.
    pub test: usize,
    /// Channels of a picture: 3 for files, which are not opened.
    pub channels: u32,
    /// The rule of the division; none for IDX files.
    pub split: Option<SplitRule>,
    /// Bytes of all pictures as squares of the request's side, as a cache holds them; 0 for IDX files.
    pub cache_bytes: u64,
    /// Remarks on the division and on what was left out, for people.
    pub notes: Vec<String>,
}

/// Lists the data set of a request. Folders are listed, lists and the headers of tar files are read, and no picture is
/// opened. IDX files are loaded: they hold pixels and nothing to decode.
///
/// # Errors
/// [`DataError`] if there is no data set, or its parts do not fit each other.
pub fn list(request: &LoadRequest) -> Result<Listing, DataError> {
    match request.path.as_deref() {
        Some(path) if !idx_files::are_at(path) => list_source(path, request),
        path => {
            let loaded = idx_files::load(path)?;
            Ok(Listing {
                kind: "IDX files",
                classes: loaded.training.classes,
                training: loaded.training.len(),
                held_out: None,
                test: loaded.test.len(),
                channels: loaded.training.channels,
                split: None,
                cache_bytes: 0,
                notes: Vec::new(),
            })
        }
    }
}

fn list_source(path: &Path, request: &LoadRequest) -> Result<Listing, DataError> {
    let source = source::open(path)?;
    let labels = class_names(path, &*source)?;
    let candidates = candidates(&*source, &labels, request.seed);
    let given: Vec<Option<Part>> = candidates.iter().map(|one| one.part).collect();
    let shares = request.shares.for_parts(given.iter().copied());
    let parts = split(&candidates, shares);
    let count = |part: Part| parts.iter().filter(|&&one| one == part).count();
    let mut notes = source.notes().to_vec();
    notes.extend(drawn(&given, &parts));
    let others = source.entries().len() - candidates.len();
    if others > 0 {
        notes.push(format!("not counted: {} without the name of a picture", source::counted(others, "file")));
    }
    Ok(Listing {
        kind: source.kind(),
        classes: labels.len() as u32,
        training: count(Part::Training),
        held_out: Some(count(Part::HeldOut)),
        test: count(Part::Test),
        channels: COLOUR,
        split: Some(SplitRule { seed: request.seed, shares }),
        cache_bytes: candidates.len() as u64 * request.form(COLOUR).bytes() as u64,
        notes,
    })
}

/// The pictures by their names, each of its own look but for those of one group.
fn candidates(source: &dyn Source, labels: &[String], seed: u64) -> Vec<Candidate> {
    let numbers: BTreeMap<&str, u32> = labels.iter().map(String::as_str).zip(0..).collect();
    let mut groups: BTreeMap<String, usize> = BTreeMap::new();
    let candidate = |(at, entry): (usize, &Entry)| {
        let class = *numbers.get(entry.class.as_str())?;
        let (group, name) = match &entry.group {
            Some(group) => (*groups.entry(group.clone()).or_insert(at), group),
            None => (at, &entry.name),
        };
        // The contents, which a scan ranks by, are not known: the pictures are others, their numbers are the same.
        let draw = xxh3_64_with_seed(name.as_bytes(), seed);
        is_named_as_picture(&entry.name).then_some(Candidate { class, part: entry.part, group, draw })
    };
    source.entries().iter().enumerate().filter_map(candidate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shares;

    /// A folder in ImageNet's layout, of files that are no pictures: nobody may open them.
    fn imagenet(training: usize, validation: usize) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (part, count) in [("train", training), ("val", validation)] {
            for class in ["n01440764", "n01443537"] {
                let place = folder.path().join(part).join(class);
                std::fs::create_dir_all(&place).unwrap();
                (0..count).for_each(|at| std::fs::write(place.join(format!("{class}_{at}.JPEG")), "").unwrap());
            }
        }
        folder
    }

    fn listed(folder: &Path, shares: Shares) -> Listing {
        list(&LoadRequest::new(Some(folder), 368, &folder.join("cache")).shares(shares)).unwrap()
    }

    #[test]
    fn imagenets_validation_part_tests_and_no_picture_is_opened() {
        let folder = imagenet(200, 10);
        std::fs::write(folder.path().join("train/n01440764/readme.txt"), "").unwrap();
        let found = listed(folder.path(), Shares::VALIDATION_TESTS);
        assert_eq!((found.classes, found.channels), (2, 3));
        assert_eq!((found.training, found.held_out, found.test), (396, Some(4), 20));
        assert_eq!(found.cache_bytes, 420 * 368 * 368 * 3);
        assert_eq!(
            found.notes[0],
            "the 20 validation pictures of the data set test, and do nothing else; 4 of its 400 training pictures validate"
        );
        assert!(found.notes[1].contains("1 file without"), "{:?}", found.notes);
        assert!(!folder.path().join("cache").exists(), "nothing is written");
        let drawn = listed(folder.path(), Shares::default());
        assert_eq!((drawn.training, drawn.held_out, drawn.test), (340, Some(20), 60));
    }

    #[test]
    fn without_a_validation_part_the_usual_shares_are_drawn() {
        let folder = imagenet(200, 10);
        std::fs::remove_dir_all(folder.path().join("val")).unwrap();
        let found = listed(folder.path(), Shares::VALIDATION_TESTS);
        assert_eq!((found.training, found.held_out, found.test), (280, Some(60), 60));
        assert_eq!(found.split.unwrap().shares, Shares::default());
    }
}
