//! Evolution under a budget, as once-for-all selects its children: the fittest quarter of a population has children by
//! mutation and by crossover. Every candidate is calibrated and evaluated, or, in the variant on the accuracy predictor,
//! predicted by a fit to random children.

use super::random_search::{draw, shrunk};
use super::trials::{Evaluate, SelectionTask, Trials};
use super::{Evaluated, SearchError};
use crate::calibrate::CalibrateError;
use crate::random::{Purpose, generator};
use nestling_core::accuracy::AccuracyPredictor;
use nestling_core::metrics::Top1;
use nestling_core::space::{Child, ValidatedSpace, new_children};
use rand::{Rng, RngExt};

/// Largest population, as in the paper. Few evaluations are spread over [`GENERATIONS`] smaller ones.
const POPULATION: usize = 100;
const GENERATIONS: usize = 5;
/// Fewest candidates of a generation.
const MIN_POPULATION: usize = 4;
/// One candidate of so many becomes a parent.
const PARENTS: usize = 4;
/// Attempts for each candidate of a generation after which random children are drawn: the population is all alike.
const ALIKE: usize = 20;
/// The probability that a mutation draws a dimension again.
const MUTATION: f64 = 0.1;
/// Predicted candidates of the variant on the predictor.
const PREDICTED: usize = 2000;
/// Images of a made-up evaluation: a predicted accuracy keeps four digits behind the point.
const PREDICTED_IMAGES: u32 = 1_000_000;
/// The place of its draws among those of a search.
const DRAWS: u64 = 3;
/// The same for the children that a predictor is fitted to.
const SAMPLES: u64 = 4;
/// One sample of so many only tells the predictor's error.
const HELD_OUT: usize = 5;

/// Evolves children within the limit until the task's evaluations are spent; returns the best child within the limit.
///
/// Children that `trials` already holds may become parents.
///
/// # Errors
/// [`SearchError::TooTight`] if every child costs more than the limit, [`SearchError::Evaluate`] if a child cannot be
/// evaluated.
pub fn evolution(
    task: &SelectionTask<'_>,
    trials: &mut Trials,
    evaluate: &mut dyn Evaluate,
) -> Result<Evaluated, SearchError> {
    task.limit.check(task.space)?;
    let mut random = generator(task.seed, Purpose::Search, DRAWS);
    let population = (task.evaluations / GENERATIONS).clamp(MIN_POPULATION, POPULATION);
    let mut known = trials.known().clone();
    let first = population.min(task.evaluations);
    let drawn = new_children(first, &mut known, |_| draw(task, &mut random));
    let mut left = task.evaluations - trials.evaluate(drawn, evaluate)?;
    while left > 0 {
        let ranked = trials.ranked(task);
        let parents: Vec<Child> =
            ranked.iter().take((population / PARENTS).max(2)).map(|one| one.child.clone()).collect();
        let offspring = new_children(population.min(left), &mut known, |number| {
            if number >= ALIKE * population.min(left) {
                return draw(task, &mut random);
            }
            let child = offspring(task.space, &parents, number, &mut random);
            shrunk(task, child, &mut random)
        });
        // A small space is soon seen whole.
        if offspring.is_empty() {
            break;
        }
        left -= trials.evaluate(offspring, evaluate)?;
    }
    trials.best(task)
}

/// A child of one parent by mutation or of two by crossover, in turn. There must be a parent.
fn offspring(space: &ValidatedSpace, parents: &[Child], number: usize, random: &mut impl Rng) -> Child {
    let parent = &parents[random.random_range(0..parents.len())];
    if number.is_multiple_of(2) {
        return space.mutate(parent, MUTATION, random);
    }
    let other = &parents[random.random_range(0..parents.len())];
    let crossed: Vec<usize> = (space.choice_indices(parent).into_iter().zip(space.choice_indices(other)))
        .map(|(one, other)| if random.random_bool(0.5) { one } else { other })
        .collect();
    space.child_at(&crossed)
}

/// Evolution on an accuracy predictor, as once-for-all has it: `samples` random children of the whole space are evaluated,
/// a predictor is fitted to them, and evolution on it names the children that the task's own evaluations go to. Returns the
/// best child within the limit.
///
/// # Errors
/// As [`evolution`].
pub fn evolution_on_a_predictor(
    task: &SelectionTask<'_>,
    samples: usize,
    trials: &mut Trials,
    evaluate: &mut dyn Evaluate,
) -> Result<Evaluated, SearchError> {
    let mut random = generator(task.seed, Purpose::Search, SAMPLES);
    let drawn = new_children(samples, &mut trials.known().clone(), |_| task.space.sample(&mut random));
    trials.evaluate(drawn, evaluate)?;
    let mut all: Vec<(Child, Top1)> = trials.evaluated().iter().map(|one| (one.child.clone(), one.held_out)).collect();
    let held_out = all.split_off(all.len() - all.len() / HELD_OUT);
    match AccuracyPredictor::fit(task.space, &all, &held_out) {
        Ok(predictor) => predicted_evolution(task, &predictor, trials, evaluate),
        // A space of some dozen children has too few for a fit.
        Err(_) => evolution(task, trials, evaluate),
    }
}

/// Evolution on a fitted predictor: thousands of candidates are predicted, and the task's evaluations go to those that are
/// predicted to be most accurate. Returns the best child within the limit.
///
/// # Errors
/// As [`evolution`].
fn predicted_evolution(
    task: &SelectionTask<'_>,
    predictor: &AccuracyPredictor,
    trials: &mut Trials,
    evaluate: &mut dyn Evaluate,
) -> Result<Evaluated, SearchError> {
    let mut predict = |children: &[Child]| -> Result<Vec<Evaluated>, CalibrateError> {
        children.iter().map(|child| predicted(task.space, predictor, child)).collect()
    };
    let mut candidates = Trials::default();
    evolution(&SelectionTask { evaluations: PREDICTED, ..*task }, &mut candidates, &mut predict)?;
    let promising: Vec<Child> = (candidates.ranked(task).into_iter())
        .map(|one| one.child.clone())
        .filter(|child| !trials.known().contains(child))
        .take(task.evaluations)
        .collect();
    trials.evaluate(promising, evaluate)?;
    trials.best(task)
}

/// A child with its predicted accuracy in the place of a measured one.
fn predicted(
    space: &ValidatedSpace,
    predictor: &AccuracyPredictor,
    child: &Child,
) -> Result<Evaluated, CalibrateError> {
    let cost = space.lower(child)?.cost();
    let share = predictor.predict(space, child) / 100.0;
    let correct = (share * f64::from(PREDICTED_IMAGES)).round() as u32;
    Ok(Evaluated { child: child.clone(), cost, held_out: Top1 { correct, images: PREDICTED_IMAGES } })
}
