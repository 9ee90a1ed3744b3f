//! Many devices and one bundle: their latency tables, where they disagree, and children for one of them.
//!
//! ```text
//! add      device profiles become latency tables of a bundle
//! keep     latency tables of a bundle that is packed again
//! device   which of them a name means
//! list     a row a device
//! compare  where devices order children differently
//! limit    the whole space searched under one device's latency, or under MAdds
//! within   what is known before such a search, and what is found evaluated
//! join     children that such a search found, in the search of a run
//! ```

mod add;
mod compare;
mod device;
mod join;
mod keep;
mod limit;
mod list;
#[cfg(test)]
mod synthetic;
mod within;

pub use add::{AddError, Added, Outcome, add_profiles};
pub use compare::{Comparison, Correlation, Reversal, SameBudget, SameShare, Taken, compare};
pub use device::{DeviceError, find_device};
pub use join::{Joined, join};
pub use keep::{KeepError, tables_to_keep};
pub use limit::{Limit, LimitError, candidates};
pub use list::{DeviceRow, list};
pub use within::{Known, Wanted, WithinError, evaluate_found};
