//! The images of a command, and the names of their classes.

use super::progress::Progress;
use super::say;
use anyhow::{Result, bail};
use clap::Args;
use nestling_bundle::{Bundle, DataSplit};
use nestling_core::image::{Fit, Preprocessing};
use nestling_core::space::SearchSpace;
use nestling_train::data::{
    self, DataError, Dataset, FASHION_MNIST, Listing, LoadProgress, LoadRequest, LoadedData, ScanReport, Shares,
    SplitRule,
};
use nestling_train::label_file::read_labels;
use nestling_train::run_folder::RunFolder;
use nestling_train::train::Checkpoint;
use std::path::{Path, PathBuf};

/// Sides of stored squares are multiples of it.
const STEP: u32 = 8;
/// Name of the data set's flag among those that a run began with.
const DATA_FLAG: &str = "--data";
/// Side of stored squares where no space says which resolutions are read.
const DEFAULT_SIDE: u32 = 256;

/// The data set of a command.
#[derive(Args, Debug)]
pub struct DataArguments {
    /// Pictures: a folder with a folder for each class, with or without train, val and test above them; a CSV or
    /// JSON-lines file with columns path, label and perhaps split and group; tar files of samples; or the folder of four
    /// files named as those of MNIST and Fashion-MNIST, whose contents tell the data set [default: that of the
    /// run, or the folder of the system's package of Fashion-MNIST]
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    #[command(flatten)]
    pictures: PictureArguments,
}

/// How pictures are read.
#[derive(Args, Debug)]
pub struct PictureArguments {
    /// Stop if a picture is damaged, empty, a duplicate, wrongly named or of a kind that is not read, or an archive is
    /// truncated, instead of going on with the others
    #[arg(long)]
    strict: bool,
    /// Folder in which resized pictures are kept
    #[arg(long, value_name = "FOLDER", default_value = "target/cache")]
    cache: PathBuf,
    /// Most MiB of resized pictures; if all need more, they are decoded at every use
    #[arg(long, value_name = "MIB", default_value_t = 16 << 10)]
    cache_budget: u64,
    /// How a picture that is no square becomes one: its centre, all of it with edges, or stretched [default: crop, or
    /// as the run or the bundle was trained]
    #[arg(long, value_enum)]
    fit: Option<FitArgument>,
    /// Seed of the choice of pictures to validate and to test with, where the data set does not say it [default: 0, or
    /// that of the run or the bundle]
    #[arg(long, value_name = "SEED")]
    split_seed: Option<u64>,
}

/// [`Fit`] as a flag.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum FitArgument {
    Crop,
    Pad,
    Squash,
}

impl From<FitArgument> for Fit {
    fn from(argument: FitArgument) -> Self {
        match argument {
            FitArgument::Crop => Self::Crop,
            FitArgument::Pad => Self::Pad,
            FitArgument::Squash => Self::Squash,
        }
    }
}

