//! The latency tables of many devices in one bundle.
//!
//! ```text
//! add          device profiles become latency tables of a bundle
//! carry_over   a bundle that is packed again keeps its tables
//! find_device  a device by a part of its name
//! list         one row for each device
//! compare      pairs of devices that order children differently
//! ```

mod add;
mod carry_over;
mod compare;
mod error;
mod find_device;
mod list;

pub use add::{AddOutcome, AddedProfile, add_profiles};
pub use carry_over::carry_over_tables;
pub use compare::{Comparison, Correlation, Reversal, SameBudget, SameShare, Taken, compare};
pub use error::FleetError;
pub use find_device::find_device;
pub use list::{DeviceRow, list};
