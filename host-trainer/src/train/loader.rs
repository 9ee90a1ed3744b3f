//! Views of training images, made by threads of their own ahead of the step.
//!
//! A view depends on the seed, the epoch and the image alone, so that any number of threads makes the same batches.
//! There is a thread for each processor, and all sleep once the next batches are made: while the step computes they
//! take only the time that its own images need, and while it waits they have all processors.

use super::readers::{POLL, Readers};
use super::{TrainConfig, TrainError};
use crate::data::{Augmenter, DataError, Dataset};
use crate::random::{Purpose, generator};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Batches that are made ahead of the step.
const MAX_AHEAD: usize = 4;
/// Most bytes of the batches ahead, if there is more than one.
const MAX_AHEAD_BYTES: usize = 256 << 20;
/// About the bytes of views that a thread makes at a time.
const PIECE_BYTES: usize = 256 << 10;
/// Most images that a thread makes at a time.
const MAX_PIECE_IMAGES: usize = 64;
/// Most threads: more would wait for the disk.
const MAX_THREADS: usize = 32;

/// Makes the views of training images.
#[derive(Debug)]
pub struct Views {
    seed: u64,
    data: Arc<Dataset>,
    augmenter: Augmenter,
    side: u32,
}

impl Views {
    /// For the images and the augmentation of a run.
    pub fn new(config: &TrainConfig, data: Arc<Dataset>) -> Self {
        // The largest resolution where views are crops, the side of the images otherwise.
        let largest = config.space.resolutions.iter().max().copied().unwrap_or(data.side);
        let side = if config.augmentation.crop.is_some() { largest.min(data.side) } else { data.side };
        let augmenter = Augmenter::new(&config.augmentation, data.side, side, data.channels);
        Self { seed: config.seed, data, augmenter, side }
    }

    /// Rows and columns of a view.
    pub fn side(&self) -> u32 {
        self.side
    }

    /// The images.
    pub fn data(&self) -> &Dataset {
        &self.data
    }

    /// The views of some images in an epoch, one after the other; `begun` is called before each is read.
    fn piece(&self, epoch: u64, indices: &[u32], begun: impl Fn(u32)) -> Result<Vec<u8>, DataError> {
        let mut pixels = Vec::with_capacity(indices.len() * self.augmenter.view_bytes());
        let mut image = Vec::with_capacity(self.data.image_bytes());
        for &index in indices {
            let mut random = generator(self.seed, Purpose::Augment, epoch << 32 | u64::from(index));
            image.clear();
            begun(index);
            self.data.read(index as usize, &mut image)?;
            self.augmenter.view(&image, &mut random, &mut pixels);
        }
        Ok(pixels)
    }

    /// One batch, made by the calling thread.
    ///
    /// # Errors
    /// [`DataError`] if an image cannot be read.
    pub fn batch(&self, epoch: u64, indices: &[u32]) -> Result<LoadedBatch, DataError> {
        let piece_images = indices.len().max(1);
        let pieces = vec![self.piece(epoch, indices, |_| ())?];
        Ok(LoadedBatch { indices: indices.to_vec(), pieces, piece_images, view_bytes: self.augmenter.view_bytes() })
    }

    /// Images that a thread makes at a time.
    fn piece_images(&self) -> usize {
        (PIECE_BYTES / self.augmenter.view_bytes().max(1)).clamp(1, MAX_PIECE_IMAGES)
    }
}

/// The views of a batch.
#[derive(Debug)]
pub struct LoadedBatch {
    indices: Vec<u32>,
    /// The views of so many images each; fewer in the last.
    pieces: Vec<Vec<u8>>,
    piece_images: usize,
    view_bytes: usize,
}

impl LoadedBatch {
    /// The images in the data set.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// The pixels of some images of the batch, one image after the other.
    ///
    /// # Panics
    /// If the batch is smaller.
    pub fn pixels(&self, images: Range<usize>) -> Vec<u8> {
        let mut pixels = Vec::with_capacity(images.len() * self.view_bytes);
        for at in images {
            let start = at % self.piece_images * self.view_bytes;
            pixels.extend_from_slice(&self.pieces[at / self.piece_images][start..start + self.view_bytes]);
        }
        pixels
    }
}

/// How fast the images of an epoch came and went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoaderRates {
    /// Images per second that all threads make while they work beside the step; 0 if they made none.
    pub loader_images_per_s: f64,
    /// Images per second of the step while it does not wait for images.
    pub step_images_per_s: f64,
    /// Share of the time in which the step waited for images.
    pub waiting_share: f64,
}

