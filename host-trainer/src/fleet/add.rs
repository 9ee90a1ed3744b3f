use super::FleetError;
use nestling_bundle::atomic_file::write_atomically;
use nestling_bundle::{Bundle, DeviceProfile};
use nestling_core::latency::{DeviceKey, LatencyTable};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The outcome for a profile's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AddOutcome {
    /// The device is new.
    Added,
    /// It replaced a table of the device that is not newer.
    Replaced {
        /// Time of that table's measurement, in seconds since 1970 (UTC).
        measured_at: u64,
    },
    /// The bundle keeps a newer table of the device.
    KeptNewer {
        /// Time of that table's measurement, in seconds since 1970 (UTC).
        measured_at: u64,
    },
}

/// A profile and the outcome for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AddedProfile {
    /// Its file.
    pub profile: PathBuf,
    /// The device that it was measured on.
    pub device: DeviceKey,
    /// Time of the measurement, in seconds since 1970 (UTC).
    pub measured_at: u64,
    /// The outcome.
    pub outcome: AddOutcome,
}

/// Adds the tables of device profiles to the bundle at `path` and writes it to `output`, whole or not at all.
///
/// A device has one table, the newest by the dates that the devices' clocks gave; with `replace` that of the profile.
/// Weights, statistics and images stay the same to the byte.
///
/// # Errors
/// [`FleetError`]; nothing is written if a single profile does not fit.
pub fn add_profiles(
    path: &Path,
    profiles: &[PathBuf],
    output: &Path,
    replace: bool,
) -> Result<Vec<AddedProfile>, FleetError> {
    let of_bundle = |source| FleetError::Bundle { path: path.to_owned(), source: Box::new(source) };
    let bundle = Bundle::open(path).map_err(of_bundle)?;
    let mut tables = bundle.manifest().latency_tables.clone();
    let mut all = Vec::new();
    for file in profiles {
        let profile = DeviceProfile::load(file)?;
        if let Some(stale) = profile.staleness_for_network(bundle.network_id(), nestling_shaders::fingerprint()) {
            let (stale, device) = (Box::new(stale), Box::new(profile.table.device));
            return Err(FleetError::Stale { path: file.clone(), stale, device });
        }
        let table = profile.table;
        let (device, measured_at) = (table.device.clone(), table.measured_at);
        all.push(AddedProfile {
            profile: file.clone(),
            device,
            measured_at,
            outcome: merge(&mut tables, table, replace),
        });
    }
    let bytes = bundle.with_latency_tables(tables).map_err(of_bundle)?;
    // Some systems cannot replace an open file.
    drop(bundle);
    write_atomically(output, |file| file.write_all(&bytes))?;
    Ok(all)
}

fn merge(tables: &mut Vec<LatencyTable>, table: LatencyTable, replace: bool) -> AddOutcome {
    match tables.iter_mut().find(|known| known.device == table.device) {
        None => {
            tables.push(table);
            AddOutcome::Added
        }
        Some(known) if known.measured_at > table.measured_at && !replace => {
            AddOutcome::KeptNewer { measured_at: known.measured_at }
        }
        Some(known) => AddOutcome::Replaced { measured_at: std::mem::replace(known, table).measured_at },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::table;

    #[test]
    fn a_device_has_its_newest_table_in_whatever_order_they_come() {
        let measured_at = |measured_at| LatencyTable { measured_at, ..table("a", 1.0) };
        let mut tables = vec![table("b", 2.0)];
        assert_eq!(merge(&mut tables, measured_at(5), false), AddOutcome::Added);
        assert_eq!(merge(&mut tables, measured_at(9), false), AddOutcome::Replaced { measured_at: 5 });
        assert_eq!(merge(&mut tables, measured_at(7), false), AddOutcome::KeptNewer { measured_at: 9 });
        assert_eq!(merge(&mut tables, measured_at(9), false), AddOutcome::Replaced { measured_at: 9 });
        assert_eq!(tables, [table("b", 2.0), measured_at(9)]);
        // A device whose clock was wrong: only the user knows.
        assert_eq!(merge(&mut tables, measured_at(1), true), AddOutcome::Replaced { measured_at: 9 });
        assert_eq!(tables, [table("b", 2.0), measured_at(1)]);
        // Another precision is another device.
        let mut half = table("a", 1.0);
        half.device.precision = "f16".into();
        assert_eq!(merge(&mut tables, half, false), AddOutcome::Added);
    }
}
