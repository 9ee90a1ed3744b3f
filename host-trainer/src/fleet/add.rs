use super::FleetError;
use crate::new_file::{Claim, NewFile, NewFileError};
use nestling_bundle::atomic_file::is_written_in_place;
use nestling_bundle::file_lock::LockError;
use nestling_bundle::{Bundle, DeviceProfile};
use nestling_core::latency::{DeviceKey, LatencyTable};
use nestling_core::names::check_label;
use serde::{Serialize, Serializer};
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
    #[serde(serialize_with = "lossy")]
    pub profile: PathBuf,
    /// The device that it was measured on.
    pub device: DeviceKey,
    /// Time of the measurement, in seconds since 1970 (UTC).
    pub measured_at: u64,
    /// The outcome.
    pub outcome: AddOutcome,
}

/// The profiles to add, and the bundles to read and to write.
#[derive(Clone, Copy, Debug)]
pub struct AddRequest<'a> {
    /// The bundle.
    pub bundle: &'a Path,
    /// Files of device profiles.
    pub profiles: &'a [PathBuf],
    /// The file to write; it may be the bundle.
    pub output: &'a Path,
    /// Whether another bundle or file there may be replaced, and the table of a device by one with an earlier date: a
    /// clock may have been wrong.
    pub replace: bool,
}

/// Adds the tables of device profiles to a bundle and writes it whole, or not at all. Returns the outcomes and the new
/// bundle.
///
/// A device has one table, the newest by the dates that the devices' clocks gave, unless the request says otherwise.
/// Weights, statistics and images stay the same to the byte. Processes that add to one bundle at the same time wait for
/// each other; `waiting` is told if that takes long.
///
/// # Errors
/// [`FleetError`]; nothing is written if a single profile does not fit.
pub fn add_profiles(
    request: AddRequest<'_>,
    waiting: impl FnOnce(&LockError),
) -> Result<(Vec<AddedProfile>, Bundle), FleetError> {
    let AddRequest { bundle: path, profiles, output, replace } = request;
    let of_bundle = |source| FleetError::Bundle { path: path.to_owned(), source: Box::new(source) };
    let open = || Bundle::open(path).map_err(of_bundle);
    // A stream is read once, and has no file that could be replaced.
    let (is_stream, bundle_path) = (is_written_in_place(path), path.to_owned());
    if is_stream && output == path {
        return Err(FleetError::NotReplaceable { path: path.to_owned() });
    }
    let first = open()?;
    let network = first.network_id();
    let inputs = [profiles, if is_stream { std::slice::from_ref(&bundle_path) } else { &[] }].concat();
    let claim = Claim { path: output, inputs: &inputs, replace, activity: "nestling latency add" };
    let file = NewFile::claim(claim, |older| older.network_id() == network, waiting)?;
    // Read under the lock: another process may have added a table meanwhile.
    let bundle = if is_stream { first } else { open()? };
    let mut tables = bundle.manifest().latency_tables.clone();
    let mut all = Vec::new();
    for profile in profiles {
        let (added, table) = read_profile(profile, &bundle)?;
        let outcome = merge(&mut tables, table, replace);
        all.push(AddedProfile { outcome, ..added });
    }
    let bytes = bundle.with_latency_tables(tables).map_err(of_bundle)?;
    let written = Bundle::from_bytes(&bytes).map_err(of_bundle)?;
    // Some systems cannot replace an open file.
    drop(bundle);
    file.write(&bytes).map_err(NewFileError::from)?;
    Ok((all, written))
}

/// Reads a profile that was measured with the network of `bundle` and with this version's kernels.
fn read_profile(path: &Path, bundle: &Bundle) -> Result<(AddedProfile, LatencyTable), FleetError> {
    let profile = DeviceProfile::load(path)?;
    if let Some(stale) = profile.staleness_for_network(bundle.network_id(), nestling_shaders::fingerprint()) {
        let (stale, device) = (Box::new(stale), Box::new(profile.table.device));
        return Err(FleetError::Stale { path: path.to_owned(), stale, device });
    }
    check_device(path, &profile.table.device)?;
    let table = profile.table;
    let (device, measured_at) = (table.device.clone(), table.measured_at);
    Ok((AddedProfile { profile: path.to_owned(), device, measured_at, outcome: AddOutcome::Added }, table))
}

/// A device is listed and searched for by the facts of its key. A driver may leave some out.
fn check_device(path: &Path, device: &DeviceKey) -> Result<(), FleetError> {
    let DeviceKey { adapter, driver, backend, precision, features } = device;
    let others = [driver, backend, precision].into_iter().filter(|fact| !fact.is_empty());
    ([adapter].into_iter().chain(others).chain(features))
        .try_for_each(|fact| check_label(fact))
        .map_err(|source| FleetError::Name { path: path.to_owned(), source: Box::new(source) })
}

/// A path as text: JSON has no form for one that is not Unicode.
fn lossy<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
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

    #[test]
    fn facts_of_a_device_that_could_not_be_shown_are_refused() {
        let good = table("Mali-G78 ™", 1.0).device;
        check_device(Path::new("a.json"), &DeviceKey { driver: String::new(), ..good.clone() }).unwrap();
        type Change = fn(&mut DeviceKey);
        let changes: [Change; 4] = [
            |device| device.adapter = " ".into(),
            |device| device.adapter = "Mali\nAdreno".into(),
            |device| device.driver = "\u{1b}[2J".into(),
            |device| device.features = vec!["f16".into(), "\u{202e}".into()],
        ];
        for change in changes {
            let mut device = good.clone();
            change(&mut device);
            let error = check_device(Path::new("a.json"), &device).unwrap_err();
            assert!(
                error.code() == "invalid_name" && error.to_string().starts_with("device profile a.json"),
                "{error}"
            );
        }
    }
}
