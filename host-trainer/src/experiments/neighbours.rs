//! BigNAS beside its neighbours at equal processor time, on one network.
//!
//! Every method trains for as many epochs as take the processor time of BigNAS's training: one epoch of each is timed
//! before. AutoSlim has half of that time for the slimmable network, and a sixth for each of the three slimmed networks
//! that it trains anew.
//!
//! The middle child is the one that the method itself selects at the cost of BigNAS's middle choices
//! (`neighbour_selection.rs`). That selection is the work that is needed after training.

use super::neighbour_selection::{after_training, select, selects_by_evaluation};
use super::record::{SelectedChild, origin};
use super::{ExperimentError, Plan, Record, Statistics, TestedChild, Training, Trainings, Watch};
use crate::search::Evaluate;
use crate::train::{Method, TrainConfig, followed};
use nestling_core::space::Child;
use serde::{Deserialize, Serialize};

/// Share of AutoSlim's time for the network that is slimmed.
const WIDE_SHARE: f64 = 0.5;

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
    /// Children that are evaluated for it, mean over seeds.
    pub evaluated: f64,
    /// CPU-hours of that, mean over seeds.
    pub after_training_cpu_hours: f64,
    /// The versions of the code that trained.
    pub commit: String,
    /// The command.
    pub command: String,
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
    /// The sample's standard deviation, in points; none for one seed.
    pub top1_spread: Option<f64>,
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
        let Statistics { mean: top1_mean, spread: top1_spread } = Statistics::of(&top1);
        let madds = values.iter().map(|one| one.madds.0 as f64).sum::<f64>() / values.len() as f64;
        Self { madds, top1_mean, top1_spread, tested }
    }

    pub(super) fn statistics(&self) -> Statistics {
        Statistics { mean: self.top1_mean, spread: self.top1_spread }
    }
}

impl Neighbour {
    /// The figures that follow from the records of all seeds: CPU-hours, evaluations, and the versions of the code.
    pub(super) fn with_figures_of(mut self, records: &[&Record]) -> Self {
        let seeds = self.smallest.tested.len() as f64;
        let selected = || records.iter().flat_map(|record| own_selections(record));
        self.cpu_hours = records.iter().map(|record| record.train_cpu_s).sum::<f64>() / seeds / 3600.0;
        self.evaluated = selected().map(|one| one.evaluated as f64).sum::<f64>() / seeds;
        self.after_training_cpu_hours = selected().map(|one| one.cpu_s).sum::<f64>() / seeds / 3600.0;
        self.commit = origin(records.iter().copied()).0;
        self
    }
}

/// The selections of a record that are the work after training.
fn own_selections(record: &Record) -> impl Iterator<Item = &SelectedChild> {
    record.selected.iter().filter(|one| one.name.starts_with(SELECTION))
}

/// Before the name of a selection in a record.
const SELECTION: &str = "neighbour-";

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
    let mut all: Vec<Vec<OfSeed>> = Method::ALL.map(|_| Vec::new()).into();
    // Seed by seed, so that all methods of a seed are measured under the same conditions.
    for seed in 1..=u64::from(seeds) {
        for (method, of_method) in Method::ALL.into_iter().zip(&mut all) {
            of_method.push(Seed { plan, seed, trainings }.of_method(method, watch)?);
        }
    }
    let rows = Method::ALL.into_iter().zip(&all).map(|(method, all)| row(plan, method, trainings, all)).collect();
    Ok((rows, all.into_iter().flatten().flat_map(|one| one.records).collect()))
}

fn row(plan: &Plan, mode: Method, trainings: &Trainings<'_>, all: &[OfSeed]) -> Neighbour {
    let records: Vec<&Record> = all.iter().flat_map(|one| &one.records).collect();
    let child = |index: usize| {
        NeighbourChild::of(all.iter().filter_map(|one| one.children.get(index).cloned()).collect(), &records)
    };
    Neighbour {
        mode,
        data: trainings.data.name.clone(),
        images: plan.setting.images,
        smallest: child(0),
        middle: child(1),
        biggest: child(2),
        cpu_hours: 0.0,
        after_training: after_training(mode).to_owned(),
        evaluated: 0.0,
        after_training_cpu_hours: 0.0,
        commit: String::new(),
        command: String::new(),
        records: records.iter().map(|record| record.key.clone()).collect(),
    }
    .with_figures_of(&records)
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

/// The trainings of one seed.
struct Seed<'a> {
    plan: &'a Plan,
    seed: u64,
    trainings: &'a Trainings<'a>,
}

