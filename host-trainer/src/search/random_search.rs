//! Random search under a budget.
//!
//! Few children that are drawn uniformly keep a tight budget: of Table 1's, one in ten thousand costs less than 250 M
//! MAdds. A child that costs too much therefore takes one step down in a random dimension until it keeps the budget.

use super::trials::{Evaluate, SelectionTask, Trials};
use super::{Evaluated, SearchError};
use crate::random::{Purpose, generator};
use nestling_core::space::{Child, ValidatedSpace, new_children};
use rand::{Rng, RngExt};

/// The place of its draws among those of a search.
const DRAWS: u64 = 2;

/// Evaluates as many random children within the limit as the task allows; returns the best child within the limit.
///
/// # Errors
/// [`SearchError::TooTight`] if every child costs more than the limit, [`SearchError::Evaluate`] if a child cannot be
/// evaluated.
pub fn random_search(
    task: &SelectionTask<'_>,
    trials: &mut Trials,
    evaluate: &mut dyn Evaluate,
) -> Result<Evaluated, SearchError> {
    task.limit.check(task.space)?;
    let mut random = generator(task.seed, Purpose::Search, DRAWS);
    let mut known = trials.known().clone();
    let drawn = new_children(task.evaluations, &mut known, |_| draw(task, &mut random));
    trials.evaluate(drawn, evaluate)?;
    trials.best(task)
}

/// A random child within the limit, which the smallest child must keep.
pub(super) fn draw(task: &SelectionTask<'_>, random: &mut impl Rng) -> Child {
    shrunk(task, task.space.sample(random), random)
}

/// The child, made smaller at random places until it keeps the limit, which the smallest child must keep.
pub(super) fn shrunk(task: &SelectionTask<'_>, child: Child, random: &mut impl Rng) -> Child {
    let mut child = child;
    while !task.allows(&child) {
        match step_down(task.space, &child, random) {
            Some(smaller) => child = smaller,
            None => break,
        }
    }
    child
}

/// The child with the next smaller choice in a random dimension; `None` for the smallest child.
fn step_down(space: &ValidatedSpace, child: &Child, random: &mut impl Rng) -> Option<Child> {
    let mut indices = space.choice_indices(child);
    let open: Vec<usize> = (0..indices.len()).filter(|&dimension| indices[dimension] > 0).collect();
    let dimension = *open.get(random.random_range(0..open.len().max(1)))?;
    indices[dimension] -= 1;
    Some(space.child_at(&indices))
}
