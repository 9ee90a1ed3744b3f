//! How well a device predicts children that its latency model has never seen, beside simpler predictors.

mod baselines;

pub use baselines::Accuracy;
pub(crate) use baselines::{Evidence, accuracy};

use crate::Progress;
use nestling::Error;
use nestling::Runtime;
use nestling::block_on;
use nestling::low_level::DriftMeter;
use nestling_core::latency::{Batches, LatencyModel, LatencyTable, Sample, nearest_table};
use nestling_core::metrics::{Latency, Millis};
use nestling_core::space::{Child, Network, new_children};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

/// Options of an evaluation: the held-out children and their measurement.
#[derive(Clone, Copy)]
pub struct EvaluationOptions<'a> {
    /// Random children, beside those that ship.
    pub children: usize,
    /// How often each is timed, in turns: disturbances of the device are spread over all of them.
    pub rounds: usize,
    /// About how long each is timed in a round.
    pub time: Duration,
    /// Seed of the random children.
    pub seed: u64,
    /// Tables of other devices, to be compared with.
    pub tables: &'a [LatencyTable],
    /// Called from time to time, for a progress bar; it must return soon.
    pub progress: Option<&'a dyn Fn(Progress)>,
}

impl Default for EvaluationOptions<'_> {
    fn default() -> Self {
        Self { children: 100, rounds: 5, time: Duration::from_millis(50), seed: 1, tables: &[], progress: None }
    }
}

impl fmt::Debug for EvaluationOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EvaluationOptions({} children, {} rounds)", self.children, self.rounds)
    }
}

/// A child that was held out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// Its name in the bundle, if it ships.
    pub name: Option<String>,
    /// The child, as text.
    pub child: String,
    /// The time that the latency model predicts, in ms.
    pub predicted_ms: Millis,
    /// Median of the rounds.
    pub measured_p50_ms: Millis,
    /// Nineteen of twenty runs took at most this.
    pub measured_p95_ms: Millis,
    /// The medians of the rounds' runs, corrected for drift: their differences show the noise of the device.
    pub rounds_ms: Vec<Millis>,
}

/// The prediction error of a device on children that its fit has never seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The fit.
    pub fit: Accuracy,
    /// Rank correlation of the rounds with each other, the mean over pairs: no predictor can be expected to do better
    /// than the square root of it against a single round. `None` for one round.
    pub repeatability: Option<f64>,
    /// The reference child's time now over its time while the profile was measured: held-out times are corrected for
    /// it.
    pub drift: f64,
    /// Simpler predictors.
    pub baselines: Vec<Accuracy>,
    /// The error against the number of informative children, with no other device to start from.
    pub curve: Vec<(usize, Accuracy)>,
    /// The same, starting from the most similar of the other devices' tables, if there are any.
    pub curve_from_nearest: Vec<(usize, Accuracy)>,
    /// Every child.
    pub children: Vec<HeldOut>,
}

/// Children that run once before they are timed: some drivers compile a kernel at its first dispatch, and these few use
/// nearly all.
const WARM_UP: usize = 12;
/// Runs for the median time of a layer: fewer for a slow child, whose layers vary less.
const LAYER_REPEATS: [f64; 2] = [1.0, 3.0];
/// The least and the largest number of runs of a child in one round.
const RUNS: [f64; 2] = [1.0, 200.0];

struct Timed {
    name: Option<String>,
    network: Network,
    batches: Batches,
}

