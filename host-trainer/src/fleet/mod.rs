//! The latency tables of many devices in one bundle.
//!
//! ```text
//! add          device profiles become latency tables of a bundle
//! find_device  a device by a part of its name
//! list         one row for each device
//! compare      pairs of devices that order children differently
//! ```

mod add;
mod compare;
mod error;
mod find_device;
mod list;

pub use add::{AddOutcome, AddRequest, AddedProfile, add_profiles};
pub use compare::{Comparison, Correlation, Reversal, SameBudget, SameShare, Taken, compare};
pub use error::FleetError;
pub use find_device::find_device;
pub use list::{DeviceRow, list};
