use crate::choose::Measuring;
use crate::device;
use crate::output::{Report, columns, row};
use crate::pixels::Pixels;
use crate::progress::Bar;
use anyhow::{Context as _, Result};
use nestling::RuntimeOptions;
use nestling_core::metrics::Millis;
use nestling_lab::documents::{Classified, ClassifiedImage, Guess};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

/// Classifies photographs, or a data set in IDX format.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  nestling-device run fashion.nestling photo.jpg\n  \
                        nestling-device run fashion.nestling shoe.jpg coat.png --budget-ms 8 --top 3\n  \
                        nestling-device classify fashion.nestling --images t10k-images-idx3-ubyte.gz --labels \
                        t10k-labels-idx1-ubyte.gz --limit 1000 --child biggest")]
#[command(group = clap::ArgGroup::new("input").required(true).args(["pictures", "images"]))]
pub struct Options {
    /// The bundle.
    bundle: PathBuf,
    /// JPEG or PNG files of any size; each is turned upright by its EXIF tag.
    pictures: Vec<PathBuf>,
    /// Images in IDX format, gzip or plain.
    #[arg(long, value_name = "FILE", conflicts_with = "pictures")]
    images: Option<PathBuf>,
    /// Their classes in IDX format, gzip or plain: accuracy is printed.
    #[arg(long, value_name = "FILE", requires = "images")]
    labels: Option<PathBuf>,
    /// Only the first images.
    #[arg(long, requires = "images", value_name = "COUNT")]
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
    measuring: Measuring,
}

/// Images in flight before the bar moves.
const CHUNK: usize = 256;
/// Lines that are printed for a data set, at most.
const LINES: usize = 20;

impl Options {
    pub fn run(&self, device: &device::Options) -> Result<Classified> {
        let pixels = match &self.images {
            Some(images) => Pixels::open_idx(images, self.labels.as_deref(), self.limit)?,
            None => Pixels::open_pictures(&self.pictures)?,
        };
        let images = pixels.iter()?;
        let largest = images.iter().map(|(_, _, image)| image.width().min(image.height())).max().unwrap_or(0);
        let defaults = RuntimeOptions::default();
        let max_image_side = largest.max(defaults.max_image_side);
        let options = defaults.max_image_side(max_image_side);
        let opened = device.open_with(&self.bundle, options, self.measuring.profile())?;
        let runtime = &opened.runtime;
        if let Some(ms) = self.budget_ms {
            self.measuring.prepare(&opened)?;
            runtime.choose(self.measuring.budget(ms))?;
        } else if let Some(name) = &self.child {
            runtime.switch_to(name)?;
        }
        let bar = Bar::new();
        let mut rows = Vec::with_capacity(images.len());
        let (mut labelled, mut correct) = (0, 0);
        let started = Instant::now();
        for chunk in images.chunks(CHUNK) {
            let only: Vec<_> = chunk.iter().map(|(_, _, image)| *image).collect();
            for ((source, class, _), answer) in chunk.iter().zip(runtime.classify_many(&only)?) {
                let top = answer.top();
                let expected = match class {
                    None => None,
                    Some(class) => {
                        let labels = runtime.labels();
                        let label = labels.get(*class).with_context(|| {
                            format!("{source} has class {class}, but the bundle has {} labels", labels.len())
                        })?;
                        labelled += 1;
                        correct += usize::from(top.class == *class);
                        Some(label.clone())
                    }
                };
                let guess = |guess: nestling::Guess<'_>| Guess {
                    label: guess.label.to_owned(),
                    probability: guess.probability,
                };
                rows.push(ClassifiedImage {
                    source: source.clone(),
                    label: top.label.to_owned(),
                    probability: top.probability,
                    expected,
                    top: answer.top_k(usize::from(self.top)).map(guess).collect(),
                });
            }
            bar.show(rows.len() as f64 / images.len() as f64, "classifying");
        }
        let active = runtime.active();
        Ok(Classified {
            is_data_set: self.images.is_some(),
            device: runtime.device().clone(),
            name: active.name().map(str::to_owned),
            child: active.child().to_string(),
            ms_per_image: Millis::from(started.elapsed()).0 / images.len().max(1) as f64,
            images: rows,
            labelled,
            correct,
            top1: (labelled > 0).then(|| 100.0 * correct as f64 / labelled as f64),
        })
    }
}

/// A small table for each picture.
fn print_guesses(images: &[ClassifiedImage], out: &mut dyn Write) -> io::Result<()> {
    let labels = images.iter().flat_map(|one| &one.top).map(|guess| guess.label.chars().count());
    let width = labels.max().unwrap_or(0);
    for (index, one) in images.iter().enumerate() {
        writeln!(out, "{}{}", if index > 0 { "\n" } else { "" }, one.source)?;
        for guess in &one.top {
            writeln!(out, "  {:<width$}  {:>5.1} %", guess.label, 100.0 * guess.probability)?;
        }
    }
    Ok(())
}

impl Report for Classified {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}\n{} ({})\n", self.device, self.name.as_deref().unwrap_or("a child"), self.child)?;
        if !self.is_data_set {
            return print_guesses(&self.images, out);
        }
        let mut rows = vec![row(["image", "label", "probability", "expected"])];
        for one in self.images.iter().take(LINES) {
            rows.push(vec![
                one.source.clone(),
                one.label.clone(),
                format!("{:.1} %", 100.0 * one.probability),
                one.expected.clone().unwrap_or_default(),
            ]);
        }
        columns(out, &rows)?;
        if self.images.len() > LINES {
            writeln!(out, "  ... and {} more; --json lists all", self.images.len() - LINES)?;
        }
        if let Some(top1) = self.top1 {
            let (correct, labelled) = (self.correct, self.labelled);
            writeln!(out, "\n{correct} of {labelled} right: {top1:.2} % top-1, {:.3} ms an image", self.ms_per_image)?;
        }
        Ok(())
    }
}