/// Times random children and the shipped ones, none of which the current profile's fit has seen, and compares.
///
/// # Errors
/// [`Error`] if the GPU fails.
pub fn evaluate_prediction(runtime: &Runtime, options: &EvaluationOptions<'_>) -> Result<Evaluation, Error> {
    let profile = runtime.ensure_profile()?;
    let space = runtime.space();
    let mut known: HashSet<Child> = profile.informative.iter().map(|times| times.child.clone()).collect();
    let mut held_out = unseen(runtime, &mut known, options.children, &mut ChaCha8Rng::seed_from_u64(options.seed))?;
    let image = runtime.probe_image();
    let (supernet, steps) = (runtime.supernet(), (options.rounds.max(1) * held_out.len() + held_out.len()) as f64);
    let mut done = 0.0;
    let mut progress = |doing: &'static str| {
        done += 1.0;
        if let Some(progress) = options.progress {
            progress(Progress { fraction: done / steps, doing });
        }
    };
    let mut drift = block_on(DriftMeter::paced(supernet, image, profile.cadence()))?;
    for round in 0..options.rounds.max(1) {
        for (index, timed) in held_out.iter_mut().enumerate() {
            let prepared = block_on(supernet.prepare_to_time(&timed.network))?;
            if round == 0 && index < WARM_UP {
                supernet.infer(&prepared, image)?;
            }
            // The first round has no time yet to tell how many runs fill a batch.
            let known =
                if round == 0 { block_on(supernet.time_runs(&prepared, &image, 1))? } else { timed.batches.raw() };
            let count = drift.runs_in(options.time.into(), Latency::of(&known).p50, RUNS);
            block_on(drift.time_batch(&prepared, count, &mut timed.batches))?;
            progress("timing held-out children");
        }
    }
    let drift_now = drift.usual();
    if let Some(first) = held_out.first() {
        // There are no layer times if the clock is wrong.
        block_on(async { supernet.check_timestamps(&supernet.prepare_to_time(&first.network).await?).await })?;
    }
    let mut layer_sums = Vec::with_capacity(held_out.len());
    for timed in &held_out {
        let prepared = block_on(supernet.prepare_to_time(&timed.network))?;
        // Corrected for drift too.
        let factor = profile.reference_ms.0 / block_on(drift.now())?.0.max(f64::MIN_POSITIVE);
        let repeats = Millis::from(options.time).runs_of(Latency::of(&timed.batches.raw()).p50, LAYER_REPEATS);
        let layers = block_on(supernet.time_layers_of_warm(&prepared, repeats))?.layers;
        layer_sums.push(Millis(factor * layers.iter().map(|layer| layer.latency_ms.0).sum::<f64>()));
        progress("timing layers");
    }
    // Corrected for drift: that the device is faster or slower now is not an error of the model.
    let rounds: Vec<Vec<Millis>> =
        held_out.iter().map(|timed| timed.batches.drift_corrected_medians(profile.reference_ms)).collect();
    let samples: Vec<Sample> = (held_out.iter().zip(&rounds))
        .map(|(timed, rounds)| Sample::new(&timed.network, Latency::of(rounds).p50))
        .collect();
    let informative: Vec<Sample> = (profile.informative.iter())
        .map(|times| Ok(Sample::new(&space.lower(&times.child)?, times.calm())))
        .collect::<Result<_, Error>>()?;
    let evidence = Evidence {
        informative: &informative,
        held_out: &samples,
        layer_sums: &layer_sums,
        coverage: profile.table.model.coverage,
        tables: options.tables,
    };
    let measured: Vec<f64> = samples.iter().map(|sample| sample.time.0).collect();
    let predicted: Vec<f64> = held_out.iter().map(|timed| profile.table.predict(&timed.network).0).collect();
    let nearest = |count: usize| {
        let table = nearest_table(options.tables, &informative[..count]);
        table.map_or_else(LatencyModel::nominal, |table| table.model.clone())
    };
    Ok(Evaluation {
        fit: crate::evaluation::accuracy("fit", &predicted, &measured),
        repeatability: repeatability(&rounds),
        baselines: evidence.baselines(),
        curve: evidence.curve(|_| LatencyModel::nominal()),
        curve_from_nearest: if options.tables.is_empty() { Vec::new() } else { evidence.curve(nearest) },
        drift: drift_now.0 / profile.reference_ms.0.max(f64::MIN_POSITIVE),
        children: (held_out.into_iter().zip(predicted).zip(rounds))
            .map(|((timed, predicted), rounds)| HeldOut {
                name: timed.name,
                child: timed.network.child.to_string(),
                predicted_ms: Millis(predicted),
                measured_p50_ms: Latency::of(&rounds).p50,
                measured_p95_ms: Latency::of(&timed.batches.drift_corrected(profile.reference_ms)).p95,
                rounds_ms: rounds,
            })
            .collect(),
    })
}

/// The shipped children and random ones, without those that are known; from then on they are.
fn unseen(
    runtime: &Runtime,
    known: &mut HashSet<Child>,
    count: usize,
    random: &mut impl Rng,
) -> Result<Vec<Timed>, Error> {
    let timed = |name: Option<String>, network: Network| Timed { name, network, batches: Batches::default() };
    let mut all = Vec::new();
    for entry in runtime.children() {
        if known.insert(entry.child.clone()) {
            all.push(timed(Some(entry.name.clone()), runtime.prepared(&entry.name)?.network().clone()));
        }
    }
    for child in new_children(count, known, |_| runtime.space().sample(random)) {
        all.push(timed(None, runtime.space().lower(&child)?));
    }
    Ok(all)
}

/// `rounds` of every child.
fn repeatability(rounds: &[Vec<Millis>]) -> Option<f64> {
    let count = rounds.iter().map(Vec::len).min().unwrap_or(0);
    let round = |index: usize| -> Vec<f64> { rounds.iter().map(|of_child| of_child[index].0).collect() };
    let pairs = (0..count).flat_map(|a| (0..a).map(move |b| (a, b)));
    let all: Vec<f64> = pairs.map(|(a, b)| nestling_core::statistics::spearman(&round(a), &round(b))).collect();
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_round_says_nothing_of_the_next() {
        let of =
            |rounds: [&[f64]; 3]| repeatability(&rounds.map(|of_child| of_child.iter().copied().map(Millis).collect()));
        assert_eq!(of([&[1.0], &[2.0], &[3.0]]), None);
        assert_eq!(of([&[1.0, 10.0], &[2.0, 20.0], &[3.0, 30.0]]), Some(1.0));
        assert_eq!(of([&[1.0, 30.0], &[2.0, 20.0], &[3.0, 10.0]]), Some(-1.0));
        assert_eq!(repeatability(&[]), None);
    }
}
