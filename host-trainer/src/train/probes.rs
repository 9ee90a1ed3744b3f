use super::Method;
use super::TrainError;
use super::method_progress::MethodProgress;
use crate::calibrate::calibrate;
use crate::data::Dataset;
use crate::evaluate::evaluate;
use crate::model::{Parameters, Resizer};
use crate::ranks::Ranks;
use nestling_core::metrics::Top1;
use nestling_core::space::{CalibratedChild, Child, SearchSpace, StageChoice, ValidatedSpace};
use serde::{Deserialize, Serialize};

/// Images at a time.
const BATCH: usize = 256;

/// A child whose accuracy is followed through a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// `smallest`, `middle` or `biggest`; `only` where one child is trained.
    pub name: String,
    /// The child.
    pub child: Child,
    /// Right answers on validation images, with the averaged weights.
    pub held_out: Top1,
}

/// The probe children, and where their batch-norm statistics come from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Followed<'a> {
    pub space: &'a ValidatedSpace,
    pub method: Method,
    /// The one child that is trained, if only one is.
    pub only: Option<&'a Child>,
    pub progress: &'a MethodProgress,
}

/// Evaluates the probe children, shared over the ranks. Those without statistics of their own are calibrated.
pub(super) fn probe(
    Followed { space, method, only, progress }: Followed<'_>,
    weights: &Parameters,
    resizer: &Resizer,
    (calibration, held_out): (&Dataset, &Dataset),
    ranks: &Ranks,
) -> Result<Vec<Probe>, TrainError> {
    let only = only.map(|child| vec![("only", child.clone())]);
    let children = only.unwrap_or_else(|| followed(space, method));
    let own: Result<Vec<Probe>, TrainError> = (ranks.own(children.len()))
        .map(|index| {
            let (name, child) = &children[index];
            let (network, weights) = (space.lower(child)?, weights.for_child(child));
            let calibrated = match progress.statistics(child) {
                Some(statistics) => CalibratedChild::new(&network, statistics)?,
                None => calibrate(&network, &weights, resizer, calibration, BATCH)?,
            };
            let held_out = evaluate(&calibrated, &network, &weights, resizer, held_out, BATCH)?;
            Ok(Probe { name: (*name).to_owned(), child: child.clone(), held_out })
        })
        .collect();
    ranks.exchange(own)
}

/// The probe children of a run, from the smallest to the biggest, each once: a space of one child has its `biggest` alone.
pub fn followed(space: &ValidatedSpace, method: Method) -> Vec<(&'static str, Child)> {
    let middle = method.middle(space).unwrap_or_else(|| middle(space));
    let (smallest, biggest) = (space.smallest(), space.biggest());
    let mut children = Vec::new();
    if smallest != biggest {
        children.push(("smallest", smallest.clone()));
    }
    if middle != smallest && middle != biggest {
        children.push(("middle", middle));
    }
    children.push(("biggest", biggest));
    children
}

/// The child with the middle choice of every dimension.
fn middle(space: &SearchSpace) -> Child {
    fn pick<T: Copy>(list: &[T]) -> T {
        list[list.len() / 2]
    }
    Child {
        resolution: pick(&space.resolutions),
        stem_width: pick(&space.stem.widths),
        stages: (space.stages.iter())
            .map(|stage| StageChoice {
                width: pick(&stage.widths),
                depth: pick(&stage.depths),
                kernel: stage.kernels[0],
                expand_ratio: pick(&stage.expand_ratios),
            })
            .collect(),
        head_width: space.head.as_ref().map(|head| pick(&head.widths)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_child_is_followed_once() {
        let space = SearchSpace::fashion().validated().unwrap();
        let names = |space: &ValidatedSpace| {
            followed(space, Method::BigNas).into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(names(&space), ["smallest", "middle", "biggest"]);
        let mut one = SearchSpace::fashion();
        one.resolutions.truncate(1);
        for stage in &mut one.stages {
            stage.widths.truncate(1);
            stage.depths.truncate(1);
            stage.kernels.truncate(1);
            stage.expand_ratios.truncate(1);
        }
        one.stem.widths.truncate(1);
        one.head.iter_mut().for_each(|head| head.widths.truncate(1));
        let mut two = one.clone();
        assert_eq!(names(&one.validated().unwrap()), ["biggest"]);
        // The middle one of two children is the biggest.
        let resolutions = &SearchSpace::fashion().resolutions;
        two.resolutions = vec![resolutions[0], resolutions[resolutions.len() - 1]];
        assert_eq!(names(&two.validated().unwrap()), ["smallest", "biggest"]);
    }
}
