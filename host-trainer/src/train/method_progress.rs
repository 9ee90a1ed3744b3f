use super::slimmable::RunningStatistics;
use super::{Checkpoint, Lesson, StepOutcome, TrainConfig};
use super::{Method, auto_slim, channel_order, once_for_all, universally_slimmable};
use nestling_core::space::{Child, Network, SpaceError, Statistics, ValidatedSpace};
use std::sync::Arc;

/// A step's place in the run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// Steps done.
    pub step: u64,
    /// Steps of the whole run.
    pub steps: u64,
}

impl Moment {
    fn open(self) -> once_for_all::Open {
        once_for_all::Open::after(self.step as f64 / self.steps.max(1) as f64)
    }
}

/// The state of a run's method beside the weights and the optimiser.
#[derive(Debug)]
pub(super) struct MethodProgress {
    method: Method,
    space: ValidatedSpace,
    /// The full network's weights at the end of its phase, in the order of the layout ([`Method::OnceForAll`]).
    teacher: Option<Arc<Vec<f32>>>,
    /// Batch norm of the switches ([`Method::Slimmable`]).
    running: Option<RunningStatistics>,
}

impl MethodProgress {
    /// At the start of a run, or where `run` stopped.
    pub fn new(method: Method, space: &ValidatedSpace, run: Option<&Checkpoint>) -> Result<Self, SpaceError> {
        let values = run.and_then(|run| run.running.clone());
        let running = match method {
            Method::Slimmable => RunningStatistics::new(space, values)?,
            Method::BigNas | Method::UniversallySlimmable | Method::AutoSlim | Method::OnceForAll => None,
        };
        let teacher = run.and_then(|run| run.teacher.clone()).map(Arc::new);
        Ok(Self { method, space: space.clone(), teacher, running })
    }

    /// The lesson of the next step; nothing for BigNAS's own step. `weights` are those that would ship now.
    pub fn lesson(
        &mut self,
        config: &TrainConfig,
        at: Moment,
        weights: impl FnOnce() -> Vec<f32>,
    ) -> Result<Option<Lesson>, SpaceError> {
        let (seed, random) = (config.seed, config.random_children);
        Ok(match self.method {
            Method::BigNas => None,
            Method::UniversallySlimmable => {
                let children = universally_slimmable::children(&self.space, seed, at.step, random);
                Some(Lesson::Sandwich(self.lowered(&children)?))
            }
            Method::AutoSlim => {
                let children = auto_slim::children(&self.space, seed, at.step, random);
                Some(Lesson::Sandwich(self.lowered(&children)?))
            }
            Method::Slimmable => self.running.as_ref().map(|running| Lesson::Switches(Arc::clone(running.switches()))),
            Method::OnceForAll => {
                let children = once_for_all::children(&self.space, seed, at.step, at.open(), random);
                Some(if at.open().is_full() {
                    Lesson::Sandwich(self.lowered(&children)?)
                } else {
                    self.shrinking(&children, weights)?
                })
            }
        })
    }

    /// The lesson of children that learn from the teacher. The first one makes the teacher, of `weights`.
    fn shrinking(&mut self, children: &[Child], weights: impl FnOnce() -> Vec<f32>) -> Result<Lesson, SpaceError> {
        let layout = self.space.layout().len();
        let known = self.teacher.get_or_insert_with(|| {
            let mut weights = weights();
            weights.truncate(layout);
            Arc::new(weights)
        });
        let weights = Arc::clone(known);
        let biggest = self.space.biggest();
        // All children of a step have the same image size.
        let resolution = children.first().map_or(biggest.resolution, |child| child.resolution);
        let teacher = Arc::new(self.space.lower(&Child { resolution, ..biggest })?);
        Ok(Lesson::Shrinking { children: self.lowered(children)?, teacher, weights })
    }

    fn lowered(&self, children: &[Child]) -> Result<Arc<Vec<Network>>, SpaceError> {
        children.iter().map(|child| self.space.lower(child)).collect::<Result<_, _>>().map(Arc::new)
    }

    /// The new places of all weights, if this step is the first with elastic expand ratios
    /// ([`sorted_by_importance`](channel_order::sorted_by_importance)).
    pub fn new_places(&self, at: Moment, values: impl FnOnce() -> Vec<f32>) -> Option<Vec<usize>> {
        let before = Moment { step: at.step.checked_sub(1)?, ..at };
        let is_first = at.open().has_expand_ratios() && !before.open().has_expand_ratios();
        (self.method == Method::OnceForAll && is_first)
            .then(|| channel_order::sorted_by_importance(&self.space, &values()))
    }

    /// Learns from a step that was done.
    pub fn add(&mut self, step: u64, outcome: &StepOutcome) {
        if let (Some(running), Some(statistics)) = (&mut self.running, &outcome.statistics) {
            running.add(step, statistics);
        }
    }

    /// A child's own statistics; `None` if it needs calibration.
    pub fn statistics(&self, child: &Child) -> Option<Statistics> {
        self.running.as_ref().and_then(|running| running.of(child))
    }

    /// The teacher's weights, for a checkpoint.
    pub fn teacher(&self) -> Option<Vec<f32>> {
        self.teacher.as_ref().map(|weights| weights.to_vec())
    }

    /// The switches' statistics, for a checkpoint.
    pub fn running(&self) -> Option<Vec<f32>> {
        self.running.as_ref().map(|running| running.values().to_vec())
    }
}
