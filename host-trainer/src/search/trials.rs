//! The parts that all searches under a budget share: how children are evaluated, the task, and the children so far.

use super::{Evaluated, Limit, SearchError};
use crate::calibrate::CalibrateError;
use nestling_core::space::{Child, ValidatedSpace};
use std::collections::{HashMap, HashSet};

/// Evaluates children: the trainer's images for a real search, a made-up accuracy for a test.
pub trait Evaluate {
    /// Evaluates `children`; one result for each, in their order.
    ///
    /// # Errors
    /// [`CalibrateError`] if a child is not in the space, the weights are broken or an image cannot be read.
    fn evaluate(&mut self, children: &[Child]) -> Result<Vec<Evaluated>, CalibrateError>;
}

impl<F: FnMut(&[Child]) -> Result<Vec<Evaluated>, CalibrateError>> Evaluate for F {
    fn evaluate(&mut self, children: &[Child]) -> Result<Vec<Evaluated>, CalibrateError> {
        self(children)
    }
}

/// An evaluation that remembers its results: no child is evaluated twice.
#[derive(Debug)]
pub struct Remembered<E> {
    evaluate: E,
    known: HashMap<Child, Evaluated>,
}

impl<E: Evaluate> Remembered<E> {
    /// Evaluates with `evaluate` all children that are not among the `known` ones.
    pub fn new(evaluate: E, known: impl IntoIterator<Item = Evaluated>) -> Self {
        Self { evaluate, known: known.into_iter().map(|one| (one.child.clone(), one)).collect() }
    }
}

impl<E: Evaluate> Evaluate for Remembered<E> {
    fn evaluate(&mut self, children: &[Child]) -> Result<Vec<Evaluated>, CalibrateError> {
        let mut asked = HashSet::new();
        let new: Vec<Child> =
            children.iter().filter(|&child| !self.known.contains_key(child) && asked.insert(child)).cloned().collect();
        if !new.is_empty() {
            self.known.extend(self.evaluate.evaluate(&new)?.into_iter().map(|one| (one.child.clone(), one)));
        }
        Ok(children.iter().filter_map(|child| self.known.get(child).cloned()).collect())
    }
}

/// The search for the most accurate child within a limit.
#[derive(Clone, Copy, Debug)]
pub struct SelectionTask<'a> {
    /// The space of the children.
    pub space: &'a ValidatedSpace,
    /// The most that the child may cost.
    pub limit: Limit<'a>,
    /// Most new children that are evaluated for it.
    pub evaluations: usize,
    /// Seeds all draws.
    pub seed: u64,
}

impl SelectionTask<'_> {
    /// Whether a child keeps within the limit.
    pub fn allows(&self, child: &Child) -> bool {
        self.limit.allows(self.space, child)
    }
}

/// The children that one search has evaluated so far, for all of its budgets.
#[derive(Clone, Debug, Default)]
pub struct Trials {
    evaluated: Vec<Evaluated>,
    known: HashSet<Child>,
}

impl Trials {
    /// All of them, in the order of evaluation.
    pub fn evaluated(&self) -> &[Evaluated] {
        &self.evaluated
    }

    /// The children.
    pub fn known(&self) -> &HashSet<Child> {
        &self.known
    }

    /// Evaluates those of `children` that are new; returns their number.
    ///
    /// # Errors
    /// [`CalibrateError`] as [`Evaluate::evaluate`].
    pub fn evaluate(&mut self, children: Vec<Child>, evaluate: &mut dyn Evaluate) -> Result<usize, CalibrateError> {
        let new: Vec<Child> = children.into_iter().filter(|child| self.known.insert(child.clone())).collect();
        if !new.is_empty() {
            self.evaluated.extend(evaluate.evaluate(&new)?);
        }
        Ok(new.len())
    }

    /// Those within the task's limit, the most accurate first, of equals the cheapest.
    pub fn ranked(&self, task: &SelectionTask<'_>) -> Vec<&Evaluated> {
        let mut within: Vec<(f64, &Evaluated)> = (self.evaluated.iter())
            .map(|one| (task.limit.cost_of(task.space, one), one))
            .filter(|(cost, _)| *cost <= task.limit.most())
            .collect();
        within.sort_by(|(a, x), (b, y)| y.held_out.correct.cmp(&x.held_out.correct).then(a.total_cmp(b)));
        within.into_iter().map(|(_, one)| one).collect()
    }

    /// The first of them.
    ///
    /// # Errors
    /// [`SearchError::TooTight`] if none is within the limit.
    pub fn best(&self, task: &SelectionTask<'_>) -> Result<Evaluated, SearchError> {
        self.ranked(task).first().map(|&best| best.clone()).ok_or_else(|| task.limit.too_tight(task.space))
    }
}
