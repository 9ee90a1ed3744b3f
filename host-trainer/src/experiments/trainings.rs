use super::record::{CurvePoint, Record, START, SelectedChild, TEACHER, TestedChild};
use super::{ExperimentError, Start, Training};
use crate::calibrate::calibrate;
use crate::data::LoadedData;
use crate::model::{Parameters, Resizer};
use crate::ranks::Ranks;
use crate::run_folder::RunFolder;
use crate::search::{Evaluate, Evaluator};
use crate::train::all_own_statistics;
use crate::train::{Beginning, Checkpoint, EpochReport, Teacher, TrainConfig, Trainer, TrainingData, differences};
use nestling_core::space::Child;
use nestling_stopwatch::Stopwatch;
use std::path::PathBuf;
use tch::Device;

/// Training images that calibrate a child before it is tested.
const CALIBRATION: usize = 2000;
/// Images at a time.
const BATCH: usize = 100;

/// Looks on while trainings go on.
pub trait Watch {
    /// A training begins, or goes on.
    fn training(&mut self, training: &Training);
    /// A step of an epoch is done.
    fn step(&mut self, step: u64, of: u64);
    /// An epoch is done.
    fn epoch(&mut self, report: &EpochReport, of: u32);
    /// So many children more are being evaluated.
    fn evaluating(&mut self, _children: usize) {}
    /// All is measured.
    fn measured(&mut self, record: &Record);
}

/// The folder of trainings: each is done once, and found again by its key.
#[derive(Debug)]
pub struct Trainings<'a> {
    /// The folder.
    pub folder: PathBuf,
    /// The data set.
    pub data: &'a LoadedData,
    /// Where to compute.
    pub device: Device,
    /// Threads that evaluate.
    pub workers: usize,
    /// CPU-seconds of this process after which no further epoch begins.
    pub allowed_cpu_s: Option<f64>,
    /// The version of the code, and the command.
    pub origin: (String, String),
    /// Started with the process's work.
    pub stopwatch: Stopwatch,
}

