//! Latency: what a device measured, and what that says about a child it has not measured.

#[cfg(feature = "gpu")]
mod measure;
#[cfg(feature = "gpu")]
mod profile;
mod quantiles;
mod table;

#[cfg(feature = "gpu")]
pub use measure::{ProfileOptions, Progress};
#[cfg(feature = "gpu")]
pub(crate) use measure::{Subject, measure};
#[cfg(feature = "gpu")]
pub use profile::{ChildTimes, DeviceProfile, ProfileError, Stale};
pub use quantiles::Latency;
pub use table::{DeviceKey, LatencyTable, LayerTime};
