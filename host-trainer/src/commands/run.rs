//! `train`, `search`, `pack` and `eval`: the steps of a run.

use super::within::Within;
use super::{bar, preprocessing, print, say};
use anyhow::{Context, Result, bail};
use clap::Args;
use nestling_bundle::Bundle;
use nestling_core::accuracy::AccuracyPredictor;
use nestling_core::weights::WeightStorage;
use nestling_train::calibrate::calibrate;
use nestling_train::data::{Dataset, load_fashion};
use nestling_train::evaluate::evaluate;
use nestling_train::fleet::tables_to_keep;
use nestling_train::model::{ImageSizes, Parameters};
use nestling_train::pack::{PackOptions, pack};
use nestling_train::run_folder::{Chosen, RunFolder, SearchReport};
use nestling_train::search::{Evaluator, SearchOptions, Searched, named, search};
use nestling_train::time::Clock;
use nestling_train::torch;
use nestling_train::train::{Checkpoint, TrainConfig, Trainer};
use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;
use tch::Device;

/// Where a run and its data are.
#[derive(Args, Debug)]
pub struct Places {
    /// Folder of the run: checkpoint, curves, search result
    #[arg(long, default_value = "target/run")]
    pub run: PathBuf,
    /// Folder with the four Fashion-MNIST files [default: where the system's package puts them]
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long)]
    pub json: bool,
}

impl Places {
    fn load(&self) -> Result<(Dataset, Dataset)> {
        Ok(load_fashion(self.data.as_deref())?)
    }
}

/// Trains a supernet, or goes on with one: a run that was killed continues from its last epoch, and ends the same.
#[derive(Args, Debug)]
pub struct Train {
    #[command(flatten)]
    places: Places,
    /// TOML file of hyper-parameters; what it leaves out keeps its default
    #[arg(long)]
    config: Option<PathBuf>,
    /// Passes over the training images
    #[arg(long)]
    epochs: Option<u32>,
    /// Processor threads that share a step [default: as configured; 1 on a GPU]
    #[arg(long)]
    workers: Option<u32>,
    /// Seed of everything random
    #[arg(long)]
    seed: Option<u64>,
    /// Stop after so many epochs, to go on later
    #[arg(long)]
    stop_after: Option<u32>,
    /// Print the resolved configuration as TOML and stop
    #[arg(long)]
    print_config: bool,
}

impl Train {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        let choice = torch::initialise();
        let mut config = match &self.config {
            None => TrainConfig::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
                toml::from_str(&text).with_context(|| format!("{} is no training configuration", path.display()))?
            }
        };
        config.epochs = self.epochs.unwrap_or(config.epochs);
        config.seed = self.seed.unwrap_or(config.seed);
        config.workers = self.workers.unwrap_or(if choice.device.is_cuda() { 1 } else { config.workers });
        config.validate()?;
        if self.print_config {
            let text = toml::to_string(&config)?;
            return print(self.places.json, &config, || text);
        }
        say(&format!("training on {choice}"));
        let (images, _) = self.places.load()?;
        let folder = RunFolder::create(&self.places.run)?;
        let checkpoint = folder.checkpoint()?;
        let mut epochs = Vec::new();
        if let Some(found) = &checkpoint {
            if found.config != config {
                bail!(
                    "{} holds a run with another configuration; give another --run, or remove it to start anew (the demo: \
                     --fresh)",
                    self.places.run.display()
                );
            }
            epochs = folder.epochs(found.step)?;
            say(&format!("going on after epoch {}", epochs.len()));
        }
        let mut trainer = Trainer::new(config, checkpoint, &images, &preprocessing(), choice.device)?;
        let last = self.stop_after.unwrap_or(u32::MAX).min(trainer.config().epochs);
        while trainer.epochs_done() < last {
            let label = format!("epoch {}", trainer.epochs_done() + 1);
            let bar = bar(trainer.steps_per_epoch(), &label);
            let report = trainer.epoch(|loss| {
                bar.inc(1);
                bar.set_message(format!("loss {loss:.3}"));
            })?;
            bar.finish_and_clear();
            let probes: Vec<String> = (report.probes.iter())
                .map(|probe| format!("{} {:.2} %", probe.name, probe.held_out.percent()))
                .collect();
            say(&format!("{label}: {}, {:.0} CPU-seconds so far", probes.join(", "), report.cpu_s));
            epochs.push(report);
            folder.save(&trainer.checkpoint(), &epochs)?;
        }
        let summary = trainer.summary();
        print(self.places.json, &json!({"train": summary, "device": choice.to_string(), "epochs": epochs}), || {
            format!(
                "trained {} steps over {} images in {:.0} CPU-seconds ({:.0} s); next: nestling search --run {}",
                summary.steps,
                summary.images,
                summary.cpu_s,
                summary.wall_s,
                self.places.run.display()
            )
        })
    }
}

