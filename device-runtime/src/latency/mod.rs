//! Latency: what a device measured, and what that says about a child it has not measured.
//!
//! Whole children are the truth: a few informative ones are timed from image to logits, and prices of their
//! [`Work`] are fitted to those times ([`LatencyFit`]). Layers are timed too, but only to report where a child's time
//! goes: they do not add up to it. `docs/latency.md` has the figures.
//!
//! ```text
//! work         what an inference does: layers, MAdds by kind, bytes
//! informative  which children tell most about a device's prices
//! fit          prices by non-negative least squares, from a prior
//! table        a fit and its device: what a bundle ships, and which of them is most like this device
//! evaluation   how well unseen children are predicted, beside simpler predictors
//! measure      the clock, and what is timed within a given time
//! pace         how fast the device is at the moment: what is compared is brought to one pace
//! profile      the file that a device keeps, and when it is stale
//! ```

#[cfg(feature = "gpu")]
mod evaluation;
mod fit;
mod informative;
#[cfg(feature = "gpu")]
mod measure;
#[cfg(feature = "gpu")]
mod pace;
#[cfg(feature = "gpu")]
mod profile;
mod quantiles;
mod relative_error;
#[cfg(feature = "gpu")]
mod sealed;
mod table;
mod work;

pub use crate::rank_correlation::spearman;
pub use crate::space::OutputSize;
#[cfg(feature = "gpu")]
pub use evaluation::Accuracy;
#[cfg(feature = "gpu")]
pub(crate) use evaluation::{Evidence, accuracy};
pub use fit::{LatencyFit, Price, Sample};
pub use informative::{MOST_INFORMATIVE, informative_children};
#[cfg(feature = "gpu")]
pub use measure::{ProfileOptions, Progress};
#[cfg(feature = "gpu")]
pub(crate) use measure::{Subject, measure};
#[cfg(feature = "gpu")]
pub(crate) use pace::{Batches, Pace};
#[cfg(feature = "gpu")]
pub use profile::{ChildTimes, DeviceProfile, ProfileError, Stale};
pub use quantiles::{Latency, Spread};
pub use table::{DeviceKey, LatencyTable, LayerTime, mean_error_percent, nearest_table};
pub use work::{Amounts, Coverage, LayerKind, Work};
