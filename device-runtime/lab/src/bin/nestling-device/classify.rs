use crate::choose::Measuring;
use crate::device;
use crate::output::{Output, Report, columns, row};
use crate::pixels::{Decoding, Idx, largest_side};
use crate::progress::Bar;
use crate::stored_profile::StoredProfile;
use anyhow::{Context as _, Result};
use clap::builder::TypedValueParser as _;
use nestling::{Answer, Runtime, RuntimeOptions};
use nestling_core::image::{Fit, Preprocessing};
use nestling_core::metrics::Millis;
use nestling_lab::documents::{Classified, ClassifiedImage, FailedImage, Fault, Guess, Tried};
use nestling_pictures::{Picture, PictureError, PictureOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Classifies photographs, or a data set in IDX format.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  nestling-device run fashion.nestling photo.jpg\n  \
                        nestling-device run fashion.nestling shoe.jpg coat.png --budget-ms 8 --top 3\n  \
                        nestling-device classify fashion.nestling --images t10k-images-idx3-ubyte.gz --labels \
                        t10k-labels-idx1-ubyte.gz --limit 1000 --child biggest")]
#[command(group = clap::ArgGroup::new("input").required(true).args(["pictures", "images"]))]
// A requirement that conflicts with a given argument does not count: hence both.
#[command(mut_args(|arg| match arg.get_id().as_str() {
    "quantile" | "profile" | "seconds" => arg.requires("budget_ms").conflicts_with("child"),
    "background" | "max_picture_mib" => arg.conflicts_with("images"),
    _ => arg,
}))]
pub struct Options {
    /// The bundle.
    bundle: PathBuf,
    /// JPEG, PNG or WebP files of any size; each is turned upright by its EXIF tag.
    #[arg(value_parser = clap::builder::OsStringValueParser::new().map(PathBuf::from))]
    pictures: Vec<PathBuf>,
    /// Images in IDX format, gzip or plain.
    #[arg(long, value_name = "FILE", conflicts_with = "pictures")]
    images: Option<PathBuf>,
    /// Their classes in IDX format, gzip or plain: accuracy is printed.
    #[arg(long, value_name = "FILE", requires = "images", conflicts_with = "pictures")]
    labels: Option<PathBuf>,
    /// Only the first images.
    #[arg(long, requires = "images", conflicts_with = "pictures", value_name = "COUNT")]
    limit: Option<usize>,
    /// The most probable labels that are listed for each image.
    #[arg(long, default_value_t = 5, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    top: u16,
    /// The shipped child that classifies; the fastest if neither this nor a budget is given.
    #[arg(long, value_name = "NAME", conflicts_with = "budget_ms")]
    child: Option<String>,
    /// Choose the child for this budget in milliseconds.
    #[arg(long, value_name = "MS", value_parser = crate::choose::milliseconds, allow_negative_numbers = true)]
    budget_ms: Option<f64>,
    #[command(flatten)]
    decoding: Decoding,
    #[command(flatten)]
    measuring: Measuring,
}

/// Images of a data set in flight before the bar moves.
const CHUNK: usize = 256;
/// Lines that are printed for a data set, at most.
const LINES: usize = 20;

impl Options {
    pub fn run(&self, device: &device::Options, output: &Output) -> Result<Classified> {
        match &self.images {
            Some(images) => self.run_data_set(images, device, output),
            None => self.run_pictures(device, output),
        }
    }

    /// Decodes and classifies one picture at a time: memory does not grow with their number, and each answer is printed
    /// at once.
    fn run_pictures(&self, device: &device::Options, output: &Output) -> Result<Classified> {
        let mut options = self.decoding.options();
        let runtime = self.open(device, |preprocessing| {
            options.whole = preprocessing.fit != Fit::Crop;
            largest_side(&self.pictures, &options, preprocessing)
        })?;
        let (bar, mut answered, mut spent) = (Bar::new(), 0, Duration::ZERO);
        let mut report = self.report(&runtime);
        for path in &self.pictures {
            bar.show(report.images.len() as f64 / self.pictures.len() as f64, "classifying");
            let source = path.display().to_string();
            let row = match classify(&runtime, path, &options) {
                Ok((answer, time)) => {
                    spent += time;
                    answered += 1;
                    let row = self.row(source, &answer, None);
                    bar.pause(|| {
                        output.show(|out| {
                            if answered == 1 {
                                print_head(&report, out)?;
                            }
                            print_guesses(&row, out)
                        })
                    })?;
                    Tried::Done(row)
                }
                Err(error) => {
                    let error = bar.pause(|| output.failed(&error));
                    Tried::Failed(FailedImage { source, error })
                }
            };
            report.images.push(row);
        }
        report.ms_per_image = Millis::from(spent).0 / f64::from(answered.max(1));
        Ok(report)
    }