impl LoaderRates {
    /// The rates of so many ranks, from those of one.
    #[must_use]
    pub fn of_ranks(self, count: u32) -> Self {
        let all = |images_per_s: f64| images_per_s * f64::from(count);
        let (loader_images_per_s, step_images_per_s) = (all(self.loader_images_per_s), all(self.step_images_per_s));
        Self { loader_images_per_s, step_images_per_s, ..self }
    }
}

/// Threads that make batches ahead of their use. They live as long as the run: what they set aside is used again.
#[derive(Debug)]
pub struct Loader {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Loader {
    /// Starts one thread for each processor, of which `processes` have their part each.
    pub fn new(views: Arc<Views>, processes: u32) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self::with_threads(views, processors.div_ceil(processes.max(1) as usize))
    }

    /// Starts so many threads, at least one.
    pub fn with_threads(views: Arc<Views>, threads: usize) -> Self {
        let piece_images = views.piece_images();
        let (state, made, wanted) = (Mutex::default(), Condvar::new(), Condvar::new());
        let threads = threads.clamp(1, MAX_THREADS);
        let (readers, slow) = (Readers::new(threads), Mutex::default());
        let shared = Arc::new(Shared { views, piece_images, state, made, wanted, readers, slow });
        let threads = (0..threads).map(|thread| {
            let shared = shared.clone();
            std::thread::spawn(move || shared.work(thread))
        });
        Self { threads: threads.collect(), shared }
    }

