use super::TrainError;
use crate::calibrate::calibrate;
use crate::data::Dataset;
use crate::evaluate::evaluate;
use crate::model::{Parameters, Resizer};
use nestling_core::metrics::Top1;
use nestling_core::space::{Child, SearchSpace, StageChoice, ValidatedSpace};
use serde::{Deserialize, Serialize};

/// Images at a time.
const BATCH: usize = 256;

/// A child whose accuracy is followed through a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// `smallest`, `middle` or `biggest`.
    pub name: String,
    /// The child.
    pub child: Child,
    /// Right answers on held-out images, with the averaged weights.
    pub held_out: Top1,
}

/// Calibrates and evaluates the followed children.
pub(super) fn probe(
    space: &ValidatedSpace,
    weights: &Parameters,
    resizer: &Resizer,
    calibration: &Dataset,
    held_out: &Dataset,
) -> Result<Vec<Probe>, TrainError> {
    let children = [("smallest", space.smallest()), ("middle", middle(space)), ("biggest", space.biggest())];
    children
        .into_iter()
        .map(|(name, child)| {
            let network = space.lower(&child)?;
            let calibrated = calibrate(&network, weights, resizer, calibration, BATCH)?;
            let held_out = evaluate(&calibrated, &network, weights, resizer, held_out, BATCH)?;
            Ok(Probe { name: name.to_owned(), child, held_out })
        })
        .collect()
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
