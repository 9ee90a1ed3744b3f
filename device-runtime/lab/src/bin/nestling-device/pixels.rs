//! Images from files: photographs, or a pair of IDX files as MNIST and Fashion-MNIST ship them.

use anyhow::{Result, ensure};
use nestling_core::image::Image;
use nestling_pictures::{IdxFile, IdxImages, Picture};
use std::path::{Path, PathBuf};

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