/// Checks that a data set has the classes of a bundle, in its order. A bundle may have labels of its own, which share no
/// name with the data set.
fn check_labels(bundle: &Bundle, data: &LoadedData) -> Result<()> {
    let (labels, classes) = (&bundle.manifest().labels, data.labels.as_deref().unwrap_or_default());
    if classes.iter().any(|class| labels.contains(class)) {
        data::check_same_classes(Some(labels), Some(classes))?;
    } else if !classes.is_empty() {
        say(
            "warning: no class of these pictures has a label of the bundle: the first class is taken for the first label, \
             and so on",
        );
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

    /// Refuses a file that would lie among the pictures.
    pub fn keep_out(&self, out: &Path) -> Result<()> {
        match &self.data {
            Some(root) if self.are_pictures() => refuse_among_pictures(out, root),
            _ => Ok(()),
        }
    }

    /// Takes the images that a run began with, if none are given and the run is trained. Says so.
    pub fn resolve(&mut self, run: &RunFolder) -> Result<()> {
        if self.data.is_some() || !run.is_trained()? {
            return Ok(());
        }
        let Some(path) = run.begun()?.remove(DATA_FLAG).map(PathBuf::from) else {
            if run.has_scan() {
                bail!("the run does not say where its pictures are: give their path with --data");
            }
            return Ok(());
        };
        if !path.exists() {
            bail!(
                "the run began with the images in {}, which are not there: say with --data where they are",
                path.display()
            );
        }
        say(&format!("the images are those that the run began with: {}", path.display()));
        self.data = Some(path);
        Ok(())
    }

    /// The flag of the images with their full path, for [`DataArguments::resolve`]. A path that is not Unicode is left
    /// out.
    pub fn begun(&self) -> Result<Option<(String, String)>> {
        let Some(path) = &self.data else { return Ok(None) };
        let path = std::path::absolute(path)?;
        Ok(path.to_str().map(|path| (DATA_FLAG.to_owned(), path.to_owned())))
    }

    /// The flags that give the same images again, as they were typed.
    pub fn to_repeat(&self) -> String {
        let PictureArguments { fit, split_seed, .. } = &self.pictures;
        let data = self.data.as_deref().map(|path| format!(" {DATA_FLAG} {}", path.display()));
        let fit = fit.map(|fit| format!(" --fit {}", Fit::from(fit)));
        let seed = split_seed.map(|seed| format!(" --split-seed {seed}"));
        [data, fit, seed].into_iter().flatten().collect()
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
        let is_square = loaded.scan.is_none();
        if let Some(fit) = self.pictures.fit.map(Fit::from).filter(|fit| is_square && *fit != Fit::Crop) {
            bail!("the images of this data set are square: leave out --fit {fit}");
        }
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

    /// The images for networks of `space`.
    pub fn load_for(&self, space: &SearchSpace) -> Result<LoadedData> {
        Ok(self.load_as(self.request(side_for(space), Some(space.input_channels)))?.for_space(space)?)
    }

    /// The images of a run, which must have its classes: fitted and divided as it began.
    pub fn load_for_run(&self, run: &Checkpoint) -> Result<LoadedData> {
        let space = &run.config.space;
        self.pictures.check_fit("run", run.preprocessing.as_ref())?;
        if let (Some(now), Some(SplitRule { seed, .. })) = (self.pictures.split_seed, run.split)
            && now != seed
        {
            bail!("the run divided its pictures with --split-seed {seed}: leave out --split-seed {now}");
        }
        let request = self.request(side_for(space), Some(space.input_channels));
        let request = request.preprocessing(run.preprocessing.clone()).classes(run.classes.clone());
        let data = self.load_as(self.pictures.divided(request, run.split))?.for_space(space)?;
        if let (Some(_), Some(SplitRule { seed, .. })) = (data.split, run.split) {
            say(&format!("the pictures are divided as those of the run, with seed {seed}"));
        }
        Ok(data)
    }

    /// The images for the children of a bundle, which must have its classes: fitted and divided as its training did.
    /// Says so if a picture to test with may have been trained on.
    pub fn load_for_bundle(&self, bundle: &Bundle) -> Result<LoadedData> {
        let (space, manifest) = (bundle.space(), bundle.manifest());
        self.pictures.check_fit("bundle", Some(&manifest.preprocessing))?;
        let trained = manifest.split.as_ref().map(|split| {
            let &DataSplit { seed, held_out, test, .. } = split;
            SplitRule { seed, shares: Shares { held_out, test } }
        });
        let request = self.request(side_for(space), Some(space.input_channels));
        let request = self.pictures.divided(request.preprocessing(Some(manifest.preprocessing.clone())), trained);
        let data = self.load_as(request)?.for_space(space)?;
        check_labels(bundle, &data)?;
        if let Some(now) = data.split {
            say(&division(manifest.split.as_ref(), now, &data.training)?);
        }
        Ok(data)
    }

    /// How a picture that is no square becomes one in a new run.
    pub fn fit(&self) -> Fit {
        self.pictures.fit()
    }

    /// The images of a new run, with as many pixels as networks of `space` read; with their own channels if none are
    /// given, and divided by `shares`.
    pub fn load_sized(
        &self,
        space: &SearchSpace,
        channels: Option<u32>,
        preprocessing: Option<Preprocessing>,
        shares: Shares,
    ) -> Result<LoadedData> {
        self.load_as(self.request(side_for(space), channels).preprocessing(preprocessing).shares(shares))
    }

    /// The images of a new run, counted and not opened.
    pub fn list(&self, space: &SearchSpace, shares: Shares) -> Result<Listing> {
        Ok(data::list(&self.request(side_for(space), None).shares(shares))?)
    }

    /// Most bytes of the cache of resized pictures.
    pub fn cache_bytes(&self) -> u64 {
        self.pictures.cache_budget << 20
    }
}

/// Refuses a file that would lie among the pictures of a class in the folder `root`: the next scan would count it.
pub fn refuse_among_pictures(out: &Path, root: &Path) -> Result<()> {
    let place = out.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    let (Some(Ok(place)), Ok(root)) = (place.map(Path::canonicalize), root.canonicalize()) else { return Ok(()) };
    if place != root && place.starts_with(&root) {
        bail!("{} would lie among the pictures of a class: choose another folder for it", out.display());
    }
    Ok(())
}

/// A sentence on whether the pictures to test with are none that the bundle was trained on.
fn division(trained: Option<&DataSplit>, now: SplitRule, training: &Dataset) -> Result<String, DataError> {
    let Some(trained) = trained else {
        return Ok(format!(
            "note: the bundle does not say how its pictures were divided. They are with seed {} now; if that is not the \
             --split-seed of its training, it was trained on some of the test pictures",
            now.seed
        ));
    };
    let seed = trained.seed;
    if now.seed != seed {
        return Ok(format!(
            "warning: the bundle's pictures were divided with seed {seed}. With --split-seed {} it was trained on some of \
             the test pictures: leave out the flag",
            now.seed
        ));
    }
    Ok(if training.fingerprint()? == trained.training {
        format!(
            "the pictures are divided as in the bundle's training, with seed {seed}: none that is tested was trained on"
        )
    } else {
        "warning: the training pictures are not those that the bundle was trained on, which may include some of the test \
         pictures"
            .to_owned()
    })
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
        self.fit.map_or(Fit::Crop, Fit::from)
    }

    /// Fails if another fit is asked for than that of a `trained` run or bundle.
    fn check_fit(&self, trained: &str, preprocessing: Option<&Preprocessing>) -> Result<()> {
        match (self.fit.map(Fit::from), preprocessing.map(|known| known.fit)) {
            (Some(now), Some(then)) if now != then => {
                bail!("the {trained} was trained with --fit {then}: leave out --fit {now}, or train another")
            }
            _ => Ok(()),
        }
    }

    /// The request with the division of a training, unless another seed is asked for.
    fn divided(&self, request: LoadRequest, trained: Option<SplitRule>) -> LoadRequest {
        let Some(SplitRule { seed, shares }) = trained else { return request };
        request.seed(self.split_seed.unwrap_or(seed)).shares(shares)
    }

    fn request(&self, path: Option<&Path>, side: u32, channels: Option<u32>) -> LoadRequest {
        LoadRequest::new(path, side, &self.cache)
            .channels(channels)
            .fit(self.fit())
            .seed(self.split_seed.unwrap_or_default())
            .strict(self.strict)
            .cache_bytes(self.cache_budget << 20)
    }
}

/// Shows the progress of a load on standard error.
struct Terminal(Progress);

impl Terminal {
    fn new() -> Self {
        Self(Progress::new(0, "pictures"))
    }
}

impl LoadProgress for Terminal {
    fn opened(&self, done: usize, total: usize) {
        self.0.set(done, total);
    }

    fn note(&self, text: &str) {
        self.0.say(text);
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