    fn run_data_set(&self, images: &Path, device: &device::Options, output: &Output) -> Result<Classified> {
        let data = Idx::open(images, self.labels.as_deref(), self.limit)?;
        let images = data.images()?;
        let runtime = self.open(device, |preprocessing| data.side(preprocessing))?;
        let (bar, started) = (Bar::new(), Instant::now());
        let mut report = self.report(&runtime);
        for chunk in images.chunks(CHUNK) {
            let only: Vec<_> = chunk.iter().map(|(_, image)| *image).collect();
            for ((class, _), answer) in chunk.iter().zip(runtime.classify_many(&only)?) {
                let source = format!("image {}", report.images.len());
                let expected = class.map(|class| label(&runtime, &source, class)).transpose();
                report.images.push(match expected {
                    Ok(expected) => {
                        report.labelled += usize::from(class.is_some());
                        report.correct += usize::from(Some(answer.top().class) == *class);
                        Tried::Done(self.row(source, &answer, expected))
                    }
                    Err(error) => Tried::Failed(FailedImage { source, error: output.failed(&error) }),
                });
            }
            bar.show(report.images.len() as f64 / images.len() as f64, "classifying");
        }
        report.ms_per_image = Millis::from(started.elapsed()).0 / images.len().max(1) as f64;
        report.top1 = (report.labelled > 0).then(|| 100.0 * report.correct as f64 / report.labelled as f64);
        Ok(report)
    }

    /// The bundle on the device, with the child that is to classify.
    fn open(&self, device: &device::Options, largest: impl FnOnce(&Preprocessing) -> u32) -> Result<Runtime> {
        let files = [Some(&self.bundle), self.images.as_ref(), self.labels.as_ref()];
        let inputs = files.into_iter().flatten().chain(&self.pictures);
        let stored = self.measuring.stored_profile(inputs.map(PathBuf::as_path))?;
        let profile = stored.as_ref().and_then(StoredProfile::profile);
        let opened = device.open_as(&self.bundle, profile, |bundle| {
            let defaults = RuntimeOptions::default();
            let side = largest(&bundle.manifest().preprocessing).max(defaults.max_image_side);
            defaults.max_image_side(side)
        })?;
        if let Some(ms) = self.budget_ms {
            self.measuring.prepare(&opened, stored)?;
            opened.runtime.choose(self.measuring.budget(ms))?;
        } else if let Some(name) = &self.child {
            opened.runtime.switch_to(name)?;
        }
        Ok(opened.runtime)
    }

    /// The report before the first answer.
    fn report(&self, runtime: &Runtime) -> Classified {
        let active = runtime.active();
        Classified {
            is_data_set: self.images.is_some(),
            device: runtime.device().clone(),
            name: active.name().map(str::to_owned),
            child: active.child().to_string(),
            images: Vec::new(),
            labelled: 0,
            correct: 0,
            top1: None,
            ms_per_image: 0.0,
        }
    }

    fn row(&self, source: String, answer: &Answer, expected: Option<String>) -> ClassifiedImage {
        let guess =
            |guess: nestling::Guess<'_>| Guess { label: guess.label.to_owned(), probability: guess.probability };
        let top = answer.top();
        ClassifiedImage {
            source,
            label: top.label.to_owned(),
            probability: top.probability,
            expected,
            top: answer.top_k(usize::from(self.top)).map(guess).collect(),
        }
    }
}

/// The answer for a picture, and the time of classifying it.
fn classify(runtime: &Runtime, path: &Path, options: &PictureOptions) -> Result<(Answer, Duration)> {
    if path.as_os_str().is_empty() {
        let source = io::Error::new(io::ErrorKind::NotFound, "its name is empty");
        return Err(PictureError::Open { path: path.to_owned(), source }.into());
    }
    let picture = Picture::open_with(path, options)?;
    let started = Instant::now();
    let answer = runtime.classify(picture.image()).with_context(|| format!("cannot classify {}", path.display()))?;
    Ok((answer, started.elapsed()))
}

fn label(runtime: &Runtime, source: &str, class: usize) -> Result<String> {
    let labels = runtime.labels();
    let label = labels.get(class);
    label.cloned().with_context(|| format!("{source} has class {class}, but the bundle has {} labels", labels.len()))
}

fn print_head(report: &Classified, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}\n{} ({})", report.device, report.name.as_deref().unwrap_or("a child"), report.child)
}

/// A small table for a picture.
fn print_guesses(one: &ClassifiedImage, out: &mut dyn Write) -> io::Result<()> {
    let width = one.top.iter().map(|guess| guess.label.chars().count()).max().unwrap_or(0);
    writeln!(out, "\n{}", one.source)?;
    for guess in &one.top {
        writeln!(out, "  {:<width$}  {:>5.1} %", guess.label, 100.0 * guess.probability)?;
    }
    Ok(())
}

impl Report for Classified {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        // Each picture was printed when it was classified.
        if !self.is_data_set {
            return Ok(());
        }
        print_head(self, out)?;
        writeln!(out)?;
        let mut rows = vec![row(["image", "label", "probability", "expected"])];
        let answers = || self.images.iter().filter_map(Tried::done);
        for one in answers().take(LINES) {
            rows.push(vec![
                one.source.clone(),
                one.label.clone(),
                format!("{:.1} %", 100.0 * one.probability),
                one.expected.clone().unwrap_or_default(),
            ]);
        }
        columns(out, &rows)?;
        if answers().count() > LINES {
            writeln!(out, "  ... and {} more; --json lists all", answers().count() - LINES)?;
        }
        if let Some(top1) = self.top1 {
            let (correct, labelled) = (self.correct, self.labelled);
            writeln!(out, "\n{correct} of {labelled} right: {top1:.2} % top-1, {:.3} ms an image", self.ms_per_image)?;
        }
        Ok(())
    }

    fn failed(&self) -> Option<Fault> {
        let faults = self.images.iter().filter_map(Tried::failed).map(|failed| &failed.error);
        Fault::of_inputs(faults, self.images.len())
    }
}
