use super::foreseen::{Foreseen, TrueRuns};
use crate::Progress;
use nestling::Error;
use nestling::PreparedChild;
use nestling::block_on;
use nestling::low_level::DriftMeter;
use nestling::{Runtime, WholeSpaceOptions};
use nestling_bundle::Bundle;
use nestling_core::choosing::Budget;
use nestling_core::image::Image;
use nestling_core::latency::{Batches, Moment};
use nestling_core::metrics::{Latency, Millis, Quantile, Top1, most_probable};
use nestling_core::space::ChildEntry;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

/// Options of an audit of choices.
#[derive(Clone, Copy)]
pub struct ChoiceAuditOptions<'a> {
    /// Budgets for the shipped children, evenly spread (in ratio) over their times.
    pub budgets: usize,
    /// Budgets for the whole space, spread in the same way; 0 skips it.
    pub whole_space_budgets: usize,
    /// The last budget, as a multiple of the time that the slowest shipped child takes: a finite number above zero. The
    /// first is 1.08 times the time of the fastest. A large one also admits, in the whole space, children that are
    /// slower than every shipped one.
    pub slowest_factor: f64,
    /// The quantile that the budgets limit.
    pub quantile: Quantile,
    /// How long all shipped children are timed in turns, for the oracle; some rounds at least.
    pub truth: Duration,
    /// Test images and their classes: they measure the accuracy of an adopted child.
    pub test: &'a [(Image<'a>, usize)],
    /// Seed of the order of budgets, and of searches.
    pub seed: u64,
    /// Called from time to time, for a progress bar; it must return soon.
    pub progress: Option<&'a dyn Fn(Progress)>,
}

impl Default for ChoiceAuditOptions<'_> {
    fn default() -> Self {
        Self {
            budgets: 200,
            whole_space_budgets: 0,
            slowest_factor: 1.15,
            quantile: Quantile::P95,
            truth: Duration::from_secs(30),
            test: &[],
            seed: 1,
            progress: None,
        }
    }
}

impl fmt::Debug for ChoiceAuditOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { budgets, whole_space_budgets, slowest_factor, quantile, .. } = self;
        write!(
            f,
            "ChoiceAuditOptions({budgets} budgets at {quantile} up to {slowest_factor} times the slowest child's, \
             {whole_space_budgets} for the whole space)"
        )
    }
}

/// The results of choosing for many budgets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChoiceAudit {
    /// Budgets asked for.
    pub budgets: usize,
    /// Those that were refused although the fastest child usually keeps them.
    pub refused: usize,
    /// Budgets that the chosen child kept when it was timed again, in percent of all: a refusal keeps nothing.
    pub kept_percent: f64,
    /// The same with the times corrected for the drift since the child was chosen: later effects of other programs and
    /// heat are left to a governor.
    pub kept_without_drift_percent: f64,
    /// The same of the oracle's children: how unsteady the device itself is.
    pub oracle_kept_percent: f64,
    /// Points of test top-1 that the choices fall short of an oracle that knows every child's time, on average; a
    /// refusal counts as the fastest child.
    pub mean_regret_points: f64,
    /// The same of the worst choice.
    pub worst_regret_points: f64,
    /// Predictions beside the true times of the shipped children, before the first choice.
    pub foreseen: Foreseen,
    /// Every choice.
    pub choices: Vec<AuditedChoice>,
    /// Choices in the whole space.
    pub whole_space: Vec<AuditedAdoption>,
}

/// One budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditedChoice {
    /// The budget.
    pub budget_ms: Millis,
    /// The child that was chosen; `None` if the budget was refused.
    pub chosen: Option<String>,
    /// Its time at the budget's quantile when it was chosen.
    pub measured_ms: Option<Millis>,
    /// The same when it was timed again.
    pub again_ms: Option<Millis>,
    /// The same, corrected for the drift since it was chosen.
    pub again_without_drift_ms: Option<Millis>,
    /// The child that an oracle would take under the drift of that moment.
    pub oracle: Option<String>,
    /// That child's time at the budget's quantile, right after the chosen one's second time.
    pub oracle_again_ms: Option<Millis>,
    /// Points of test top-1 short of the oracle.
    pub regret_points: f64,
}

