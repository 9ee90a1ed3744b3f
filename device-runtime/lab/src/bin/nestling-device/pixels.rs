//! Images from files: photographs, or a pair of IDX files as MNIST and Fashion-MNIST ship them.

use anyhow::{Context as _, Result, ensure};
use nestling_core::image::Image;
use nestling_pictures::{IdxImages, Picture, parse_idx_images, parse_idx_labels};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The most bytes that are read of a file.
const MAX_BYTES: u64 = 2 << 30;

/// The images to classify.
pub enum Pixels {
    Pictures(Vec<(PathBuf, Picture)>),
    Idx { images: IdxImages, labels: Option<Vec<u8>>, limit: usize },
}

impl Pixels {
    pub fn open_pictures(paths: &[PathBuf]) -> Result<Self> {
        let open = |path: &PathBuf| Ok((path.clone(), Picture::open(path)?));
        Ok(Self::Pictures(paths.iter().map(open).collect::<Result<_>>()?))
    }

    pub fn open_idx(images: &Path, labels: Option<&Path>, limit: Option<usize>) -> Result<Self> {
        let parsed = parse_idx_images(&read(images)?).with_context(|| format!("in {}", images.display()))?;
        let labels = match labels {
            None => None,
            Some(path) => {
                let labels = parse_idx_labels(&read(path)?).with_context(|| format!("in {}", path.display()))?;
                let (count, expected) = (labels.len(), parsed.len());
                ensure!(count == expected, "{} has {count} labels for {expected} images", path.display());
                Some(labels)
            }
        };
        let limit = limit.unwrap_or(usize::MAX).min(parsed.len());
        Ok(Self::Idx { images: parsed, labels, limit })
    }

    /// Each image with its name and, if it is known, its class.
    pub fn iter(&self) -> Result<Vec<(String, Option<usize>, Image<'_>)>> {
        match self {
            Self::Pictures(pictures) => pictures
                .iter()
                .map(|(path, picture)| {
                    let name = path.display().to_string();
                    Ok((name, None, picture.image()))
                })
                .collect(),
            Self::Idx { images, labels, limit } => (images.iter().take(*limit).enumerate())
                .map(|(index, pixels)| {
                    let class = labels.as_ref().map(|labels| usize::from(labels[index]));
                    Ok((format!("image {index}"), class, Image::grey8(images.width, images.height, pixels)?))
                })
                .collect(),
        }
    }
}

/// Reads a file, and decompresses it if it is gzip.
fn read(path: &Path) -> Result<Vec<u8>> {
    let context = || format!("cannot read {}; check the path", path.display());
    let mut raw = Vec::new();
    File::open(path).with_context(context)?.take(MAX_BYTES).read_to_end(&mut raw).with_context(context)?;
    if !raw.starts_with(&[0x1f, 0x8b]) {
        return Ok(raw);
    }
    let mut bytes = Vec::new();
    let unpacked = flate2::read::GzDecoder::new(raw.as_slice()).take(MAX_BYTES).read_to_end(&mut bytes);
    unpacked.with_context(|| format!("{} is damaged gzip; download it again", path.display()))?;
    Ok(bytes)
}