/// Everything that search and pack share.
pub(super) struct Trained {
    pub(super) checkpoint: Checkpoint,
    calibration: Dataset,
    pub(super) held_out: Dataset,
    pub(super) test: Dataset,
    device: Device,
}

impl Trained {
    pub(super) fn load(places: &Places, folder: &RunFolder, calibration_images: u32) -> Result<Self> {
        let device = torch::initialise().device;
        let checkpoint = folder.trained()?;
        let (images, test) = places.load()?;
        let (training, held_out) = images.split_at(images.len().saturating_sub(checkpoint.config.held_out as usize));
        let (calibration, _) = training.split_at(calibration_images as usize);
        Ok(Self { checkpoint, calibration, held_out, test, device })
    }

    pub(super) fn evaluator<'a>(
        &'a self,
        weights: &'a [f32],
        images: &'a Dataset,
        preprocessing: &'a nestling_core::image::Preprocessing,
        workers: usize,
    ) -> Evaluator<'a> {
        Evaluator {
            space: &self.checkpoint.config.space,
            weights,
            preprocessing,
            calibration: &self.calibration,
            images,
            workers: if self.device.is_cuda() { 1 } else { workers },
            device: self.device,
        }
    }
}

pub(super) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Calibrates and evaluates a grid of children and random ones on held-out images, keeps the Pareto front, fits a predictor of
/// accuracy, reports the front on the test images.
///
/// With a budget it searches the whole space instead, with the accuracy predictor of such a search: for the most accurate
/// children that keep within a device's predicted latency or within MAdds. The most promising ones are calibrated and evaluated,
/// and become part of the run's search.json. The best ships as `found-1` with the next `nestling pack`, if it is more accurate on
/// held-out images than what ships within that budget; the next search without a budget starts anew. Without a trained run, but
/// with a bundle, children are predicted only.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  nestling search\n  nestling search --device mali --budget-ms 4 --bundle my.nestling\n  nestling \
                  search --budget-madds 2.5M --top 16"
)]
pub struct Search {
    #[command(flatten)]
    places: Places,
    /// Children evaluated around the front of the coarse grid
    #[arg(long, default_value_t = 24, conflicts_with = "budget")]
    fine: usize,
    /// Children drawn uniformly from the space; the accuracy predictor is fitted to them and to all others
    #[arg(long, default_value_t = 200, conflicts_with = "budget")]
    random: u32,
    /// More such children, kept from the predictor to tell its error; with 0 there is no predictor
    #[arg(long, default_value_t = 50, conflicts_with = "budget")]
    random_held_out: u32,
    /// Most children that ship
    #[arg(long, default_value_t = 10, conflicts_with = "budget")]
    children: usize,
    /// Training images that calibrate each child
    #[arg(long, default_value_t = 2000, conflicts_with = "budget", value_parser = clap::value_parser!(u32).range(1..))]
    calibration: u32,
    /// Threads [default: one a processor]
    #[arg(long)]
    workers: Option<usize>,
    #[command(flatten)]
    within: Within,
}