impl Trainings<'_> {
    /// The record of a training in which all `children` are tested: a known one, or trains and tests what is missing.
    ///
    /// # Errors
    /// [`ExperimentError::OutOfTime`] if the time is spent; all epochs that are done are kept.
    pub fn measure(
        &self,
        training: &Training,
        children: &[Child],
        watch: &mut dyn Watch,
    ) -> Result<Record, ExperimentError> {
        let path = self.record_path(training);
        let known = Record::read(&path)?;
        if let Some(record) = known.as_ref().filter(|record| record.data != self.data.name) {
            let problem = format!("it was trained on {}, not on {}: use another folder", record.data, self.data.name);
            return Err(ExperimentError::Results { path, problem });
        }
        if let Some(record) = known.as_ref().filter(|record| children.iter().all(|one| record.tested(one).is_some())) {
            return Ok(record.clone());
        }
        let checkpoint = self.checkpoint(training, watch)?;
        let folder = RunFolder::open(&self.folder_of(training));
        let mut record = match known {
            Some(record) => record,
            None => self.new_record(training, &checkpoint, &folder.epochs(checkpoint.step)?),
        };
        let missing: Vec<Child> = children.iter().filter(|one| record.tested(one).is_none()).cloned().collect();
        if !missing.is_empty() {
            let (tested, cpu_s) = self.test(training, &checkpoint, &missing)?;
            record.tested.extend(tested);
            record.test_cpu_s += cpu_s;
        }
        record.write(&path)?;
        watch.measured(&record);
        Ok(record)
    }

    /// A child that `select` finds after a training, by evaluations on validation images; a known one of that name.
    ///
    /// # Errors
    /// As [`Trainings::measure`], and those of `select`.
    pub(super) fn selected(
        &self,
        training: &Training,
        name: &str,
        select: impl FnOnce(&mut dyn Evaluate) -> Result<Child, ExperimentError>,
        watch: &mut dyn Watch,
    ) -> Result<SelectedChild, ExperimentError> {
        let mut record = self.measure(training, &[], watch)?;
        if let Some(known) = record.selected.iter().find(|one| one.name == name) {
            return Ok(known.clone());
        }
        let run = self.checkpoint(training, watch)?;
        self.check_time()?;
        let (stopwatch, mut evaluated) = (Stopwatch::start(), 0);
        let child = self.with_evaluators(training, &run, |validation, _| {
            let mut evaluate = |children: &[Child]| {
                watch.evaluating(children.len());
                evaluated += children.len();
                validation.evaluate(children, &|_| ())
            };
            select(&mut evaluate)
        })?;
        let one = SelectedChild { name: name.to_owned(), child, evaluated, cpu_s: stopwatch.elapsed().cpu_s() };
        record.selected.push(one.clone());
        record.write(&self.record_path(training))?;
        Ok(one)
    }

    /// Works with the evaluators of a training's validation and test images.
    pub(super) fn with_evaluators<T>(
        &self,
        training: &Training,
        run: &Checkpoint,
        work: impl FnOnce(&Evaluator<'_>, &Evaluator<'_>) -> Result<T, ExperimentError>,
    ) -> Result<T, ExperimentError> {
        let space = run.config.validate()?;
        let (images, validation) = TrainingData::from(self.data).parts(&training.config, &space)?;
        let (calibration, _) = images.split_at(CALIBRATION);
        let (extras, known) = (run.config.method.extras(&space)?, all_own_statistics(run)?);
        let evaluator = Evaluator {
            space: &space,
            extras: &extras,
            known: &known,
            weights: run.shipped_weights(),
            preprocessing: &self.data.preprocessing,
            calibration: &calibration,
            images: &validation,
            workers: self.workers,
            device: self.device,
            ranks: Ranks::just_one(),
        };
        work(&evaluator, &evaluator.on(&self.data.test))
    }

    /// The folder of one training.
    pub fn folder_of(&self, training: &Training) -> PathBuf {
        self.folder.join(training.key())
    }

    /// The record's file of one training.
    pub fn record_path(&self, training: &Training) -> PathBuf {
        self.folder_of(training).join("record.json")
    }

    /// The last checkpoint of a training; trains if it is not finished.
    ///
    /// # Errors
    /// As [`Trainings::measure`].
    pub fn checkpoint(&self, training: &Training, watch: &mut dyn Watch) -> Result<Checkpoint, ExperimentError> {
        // Before the folder is made: there may be too few images.
        TrainingData::from(self.data).parts(&training.config, &training.config.validate()?)?;
        let folder = RunFolder::create(&self.folder_of(training), &[])?;
        let _lock = folder.lock("nestling experiment")?;
        let known = folder.checkpoint()?;
        let steps = u64::from(training.config.epochs) * u64::from(training.config.images / training.config.batch_size);
        if let Some(done) = known.as_ref().filter(|run| run.step >= steps) {
            return Ok(done.clone());
        }
        // Before this training's own time begins, which its record tells.
        for needed in training.needs() {
            self.checkpoint(needed, watch)?;
        }
        self.check_time()?;
        watch.training(training);
        let mut trainer = self.trainer(training, known.clone(), watch)?;
        let mut epochs = known.map(|run| folder.epochs(run.step)).transpose()?.unwrap_or_default();
        while !trainer.has_ended() {
            self.check_time()?;
            let per_epoch = trainer.steps_per_epoch();
            epochs.push(trainer.epoch(|step| watch.step((step.step - 1) % per_epoch + 1, per_epoch))?);
            folder.save(&trainer.checkpoint(), &epochs)?;
            epochs.last().iter().for_each(|report| watch.epoch(report, training.config.epochs));
        }
        Ok(trainer.checkpoint())
    }

    /// A trainer at the start, or where the training was stopped.
    fn trainer(
        &self,
        training: &Training,
        known: Option<Checkpoint>,
        watch: &mut dyn Watch,
    ) -> Result<Trainer, ExperimentError> {
        let beginning = match (known, &training.start) {
            (Some(run), _) => Beginning::Run(Box::new(run)),
            (None, Start::Random) => Beginning::Random,
            (None, Start::Trained(of)) => {
                let weights = self.checkpoint(of, watch)?.shipped_weights().to_vec();
                Beginning::Weights { weights, source: of.key() }
            }
        };
        let data = TrainingData::from(self.data);
        let mut trainer = Trainer::new(training.config.clone(), beginning, &data, self.device)?;
        if let Some((of, child)) = training.teacher.as_deref() {
            trainer.learn_from(self.teacher(of, child, watch)?)?;
        }
        Ok(trainer)
    }

    /// A child of another training, calibrated on that training's images.
    fn teacher(&self, of: &Training, child: &Child, watch: &mut dyn Watch) -> Result<Teacher, ExperimentError> {
        let run = self.checkpoint(of, watch)?;
        let space = run.config.validate()?;
        let (images, _) = TrainingData::from(self.data).parts(&of.config, &space)?;
        let (calibration, _) = images.split_at(CALIBRATION);
        let extras = run.config.method.extras(&space)?;
        let parameters = Parameters::with_extras(&space, &extras, run.shipped_weights(), self.device);
        let resizer = Resizer::new(&space, &self.data.preprocessing, images.side, self.device);
        let child = calibrate(&space.lower(child)?, &parameters, &resizer, &calibration, BATCH)?;
        Ok(Teacher { weights: run.shipped_weights().to_vec(), child, space })
    }

    /// Calibrates children on training images and tests them; also returns the CPU-seconds.
    fn test(
        &self,
        training: &Training,
        run: &Checkpoint,
        children: &[Child],
    ) -> Result<(Vec<TestedChild>, f64), ExperimentError> {
        let stopwatch = Stopwatch::start();
        let evaluated = self.with_evaluators(training, run, |_, test| Ok(test.evaluate(children, &|_| ())?))?;
        let tested = evaluated.into_iter().map(|one| TestedChild {
            child: one.child,
            madds: one.cost.madds,
            params: one.cost.params,
            top1: one.held_out,
        });
        Ok((tested.collect(), stopwatch.elapsed().cpu_s()))
    }

    fn new_record(&self, training: &Training, run: &Checkpoint, epochs: &[EpochReport]) -> Record {
        Record {
            key: training.key(),
            name: training.name.clone(),
            seed: training.config.seed,
            data: self.data.name.clone(),
            images: training.config.images,
            epochs: training.config.epochs,
            commit: self.origin.0.clone(),
            command: self.origin.1.clone(),
            settings: settings(training),
            data_fingerprint: run.images.clone().unwrap_or_default(),
            train_cpu_s: run.cpu_s,
            test_cpu_s: 0.0,
            curve: epochs.iter().map(CurvePoint::of).collect(),
            tested: Vec::new(),
            selected: Vec::new(),
        }
    }

    pub(super) fn check_time(&self) -> Result<(), ExperimentError> {
        let spent = self.stopwatch.elapsed().cpu_s();
        match self.allowed_cpu_s {
            Some(allowed) if spent >= allowed => Err(ExperimentError::OutOfTime { spent_s: spent }),
            _ => Ok(()),
        }
    }
}

/// The settings of a training beside the demo's recipe, with start and teacher.
fn settings(training: &Training) -> Vec<String> {
    let differences = differences(&TrainConfig::default(), &training.config);
    let keys = differences.into_iter().filter(|one| !one.key.starts_with("space"));
    let mut settings: Vec<String> = keys.map(|one| format!("{} = {}", one.key, one.now)).collect();
    if let Start::Trained(of) = &training.start {
        settings.push(format!("{START}{}", of.key()));
    }
    settings.extend(training.teacher.iter().map(|teacher| format!("{TEACHER}{}", teacher.0.key())));
    settings
}
