//! Coarse-to-fine selection beside its rivals, at the same number of evaluations.

use super::coarse_to_fine::{affordable_grid, fine};
use super::evolution::evolution;
use super::random_search::random_search;
use super::trials::{Evaluate, Remembered, SelectionTask, Trials};
use super::{Evaluated, Limit, NamedLimit, SearchError};
use nestling_core::metrics::Top1;
use nestling_core::space::{Child, Cost, ValidatedSpace};
use serde::{Deserialize, Serialize};

/// A comparison of searches.
#[derive(Clone, Copy, Debug)]
pub struct Comparison<'a> {
    /// The space of the children.
    pub space: &'a ValidatedSpace,
    /// The budgets, smallest first.
    pub budgets: &'a [NamedLimit<'a>],
    /// Most children that each search evaluates, for all budgets together.
    pub evaluations: usize,
    /// Seeds the draws of the rivals.
    pub seed: u64,
}

/// The children that were selected under one budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SelectionRow {
    /// Name of the budget: S, M, L or XL.
    pub budget: String,
    /// The most that a child may cost.
    pub most: f64,
    /// Unit of that: `madds`, `params` or `ms`.
    pub unit: String,
    /// Selected by [`fine`] search around the coarse grid.
    pub coarse_to_fine: Selected,
    /// Selected by [`random_search`].
    pub random: Selected,
    /// Selected by [`evolution`].
    pub evolution: Selected,
}

/// A selected child.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Selected {
    /// The child, printed.
    pub child: String,
    /// Its cost in MAdds, parameters and bytes.
    pub cost: Cost,
    /// Accuracy on the held-out images, by which it was selected.
    pub held_out: Top1,
    /// Accuracy on the test images.
    pub test: Top1,
}

/// One of the searches under one budget.
type Search = fn(&SelectionTask<'_>, &mut Trials, &mut dyn Evaluate) -> Result<Evaluated, SearchError>;

/// Runs all three searches under every budget; one row for each budget.
///
/// Each search may evaluate as many children, the coarse grid included, and selects for each budget among all children
/// that it has evaluated. A child that two searches ask for is evaluated once and counts for both. `test` evaluates the
/// selected children and no others.
///
/// # Errors
/// [`SearchError::TooFewEvaluations`] if the coarse grid leaves none for every budget, [`SearchError::TooTight`] if every
/// child costs more than a budget, [`SearchError::Evaluate`] if a child cannot be evaluated.
pub fn compare(
    comparison: &Comparison<'_>,
    held_out: &mut dyn Evaluate,
    test: &mut dyn Evaluate,
) -> Result<Vec<SelectionRow>, SearchError> {
    let mut held_out = Remembered::new(|children: &[Child]| held_out.evaluate(children), []);
    let grid = coarse(comparison)?;
    let coarse_to_fine = select(comparison, fine, grid, &mut held_out)?;
    let random = select(comparison, random_search, Vec::new(), &mut held_out)?;
    let evolution = select(comparison, evolution, Vec::new(), &mut held_out)?;
    let mut test = Remembered::new(|children: &[Child]| test.evaluate(children), []);
    let [coarse_to_fine, random, evolution] = [coarse_to_fine, random, evolution].map(|all| tested(all, &mut test));
    let selected = coarse_to_fine?.into_iter().zip(random?).zip(evolution?);
    Ok((comparison.budgets.iter().zip(selected))
        .map(|(budget, ((coarse_to_fine, random), evolution))| SelectionRow {
            budget: budget.name.to_owned(),
            most: budget.limit.most(),
            unit: budget.limit.unit().to_owned(),
            coarse_to_fine,
            random,
            evolution,
        })
        .collect())
}

/// The coarse grid, which must leave an evaluation for each budget.
fn coarse(comparison: &Comparison<'_>) -> Result<Vec<Child>, SearchError> {
    let limits: Vec<Limit<'_>> = comparison.budgets.iter().map(|budget| budget.limit).collect();
    limits.iter().try_for_each(|limit| limit.check(comparison.space))?;
    let grid = affordable_grid(comparison.space, &limits);
    let (given, needed) = (comparison.evaluations, grid.len() + limits.len());
    if given < needed {
        return Err(SearchError::TooFewEvaluations { given, grid: grid.len(), needed });
    }
    Ok(grid)
}

/// Evaluates `first`, then searches under each budget; what is left of the evaluations is shared evenly.
fn select(
    comparison: &Comparison<'_>,
    search: Search,
    first: Vec<Child>,
    evaluate: &mut dyn Evaluate,
) -> Result<Vec<Evaluated>, SearchError> {
    let Comparison { space, budgets, evaluations, seed } = *comparison;
    let mut trials = Trials::default();
    trials.evaluate(first, evaluate)?;
    for (index, budget) in budgets.iter().enumerate() {
        let left = evaluations - trials.evaluated().len();
        let task = SelectionTask {
            space,
            limit: budget.limit,
            evaluations: left / (budgets.len() - index),
            // Each budget has draws of its own.
            seed: seed ^ ((index as u64 + 1) << 32),
        };
        search(&task, &mut trials, evaluate)?;
    }
    let task = |limit| SelectionTask { space, limit, evaluations: 0, seed };
    budgets.iter().map(|budget| trials.best(&task(budget.limit))).collect()
}

/// The selected children with their accuracy on the test images.
fn tested(selected: Vec<Evaluated>, test: &mut dyn Evaluate) -> Result<Vec<Selected>, SearchError> {
    let children: Vec<Child> = selected.iter().map(|one| one.child.clone()).collect();
    let tested = test.evaluate(&children)?;
    Ok((selected.into_iter().zip(tested))
        .map(|(one, tested)| Selected {
            child: one.child.to_string(),
            cost: one.cost,
            held_out: one.held_out,
            test: tested.held_out,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::super::default_budgets;
    use super::*;
    use crate::calibrate::CalibrateError;
    use nestling_core::space::SearchSpace;

    #[test]
    fn every_search_evaluates_as_many_children() {
        let space = SearchSpace::fashion().validated().unwrap();
        let budgets = default_budgets(&space, super::super::LimitKind::MAdds).unwrap();
        let comparison = Comparison { space: &space, budgets: &budgets, evaluations: 180, seed: 3 };
        let grid = coarse(&comparison).unwrap();
        let searches: [(Search, Vec<Child>); 3] = [(fine, grid), (random_search, Vec::new()), (evolution, Vec::new())];
        for (search, first) in searches {
            let mut evaluated = 0;
            let mut evaluate = |children: &[Child]| -> Result<Vec<Evaluated>, CalibrateError> {
                evaluated += children.len();
                let of = |child: &Child| {
                    let cost = space.lower(child)?.cost();
                    Ok(Evaluated {
                        child: child.clone(),
                        cost,
                        held_out: Top1 { correct: child.resolution, images: 100 },
                    })
                };
                children.iter().map(of).collect()
            };
            select(&comparison, search, first, &mut evaluate).unwrap();
            assert_eq!(evaluated, comparison.evaluations);
        }
    }
}
