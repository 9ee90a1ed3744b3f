//! Opens every file of a source once, in several threads, and stores the squares of pictures that are new.

use super::evict::{evict, kept_bytes, mark_used};
use super::file::PlacedFile;
use super::index::{self, Known, KnownFile, KnownSquare, Paths, SquareIndex};
use super::store::{Finish, Origin, Squares, StoredPicture};
use crate::data::dataset::DataError;
use crate::data::picture::{
    ContentHash, Fault, FaultKind, Form, Inspected, MAX_BYTES, inspect, is_named_as_picture, wrong_name,
};
use crate::data::scan::Opened;
use crate::data::source::Source;
use nestling_bundle::atomic_file::disk;
use nestling_bundle::file_lock::FileLock;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use xxhash_rust::xxh3::xxh3_64;

/// Time after which the work so far is recorded.
const SAVE_EVERY: Duration = Duration::from_secs(30);
/// Squares of no more use that are kept at least.
const MIN_UNUSED: u32 = 1000;

/// How to build a cache.
#[derive(Clone, Debug)]
pub struct BuildOptions {
    /// The form of the squares.
    pub form: Form,
    /// The folder of this source's cache.
    pub folder: PathBuf,
    /// Most bytes of the squares of all pictures. Where they need more, none is stored.
    pub max_bytes: u64,
    /// Number of threads.
    pub threads: usize,
}

/// All files of a source, opened.
#[derive(Debug)]
pub struct Built {
    /// The result of opening each file, in the source's order.
    pub opened: Vec<Opened>,
    index: SquareIndex,
    paths: Paths,
    options: BuildOptions,
    /// The file of pixels, if squares are stored. Open, it stays readable whatever other processes do.
    file: Option<Arc<PlacedFile>>,
}

impl Built {
    /// The folder of this source's cache, and the bytes that the budget leaves beside all that is in it.
    pub fn room(&self) -> (&Path, u64) {
        let BuildOptions { folder, max_bytes, .. } = &self.options;
        (folder, max_bytes.saturating_sub(kept_bytes(folder)))
    }

    /// The squares of some pictures, which are decoded at every use if they are not stored.
    pub fn squares(&self, source: Arc<dyn Source>, pictures: Vec<StoredPicture>, finish: Finish) -> Squares {
        let form = self.options.form;
        let places = pictures.iter().map(|picture| self.index.squares.get(&picture.content)?.place).collect();
        let origin = match (&self.file, places) {
            (Some(file), Some(places)) => {
                Origin::File { file: file.clone(), path: self.paths.pixels(self.index.generation), places }
            }
            _ => Origin::Originals,
        };
        Squares { source, form, finish, pictures, origin }
    }
}

/// Opens every file of `source` that is not known yet. Tells `progress` how many of how many are done; `waiting` is
/// told if another process builds the same cache.
///
/// # Errors
/// [`DataError::CacheWrite`] if the disk takes no more: all that was cached before is unharmed.
pub fn build(
    source: &dyn Source,
    options: BuildOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
    waiting: &dyn Fn(&str),
) -> Result<Built, DataError> {
    let folder = options.folder.clone();
    std::fs::create_dir_all(&folder).map_err(cannot_write(&folder))?;
    let paths = Paths::new(&folder, &options.form);
    let _lock = FileLock::wait_for_output(&paths.known(), "building a cache", |held| waiting(&held.to_string()))?;
    let is_stored = source.entries().len() as u64 * options.form.bytes() as u64 <= options.max_bytes;
    let mut work = Work::start(source, &paths, &options, is_stored)?;
    work.run(options.threads, progress)?;
    let (known, index, file) = work.finish()?;
    mark_used(&paths.squares());
    if options.max_bytes > 0 {
        // A scan, which stores nothing, takes nothing away.
        evict(&folder, is_stored.then(|| paths.form()), options.max_bytes);
    }
    let opened = source.entries().iter().map(|entry| opened(&known.files[&entry.name], &index)).collect();
    Ok(Built { opened, index, paths, options, file: file.map(Arc::new) })
}

fn opened(file: &KnownFile, index: &SquareIndex) -> Opened {
    let picture = match &file.found {
        Ok(content) => Ok((*content, index.squares[content].facts())),
        Err(fault) => Err(fault.clone()),
    };
    Opened { picture, remark: file.remark.clone() }
}

fn cannot_write(path: &Path) -> impl FnOnce(io::Error) -> DataError + use<> {
    let path = path.to_owned();
    move |source| DataError::CacheWrite { path, source }
}

/// The indices while they grow.
struct State {
    known: Known,
    index: SquareIndex,
    /// When they were last written.
    saved: Instant,
    /// Squares that the index on the disk counts.
    recorded: u32,
}

struct Work<'a> {
    source: &'a dyn Source,
    paths: &'a Paths,
    form: Form,
    /// Where squares are stored, if they are.
    file: Option<PlacedFile>,
    /// Entries that must be opened.
    todo: Vec<usize>,
    /// Whether files were removed since the last time.
    has_lost: bool,
    state: Mutex<State>,
    /// The next place of a square.
    next_place: AtomicUsize,
}

