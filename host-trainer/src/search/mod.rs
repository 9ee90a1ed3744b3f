//! Coarse-to-fine selection of children under a cost (BigNAS, coarse-to-fine architecture selection), on held-out images.
//!
//! Coarse: a grid of whole-network presets. Fine: the children near the best ones, by changing a few choices. Both are
//! calibrated exactly and evaluated; what no cheaper child beats is the Pareto front.

mod evaluator;
mod grid;
mod pareto;

pub use evaluator::{Evaluated, Evaluator};
pub use grid::coarse_grid;
pub use pareto::{named, pareto_front};

use crate::train::{generator, purpose};
use nestling::space::{Child, SearchSpace, SpaceError};
use std::collections::HashSet;

/// How much a search may look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchOptions {
    /// Children evaluated around the front, after the coarse grid.
    pub fine: usize,
    /// Seeds the fine part.
    pub seed: u64,
}

/// Evaluates the coarse grid, then `options.fine` children around its front. Returns everything that was looked at.
///
/// `progress` is called with the number of children done and to do.
///
/// # Errors
/// [`SpaceError`] if the space or the weights are broken.
pub fn search(
    space: &SearchSpace,
    evaluator: &Evaluator<'_>,
    options: SearchOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Vec<Evaluated>, SpaceError> {
    let grid = coarse_grid(space);
    let total = grid.len() + options.fine;
    let mut all = evaluator.evaluate(&grid, &|done| progress(done, total))?;
    let front = pareto_front(&all);
    let mut known: HashSet<Child> = grid.into_iter().collect();
    let mut random = generator(options.seed, purpose::SEARCH, 0);
    let mut fine = Vec::new();
    // A small space may have nothing new near its front: a bounded number of tries.
    for attempt in 0..50 * options.fine {
        if fine.len() == options.fine {
            break;
        }
        let parent = &all[front[attempt % front.len()]].child;
        let child = space.mutate(parent, 0.2, &mut random);
        if known.insert(child.clone()) {
            fine.push(child);
        }
    }
    all.extend(evaluator.evaluate(&fine, &|done| progress(total - options.fine + done, total))?);
    Ok(all)
}