/// One budget in the whole space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditedAdoption {
    /// The budget.
    pub budget_ms: Millis,
    /// The shipped child; `None` if the budget was refused.
    pub shipped: Option<String>,
    /// The child that took its place, if one did.
    pub adopted: Option<String>,
    /// Points by which it was expected to be better.
    pub expected_gain_points: f64,
    /// Points of test top-1 by which it is better; 0 where the shipped child stayed.
    pub gain_points: f64,
    /// Time at the budget's quantile when the child that is active now was chosen.
    pub measured_ms: Option<Millis>,
    /// The same when it was timed again.
    pub again_ms: Option<Millis>,
}

/// Batches of runs of a child that is timed again, each with the reference beside it, and runs of each: so many at least,
/// and more for a child that they take less than [`AGAIN`], because other programs come and go more slowly.
const BATCHES: usize = 4;
const RUNS: usize = 50;
const AGAIN: Duration = Duration::from_secs(1);
/// Rounds over the shipped children, for the oracle, at least.
const ROUNDS: usize = 8;
/// The first budget over the fastest child's time.
const FASTEST_FACTOR: f64 = 1.08;

/// The true time and accuracy of a shipped child.
struct Known {
    name: String,
    time: Millis,
    test: Top1,
    /// Its runs in each round.
    rounds: Vec<Vec<Millis>>,
}

/// Chooses a child for many budgets, times each choice again, and compares it with an oracle's; then the same for the
/// whole space.
///
/// # Errors
/// [`Error`] if the GPU fails, or the bundle has no accuracy predictor or images to judge children that do not ship;
/// [`Error::InvalidBudget`] if [`ChoiceAuditOptions::slowest_factor`] is not a finite number above zero.
pub fn audit_choices(
    runtime: &Runtime,
    bundle: &Bundle,
    options: &ChoiceAuditOptions<'_>,
) -> Result<ChoiceAudit, Error> {
    let quantile = options.quantile;
    let total = (options.budgets + options.whole_space_budgets).max(1) as f64;
    let say = |done: usize, doing: &'static str| {
        if let Some(progress) = options.progress {
            progress(Progress { fraction: done as f64 / total, doing });
        }
    };
    // Before anything takes long.
    if !(options.slowest_factor > 0.0 && options.slowest_factor.is_finite()) {
        return Err(Error::InvalidBudget { budget: Budget { limit: Millis(options.slowest_factor), quantile } });
    }
    let profile = runtime.ensure_profile()?;
    let image = runtime.probe_image();
    let mut drift = block_on(DriftMeter::paced(runtime.supernet(), image, profile.cadence()))?;
    say(0, "timing shipped children");
    let known = known(runtime, options, &mut drift)?;
    let usual = drift.usual();
    let true_runs = |one: &Known| {
        let calm = profile.table.predict(runtime.prepared(&one.name)?.network());
        Ok(TrueRuns { name: one.name.clone(), calm, rounds: one.rounds.clone() })
    };
    let true_runs = known.iter().map(true_runs).collect::<Result<Vec<TrueRuns>, Error>>()?;
    let moment = Moment::new(drift.timeline(), profile.reference_ms);
    let foreseen = Foreseen::of(&moment, |calm| profile.interval(&moment, calm, Quantile::P95), &true_runs);
    let times = || known.iter().map(|one| one.time.0);
    let first = times().fold(f64::MAX, f64::min) * FASTEST_FACTOR;
    let last = times().fold(0.0, f64::max) * options.slowest_factor;
    if !(last > 0.0 && last.is_finite()) {
        return Err(Error::InvalidBudget { budget: Budget { limit: Millis(last), quantile } });
    }
    let spread = |count: usize| -> Vec<Millis> {
        let step = |index: usize| index as f64 / (count - 1).max(1) as f64;
        (0..count).map(|index| Millis(first * (last / first).powf(step(index)))).collect()
    };

    let mut limits = spread(options.budgets);
    // The drift of the device must not correlate with the budget.
    limits.shuffle(&mut ChaCha8Rng::seed_from_u64(options.seed));
    let mut choices = Vec::with_capacity(limits.len());
    for (index, limit) in limits.into_iter().enumerate() {
        say(index, "choosing shipped children");
        choices.push(audit_choice(runtime, Budget { limit, quantile }, &known, &mut drift, usual)?);
    }
    let mut whole_space = Vec::new();
    let mut worth: HashMap<String, f64> = HashMap::new();
    for (index, limit) in spread(options.whole_space_budgets).into_iter().enumerate() {
        say(options.budgets + index, "searching the whole space");
        let budget = at_present(Budget { limit, quantile }, &mut drift, usual)?;
        whole_space.push(audit_adoption(runtime, bundle, budget, options, &mut drift, &mut worth)?);
    }
    let mean =
        |values: &dyn Fn(&AuditedChoice) -> f64| choices.iter().map(values).sum::<f64>() / choices.len().max(1) as f64;
    let kept = |time: fn(&AuditedChoice) -> Option<Millis>| {
        100.0 * mean(&|one| f64::from(time(one).is_some_and(|ms| ms.0 <= one.budget_ms.0)))
    };
    Ok(ChoiceAudit {
        budgets: choices.len(),
        refused: choices.iter().filter(|one| one.chosen.is_none()).count(),
        kept_percent: kept(|one| one.again_ms),
        kept_without_drift_percent: kept(|one| one.again_without_drift_ms),
        oracle_kept_percent: kept(|one| one.oracle_again_ms),
        mean_regret_points: mean(&|one| one.regret_points),
        worst_regret_points: choices.iter().map(|one| one.regret_points).fold(0.0, f64::max),
        foreseen,
        choices,
        whole_space,
    })
}