    /// Calls `tell` with a sentence that names the file, whenever the step waits for an image that takes longer than ten
    /// seconds to read.
    pub fn on_slow(&self, tell: impl Fn(&str) + Send + 'static) {
        *self.shared.slow.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(tell));
    }

    /// The batches of an epoch, which are made from now on: `order` cut into parts of `batch_size` images. A rest is
    /// left out. Batches that were begun before end.
    pub fn batches(&self, epoch: u64, order: &[u32], batch_size: u32) -> Batches {
        let batch_size = batch_size.max(1) as usize;
        let bytes = batch_size * self.shared.views.augmenter.view_bytes();
        let ahead = (MAX_AHEAD_BYTES / bytes.max(1)).clamp(1, MAX_AHEAD);
        let job =
            Arc::new(Job { epoch, batches: order.chunks_exact(batch_size).map(<[u32]>::to_vec).collect(), ahead });
        self.shared.begin(job.clone());
        let threads = self.threads.len();
        Batches {
            shared: self.shared.clone(),
            job,
            threads,
            started: Instant::now(),
            waited: Duration::ZERO,
            images: 0,
        }
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.shared.end();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// The batches of an epoch, one after the other.
#[derive(Debug)]
pub struct Batches {
    shared: Arc<Shared>,
    job: Arc<Job>,
    threads: usize,
    started: Instant,
    waited: Duration,
    /// Images handed out.
    images: usize,
}

impl Batches {
    /// The rates since the start.
    pub fn rates(&self) -> LoaderRates {
        let (elapsed, waited) = (self.started.elapsed().as_secs_f64(), self.waited.as_secs_f64());
        let state = self.shared.state();
        let busy = state.busy.as_secs_f64() / self.threads as f64;
        let rate = |images: usize, seconds: f64| if seconds > 0.0 { images as f64 / seconds } else { 0.0 };
        LoaderRates {
            loader_images_per_s: rate(state.images, busy),
            step_images_per_s: rate(self.images, elapsed - waited),
            waiting_share: if elapsed > 0.0 { waited / elapsed } else { 0.0 },
        }
    }
}

impl Iterator for Batches {
    type Item = Result<LoadedBatch, TrainError>;

    fn next(&mut self) -> Option<Self::Item> {
        let asked = Instant::now();
        let taken = self.shared.take(&self.job);
        self.waited += asked.elapsed();
        if let Some(Ok(batch)) = &taken {
            self.images += batch.indices.len();
        }
        taken
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        if Arc::ptr_eq(&self.shared.state().job, &self.job) {
            self.shared.begin(Arc::default());
        }
    }
}

/// The batches to make.
#[derive(Debug, Default)]
struct Job {
    epoch: u64,
    batches: Vec<Vec<u32>>,
    /// Batches that may be in memory beside the one of the step.
    ahead: usize,
}

/// Somebody who is told.
type Tell = Box<dyn Fn(&str) + Send>;

/// The state that the threads and the step share.
struct Shared {
    views: Arc<Views>,
    piece_images: usize,
    state: Mutex<State>,
    /// A piece was made.
    made: Condvar,
    /// A batch is wanted.
    wanted: Condvar,
    readers: Readers,
    /// Who is told of slow readers.
    slow: Mutex<Option<Tell>>,
}

/// The views of some images, once they are made.
type Piece = Option<Result<Vec<u8>, DataError>>;

#[derive(Debug, Default)]
struct State {
    job: Arc<Job>,
    /// The next piece to make: its batch, and its place in it.
    next: (usize, usize),
    /// Batches handed out.
    taken: usize,
    /// The pieces of the batches behind those.
    pieces: VecDeque<Vec<Piece>>,
    /// Time of all threads in which images were made.
    busy: Duration,
    /// Images that were made.
    images: usize,
    has_ended: bool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A thread that panics holds no lock, and ends everything.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops what was made, and begins other batches.
    fn begin(&self, job: Arc<Job>) {
        let mut state = self.state();
        *state = State { job, has_ended: state.has_ended, ..State::default() };
        self.wanted.notify_all();
    }

    /// Tells all threads to end.
    fn end(&self) {
        self.state().has_ended = true;
        self.made.notify_all();
        self.wanted.notify_all();
    }

    fn work(&self, thread: usize) {
        let guard = EndsAll(self);
        while let Some((job, batch, piece)) = self.next_piece() {
            let indices = job.batches[batch].chunks(self.piece_images).nth(piece).unwrap_or_default();
            let started = Instant::now();
            let made = self.views.piece(job.epoch, indices, |image| self.readers.begin(thread, image));
            self.readers.end(thread);
            let took = started.elapsed();
            let mut state = self.state();
            if Arc::ptr_eq(&state.job, &job) {
                (state.busy, state.images) = (state.busy + took, state.images + indices.len());
                let place = batch - state.taken;
                state.pieces[place][piece] = Some(made);
                self.made.notify_one();
            }
        }
        std::mem::forget(guard);
    }

    /// Waits until a piece is wanted; none at the end.
    fn next_piece(&self) -> Option<(Arc<Job>, usize, usize)> {
        let mut state = self.state();
        while !state.has_ended {
            let (batch, piece) = state.next;
            if batch < state.job.batches.len().min(state.taken + state.job.ahead) {
                let count = state.job.batches[batch].len().div_ceil(self.piece_images);
                if piece == 0 {
                    state.pieces.push_back((0..count).map(|_| None).collect());
                }
                state.next = if piece + 1 == count { (batch + 1, 0) } else { (batch, piece + 1) };
                return Some((state.job.clone(), batch, piece));
            }
            state = self.wanted.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    /// Waits until a piece was made; names the file of a slow reader meanwhile.
    fn wait_for_piece<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let (state, waited) = self.made.wait_timeout(state, POLL).unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            for (image, time) in self.readers.slow() {
                let file = self.views.data.file_of(image as usize).unwrap_or_else(|| format!("image {image}"));
                let text =
                    format!("reading {file} takes {:.0} s so far: the training waits for it", time.as_secs_f64());
                if let Some(tell) = &*self.slow.lock().unwrap_or_else(PoisonError::into_inner) {
                    tell(&text);
                }
            }
        }
        state
    }

    /// Waits for the next batch; none if all were handed out, or others were begun.
    fn take(&self, job: &Arc<Job>) -> Option<Result<LoadedBatch, TrainError>> {
        let mut state = self.state();
        loop {
            if !Arc::ptr_eq(&state.job, job) || state.taken == job.batches.len() {
                return None;
            }
            if state.pieces.front().is_some_and(|pieces| pieces.iter().all(Option::is_some)) {
                break;
            }
            if state.has_ended {
                return Some(Err(TrainError::Worker));
            }
            state = self.wait_for_piece(state);
        }
        let pieces: Result<Vec<Vec<u8>>, DataError> =
            state.pieces.pop_front().unwrap_or_default().into_iter().flatten().collect();
        let indices = job.batches[state.taken].clone();
        state.taken += 1;
        self.wanted.notify_all();
        let (piece_images, view_bytes) = (self.piece_images, self.views.augmenter.view_bytes());
        Some(pieces.map(|pieces| LoadedBatch { indices, pieces, piece_images, view_bytes }).map_err(TrainError::from))
    }
}

/// Dropped by a thread that panics: the step must not wait for it.
struct EndsAll<'a>(&'a Shared);

impl Drop for EndsAll<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests;