impl Search {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        if let Some(wanted) = self.within.wanted() {
            return self.within.run(wanted, &self.places, self.workers);
        }
        let clock = Clock::start(0.0, 0.0);
        let folder = RunFolder::open(&self.places.run);
        let trained = Trained::load(&self.places, &folder, self.calibration)?;
        let preprocessing = preprocessing();
        let workers = self.workers.unwrap_or_else(processors);
        let space = &trained.checkpoint.config.space;
        let progress_bar = bar(0, "search");
        let progress = |done: usize, total: usize| {
            progress_bar.set_length(total as u64);
            progress_bar.set_position(done as u64);
        };
        let weights = trained.checkpoint.shipped_weights();
        let options = SearchOptions {
            fine: self.fine,
            random: self.random as usize,
            random_held_out: self.random_held_out as usize,
            seed: trained.checkpoint.config.seed,
        };
        let evaluator = trained.evaluator(weights, &trained.held_out, &preprocessing, workers);
        let searched = search(space, &evaluator, options, &progress)?;
        progress_bar.finish_and_clear();
        let predictor = searched.predictor(space);
        let Searched { evaluated, kept_from_predictor } = searched;
        let names = named(space, &evaluated, self.children);
        let children: Vec<_> = names.iter().map(|(_, index)| evaluated[*index].child.clone()).collect();
        let test_bar = bar(children.len() as u64, "test");
        let tester = trained.evaluator(weights, &trained.test, &preprocessing, workers);
        let tested = tester.evaluate(&children, &|done| test_bar.set_position(done as u64))?;
        test_bar.finish_and_clear();
        let chosen: Vec<Chosen> = (names.into_iter().zip(tested))
            .map(|((name, index), tested)| Chosen { name, index, test: tested.held_out })
            .collect();
        let (cpu_s, wall_s) = clock.elapsed();
        let calibration_images = trained.calibration.len() as u32;
        let accuracy_predictor = predictor.inspect_err(|why| say(&format!("no accuracy predictor: {why}"))).ok();
        let report = SearchReport {
            calibration_images,
            evaluated,
            kept_from_predictor,
            accuracy_predictor,
            chosen,
            cpu_s,
            wall_s,
        };
        folder.save_search(&report)?;
        let rows: Vec<_> = (report.chosen.iter())
            .map(|chosen| {
                let found = &report.evaluated[chosen.index];
                json!({
                    "name": chosen.name,
                    "child": found.child.to_string(),
                    "params": found.cost.params,
                    "madds": found.cost.madds,
                    "held_out_top1": found.held_out.percent(),
                    "test_top1": chosen.test.percent(),
                })
            })
            .collect();
        print(
            self.places.json,
            &json!({
                "evaluated": report.evaluated.len(),
                "children": rows,
                "accuracy_predictor": report.accuracy_predictor.as_ref().map(AccuracyPredictor::prediction_error),
                "cpu_s": cpu_s,
                "wall_s": wall_s,
            }),
            || {
                let mut text = format!("{} children evaluated; what ships:\n", report.evaluated.len());
                let _ = writeln!(
                    text,
                    "{:10} {:>9} {:>9} {:>9} {:>7}  child",
                    "name", "params", "MAdds", "held-out", "test"
                );
                for chosen in &report.chosen {
                    let found = &report.evaluated[chosen.index];
                    let _ = writeln!(
                        text,
                        "{:10} {:>9} {:>9} {:>7.2} % {:>5.2} %  {}",
                        chosen.name,
                        found.cost.params,
                        found.cost.madds.to_string(),
                        found.held_out.percent(),
                        chosen.test.percent(),
                        found.child
                    );
                }
                if let Some(predictor) = &report.accuracy_predictor {
                    let _ = writeln!(text, "accuracy predictor: {}", predictor.prediction_error());
                }
                text
            },
        )
    }
}

/// Writes the bundle: shared weights, search space, calibrated children, labels, preprocessing, accuracy predictor, images that
/// calibrate and check other children. `nestling latency add` puts device profiles into it; what it put into the file that is
/// replaced is kept, if the search space is the same.
#[derive(Args, Debug)]
pub struct Pack {
    #[command(flatten)]
    places: Places,
    /// File to write
    #[arg(long, default_value = "target/run/fashion.nestling")]
    output: PathBuf,
    /// How the file stores the weights: f32, f16 or int8; a device does the same by default
    #[arg(long, value_name = "STORAGE", default_value_t = WeightStorage::F32)]
    weight_storage: WeightStorage,
    /// Training images that ship, so that a device can calibrate any child; the first of those that the search used
    #[arg(long, default_value_t = 256)]
    calibration_images: usize,
    /// Held-out images that ship with their classes, so that a device can check a child that it calibrated
    #[arg(long, default_value_t = 512)]
    check_images: usize,
}