/// The true times of the shipped children, in rounds, each in another order.
fn known(runtime: &Runtime, options: &ChoiceAuditOptions<'_>, drift: &mut DriftMeter<'_>) -> Result<Vec<Known>, Error> {
    let shipped: Vec<_> = runtime.children().filter(|entry| runtime.may_answer(&entry.child)).collect();
    let mut batches = vec![Batches::default(); shipped.len()];
    let mut order: Vec<usize> = (0..shipped.len()).collect();
    let mut shuffle = ChaCha8Rng::seed_from_u64(2);
    let started = Instant::now();
    for round in 0.. {
        if round >= ROUNDS && started.elapsed() >= options.truth {
            break;
        }
        order.shuffle(&mut shuffle);
        for &index in &order {
            block_on(drift.time_batch(runtime.prepared(&shipped[index].name)?, RUNS, &mut batches[index]))?;
        }
    }
    let known = |(one, batches): (&&ChildEntry, Batches)| Known {
        name: one.name.clone(),
        time: Latency::of(&batches.drift_corrected(drift.usual())).at(options.quantile),
        test: one.test,
        rounds: batches.rounds(),
    };
    Ok(shipped.iter().zip(batches).map(known).collect())
}

/// `usual` is the reference's time that the budget and the known times belong to: the budget is scaled to the current
/// drift.
fn audit_choice(
    runtime: &Runtime,
    usually: Budget,
    known: &[Known],
    drift: &mut DriftMeter<'_>,
    usual: Millis,
) -> Result<AuditedChoice, Error> {
    let budget = at_present(usually, drift, usual)?;
    let chosen = match runtime.choose(budget) {
        Ok(choice) => Some(choice),
        Err(Error::BelowFastest { .. }) => None,
        Err(error) => return Err(error),
    };
    let name = chosen.as_ref().map(|choice| choice.entry().name.clone());
    let again = name.as_deref().map(|name| time_again(runtime.prepared(name)?, drift)).transpose()?;
    // The oracle's choice: it knows every child's time.
    let fits = known.iter().filter(|one| one.time.0 <= usually.limit.0);
    let oracle = fits.max_by(|a, b| a.test.percent().total_cmp(&b.test.percent()));
    let oracle_again = oracle.map(|one| time_again(runtime.prepared(&one.name)?, drift)).transpose()?;
    let top1 = |name: &str| known.iter().find(|one| one.name == name).map(|one| one.test.percent());
    // A refusal leaves the app with the fastest child.
    let fastest = known.iter().min_by(|a, b| a.time.0.total_cmp(&b.time.0)).map(|one| one.name.as_str());
    let regret_points = match (oracle, name.as_deref().or(fastest).and_then(top1)) {
        (Some(oracle), Some(chosen)) => (oracle.test.percent() - chosen).max(0.0),
        _ => 0.0,
    };
    let at = |runs: Vec<Millis>| Latency::of(&runs).at(budget.quantile);
    // The drift at which it was chosen is that of the budget.
    let then = Millis(usual.0 * budget.limit.0 / usually.limit.0);
    Ok(AuditedChoice {
        budget_ms: budget.limit,
        chosen: name,
        measured_ms: chosen.map(|choice| choice.measured().at(budget.quantile)),
        again_ms: again.as_ref().map(|again| at(again.raw())),
        again_without_drift_ms: again.map(|again| at(again.drift_corrected(then))),
        oracle: oracle.map(|one| one.name.clone()),
        oracle_again_ms: oracle_again.map(|again| at(again.raw())),
        regret_points,
    })
}