impl<'a> Work<'a> {
    fn start(
        source: &'a dyn Source,
        paths: &'a Paths,
        options: &BuildOptions,
        is_stored: bool,
    ) -> Result<Self, DataError> {
        let (mut known, mut index): (Known, SquareIndex) = (index::read(&paths.known()), index::read(&paths.squares()));
        let file = if is_stored { Some(open_pixels(paths, &mut index, options.form.bytes())?) } else { None };
        let mut todo = Vec::new();
        let mut files = std::mem::take(&mut known.files);
        for (at, entry) in source.entries().iter().enumerate() {
            let stamp = source.stamp(at).map(index::stamp).ok();
            let is_usable = |file: &KnownFile| {
                let is_there = |content| {
                    let square: Option<&KnownSquare> = index.squares.get(content);
                    square.is_some_and(|square| square.place.is_some() || !is_stored)
                };
                Some(file.stamp) == stamp && file.found.as_ref().map_or(true, is_there)
            };
            match files.remove(&entry.name).filter(is_usable) {
                Some(file) => drop(known.files.insert(entry.name.clone(), file)),
                None => todo.push(at),
            }
        }
        let (next_place, has_lost) = (AtomicUsize::new(index.count as usize), !files.is_empty());
        let recorded = index.count;
        let state = Mutex::new(State { known, index, saved: Instant::now(), recorded });
        Ok(Self { source, paths, form: options.form, file, todo, has_lost, state, next_place })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A thread that panicked ends the build anyway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens all files; the first error ends the work.
    fn run(&mut self, threads: usize, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<(), DataError> {
        let (next, done, failed) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
        let total = self.todo.len();
        if total == 0 && !self.has_lost {
            return Ok(());
        }
        let work = &*self;
        let worker = || {
            while !failed.load(Ordering::Relaxed) {
                let Some(&entry) = work.todo.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                work.open(entry).inspect_err(|_| failed.store(true, Ordering::Relaxed))?;
                progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);
            }
            Ok(())
        };
        let outcomes: Vec<Result<(), DataError>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads.clamp(1, total.max(1))).map(|_| scope.spawn(worker)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        });
        let outcome: Result<(), DataError> = outcomes.into_iter().collect();
        // Finished work is worth keeping, whatever happened after it.
        let saved = self.save(&mut self.state());
        let outcome = outcome.and(saved);
        if let (Err(_), Some(file)) = (&outcome, &self.file) {
            self.drop_unrecorded(file);
        }
        outcome
    }

    /// Gives the room back of squares that no index on the disk knows, and of a file that holds no other.
    fn drop_unrecorded(&self, file: &PlacedFile) {
        let state = self.state();
        let path = self.paths.pixels(state.index.generation);
        // Best effort: the first error is the one to report.
        let _ = file.cut(state.recorded);
        if state.recorded == 0 && path.symlink_metadata().is_ok_and(|found| found.is_file()) {
            let _ = disk::change(|| std::fs::remove_file(&path));
        }
    }

    /// Opens one file.
    fn open(&self, entry: usize) -> Result<(), DataError> {
        let name = &self.source.entries()[entry].name;
        let stamp = self.source.stamp(entry).map(index::stamp);
        let bytes = match stamp.and_then(|stamp| Ok((stamp, self.source.read(entry, MAX_BYTES + 1)?))) {
            Ok((stamp, bytes)) => (stamp, bytes),
            Err(error) => {
                let found = Err(Fault { kind: FaultKind::Unreadable, reason: error.to_string() });
                self.record(name, KnownFile { stamp: [0, 0, 0, u64::MAX], found, remark: None });
                return Ok(());
            }
        };
        let (stamp, bytes) = bytes;
        let content = ContentHash::of(&bytes);
        let found = match self.decode(content, &bytes)? {
            Ok(()) => Ok(content),
            Err(fault) if fault.kind == FaultKind::NotAPicture && !is_named_as_picture(name) => {
                Err(Fault { kind: FaultKind::OtherFile, reason: fault.reason })
            }
            Err(fault) => Err(fault),
        };
        let remark = if found.is_ok() { wrong_name(name, &bytes) } else { None };
        self.record(name, KnownFile { stamp, found, remark });
        self.save_sometimes()
    }

    /// Decodes contents that are not known yet, and stores their square.
    fn decode(&self, content: ContentHash, bytes: &[u8]) -> Result<Result<(), Fault>, DataError> {
        let is_done = |square: &KnownSquare| square.place.is_some() || self.file.is_none();
        if self.state().index.squares.get(&content).is_some_and(is_done) {
            return Ok(Ok(()));
        }
        let Inspected { width, height, is_grey, thumbnail, sums, pixels } = match inspect(bytes, &self.form) {
            Ok(inspected) => inspected,
            Err(fault) => return Ok(Err(fault)),
        };
        let place = match &self.file {
            None => None,
            Some(file) => {
                let place = self.next_place.fetch_add(1, Ordering::Relaxed) as u32;
                let path = || self.paths.pixels(self.state().index.generation);
                file.write(place, &pixels).map_err(|error| cannot_write(&path())(error))?;
                Some((place, xxh3_64(&pixels)))
            }
        };
        let square = KnownSquare { place, size: (width, height), is_grey, thumbnail, sums };
        self.state().index.squares.insert(content, square);
        Ok(Ok(()))
    }

    fn record(&self, name: &str, file: KnownFile) {
        self.state().known.files.insert(name.to_owned(), file);
    }

    /// Records the work so far from time to time: a build that is killed goes on from there.
    fn save_sometimes(&self) -> Result<(), DataError> {
        let mut state = self.state();
        if state.saved.elapsed() < SAVE_EVERY { Ok(()) } else { self.save(&mut state) }
    }

    fn save(&self, state: &mut State) -> Result<(), DataError> {
        if let Some(file) = &self.file {
            file.sync().map_err(cannot_write(&self.paths.pixels(state.index.generation)))?;
        }
        // Places that a thread is writing to are behind the highest that is known, or between; they are never reused.
        let places = state.index.squares.values().filter_map(|square| square.place);
        state.index.count = places.map(|(place, _)| place + 1).max().unwrap_or(0);
        let write = |error: nestling_bundle::atomic_file::WriteError| DataError::from(error);
        index::write(&self.paths.squares(), &state.index).map_err(write)?;
        state.recorded = state.index.count;
        index::write(&self.paths.known(), &state.known).map_err(write)?;
        state.saved = Instant::now();
        Ok(())
    }

    /// The indices; a file of pixels that is mostly of no more use is written anew.
    fn finish(self) -> Result<(Known, SquareIndex, Option<PlacedFile>), DataError> {
        let mut state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut stored = self.file;
        let used: BTreeSet<ContentHash> =
            state.known.files.values().filter_map(|file| file.found.as_ref().ok().copied()).collect();
        if let Some(file) = &mut stored {
            let kept = used.iter().filter(|content| state.index.squares[*content].place.is_some()).count() as u32;
            let unused = state.index.count - kept;
            if unused > MIN_UNUSED.max(kept) {
                let path = self.paths.pixels(state.index.generation + 1);
                let smaller = compact(file, self.paths, &mut state.index, &used, self.form.bytes());
                *file = smaller.inspect_err(|_| drop(disk::change(|| std::fs::remove_file(path))))?;
            }
        }
        Ok((state.known, state.index, stored))
    }
}

