//! The images of a command, and the names of their classes.

use super::{bar, say};
use anyhow::Result;
use clap::Args;
use indicatif::ProgressBar;
use nestling_bundle::Bundle;
use nestling_core::image::{Fit, Preprocessing};
use nestling_core::space::SearchSpace;
use nestling_train::data::{
    self, DataError, Dataset, FASHION_MNIST, LoadProgress, LoadRequest, LoadedData, ScanReport,
};
use nestling_train::label_file::read_labels;
use nestling_train::train::Checkpoint;
use std::path::{Path, PathBuf};

/// Sides of stored squares are multiples of it.
const STEP: u32 = 8;
/// Side of stored squares where no space says which resolutions are read.
const DEFAULT_SIDE: u32 = 256;

/// The data set of a command.
#[derive(Args, Debug)]
pub struct DataArguments {
    /// Pictures: a folder with a folder for each class, with or without train, val and test above them; a CSV or
    /// JSON-lines file with columns path, label and perhaps split and group; tar files of samples; or the folder of four
    /// files named as those of MNIST and Fashion-MNIST, whose contents tell the data set [default: the folder of the
    /// system's package of Fashion-MNIST]
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    #[command(flatten)]
    pictures: PictureArguments,
}

/// How pictures are read.
#[derive(Args, Debug)]
pub struct PictureArguments {
    /// Stop if a picture is damaged, empty, a duplicate or of a kind that is not read, instead of leaving it out
    #[arg(long)]
    strict: bool,
    /// Folder in which resized pictures are kept
    #[arg(long, value_name = "FOLDER", default_value = "target/cache")]
    cache: PathBuf,
    /// Most MiB of resized pictures; if all need more, they are decoded at every use
    #[arg(long, value_name = "MIB", default_value_t = 16 << 10)]
    cache_budget: u64,
    /// How a picture that is no square becomes one: its centre, all of it with edges, or stretched
    #[arg(long, value_enum, default_value_t = FitArgument::Crop)]
    fit: FitArgument,
    /// Seed of the choice of pictures to choose and to test with, where the data set does not say it
    #[arg(long, default_value_t = 0)]
    split_seed: u64,
}

/// [`Fit`] as a flag.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum FitArgument {
    Crop,
    Pad,
    Squash,
}

/// Checks that a data set has the classes of a bundle, in its order. A bundle may have labels of its own, which share no
/// name with the data set.
pub fn check_labels(bundle: &Bundle, data: &LoadedData) -> Result<()> {
    let (labels, classes) = (&bundle.manifest().labels, data.labels.as_deref().unwrap_or_default());
    if classes.iter().any(|class| labels.contains(class)) {
        data::check_same_classes(Some(labels), Some(classes))?;
    }
    Ok(())
}

impl DataArguments {
    /// The folders and files that are read.
    pub fn inputs(&self) -> Vec<PathBuf> {
        match &self.data {
            // One of the files, for its folder.
            Some(file) if file.is_file() => vec![file.clone(), file.parent().unwrap_or(Path::new("")).join(".")],
            Some(folder) => vec![folder.clone()],
            None => FASHION_MNIST.folders.iter().map(PathBuf::from).collect(),
        }
    }

    /// The images. Says what they are where the user might expect something else.
    pub fn load(&self) -> Result<LoadedData> {
        self.load_as(self.request(DEFAULT_SIDE, None))
    }

    fn request(&self, side: u32, channels: Option<u32>) -> LoadRequest {
        self.pictures.request(self.data.as_deref(), side, channels)
    }

    fn load_as(&self, request: LoadRequest) -> Result<LoadedData> {
        let loaded = data::load(&request, &Terminal::new())?;
        check_pixels("training", &loaded.training)?;
        check_pixels("test", &loaded.test)?;
        match loaded.known {
            Some(info) if info == &FASHION_MNIST => {}
            Some(info) => say(&format!("the images are those of {}", info.name)),
            None if loaded.scan.is_some() => {}
            None => {
                let Preprocessing { means, standard_deviations, .. } = &loaded.preprocessing;
                say(&format!(
                    "the images are of no data set that is known by its contents: normalised with their own mean {} and \
                     deviation {}",
                    means[0], standard_deviations[0]
                ));
            }
        }
        Ok(loaded)
    }

    /// The outcome of a scan of `path`, without the pixels.
    pub fn scan(path: &Path, pictures: &PictureArguments) -> Result<ScanReport> {
        Ok(data::scan(path, &pictures.request(Some(path), DEFAULT_SIDE, None), &Terminal::new())?)
    }

    /// Whether a path was given that holds picture files.
    pub fn are_pictures(&self) -> bool {
        self.data.as_deref().is_some_and(data::are_pictures)
    }

    /// The images for networks of `space`; of trained ones, as `preprocessing` says.
    pub fn load_for(&self, space: &SearchSpace, preprocessing: Option<&Preprocessing>) -> Result<LoadedData> {
        Ok(self.load_sized(space, Some(space.input_channels), preprocessing.cloned())?.for_space(space)?)
    }

    /// The images of a run, which must have its classes.
    pub fn load_for_run(&self, run: &Checkpoint) -> Result<LoadedData> {
        let space = &run.config.space;
        let request = self.request(side_for(space), Some(space.input_channels));
        let request = request.preprocessing(run.preprocessing.clone()).classes(run.classes.clone());
        Ok(self.load_as(request)?.for_space(space)?)
    }

    /// How a picture that is no square becomes one in a new run.
    pub fn fit(&self) -> Fit {
        self.pictures.fit()
    }

    /// The images, with as many pixels as networks of `space` read; with their own channels if none are given.
    pub fn load_sized(
        &self,
        space: &SearchSpace,
        channels: Option<u32>,
        preprocessing: Option<Preprocessing>,
    ) -> Result<LoadedData> {
        self.load_as(self.request(side_for(space), channels).preprocessing(preprocessing))
    }
}

/// Side of stored squares for networks of `space`: random crops keep details of a larger picture.
fn side_for(space: &SearchSpace) -> u32 {
    let largest = space.resolutions.iter().max().copied().unwrap_or(DEFAULT_SIDE);
    (largest + largest * 3 / 20).next_multiple_of(STEP)
}

impl PictureArguments {
    /// Fails if `--strict` was given and a picture cannot be used.
    pub fn check(&self, report: &ScanReport) -> Result<()> {
        if self.strict { Ok(report.check_strictly()?) } else { Ok(()) }
    }

    fn fit(&self) -> Fit {
        match self.fit {
            FitArgument::Crop => Fit::Crop,
            FitArgument::Pad => Fit::Pad,
            FitArgument::Squash => Fit::Squash,
        }
    }

    fn request(&self, path: Option<&Path>, side: u32, channels: Option<u32>) -> LoadRequest {
        LoadRequest::new(path, side, &self.cache)
            .channels(channels)
            .fit(self.fit())
            .seed(self.split_seed)
            .strict(self.strict)
            .cache_bytes(self.cache_budget << 20)
    }
}

/// Shows the progress of a load on standard error.
struct Terminal(ProgressBar);

impl Terminal {
    fn new() -> Self {
        Self(bar(0, "pictures"))
    }
}

impl LoadProgress for Terminal {
    fn opened(&self, done: usize, total: usize) {
        self.0.set_length(total as u64);
        self.0.set_position(done as u64);
    }

    fn note(&self, text: &str) {
        self.0.suspend(|| say(text));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.0.finish_and_clear();
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
        if data.labels.is_none() {
            say("note: the classes are called `class 0` and so on; name them with --labels FILE");
        }
        Ok(data.labels(classes))
    }
}
