//! Selection of the children that ship, by their accuracy on validation images and their cost.
//!
//! Without a limit (BigNAS, coarse-to-fine architecture selection):
//!
//! * Coarse: a grid of whole-network presets.
//! * Fine: children near the best ones, by changing a few choices.
//! * Random: children drawn uniformly from the whole space.
//!
//! All are calibrated exactly and evaluated. The Pareto front ships: the children that no cheaper child equals. An
//! accuracy predictor is fitted to all children but the last random ones, which tell its error.
//!
//! Under budgets S, M, L and XL, in MAdds, parameters or milliseconds on one device, the paper's selection
//! (`coarse_to_fine.rs`) evaluates the same grid once and searches around its best child for each budget. Its rivals
//! (`random_search.rs`, `evolution.rs`) have the same arguments, and `compare.rs` runs all three at the same number of
//! evaluations.
//!
//! Under one limit, the accuracy predictor searches the whole space (`under_limit.rs`). The most promising children are
//! evaluated, and the best joins the children that ship.

mod budgets;
mod coarse_to_fine;
mod compare;
mod error;
mod evaluator;
mod evolution;
mod grid;
mod limit;
mod merge;
mod pareto;
mod random_search;
mod report;
mod ship;
#[cfg(test)]
mod tests;
mod trials;
mod under_limit;

pub use budgets::{LimitKind, NamedLimit, default_budgets, given_budgets};
pub use coarse_to_fine::{affordable_grid, coarse_to_fine, fine};
pub use compare::{Comparison, Selected, SelectionRow, compare};
pub use error::SearchError;
pub use evaluator::{Evaluated, Evaluator};
pub use evolution::{evolution, evolution_on_a_predictor};
pub use grid::coarse_grid;
pub use limit::{Limit, latency_table};
pub use merge::{MergeOutcome, merge_found};
pub use pareto::{name_shipped, pareto_front};
pub use random_search::random_search;
pub use report::{Chosen, SearchReport};
pub use ship::ship_selected;
pub use trials::{Evaluate, Remembered, SelectionTask, Trials};
pub use under_limit::{LimitRequest, SearchInputs, evaluate_found};

use crate::calibrate::CalibrateError;
use crate::random::{Purpose, generator};
use nestling_core::accuracy::{AccuracyPredictor, PredictorError};
use nestling_core::metrics::Top1;
use nestling_core::space::{Child, ValidatedSpace, new_children};
use std::collections::HashSet;

/// The number of children that a search evaluates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchOptions {
    /// Most children of the coarse grid; `None` for all.
    pub coarse: Option<usize>,
    /// Children evaluated around the front, after the coarse grid.
    pub fine: usize,
    /// Children drawn uniformly from the space, to which the accuracy predictor is fitted beside the others.
    pub random: usize,
    /// Children drawn uniformly that only tell the predictor's error.
    pub random_held_out: usize,
    /// Seeds all draws.
    pub seed: u64,
}

/// The children that a search evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct Searched {
    /// Every child, in the order of evaluation.
    pub evaluated: Vec<Evaluated>,
    /// Indices of the children that the accuracy predictor must not be fitted to.
    pub kept_from_predictor: Vec<usize>,
}

impl Searched {
    /// Fits an accuracy predictor to every child that is not kept from it.
    ///
    /// # Errors
    /// [`PredictorError`] if there are too few children to fit it or to tell its error.
    pub fn predictor(&self, space: &ValidatedSpace) -> Result<AccuracyPredictor, PredictorError> {
        let pair = |one: &Evaluated| (one.child.clone(), one.held_out);
        let (mut fitted, mut held_out): (Vec<(Child, Top1)>, Vec<_>) = (Vec::new(), Vec::new());
        for (index, one) in self.evaluated.iter().enumerate() {
            let kept = self.kept_from_predictor.contains(&index);
            if kept { &mut held_out } else { &mut fitted }.push(pair(one));
        }
        AccuracyPredictor::fit(space, &fitted, &held_out)
    }
}

/// Evaluates the coarse grid, then `options.fine` children around its front, then the random ones.
///
/// A small space may not have that many new children. `progress` is called with the number of children done and to do.
///
/// # Errors
/// [`CalibrateError`] if the space or the weights are broken or an image cannot be read.
pub fn search(
    space: &ValidatedSpace,
    evaluator: &Evaluator<'_>,
    options: SearchOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Searched, CalibrateError> {
    let SearchOptions { coarse, fine, random, random_held_out, seed } = options;
    let grid = grid::thinned(coarse_grid(space), coarse.unwrap_or(usize::MAX));
    let total = grid.len() + fine + random + random_held_out;
    let mut all = evaluator.evaluate(&grid, &|done| progress(done, total))?;
    let front = pareto_front(&all);
    let mut known: HashSet<Child> = grid.into_iter().collect();
    let mut random_of = generator(seed, Purpose::Search, 0);
    let fine = new_children(fine, &mut known, |attempt| {
        space.mutate(&all[front[attempt % front.len()]].child, 0.2, &mut random_of)
    });
    let mut random_of = generator(seed, Purpose::Search, 1);
    let drawn = new_children(random + random_held_out, &mut known, |_| space.sample(&mut random_of));
    let kept = drawn.len() * random_held_out / (random + random_held_out).max(1);
    let rest: Vec<Child> = fine.into_iter().chain(drawn).collect();
    let done_before = all.len();
    let total = done_before + rest.len();
    all.extend(evaluator.evaluate(&rest, &|done| progress(done_before + done, total))?);
    let kept_from_predictor = (all.len() - kept..all.len()).collect();
    Ok(Searched { evaluated: all, kept_from_predictor })
}