fn time_again(child: &PreparedChild, drift: &mut DriftMeter<'_>) -> Result<Batches, Error> {
    let (mut batches, started) = (Batches::default(), Instant::now());
    for batch in 0.. {
        if batch >= BATCHES && started.elapsed() >= AGAIN {
            break;
        }
        block_on(drift.time_batch(child, RUNS, &mut batches))?;
    }
    Ok(batches)
}

fn audit_adoption(
    runtime: &Runtime,
    bundle: &Bundle,
    budget: Budget,
    options: &ChoiceAuditOptions<'_>,
    drift: &mut DriftMeter<'_>,
    worth: &mut HashMap<String, f64>,
) -> Result<AuditedAdoption, Error> {
    let mut audited = AuditedAdoption {
        budget_ms: budget.limit,
        shipped: None,
        adopted: None,
        expected_gain_points: 0.0,
        gain_points: 0.0,
        measured_ms: None,
        again_ms: None,
    };
    let search = WholeSpaceOptions::default().seed(options.seed);
    let choice = match runtime.choose_in_whole_space(bundle, budget, &search) {
        Ok(choice) => choice,
        Err(Error::BelowFastest { .. }) => return Ok(audited),
        Err(error) => return Err(error),
    };
    let shipped = choice.shipped();
    audited.shipped = Some(shipped.entry().name.clone());
    let (prepared, measured) = match choice.adopted() {
        None => (runtime.prepared(&shipped.entry().name)?, shipped.measured()),
        Some(adopted) => {
            let child = adopted.prepared.to_string();
            let top1 = match worth.get(&child) {
                Some(&top1) => top1,
                None => test_top1(runtime, &adopted.prepared, options.test)?,
            };
            worth.insert(child.clone(), top1);
            audited.gain_points = top1 - shipped.entry().test.percent();
            audited.expected_gain_points = adopted.expected_gain;
            audited.adopted = Some(child);
            (&adopted.prepared, adopted.measured)
        }
    };
    let again = time_again(prepared, drift)?;
    audited.measured_ms = Some(measured.at(budget.quantile));
    audited.again_ms = Some(Latency::of(&again.raw()).at(budget.quantile));
    Ok(audited)
}

fn test_top1(runtime: &Runtime, child: &PreparedChild, test: &[(Image<'_>, usize)]) -> Result<f64, Error> {
    let images: Vec<Image<'_>> = test.iter().map(|(image, _)| *image).collect();
    let logits = runtime.supernet().infer_many(child, &images)?;
    let is_right = |(logits, (_, label)): &(&Vec<f32>, &(Image<'_>, usize))| most_probable(logits) == Some(*label);
    let correct = logits.iter().zip(test).filter(is_right).count() as u32;
    Ok(Top1 { correct, images: test.len() as u32 }.percent())
}

/// The budget, scaled by the drift of the moment.
fn at_present(usually: Budget, drift: &mut DriftMeter<'_>, usual: Millis) -> Result<Budget, Error> {
    Ok(Budget { limit: Millis(usually.limit.0 * block_on(drift.recent())?.0 / usual.0), ..usually })
}
