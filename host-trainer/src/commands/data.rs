//! The images of a command, and the names of their classes.

use super::say;
use anyhow::Result;
use clap::Args;
use nestling_core::space::SearchSpace;
use nestling_train::data::{self, DataError, Dataset, FASHION_MNIST, LoadedData};
use nestling_train::label_file::read_labels;
use std::path::{Path, PathBuf};

/// The data set of a command.
#[derive(Args, Debug)]
pub struct DataArguments {
    /// Folder with four files named as those of MNIST and Fashion-MNIST; their contents tell the data set [default: the
    /// folder of the system's package of Fashion-MNIST]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

impl DataArguments {
    /// The folders that are read.
    pub fn inputs(&self) -> Vec<PathBuf> {
        match &self.data {
            // One of the files, for its folder.
            Some(file) if file.is_file() => vec![file.parent().unwrap_or(Path::new("")).join(".")],
            Some(folder) => vec![folder.clone()],
            None => FASHION_MNIST.folders.iter().map(PathBuf::from).collect(),
        }
    }

    /// The images. Says what they are where the user might expect something else.
    pub fn load(&self) -> Result<LoadedData> {
        let loaded = data::load(self.data.as_deref())?;
        check_pixels("training", &loaded.training)?;
        check_pixels("test", &loaded.test)?;
        match loaded.known {
            Some(info) if info == &FASHION_MNIST => {}
            Some(info) => say(&format!("the images are those of {}", info.name)),
            None => {
                let preprocessing = loaded.preprocessing()?;
                say(&format!(
                    "the images are of no data set that is known by its contents: normalised with their own mean {} and \
                     deviation {}",
                    preprocessing.means[0], preprocessing.standard_deviations[0]
                ));
            }
        }
        Ok(loaded)
    }

    /// The images for networks of `space`.
    pub fn load_for(&self, space: &SearchSpace) -> Result<LoadedData> {
        Ok(self.load()?.for_space(space)?)
    }
}

/// Refuses images without a picture: a training with them would fail late, or learn nothing.
fn check_pixels(part: &'static str, images: &Dataset) -> Result<(), DataError> {
    let mut pixels = Vec::new();
    for index in 0..images.len() {
        images.read(index, &mut pixels)?;
        // Usually the first image ends the search.
        if pixels.iter().any(|&pixel| pixel != pixels[0]) {
            return Ok(());
        }
        pixels.truncate(1);
    }
    pixels.first().map_or(Ok(()), |&value| Err(DataError::Uniform { part, value }))
}

/// The names of the classes.
#[derive(Args, Debug)]
pub struct LabelArguments {
    /// File with one label a line, one for each class [default: those of the data set, if its contents are known; else
    /// `class 0` and so on]
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
}

impl LabelArguments {
    /// The file that is read.
    pub fn inputs(&self) -> Vec<PathBuf> {
        self.labels.iter().cloned().collect()
    }

    /// One name for each of `classes` classes. Says so if they are only numbers.
    pub fn labels(&self, data: &LoadedData, classes: u32) -> Result<Vec<String>> {
        if let Some(path) = &self.labels {
            return Ok(read_labels(path, classes)?);
        }
        if data.known.is_none() {
            say("note: the classes are called `class 0` and so on; name them with --labels FILE");
        }
        Ok(data.labels(classes))
    }
}
