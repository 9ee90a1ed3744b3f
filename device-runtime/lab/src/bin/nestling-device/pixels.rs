//! Images from files: sides of photographs, and pairs of IDX files as MNIST and Fashion-MNIST ship them.

use anyhow::{Result, ensure};
use nestling_core::image::{Image, Preprocessing};
use nestling_pictures::{IdxFile, IdxImages, Picture, PictureOptions};
use std::path::{Path, PathBuf};

/// How pictures are decoded.
#[derive(clap::Args)]
pub struct Decoding {
    /// Colour behind transparent pixels.
    #[arg(long, value_name = "RRGGBB", default_value = "ffffff", value_parser = colour)]
    background: [u8; 3],
    /// Most mebibytes of a picture's file, and of the memory that decoding it takes.
    #[arg(long, value_name = "MIB", default_value_t = 512, value_parser = clap::value_parser!(u64).range(1..1 << 30))]
    max_picture_mib: u64,
}

impl Decoding {
    pub fn options(&self) -> PictureOptions {
        PictureOptions::default().background(self.background).max_bytes(self.max_picture_mib << 20)
    }
}

fn colour(text: &str) -> Result<[u8; 3], String> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    let number = u32::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 6 && !digits.starts_with('+'));
    let [_, colour @ ..] =
        number.ok_or("not a colour: give red, green and blue as six hexadecimal digits, such as ff8000")?.to_be_bytes();
    Ok(colour)
}

/// The `max_image_side` that all of these pictures need, by their headers; 0 if none can be read. A pipe can be read only
/// once, so it counts as the largest picture.
pub fn largest_side(paths: &[PathBuf], options: &PictureOptions, preprocessing: &Preprocessing) -> u32 {
    let side = |path: &PathBuf| match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {
            Picture::read_size(path, options).map_or(0, |(width, height)| preprocessing.needed_side(width, height))
        }
        Ok(metadata) if metadata.is_dir() => 0,
        Ok(_) => Picture::MAX_SQUARE,
        // Decoding says why.
        Err(_) => 0,
    };
    paths.iter().map(side).max().unwrap_or(0)
}

/// A data set in IDX format.
pub struct Idx {
    images: IdxImages,
    labels: Option<Vec<u8>>,
    limit: usize,
}

impl Idx {
    pub fn open(images: &Path, labels: Option<&Path>, limit: Option<usize>) -> Result<Self> {
        let parsed = IdxFile::open(images)?.images()?;
        let labels = match labels {
            None => None,
            Some(path) => {
                let labels = IdxFile::open(path)?.labels()?;
                let (count, expected) = (labels.len(), parsed.len());
                ensure!(count == expected, "{} has {count} labels for {expected} images", path.display());
                Some(labels)
            }
        };
        let limit = limit.unwrap_or(usize::MAX).min(parsed.len());
        Ok(Self { images: parsed, labels, limit })
    }

    /// The `max_image_side` that its images need.
    pub fn side(&self, preprocessing: &Preprocessing) -> u32 {
        preprocessing.needed_side(self.images.width, self.images.height)
    }

    /// Each image, in order, with its class if that is known.
    pub fn images(&self) -> Result<Vec<(Option<usize>, Image<'_>)>> {
        let IdxImages { width, height, .. } = self.images;
        (self.images.iter().take(self.limit).enumerate())
            .map(|(index, pixels)| {
                let class = self.labels.as_ref().map(|labels| usize::from(labels[index]));
                Ok((class, Image::grey8(width, height, pixels)?))
            })
            .collect()
    }
}
