//! Whole loads of made-up folders.

mod cached;
mod exact;
mod faults;
mod parts;
mod stopped;

use super::{LoadProgress, LoadRequest, LoadedData, load};
use image::{DynamicImage, ImageFormat, RgbImage};
use std::io::Cursor;
use std::path::{Path, PathBuf};

/// A folder of pictures with a folder for its cache.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// Writes a file below the data.
    fn write(&self, name: &str, bytes: &[u8]) -> &Self {
        let path = self.data().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
        self
    }

    /// Writes a picture of its own for each name.
    fn pictures<S: AsRef<str>>(&self, names: impl IntoIterator<Item = S>) -> &Self {
        for name in names {
            let name = name.as_ref();
            let seed = name.bytes().fold(7u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
            self.write(name, &encode(pattern(40, 30, seed), ImageFormat::Png));
        }
        self
    }

    /// Pictures of classes `a`, `b` and `c`, so many of each.
    fn with_classes(count: usize) -> Self {
        let place = Self::new();
        place.pictures((0..count).flat_map(|number| ["a", "b", "c"].map(|class| format!("{class}/{number}.png"))));
        place
    }

    fn request(&self) -> LoadRequest {
        LoadRequest::new(Some(&self.data()), 16, &self.cache()).threads(3)
    }

    fn load(&self) -> LoadedData {
        load(&self.request(), &()).unwrap()
    }

    /// The file of pixels, of which there is one.
    fn pixel_file(&self) -> PathBuf {
        let folder = self.cache().read_dir().unwrap().next().unwrap().unwrap().path();
        let mut files = folder.read_dir().unwrap().map(|file| file.unwrap().path());
        files.find(|path| path.extension().is_some_and(|ending| ending == "pixels")).unwrap()
    }
}

fn encode(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    image.into().write_to(&mut Cursor::new(&mut bytes), format).unwrap();
    bytes
}

/// Blocks of colours, other ones for each seed.
fn pattern(width: u32, height: u32, seed: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let block = (x * 4 / width) * 7919 + (y * 4 / height) * 104_729 + seed.wrapping_mul(2_654_435_761);
        let mixed = block.wrapping_mul(2_246_822_519) ^ block.rotate_left(13);
        image::Rgb([24, 16, 8].map(|shift| (mixed >> shift) as u8))
    })
}

/// All pixels of a data set with their labels, one image after the other.
fn contents(data: &super::Dataset) -> Vec<(Vec<u8>, u16)> {
    (0..data.len()).map(|at| (data.pixels(at).unwrap(), data.labels[at])).collect()
}

/// Counts the files that were opened.
#[derive(Default)]
struct Count(std::sync::atomic::AtomicUsize);

impl LoadProgress for Count {
    fn opened(&self, _done: usize, _total: usize) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

impl Count {
    /// The files that a load opens.
    fn of(place: &Place) -> usize {
        let count = Self::default();
        load(&place.request(), &count).unwrap();
        count.0.into_inner()
    }
}

fn copy_of_animation() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../device-runtime/pictures/src/picture/tests/animated.webp");
    std::fs::read(path).unwrap()
}