impl Pack {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        let folder = RunFolder::open(&self.places.run);
        let mut report = folder.searched()?;
        let trained = Trained::load(&self.places, &folder, report.calibration_images)?;
        let preprocessing = preprocessing();
        let Checkpoint { config, step, .. } = &trained.checkpoint;
        let provenance = format!(
            "nestling-train {}: Fashion-MNIST, {step} steps of {} images, seed {}",
            env!("CARGO_PKG_VERSION"),
            config.batch_size,
            config.seed
        );
        let storage = self.weight_storage;
        let weights = storage.round(&config.space.layout(), trained.checkpoint.shipped_weights())?;
        if storage != WeightStorage::F32 {
            // The search looked at the exact weights; what is written is the accuracy of those that ship.
            let children: Vec<_> = (report.chosen.iter())
                .filter_map(|chosen| Some(report.evaluated.get(chosen.index)?.child.clone()))
                .collect();
            let test_bar = bar(children.len() as u64, "test");
            let tester = trained.evaluator(&weights, &trained.test, &preprocessing, processors());
            let tested = tester.evaluate(&children, &|done| test_bar.set_position(done as u64))?;
            test_bar.finish_and_clear();
            for (chosen, tested) in report.chosen.iter_mut().zip(tested) {
                chosen.test = tested.held_out;
            }
        }
        let bar = bar(report.chosen.len() as u64, "calibrate");
        let progress = |done: usize| bar.set_position(done as u64);
        let evaluator = trained.evaluator(&weights, &trained.held_out, &preprocessing, processors());
        let latency_tables = tables_to_keep(&self.output, &config.space).unwrap_or_else(|why| {
            say(&format!("note: {why}"));
            Vec::new()
        });
        let options = PackOptions {
            provenance,
            storage,
            calibration_images: self.calibration_images,
            check_images: self.check_images,
            latency_tables,
        };
        let manifest = pack(&evaluator, &report, options, &self.output, &progress)?;
        bar.finish_and_clear();
        if manifest.accuracy_predictor.is_none() {
            say(
                "the search holds no accuracy predictor, so the bundle ships without; run `nestling search` again to fit one",
            );
        }
        // What was written must be what a device will accept.
        let bundle = Bundle::open(&self.output)?;
        let value = json!({
            "bundle": self.output,
            "id": bundle.id().to_string(),
            "bytes": bundle.file_bytes(),
            "weight_storage": storage,
            "weight_bytes": bundle.weight_bytes(),
            "children": manifest.children.len(),
            "accuracy_predictor": manifest.accuracy_predictor.as_ref().map(AccuracyPredictor::prediction_error),
            "calibration_images": bundle.calibration_images().len(),
            "check_images": bundle.check_images().len(),
            "latency_tables": manifest.latency_tables.len(),
        });
        print(self.places.json, &value, || {
            let kib = bundle.file_bytes() as f64 / 1024.0;
            let kept = match manifest.latency_tables.len() {
                0 => String::new(),
                count => format!(", {count} latency tables kept of the file that was there"),
            };
            format!(
                "{}: {kib:.0} KiB, {} children, {} calibration and {} check images{kept}, {}",
                self.output.display(),
                manifest.children.len(),
                bundle.calibration_images().len(),
                bundle.check_images().len(),
                bundle.id()
            )
        })
    }
}

/// Evaluates children of a bundle on the test images with the trainer's own forward pass.
#[derive(Args, Debug)]
pub struct Eval {
    /// Bundle to evaluate
    bundle: PathBuf,
    /// A shipped child's name, or any child of the space as text; may be repeated [default: every shipped child]
    #[arg(long)]
    child: Vec<String>,
    /// Training images that calibrate a child that does not ship
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..))]
    calibration: u32,
    /// Folder with the four Fashion-MNIST files [default: where the system's package puts them]
    #[arg(long)]
    data: Option<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Eval {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        let device = torch::initialise().device;
        let bundle = Bundle::open(&self.bundle)?;
        let (training, test) = load_fashion(self.data.as_deref())?;
        let (calibration, _) = training.split_at(self.calibration as usize);
        let preprocessing = &bundle.manifest().preprocessing;
        let parameters = Parameters::from_values(bundle.space(), bundle.weights(), device);
        let sizes = ImageSizes::new(bundle.space(), preprocessing, test.images.width, device);
        let mut names = self.child;
        if names.is_empty() {
            names = bundle.children().iter().map(|entry| entry.name.clone()).collect();
        }
        let mut rows = Vec::new();
        let bar = bar(names.len() as u64, "test");
        for name in &names {
            let (network, calibrated) = match bundle.child(name) {
                Ok(child) => (child.network.clone(), child.calibrated.clone()),
                Err(unknown) => {
                    let Ok(child) = bundle.space().parse_child(name) else { return Err(unknown.into()) };
                    let network = bundle.space().lower(&child)?;
                    let calibrated = calibrate(&network, &parameters, &sizes, &calibration, 128)?;
                    (network, calibrated)
                }
            };
            let measured = evaluate(&calibrated, &network, &parameters, &sizes, &test, 100);
            let cost = network.cost();
            rows.push(json!({
                "name": name,
                "child": network.child.to_string(),
                "params": cost.params,
                "madds": cost.madds,
                "test_top1": measured.percent(),
                "images": measured.images,
            }));
            bar.inc(1);
        }
        bar.finish_and_clear();
        print(self.json, &json!({ "children": rows }), || {
            rows.iter().fold(String::new(), |mut text, row| {
                let top1 = row["test_top1"].as_f64().unwrap_or_default();
                let _ = writeln!(text, "{top1:6.2} %  {}", row["child"].as_str().unwrap_or_default());
                text
            })
        })
    }
}
