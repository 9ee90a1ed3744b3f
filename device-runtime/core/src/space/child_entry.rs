use super::{Child, Cost};
use crate::metrics::Top1;
use serde::{Deserialize, Serialize};

/// A child that ships.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChildEntry {
    /// `smallest`, `biggest`, or `pareto-3`; unique in the bundle.
    pub name: String,
    /// The child.
    pub child: Child,
    /// Its parameters, MAdds and activation bytes.
    pub cost: Cost,
    /// Accuracy on images held out from training, by which it was chosen; of no images if it was not measured.
    pub held_out: Top1,
    /// Accuracy on the test images, by which nothing was chosen; of no images if it was not measured.
    pub test: Top1,
}
