//! BigNAS beside its neighbours at equal processor time, on one network.
//!
//! Every method trains for as many epochs as cost about the multiply-adds of BigNAS's training. AutoSlim takes half of them
//! for the slimmable network, and a sixth for each of the three slimmed networks that it trains anew.

use super::figures::mean_and_spread;
use super::{ExperimentError, NamedChild, Plan, Record, TestedChild, Training, Trainings, Watch};
use crate::calibrate::CalibrateError;
use crate::run_folder::write_json;
use crate::train::auto_slim::{self, slim};
use crate::train::once_for_all::{self, Open};
use crate::train::{Method, slimmable, universally_slimmable};
use crate::train::{TrainConfig, followed, step_children};
use nestling_bundle::atomic_file::read_text;
use nestling_core::metrics::MAdds;
use nestling_core::space::{Child, SpaceError, ValidatedSpace};
use serde::{Deserialize, Serialize};

/// Steps, spread over a run, whose cost is counted.
const COUNTED: u64 = 60;

/// Share of AutoSlim's epochs for the network that is slimmed.
const WIDE_SHARE: f64 = 0.5;

/// A forward pass beside the forward and backward pass of a child that learns.
const TEACHER_SHARE: f64 = 1.0 / 3.0;

/// Most bytes of a slimmed child's file.
const MAX_BYTES: u64 = 1 << 16;

/// A method over all seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Neighbour {
    /// The method.
    pub mode: Method,
    /// The data set.
    pub data: String,
    /// Images to train on.
    pub images: u32,
    /// Its smallest child.
    pub smallest: NeighbourChild,
    /// The child between them.
    pub middle: NeighbourChild,
    /// Its biggest child.
    pub biggest: NeighbourChild,
    /// CPU-hours of the trainings, mean over seeds.
    pub cpu_hours: f64,
    /// The work that is needed after training.
    pub after_training: String,
    /// The records of its values.
    pub records: Vec<String>,
}

/// A child over all seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeighbourChild {
    /// Mean multiply-adds.
    pub madds: f64,
    /// Mean top-1 on the test images, in percent.
    pub top1_mean: f64,
    /// The sample's standard deviation, in points.
    pub top1_spread: f64,
    /// The record of each seed, and the child that was tested there.
    pub tested: Vec<(String, Child)>,
}

impl NeighbourChild {
    /// The means over seeds, as the records say.
    pub(super) fn of(tested: Vec<(String, Child)>, records: &[&Record]) -> Self {
        let values: Vec<&TestedChild> = (tested.iter())
            .filter_map(|(key, child)| records.iter().find(|record| record.key == *key)?.tested(child))
            .collect();
        let top1: Vec<f64> = values.iter().map(|one| one.top1.percent()).collect();
        let [top1_mean, top1_spread] = mean_and_spread(&top1);
        let madds = values.iter().map(|one| one.madds.0 as f64).sum::<f64>() / values.len() as f64;
        Self { madds, top1_mean, top1_spread, tested }
    }
}

/// The children of one seed, smallest first, each with its record's key; and the records.
#[derive(Clone, Debug, Default)]
struct OfSeed {
    children: Vec<(String, Child)>,
    records: Vec<Record>,
}

/// Trains by every method over seeds `1..=seeds`, as far as it was not done before; also returns all records.
///
/// # Errors
/// [`ExperimentError`]; everything that is done is kept.
pub fn neighbours(
    plan: &Plan,
    seeds: u32,
    trainings: &Trainings<'_>,
    watch: &mut dyn Watch,
) -> Result<(Vec<Neighbour>, Vec<Record>), ExperimentError> {
    let (mut rows, mut records) = (Vec::new(), Vec::new());
    for method in Method::ALL {
        let mut all = Vec::new();
        for seed in 1..=u64::from(seeds) {
            all.push(of_seed(plan, method, seed, trainings, watch)?);
        }
        rows.push(row(plan, method, trainings, &all));
        records.extend(all.into_iter().flat_map(|one| one.records));
    }
    Ok((rows, records))
}

fn row(plan: &Plan, mode: Method, trainings: &Trainings<'_>, all: &[OfSeed]) -> Neighbour {
    let known: Vec<&Record> = all.iter().flat_map(|one| &one.records).collect();
    let child = |index: usize| {
        NeighbourChild::of(all.iter().filter_map(|one| one.children.get(index).cloned()).collect(), &known)
    };
    let records = || all.iter().flat_map(|one| &one.records);
    Neighbour {
        mode,
        data: trainings.data.name.clone(),
        images: plan.setting.images,
        smallest: child(0),
        middle: child(1),
        biggest: child(2),
        cpu_hours: records().map(|record| record.train_cpu_s).sum::<f64>() / all.len() as f64 / 3600.0,
        after_training: after_training(mode).to_owned(),
        records: records().map(|record| record.key.clone()).collect(),
    }
}

/// The name of a method in tables.
pub(super) fn title(method: Method) -> &'static str {
    match method {
        Method::BigNas => "BigNAS",
        Method::UniversallySlimmable => "universally slimmable",
        Method::Slimmable => "slimmable",
        Method::AutoSlim => "AutoSlim",
        Method::OnceForAll => "once-for-all",
    }
}

fn after_training(method: Method) -> &'static str {
    match method {
        Method::BigNas | Method::UniversallySlimmable => "calibration of batch norm",
        Method::Slimmable => "nothing",
        Method::AutoSlim => "greedy slimming, then training of each slimmed network",
        Method::OnceForAll => "calibration of batch norm",
    }
}

