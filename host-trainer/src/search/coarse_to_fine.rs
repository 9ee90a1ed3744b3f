//! Coarse-to-fine architecture selection (BigNAS, section 3.3).
//!
//! 1. Coarse: the children of a grid of five resolutions, four depth, two width and four kernel configurations are
//!    evaluated once, for all budgets.
//! 2. Fine, for each budget: a grid search around the best children so far under the budget. Resolution, depths, widths
//!    and kernel sizes vary, one or two at a time, within the budget.

use super::grid::coarse_grid;
use super::trials::{Evaluate, SelectionTask, Trials};
use super::{Evaluated, Limit, SearchError};
use nestling_core::space::{Child, ValidatedSpace};

/// Children of the fine grids that are evaluated before the grids move to better children.
const ROUND: usize = 16;
/// Best children so far that have a fine grid around them. One alone is often the best of its own grid, but not of the
/// space.
const CENTRES: usize = 4;

/// Selects a child for each limit: coarse once, then `evaluations` fine ones under each limit.
///
/// # Errors
/// [`SearchError::TooTight`] if every child costs more than a limit, [`SearchError::Evaluate`] if a child cannot be
/// evaluated.
pub fn coarse_to_fine(
    space: &ValidatedSpace,
    limits: &[Limit<'_>],
    evaluations: usize,
    trials: &mut Trials,
    evaluate: &mut dyn Evaluate,
) -> Result<Vec<Evaluated>, SearchError> {
    limits.iter().try_for_each(|limit| limit.check(space))?;
    trials.evaluate(affordable_grid(space, limits), evaluate)?;
    let task = |&limit: &Limit<'_>| fine(&SelectionTask { space, limit, evaluations, seed: 0 }, trials, evaluate);
    limits.iter().map(task).collect()
}

/// The coarse grid without the children that no limit allows.
pub fn affordable_grid(space: &ValidatedSpace, limits: &[Limit<'_>]) -> Vec<Child> {
    let mut grid = coarse_grid(space);
    grid.retain(|child| limits.iter().any(|limit| limit.allows(space, child)));
    grid
}

/// Searches the grids around the best children so far until the task's evaluations are spent or the grids hold nothing
/// new; returns the best child within the limit.
///
/// # Errors
/// As [`coarse_to_fine`].
pub fn fine(
    task: &SelectionTask<'_>,
    trials: &mut Trials,
    evaluate: &mut dyn Evaluate,
) -> Result<Evaluated, SearchError> {
    let mut left = task.evaluations;
    loop {
        let round = round(task, trials, ROUND.min(left));
        if round.is_empty() {
            return trials.best(task);
        }
        left -= trials.evaluate(round, evaluate)?;
    }
}

/// At most `most` children of the grids around the best children so far, from each grid in turn.
fn round(task: &SelectionTask<'_>, trials: &Trials, most: usize) -> Vec<Child> {
    let mut grids: Vec<_> = (trials.ranked(task).into_iter().take(CENTRES))
        .map(|centre| fine_grid(task, &centre.child, trials).into_iter())
        .collect();
    let mut round: Vec<Child> = Vec::new();
    while round.len() < most {
        let before = round.len();
        for grid in &mut grids {
            round.extend(grid.find(|child| !round.contains(child)));
        }
        if round.len() == before {
            break;
        }
    }
    round.truncate(most);
    round
}

/// The new children within the limit that differ from `centre` in one or two dimensions.
///
/// The costliest variation of each dimension and of each pair comes first, then the second costliest, and so on: the
/// children that use the budget are the most accurate ones, and every dimension has its turn.
fn fine_grid(task: &SelectionTask<'_>, centre: &Child, trials: &Trials) -> Vec<Child> {
    let (counts, indices) = (task.space.choice_counts(), task.space.choice_indices(centre));
    let mut ranked = Vec::new();
    for first in 0..counts.len() {
        for second in first..counts.len() {
            let mut variations = Vec::new();
            for child in variations_of(task.space, &counts, &indices, [first, second]) {
                let Ok(network) = task.space.lower(&child) else { continue };
                let cost = task.limit.cost(&network);
                if cost <= task.limit.most() && !trials.known().contains(&child) {
                    variations.push((cost, child));
                }
            }
            variations.sort_by(|(a, _), (b, _)| b.total_cmp(a));
            ranked.extend(variations.into_iter().enumerate());
        }
    }
    ranked.sort_by(|(a, (x, _)), (b, (y, _))| a.cmp(b).then(y.total_cmp(x)));
    ranked.into_iter().map(|(_, (_, child))| child).collect()
}

/// Every child with other choices in both dimensions; in one, if they are the same.
fn variations_of(
    space: &ValidatedSpace,
    counts: &[usize],
    indices: &[usize],
    [first, second]: [usize; 2],
) -> Vec<Child> {
    let others = |dimension: usize| (0..counts[dimension]).filter(move |&index| index != indices[dimension]);
    let mut children = Vec::new();
    for one in others(first) {
        let mut varied = indices.to_vec();
        varied[first] = one;
        if first == second {
            children.push(space.child_at(&varied));
            continue;
        }
        for other in others(second) {
            varied[second] = other;
            children.push(space.child_at(&varied));
        }
    }
    children
}
