//! Latency: the measurements of a device, and predictions for children that it has not measured.
//!
//! Predictions come from whole children: a few informative ones are timed from image to logits, and a linear model of
//! their [`CostFeature`] is fitted to those times ([`LatencyModel`]). Layers are timed too, but only to report where a
//! child's time goes: they do not add up to it. `docs/latency.md` has the figures.

mod batches;
mod feature;
mod informative;
mod model;
mod table;

pub use batches::Batches;
pub use feature::{CostFeature, CostFeatures, LayerKind};
pub use informative::{MAX_INFORMATIVE, informative_children};
pub use model::{Coefficient, LatencyModel, Sample};
pub use table::{Clock, DeviceKey, LatencyTable, LayerTime, mean_error_percent, nearest_table};
