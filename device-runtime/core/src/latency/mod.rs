//! Latency: the measurements of a device, and predictions for children that it has not measured.
//!
//! Predictions come from whole children: a few informative ones are timed from image to logits, and a linear model of
//! their [`CostFeature`] is fitted to those times ([`LatencyModel`]). Layers are timed too, but only to report where a
//! child's time goes: they do not add up to it. `docs/latency.md` has the figures.
//!
//! Other programs interrupt a device. The model is fitted to the time of each child while nothing interrupts it: its work
//! in runs of a reference that was interrupted as often ([`Timeline`]). A [`Moment`] says how long that takes now.

mod batches;
mod feature;
mod informative;
mod model;
mod moment;
mod table;
mod timeline;

pub use batches::Batches;
pub use feature::{CostFeature, CostFeatures, LayerKind};
pub use informative::{MAX_INFORMATIVE, informative_children};
pub use model::{Coefficient, LatencyModel, Sample};
pub use moment::Moment;
pub use table::{Clock, DeviceKey, LatencyTable, LayerTime, mean_error_percent, nearest_table};
pub use timeline::Timeline;