impl Seed<'_> {
    fn of_method(&self, method: Method, watch: &mut dyn Watch) -> Result<OfSeed, ExperimentError> {
        let supernet = self.plan.supernet(self.seed);
        if method == Method::BigNas {
            return self.shared(method, &supernet, watch);
        }
        let time = self.trainings.measure(&supernet, &[], watch)?.train_cpu_s;
        let training = Training::new(method.name(), method.applied_to(self.plan.setting.config(self.seed)));
        if method == Method::AutoSlim {
            return self.slimmed(training, time, watch);
        }
        let training = self.lasting(time, training, watch)?;
        self.shared(method, &training, watch)
    }

    /// The ends and the selected child of one training.
    fn shared(&self, method: Method, training: &Training, watch: &mut dyn Watch) -> Result<OfSeed, ExperimentError> {
        let space = training.config.validate()?;
        let middle = self.selected(method, training, "middle", watch)?;
        let children = [space.smallest(), middle, space.biggest()];
        let record = self.trainings.measure(training, &children, watch)?;
        let children = children.into_iter().map(|child| (record.key.clone(), child)).collect();
        Ok(OfSeed { children, records: vec![record] })
    }

    /// The slimmed networks of an AutoSlim training, at the costs of BigNAS's smallest, middle and biggest child.
    fn slimmed(&self, wide: Training, time: f64, watch: &mut dyn Watch) -> Result<OfSeed, ExperimentError> {
        let wide = self.lasting(WIDE_SHARE * time, wide, watch)?;
        let mut all = OfSeed::default();
        for name in ["smallest", "middle", "biggest"] {
            let child = self.selected(Method::AutoSlim, &wide, name, watch)?;
            let config = TrainConfig { only: Some(child.clone()), ..wide.config.clone() };
            let training = Training::new(&format!("slimmed-{name}"), config);
            let training = self.lasting(time * (1.0 - WIDE_SHARE) / 3.0, training, watch)?;
            let record = self.trainings.measure(&training, std::slice::from_ref(&child), watch)?;
            all.children.push((record.key.clone(), child));
            all.records.push(record);
        }
        // After the selections, which it holds.
        all.records.insert(0, self.trainings.measure(&wide, &[], watch)?);
        Ok(all)
    }

    /// The training with as many epochs as take `cpu_s` CPU-seconds, by the time of one epoch.
    fn lasting(&self, cpu_s: f64, training: Training, watch: &mut dyn Watch) -> Result<Training, ExperimentError> {
        let one = TrainConfig { epochs: 1, ..training.config.clone() };
        let timed = Training::new(&format!("timed-{}", training.name), one);
        let of_epoch = self.trainings.measure(&timed, &[], watch)?.train_cpu_s;
        let config = self.plan.setting.lasting(training.config, epochs_within(cpu_s, of_epoch));
        Ok(Training { config, ..training })
    }

    /// The child that a method selects at the cost of BigNAS's smallest, middle or biggest child.
    fn selected(
        &self,
        method: Method,
        training: &Training,
        name: &str,
        watch: &mut dyn Watch,
    ) -> Result<Child, ExperimentError> {
        let space = training.config.validate()?;
        let named = followed(&self.plan.space, Method::BigNas).into_iter().find(|one| one.0 == name);
        let child = named.map_or_else(|| self.plan.space.biggest(), |one| one.1);
        let budget = self.plan.space.lower(&child)?.cost().madds;
        let select = |evaluate: &mut dyn Evaluate| select(method, &space, budget, self.seed, evaluate);
        if !selects_by_evaluation(method) {
            return select(&mut |_: &[Child]| Ok(Vec::new()));
        }
        Ok(self.trainings.selected(training, &format!("{SELECTION}{name}"), select, watch)?.child)
    }
}

/// The number of epochs that come nearest to `cpu_s`, at least one.
fn epochs_within(cpu_s: f64, of_epoch: f64) -> u32 {
    ((cpu_s / of_epoch).round() as u32).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_training_takes_the_time_that_it_is_given() {
        assert_eq!([(187.0, 9.3), (187.0, 20.0), (3.0, 9.3)].map(|(cpu_s, one)| epochs_within(cpu_s, one)), [20, 9, 1]);
    }
}
