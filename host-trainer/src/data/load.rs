//! Loads a data set from a path of any kind.

use super::cache::{self, BuildOptions, Built, Finish, Originals, StoredPicture};
use super::dataset::{DataError, Dataset, Part, PixelStore};
use super::loaded::{PictureNames, check_same_classes};
use super::picture::{ChannelSums, Form};
use super::scan::{Scan, ScanReport};
use super::source::{self, Source, natural_order};
use super::split::{Candidate, Shares, SplitRule, split};
use super::{LoadedData, idx_files};
use nestling_core::image::{Fit, Preprocessing};
use nestling_core::names::check_label;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Classes that a label can number.
const MAX_CLASSES: usize = 65_535;

/// The data set to load, and the way.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoadRequest {
    /// The data set; the system's Fashion-MNIST if none.
    pub path: Option<PathBuf>,
    /// Rows and columns of the squares that are trained on. IDX files keep their own.
    pub side: u32,
    /// 1 or 3 channels; 3 unless told otherwise, or 1 if no picture has colour.
    pub channels: Option<u32>,
    /// How a picture of another shape becomes a square.
    pub fit: Fit,
    /// How pixels become input, of a network that was trained before, `fit` included; if none, as the mean and
    /// deviation of the training pictures say.
    pub preprocessing: Option<Preprocessing>,
    /// The colour behind transparent pixels.
    pub background: [u8; 3],
    /// Seed of the split.
    pub seed: u64,
    /// Shares of the training pictures for the parts that the source lacks.
    pub shares: Shares,
    /// The classes of the run that the data set is for; others are an error, before any picture is opened.
    pub classes: Option<Vec<String>>,
    /// Whether a file that cannot be used is an error.
    pub strict: bool,
    /// Folder of the caches of all sources.
    pub cache: PathBuf,
    /// Most bytes of the squares of one source; where they need more, pictures are decoded at every use.
    pub cache_bytes: u64,
    /// Threads that decode.
    pub threads: usize,
}