/// Opens the file of pixels. A build that was interrupted left all that lies behind the places of the index.
fn open_pixels(paths: &Paths, index: &mut SquareIndex, bytes: usize) -> Result<PlacedFile, DataError> {
    let path = paths.pixels(index.generation);
    // Those of a build that was stopped between a new generation and the end of the old one.
    for stray in paths.other_pixels(index.generation) {
        let _ = disk::change(|| std::fs::remove_file(&stray)); // only disk space
    }
    let file = PlacedFile::open_to_write(&path, bytes).map_err(cannot_write(&path))?;
    let count = file.count().map_err(cannot_write(&path))?;
    if count < u64::from(index.count) {
        // It was removed or cut: those squares are made again, in their old places.
        index.count = count as u32;
        for square in index.squares.values_mut() {
            square.place = square.place.filter(|(place, _)| u64::from(*place) < count);
        }
    }
    Ok(file)
}

/// Copies the squares that are used to a new file, which it returns, and removes the old one.
fn compact(
    file: &PlacedFile,
    paths: &Paths,
    index: &mut SquareIndex,
    used: &BTreeSet<ContentHash>,
    bytes: usize,
) -> Result<PlacedFile, DataError> {
    let (old, path) = (paths.pixels(index.generation), paths.pixels(index.generation + 1));
    let new = PlacedFile::open_to_write(&path, bytes).map_err(cannot_write(&path))?;
    let mut smaller = SquareIndex { generation: index.generation + 1, ..SquareIndex::default() };
    let mut pixels = Vec::with_capacity(bytes);
    for content in used {
        let mut square = index.squares[content].clone();
        if let Some((place, sum)) = square.place {
            pixels.clear();
            let damaged = |error: io::Error| DataError::CacheRead { path: old.clone(), problem: error.to_string() };
            file.read(place, &mut pixels).map_err(damaged)?;
            new.write(smaller.count, &pixels).map_err(cannot_write(&path))?;
            square.place = Some((smaller.count, sum));
            smaller.count += 1;
        }
        smaller.squares.insert(*content, square);
    }
    new.sync().map_err(cannot_write(&path))?;
    index::write(&paths.squares(), &smaller)?;
    *index = smaller;
    // Others may still read from it: some systems then keep it until the next time.
    let _ = disk::change(|| std::fs::remove_file(&old));
    Ok(new)
}
