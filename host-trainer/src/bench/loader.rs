//! Speed of the loader beside the decoder alone, and of its cache beside originals.

use super::median;
use super::photographs::{HEIGHT, WIDTH, write_photographs};
use crate::data::{DataError, LoadRequest, load, to_png};
use crate::train::{Loader, Recipe, TrainConfig, TrainError, Views};
use image::ImageDecoder;
use image::codecs::jpeg::JpegDecoder;
use nestling_bundle::atomic_file::write_atomically;
use nestling_stopwatch::{Elapsed, Stopwatch};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Photographs of each of two classes.
const EACH: u32 = 4;
/// Rows and columns of the network's input.
const RESOLUTION: u32 = 224;
/// Passes over the cache in a round: one takes milliseconds.
const CACHED_PASSES: u32 = 40;

/// Rates of the loader. Medians over rounds that were run in turns, in one process.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoaderReport {
    /// Photographs of a pass.
    pub photographs: u32,
    /// Megapixels of each.
    pub megapixels: f64,
    /// Photographs per CPU-second that are read and decoded, one thread, by the decoder alone.
    pub raw_images_per_cpu_s: f64,
    /// Views per CPU-second from originals: read, checked, decoded, resized, augmented.
    pub loader_images_per_cpu_s: f64,
    /// The last over the one before.
    pub share_of_raw_decode: f64,
    /// Views per second from originals, with all threads.
    pub streamed_images_per_s: f64,
    /// Views per second from the cache, with all threads.
    pub cached_images_per_s: f64,
    /// The last over the one before.
    pub cache_speedup: f64,
}

impl fmt::Display for LoaderReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "loader, {} photographs of {:.0} megapixels:", self.photographs, self.megapixels)?;
        writeln!(f, "  decoder alone        {:7.2} images per CPU-second", self.raw_images_per_cpu_s)?;
        let share = 100.0 * self.share_of_raw_decode;
        writeln!(f, "  loader               {:7.2} images per CPU-second, {share:.0} %", self.loader_images_per_cpu_s)?;
        writeln!(f, "  from originals       {:7.2} images per second", self.streamed_images_per_s)?;
        let speedup = self.cache_speedup;
        writeln!(f, "  from the cache       {:7.0} images per second, {speedup:.0} times", self.cached_images_per_s)
    }
}

/// Measures in `rounds` rounds, on photographs that are made in `folder` and stay there.
///
/// # Errors
/// [`TrainError::Data`] if the disk does not take them, or they cannot be read back.
pub fn bench_loader(folder: &Path, rounds: u32, mut progress: impl FnMut()) -> Result<LoaderReport, TrainError> {
    let pictures = folder.join("photographs");
    write_photographs(&pictures.join("train"), EACH)?;
    write_rest(&pictures)?;
    let loader = |cache_bytes| views(folder, &pictures, cache_bytes).map(|views| Loader::new(views, 1));
    let (streamed, cached) = (loader(0)?, loader(1 << 30)?);
    let files: Vec<PathBuf> = (0..2 * EACH)
        .map(|at| pictures.join(format!("train/{}/{}.jpg", ["a", "b"][at as usize % 2], at / 2)))
        .collect();
    pass(&cached, 1)?; // warm
    let mut rates: [Vec<f64>; 4] = Default::default();
    for _ in 0..rounds.max(1) {
        let raw = decode_alone(&files)?;
        let from_originals = pass(&streamed, 1)?;
        let from_cache = pass(&cached, CACHED_PASSES)?;
        let count = f64::from(2 * EACH);
        let all = f64::from(CACHED_PASSES) * count / from_cache.wall_s();
        let now = [count / raw.cpu_s(), count / from_originals.cpu_s(), count / from_originals.wall_s(), all];
        rates.iter_mut().zip(now).for_each(|(rates, rate)| rates.push(rate));
        progress();
    }
    let [raw, loader, streamed, cached] = rates.map(median);
    Ok(LoaderReport {
        photographs: 2 * EACH,
        megapixels: f64::from(WIDTH) * f64::from(HEIGHT) * 1e-6,
        raw_images_per_cpu_s: raw,
        loader_images_per_cpu_s: loader,
        share_of_raw_decode: loader / raw,
        streamed_images_per_s: streamed,
        cached_images_per_s: cached,
        cache_speedup: cached / streamed,
    })
}

/// Small pictures to choose and to test with, so that all photographs are trained on.
fn write_rest(pictures: &Path) -> Result<(), DataError> {
    for (at, (part, class)) in (0u8..).zip([("val", "a"), ("val", "b"), ("test", "a"), ("test", "b")]) {
        let folder = pictures.join(part).join(class);
        std::fs::create_dir_all(&folder).map_err(|source| DataError::Listing { path: folder.clone(), source })?;
        let pixels: Vec<u8> = (0..64u8).map(|pixel| pixel.wrapping_mul(7 + 2 * at)).collect();
        let file = to_png(&pixels, 8);
        write_atomically(&folder.join("0.png"), |to| to.write_all(&file.map_err(std::io::Error::other)?))?;
    }
    Ok(())
}

/// The views of the photographs, augmented as in the recipe for own pictures.
fn views(folder: &Path, pictures: &Path, cache_bytes: u64) -> Result<Arc<Views>, DataError> {
    let mut config: TrainConfig = Recipe::OwnPictures.config();
    config.space.resolutions = vec![RESOLUTION];
    let side = RESOLUTION + RESOLUTION * 3 / 20;
    let request = LoadRequest::new(Some(pictures), side, &folder.join("cache")).cache_bytes(cache_bytes);
    Ok(Arc::new(Views::new(&config, Arc::new(load(&request, &())?.training))))
}

/// Makes the views of all photographs so many times.
fn pass(loader: &Loader, times: u32) -> Result<Elapsed, TrainError> {
    let count = 2 * EACH;
    let order: Vec<u32> = (0..times).flat_map(|_| 0..count).collect();
    let stopwatch = Stopwatch::start();
    for batch in loader.batches(0, &order, count) {
        std::hint::black_box(batch?);
    }
    Ok(stopwatch.elapsed())
}

/// Reads and decodes files with the decoder's own program.
fn decode_alone(files: &[PathBuf]) -> Result<Elapsed, DataError> {
    let stopwatch = Stopwatch::start();
    for path in files {
        let name = || path.display().to_string();
        let file = std::fs::read(path).map_err(|source| DataError::PictureRead { name: name(), source })?;
        let decoder = JpegDecoder::new(Cursor::new(file)).map_err(|_| DataError::Changed { name: name() })?;
        let mut pixels = vec![0; decoder.total_bytes() as usize];
        decoder.read_image(&mut pixels).map_err(|_| DataError::Changed { name: name() })?;
        std::hint::black_box(pixels);
    }
    Ok(stopwatch.elapsed())
}