fn of_seed(
    plan: &Plan,
    method: Method,
    seed: u64,
    trainings: &Trainings<'_>,
    watch: &mut dyn Watch,
) -> Result<OfSeed, ExperimentError> {
    let training = training_of(plan, method, seed)?;
    if method == Method::AutoSlim {
        return slimmed(plan, &training, trainings, watch);
    }
    let space = training.config.validate()?;
    let children: Vec<Child> = followed(&space, method).into_iter().map(|(_, child)| child).collect();
    let record = trainings.measure(&training, &children, watch)?;
    let children = children.into_iter().map(|child| (record.key.clone(), child)).collect();
    Ok(OfSeed { children, records: vec![record] })
}

/// The training of a method, with its own number of epochs.
fn training_of(plan: &Plan, method: Method, seed: u64) -> Result<Training, ExperimentError> {
    let own = plan.setting.config(seed);
    let config = method.applied_to(own.clone());
    let (space, budget) = (config.validate()?, cost_of_step(Method::BigNas, &own, &plan.space)?);
    let share = if method == Method::AutoSlim { WIDE_SHARE } else { 1.0 };
    let epochs = f64::from(own.epochs) * share * budget / cost_of_step(method, &config, &space)?;
    let config = TrainConfig { epochs: (epochs.round() as u32).max(1), ..config };
    let name = if method == Method::BigNas { "supernet" } else { method.name() };
    Ok(Training::new(name, config))
}

/// The slimmed networks of an AutoSlim training, at the costs of the method's own smallest, middle and biggest child.
fn slimmed(
    plan: &Plan,
    wide: &Training,
    trainings: &Trainings<'_>,
    watch: &mut dyn Watch,
) -> Result<OfSeed, ExperimentError> {
    let space = wide.config.validate()?;
    let mut all = OfSeed { records: vec![trainings.measure(wide, &[space.biggest()], watch)?], ..OfSeed::default() };
    for (name, child) in followed(&plan.space, Method::BigNas) {
        let budget = plan.space.lower(&child)?.cost().madds;
        let child = slimmed_child(&space, wide, (name, budget), trainings, watch)?;
        let cost = |child: &Child| space.lower(child).map(|network| network.cost().madds.0 as f64);
        let seed = wide.config.seed;
        let own = cost_of_step(Method::BigNas, &plan.setting.config(seed), &plan.space)?;
        let epochs = f64::from(plan.setting.epochs) * (1.0 - WIDE_SHARE) / 3.0 * own / cost(&child)?;
        let epochs = (epochs.round() as u32).clamp(1, MAX_RETRAINING * plan.setting.epochs);
        let config = TrainConfig { epochs, only: Some(child.clone()), ..wide.config.clone() };
        let training = Training::new(&format!("slimmed-{name}"), config);
        let record = trainings.measure(&training, std::slice::from_ref(&child), watch)?;
        all.children.push((record.key.clone(), child));
        all.records.push(record);
    }
    Ok(all)
}

/// Most epochs of a slimmed network, in those of the supernet: more would only overfit.
const MAX_RETRAINING: u32 = 2;

/// The child that greedy slimming leaves within a budget; kept in the folder of the wide training.
fn slimmed_child(
    space: &ValidatedSpace,
    wide: &Training,
    (name, budget): (&str, MAdds),
    trainings: &Trainings<'_>,
    watch: &mut dyn Watch,
) -> Result<Child, ExperimentError> {
    let path = trainings.folder_of(wide).join(format!("slimmed-{name}.json"));
    let known = read_text(&path, MAX_BYTES).ok().and_then(|text| serde_json::from_str::<NamedChild>(&text).ok());
    if let Some(known) = known.filter(|known| space.lower(&known.child).is_ok()) {
        return Ok(known.child);
    }
    let narrowest = space.smallest();
    if space.lower(&narrowest)?.cost().madds >= budget {
        return Ok(narrowest);
    }
    let run = trainings.checkpoint(wide, watch)?;
    let child = trainings.with_evaluators(wide, &run, |validation, _| {
        let evaluate = |children: &[Child]| -> Result<Vec<f64>, CalibrateError> {
            let evaluated = validation.evaluate(children, &|_| ())?;
            Ok(evaluated.into_iter().map(|one| one.held_out.percent()).collect())
        };
        let steps = slim(space, budget, evaluate, |_| watch.evaluating(1))?;
        Ok(steps.last().map_or_else(|| space.biggest(), |step| step.child.clone()))
    })?;
    write_json(&path, &NamedChild { name: name.to_owned(), child: child.clone() })?;
    Ok(child)
}

/// Mean multiply-adds of a step's children for one image, the teacher's forward pass included.
fn cost_of_step(method: Method, config: &TrainConfig, space: &ValidatedSpace) -> Result<f64, SpaceError> {
    let (seed, random) = (config.seed, config.random_children);
    let cost = |child: &Child| space.lower(child).map(|network| network.cost().madds.0 as f64);
    let mut sum = 0.0;
    for step in 0..COUNTED {
        let mut teacher = 0.0;
        let children = match method {
            Method::BigNas => {
                step_children(space, seed, step, random)?.into_iter().map(|network| network.child).collect()
            }
            Method::UniversallySlimmable => universally_slimmable::children(space, seed, step, random),
            Method::AutoSlim => auto_slim::children(space, seed, step, random),
            Method::Slimmable => slimmable::switches(space),
            Method::OnceForAll => {
                let open = Open::after(step as f64 / COUNTED as f64);
                if !open.is_full() {
                    teacher = TEACHER_SHARE * cost(&space.biggest())?;
                }
                once_for_all::children(space, seed, step, open, random)
            }
        };
        let own: f64 = children.iter().map(cost).sum::<Result<f64, _>>()?;
        sum += (own + teacher) / COUNTED as f64;
    }
    Ok(sum)
}
