use nestling_bundle::atomic_file::{WriteError, write_atomically};
use nestling_bundle::{Bundle, BundleError, DeviceProfile, ProfileError, Stale};
use nestling_core::latency::{DeviceKey, LatencyTable};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Why device profiles did not go into a bundle. The bundle is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddError {
    /// The bundle cannot be used.
    #[error("cannot use {path}: {source}")]
    Bundle {
        /// Which bundle.
        path: PathBuf,
        /// Why.
        source: BundleError,
    },
    /// A profile cannot be read.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A profile is of another network, or of other kernels.
    #[error(
        "device profile {path} does not fit the bundle: {stale}; measure again on {device} with this version and this \
         bundle: nestling-device profile BUNDLE --out FILE"
    )]
    Stale {
        /// Which profile.
        path: PathBuf,
        /// Why.
        stale: Box<Stale>,
        /// What it was measured on.
        device: Box<DeviceKey>,
    },
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// What became of a profile's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The device is new.
    Added,
    /// It took the place of an older table of the device, or of an equally old one.
    Replaced {
        /// When that was measured, in seconds since 1970 (UTC).
        measured_at: u64,
    },
    /// The bundle keeps a newer table of the device.
    KeptNewer {
        /// When that was measured, in seconds since 1970 (UTC).
        measured_at: u64,
    },
}

/// A profile that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Added {
    /// Its file.
    pub profile: PathBuf,
    /// What it was measured on.
    pub device: DeviceKey,
    /// When, in seconds since 1970 (UTC).
    pub measured_at: u64,
    /// What became of it.
    pub outcome: Outcome,
}

/// Puts the tables of device profiles into the bundle at `path` and writes it to `output`, whole or not at all. A device
/// has one table, the newest; weights, statistics and images stay the same to the byte.
///
/// # Errors
/// [`AddError`]; nothing is written if a single profile is not fit.
pub fn add_profiles(path: &Path, profiles: &[PathBuf], output: &Path) -> Result<Vec<Added>, AddError> {
    let of_bundle = |source| AddError::Bundle { path: path.to_owned(), source };
    let bundle = Bundle::open(path).map_err(of_bundle)?;
    let mut tables = bundle.manifest().latency_tables.clone();
    let mut all = Vec::new();
    for file in profiles {
        let profile = DeviceProfile::load(file)?;
        if let Some(stale) = profile.staleness_for_network(bundle.network_id(), nestling_shaders::fingerprint()) {
            let (stale, device) = (Box::new(stale), Box::new(profile.table.device));
            return Err(AddError::Stale { path: file.clone(), stale, device });
        }
        let table = profile.table;
        let (device, measured_at) = (table.device.clone(), table.measured_at);
        all.push(Added { profile: file.clone(), device, measured_at, outcome: merge(&mut tables, table) });
    }
    let bytes = bundle.with_latency_tables(tables).map_err(of_bundle)?;
    // Where a file that is mapped cannot be replaced.
    drop(bundle);
    write_atomically(output, |file| file.write_all(&bytes))?;
    Ok(all)
}

fn merge(tables: &mut Vec<LatencyTable>, table: LatencyTable) -> Outcome {
    match tables.iter_mut().find(|known| known.device == table.device) {
        None => {
            tables.push(table);
            Outcome::Added
        }
        Some(known) if known.measured_at > table.measured_at => Outcome::KeptNewer { measured_at: known.measured_at },
        Some(known) => Outcome::Replaced { measured_at: std::mem::replace(known, table).measured_at },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::synthetic::table;

    #[test]
    fn a_device_has_its_newest_table_in_whatever_order_they_come() {
        let measured_at = |measured_at| LatencyTable { measured_at, ..table("a", 1.0) };
        let mut tables = vec![table("b", 2.0)];
        assert_eq!(merge(&mut tables, measured_at(5)), Outcome::Added);
        assert_eq!(merge(&mut tables, measured_at(9)), Outcome::Replaced { measured_at: 5 });
        assert_eq!(merge(&mut tables, measured_at(7)), Outcome::KeptNewer { measured_at: 9 });
        assert_eq!(merge(&mut tables, measured_at(9)), Outcome::Replaced { measured_at: 9 });
        assert_eq!(tables, [table("b", 2.0), measured_at(9)]);
        // Another precision is another device.
        let mut half = table("a", 1.0);
        half.device.precision = "f16".into();
        assert_eq!(merge(&mut tables, half), Outcome::Added);
    }
}
