use super::record::origin;
use super::{CurvePoint, Experiment, ExperimentError, Measurement, Plan, Record, Statistics, Trainings, Watch};
use nestling_core::metrics::MAdds;
use nestling_core::space::Child;
use std::collections::{BTreeMap, BTreeSet};

/// One cell of a table: a child under a variant, over all seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The child's name.
    pub child: String,
    /// The child itself.
    pub architecture: Child,
    /// Its multiply-adds.
    pub madds: MAdds,
    /// Its parameters.
    pub params: u64,
    /// The variant.
    pub variant: String,
    /// Top-1 on the test images in percent, one a seed.
    pub top1: Vec<f64>,
    /// The records that the values come from, one a seed.
    pub records: Vec<String>,
}

impl Cell {
    /// Mean and spread over seeds.
    pub fn statistics(&self) -> Statistics {
        Statistics::of(&self.top1)
    }
}

/// The outcome of an experiment.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The experiment.
    pub experiment: Experiment,
    /// The search space.
    pub space: String,
    /// Number of seeds.
    pub seeds: u32,
    /// Cells in the order of the experiment's measurements.
    pub cells: Vec<Cell>,
    /// Every record, once, with those of the trainings that others started or learned from.
    pub records: Vec<Record>,
}

impl Outcome {
    /// CPU-hours of all its trainings and tests; those that other experiments share count here, too.
    pub fn cpu_hours(&self) -> f64 {
        origin(&self.records).1
    }

    /// The name of its files: experiment, space, images and epochs.
    pub fn file_name(&self) -> String {
        let size = self.records.first().map(|record| format!("-{}x{}", record.images, record.epochs));
        format!("{}-{}{}", self.experiment, self.space, size.unwrap_or_default())
    }

    /// The names of all variants, in their order.
    pub fn variants(&self) -> Vec<&str> {
        let mut variants: Vec<&str> = Vec::new();
        for cell in &self.cells {
            if !variants.contains(&&*cell.variant) {
                variants.push(&cell.variant);
            }
        }
        variants
    }

    /// The names of all children, in their order.
    pub fn children(&self) -> Vec<&str> {
        let mut children: Vec<&str> = Vec::new();
        for cell in &self.cells {
            if !children.contains(&&*cell.child) {
                children.push(&cell.child);
            }
        }
        children
    }

    /// A cell.
    pub fn cell(&self, child: &str, variant: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.child == child && cell.variant == variant)
    }

    /// The curve of a followed child under a variant: epoch, and top-1 of each seed.
    pub fn curve(&self, variant: &str, followed: &str) -> Vec<(u32, Vec<f64>)> {
        let cell = self.cells.iter().find(|cell| cell.variant == variant);
        let keys = cell.map(|cell| &cell.records[..]).unwrap_or_default();
        let mut curve: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        for record in self.records.iter().filter(|record| keys.contains(&record.key)) {
            for CurvePoint { epoch, top1, .. } in &record.curve {
                let value = top1.iter().find(|(name, _)| name == followed).map(|(_, value)| *value);
                curve.entry(*epoch).or_default().extend(value);
            }
        }
        curve.into_iter().collect()
    }
}

/// Runs an experiment over seeds `1..=seeds`: trains and tests what is not there yet.
///
/// # Errors
/// [`ExperimentError`]; everything that is done is kept.
pub fn outcome(
    experiment: Experiment,
    plan: &Plan,
    seeds: u32,
    trainings: &Trainings<'_>,
    watch: &mut dyn Watch,
) -> Result<Outcome, ExperimentError> {
    experiment.check_variants(plan)?;
    let mut measured: Vec<(Measurement, Record)> = Vec::new();
    let mut needs: Vec<Record> = Vec::new();
    for seed in 1..=u64::from(seeds) {
        let measurements = experiment.measurements(plan, seed)?;
        for (training, children) in by_training(&measurements) {
            let training = &measurements[training].training;
            let record = trainings.measure(training, &children, watch)?;
            for needed in training.needs() {
                needs.push(trainings.measure(needed, &[], watch)?);
            }
            let key = record.key.clone();
            let own = measurements.iter().filter(|one| one.training.key() == key);
            measured.extend(own.map(|one| (one.clone(), record.clone())));
        }
    }
    let cells = gathered(&experiment.measurements(plan, 1)?, &measured);
    let mut known = BTreeSet::new();
    let all = measured.into_iter().map(|one| one.1).chain(needs);
    let records = all.filter(|record| known.insert(record.key.clone())).collect();
    Ok(Outcome { experiment, space: plan.space.name.clone(), seeds, cells, records })
}

/// Each training once, as the index of its first measurement, with all children that are measured after it.
fn by_training(measurements: &[Measurement]) -> Vec<(usize, Vec<Child>)> {
    let mut trainings: Vec<(usize, Vec<Child>)> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (index, measurement) in measurements.iter().enumerate() {
        let place = *places.entry(measurement.training.key()).or_insert_with(|| {
            trainings.push((index, Vec::new()));
            trainings.len() - 1
        });
        let children = &mut trainings[place].1;
        if !children.contains(&measurement.child.child) {
            children.push(measurement.child.child.clone());
        }
    }
    trainings
}

/// The cells, in the order of the measurements.
fn gathered(order: &[Measurement], measured: &[(Measurement, Record)]) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    for Measurement { child, variant, .. } in order {
        let of_cell = |one: &&(Measurement, Record)| one.0.child.name == child.name && one.0.variant == *variant;
        let mut cell = Cell {
            child: child.name.clone(),
            architecture: child.child.clone(),
            madds: MAdds(0),
            params: 0,
            variant: variant.clone(),
            top1: Vec::new(),
            records: Vec::new(),
        };
        for (measurement, record) in measured.iter().filter(of_cell) {
            if let Some(tested) = record.tested(&measurement.child.child) {
                (cell.madds, cell.params) = (tested.madds, tested.params);
                cell.top1.push(tested.top1.percent());
                cell.records.push(record.key.clone());
            }
        }
        cells.push(cell);
    }
    cells
}