impl LoadRequest {
    /// The usual options: cropped squares on white, 16 GiB of cache.
    pub fn new(path: Option<&Path>, side: u32, cache: &Path) -> Self {
        Self {
            path: path.map(Path::to_owned),
            side,
            channels: None,
            fit: Fit::Crop,
            preprocessing: None,
            background: [255; 3],
            seed: 0,
            shares: Shares::default(),
            classes: None,
            strict: false,
            cache: cache.to_owned(),
            cache_bytes: 16 << 30,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }

    nestling_core::setters! {
        channels: Option<u32>,
        fit: Fit,
        preprocessing: Option<Preprocessing>,
        background: [u8; 3],
        seed: u64,
        shares: Shares,
        classes: Option<Vec<String>>,
        strict: bool,
        cache_bytes: u64,
        threads: usize,
    }

    /// The form of squares of so many channels.
    pub(super) fn form(&self, channels: u32) -> Form {
        let fit = self.preprocessing.as_ref().map_or(self.fit, |known| known.fit);
        Form { side: self.side, channels, fit, background: self.background }
    }
}

/// The messages of a load while it works.
pub trait LoadProgress: Sync {
    /// So many of so many files were opened.
    fn opened(&self, _done: usize, _total: usize) {}
    /// A sentence, for people.
    fn note(&self, _text: &str) {}
}

impl LoadProgress for () {}

/// Loads the data set that `request` names, whatever kind it is of.
///
/// # Errors
/// [`DataError`] if there is none, if it cannot be used, or if the cache cannot be written.
pub fn load(request: &LoadRequest, progress: &dyn LoadProgress) -> Result<LoadedData, DataError> {
    match request.path.as_deref() {
        None => known_by(request, idx_files::load(None)?),
        Some(path) if idx_files::are_at(path) => known_by(request, idx_files::load(Some(path))?),
        Some(path) => {
            let (scanned, source) = open(path, request, progress)?;
            if request.strict {
                scanned.report.check_strictly()?;
            }
            check_classes(&scanned.labels, &scanned.classes, &scanned.parts)?;
            scanned.load(request, source)
        }
    }
}

/// A data set with the classes that are asked for.
fn known_by(request: &LoadRequest, loaded: LoadedData) -> Result<LoadedData, DataError> {
    check_same_classes(request.classes.as_deref(), loaded.labels.as_deref())?;
    Ok(loaded)
}

/// Whether a path holds picture files, and not the four IDX files.
pub fn are_pictures(path: &Path) -> bool {
    path.exists() && !idx_files::are_at(path)
}

/// Opens every picture at a path, and gives each its part, without loading them.
///
/// # Errors
/// As [`load()`]; files that cannot be used are none, whatever the request says of them.
pub fn scan(path: &Path, request: &LoadRequest, progress: &dyn LoadProgress) -> Result<ScanReport, DataError> {
    // Nobody reads the squares.
    let (scanned, _) = open(path, &request.clone().cache_bytes(0), progress)?;
    Ok(scanned.report)
}

/// A source after its scan.
struct Scanned {
    name: String,
    scan: Scan,
    report: ScanReport,
    labels: Vec<String>,
    rule: SplitRule,
    /// Part and class of each picture.
    parts: Vec<Part>,
    classes: Vec<u16>,
    built: Built,
}

fn open(
    path: &Path,
    request: &LoadRequest,
    progress: &dyn LoadProgress,
) -> Result<(Scanned, Arc<dyn Source>), DataError> {
    // Pictures without colour are read in the same way whether one channel is asked for or found to be enough: a run
    // that goes on has the pixels that it began with.
    let has_colour = || -> Result<bool, DataError> {
        let (scanned, _) = open_as(path, &request.clone().cache_bytes(0), request.form(3), &())?;
        Ok(!scanned.report.all_grey)
    };
    let channels = if request.channels == Some(1) && has_colour()? { 1 } else { 3 };
    open_as(path, request, request.form(channels), progress)
}

fn open_as(
    path: &Path,
    request: &LoadRequest,
    form: Form,
    progress: &dyn LoadProgress,
) -> Result<(Scanned, Arc<dyn Source>), DataError> {
    let source: Arc<dyn Source> = source::open(path)?.into();
    let labels = class_names(path, &*source)?;
    check_same_classes(request.classes.as_deref(), Some(&labels))?;
    let options = BuildOptions {
        form,
        folder: cache_folder(&request.cache, path),
        max_bytes: request.cache_bytes,
        threads: request.threads,
    };
    let mut built =
        cache::build(&*source, options, &|done, total| progress.opened(done, total), &|text| progress.note(text))?;
    let scan = Scan::new(&*source, std::mem::take(&mut built.opened));
    let numbers: BTreeMap<&str, u16> = labels.iter().map(String::as_str).zip(0..).collect();
    let class = |entry: usize| numbers[source.entries()[entry].class.as_str()];
    let classes: Vec<u16> = scan.pictures.iter().map(|picture| class(picture.entry)).collect();
    let given: Vec<Option<Part>> = scan.pictures.iter().map(|picture| source.entries()[picture.entry].part).collect();
    let shares = request.shares.for_parts(given.iter().copied());
    let parts = split(&candidates(&*source, &scan, &classes, request.seed), shares);
    let mut report = ScanReport::new(&*source, &scan, &labels, &parts);
    progress.note(&report.summary());
    for note in drawn(&given, &parts) {
        progress.note(&note);
        report.notes.push(note);
    }
    let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    let rule = SplitRule { seed: request.seed, shares };
    Ok((Scanned { name, scan, report, labels, rule, parts, classes, built }, source))
}

/// A sentence for each part that a source with parts lacks, and that was taken from another.
pub(super) fn drawn(given: &[Option<Part>], parts: &[Part]) -> Vec<String> {
    // Without any part, all of them are drawn as everybody expects.
    if given.iter().all(Option::is_none) {
        return Vec::new();
    }
    let count = |part: Part| parts.iter().filter(|&&one| one == part).count();
    let pooled = given.iter().filter(|part| part.is_none_or(|part| part == Part::Training)).count();
    if given.iter().zip(parts).any(|pair| pair == (&Some(Part::HeldOut), &Part::Test)) {
        let (test, held_out) = (count(Part::Test), count(Part::HeldOut));
        return vec![format!(
            "the {test} validation pictures of the data set test, and do nothing else; {held_out} of its {pooled} training \
             pictures validate"
        )];
    }
    let missing = [Part::HeldOut, Part::Test].into_iter().filter(|part| !given.contains(&Some(*part)));
    let sentence = |part: Part| {
        format!("the data set has no {part} part: {} of its {pooled} training pictures become one", count(part))
    };
    missing.map(sentence).collect()
}

/// A folder for the cache of one source.
fn cache_folder(cache: &Path, path: &Path) -> PathBuf {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name: String = path
        .file_name()
        .map(|name| name.to_string_lossy().chars().filter(char::is_ascii_alphanumeric).take(32).collect())
        .unwrap_or_default();
    cache.join(format!("{name}-{:016x}", xxh3_64(real.as_os_str().as_encoded_bytes())))
}

/// The classes of the training pictures, in natural order. Pictures without a part may be trained on.
pub(super) fn class_names(path: &Path, source: &dyn Source) -> Result<Vec<String>, DataError> {
    let is_training = |part: Option<Part>| part.is_none_or(|part| part == Part::Training);
    let of = |wanted: &dyn Fn(Option<Part>) -> bool| -> BTreeSet<&str> {
        let entries = source.entries().iter().filter(|entry| wanted(entry.part));
        entries.map(|entry| entry.class.as_str()).collect()
    };
    let known = of(&is_training);
    for part in [Part::HeldOut, Part::Test] {
        let of_part = of(&|found| found == Some(part));
        let unknown: Vec<String> = of_part.difference(&known).map(ToString::to_string).collect();
        if !unknown.is_empty() {
            return Err(DataError::UnknownClasses { part, classes: unknown });
        }
    }
    known.iter().try_for_each(|class| check_label(class))?;
    let mut labels: Vec<String> = known.into_iter().map(str::to_owned).collect();
    labels.sort_by(|a, b| natural_order(a, b));
    if !(2..=MAX_CLASSES).contains(&labels.len()) {
        return Err(DataError::Classes { path: path.to_owned(), classes: labels.len() });
    }
    Ok(labels)
}

fn candidates(source: &dyn Source, scan: &Scan, classes: &[u16], seed: u64) -> Vec<Candidate> {
    let candidate = |(picture, &class): (&super::scan::ScannedPicture, &u16)| {
        let entry = &source.entries()[picture.entry];
        let draw = match &entry.group {
            Some(group) => xxh3_64_with_seed(group.as_bytes(), seed),
            None => picture.content.shuffled(seed),
        };
        Candidate { class: u32::from(class), part: entry.part, group: picture.group, draw }
    };
    scan.pictures.iter().zip(classes).map(candidate).collect()
}

fn check_classes(labels: &[String], classes: &[u16], parts: &[Part]) -> Result<(), DataError> {
    let trained: BTreeSet<u16> =
        classes.iter().zip(parts).filter(|(_, part)| **part == Part::Training).map(|(class, _)| *class).collect();
    let empty: Vec<String> =
        (0..).zip(labels).filter(|(class, _)| !trained.contains(class)).map(|(_, label)| label.clone()).collect();
    if empty.is_empty() { Ok(()) } else { Err(DataError::EmptyClasses { classes: empty }) }
}

impl Scanned {
    fn load(self, request: &LoadRequest, source: Arc<dyn Source>) -> Result<LoadedData, DataError> {
        let is_grey = request.channels != Some(3) && self.report.all_grey;
        let channels = if is_grey || request.channels == Some(1) { 1 } else { 3 };
        let own = || self.preprocessing(channels, request.fit);
        let preprocessing = request.preprocessing.clone().filter(|known| known.fits(channels)).unwrap_or_else(own);
        let fill = std::array::from_fn(|channel| {
            let mean = preprocessing.means[channel.min(preprocessing.means.len() - 1)];
            (mean * 255.0).round() as u8
        });
        // A random order that the seed and the contents decide: any number of first pictures is a fair sample.
        let mut order: Vec<usize> = (0..self.parts.len()).collect();
        order.sort_by_key(|&at| (self.scan.pictures[at].content.shuffled(!request.seed), at));
        let stored = order.iter().map(|&at| {
            let picture = &self.scan.pictures[at];
            let size = (picture.facts.width, picture.facts.height);
            StoredPicture { entry: picture.entry, content: picture.content, size }
        });
        let stored: Vec<StoredPicture> = stored.collect();
        let (room, background) = (self.built.room(), request.background);
        let exact = Originals::new(source.clone(), stored.clone(), background, room);
        let squares = self.built.squares(source.clone(), stored, Finish { fill, is_grey });
        let is_cached = squares.is_cached();
        let store: Arc<dyn PixelStore> = Arc::new(squares);
        let labels: Vec<u16> = order.iter().map(|&at| self.classes[at]).collect();
        let all = Dataset::stored(request.side, channels, store, labels, self.labels.len() as u32)
            .evaluated_from(Arc::new(exact));
        let part = |part: Part| all.select((0..order.len()).filter(|&at| self.parts[order[at]] == part));
        let names = |part: Part| {
            let own = order.iter().filter(|&&at| self.parts[at] == part);
            own.map(|&at| source.entries()[self.scan.pictures[at].entry].name.clone()).collect()
        };
        Ok(LoadedData {
            name: self.name,
            training: part(Part::Training),
            held_out: Some(part(Part::HeldOut)),
            test: part(Part::Test),
            known: None,
            labels: Some(self.labels),
            preprocessing,
            pictures: Some(PictureNames { held_out: names(Part::HeldOut), test: names(Part::Test) }),
            split: Some(self.rule),
            scan: Some(self.report),
            is_cached,
        })
    }

    /// Normalises with the mean and deviation of the training pictures.
    fn preprocessing(&self, channels: u32, fit: Fit) -> Preprocessing {
        let mut sums = ChannelSums::default();
        let training = self.scan.pictures.iter().zip(&self.parts).filter(|(_, part)| **part == Part::Training);
        training.for_each(|(picture, _)| sums.add(&picture.facts.sums));
        let (means, standard_deviations) =
            (0..channels as usize).map(|channel| sums.mean_and_deviation(channel)).unzip();
        Preprocessing { means, standard_deviations, centre_fraction: 1.0, fit }
    }
}
