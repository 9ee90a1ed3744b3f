//! Processes that are killed while they write bundles, profiles, copies of them and locks.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod common;

use common::bundle_bytes;
use nestling_bundle::atomic_file::{copy_atomically, write_atomically};
use nestling_bundle::file_lock::FileLock;
use nestling_bundle::{Bundle, DeviceProfile};
use nestling_torture::Campaign;
use nestling_torture::kills::{Moments, folder_of_writer, kill_writer, write_for_ever};
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

const NAMES: [&str; 3] = ["net.nestling", "profile.json", "profile.json.old"];
/// Longer than all three writes take.
const BOUND: Duration = Duration::from_millis(25);

fn profile(number: u64) -> DeviceProfile {
    let golden = include_str!("../../../tests/golden/profile-v6.json");
    let mut profile = DeviceProfile::from_json(golden).unwrap();
    profile.table.measured_at = number;
    profile
}

/// A bundle whose only latency table bears the number.
fn bundle(number: u64) -> Vec<u8> {
    static PLAIN: LazyLock<Bundle> = LazyLock::new(|| Bundle::from_bytes(&bundle_bytes()).unwrap());
    PLAIN.with_latency_tables(vec![profile(number).table]).unwrap()
}

fn save(folder: &Path, name: &str, number: u64) {
    let path = folder.join(name);
    let _lock = FileLock::wait_for_output(&path, "a test", |_| ()).unwrap();
    match name {
        "net.nestling" => write_atomically(&path, |file| file.write_all(&bundle(number))).unwrap(),
        "profile.json" => profile(number).save(&path).unwrap(),
        _ => copy_atomically(&folder.join("profile.json"), &path).unwrap(),
    }
}

/// The number of a file; none if it is not there.
fn load(folder: &Path, name: &str) -> Result<Option<u64>, String> {
    let path = folder.join(name);
    match name {
        _ if !path.exists() => Ok(None),
        "net.nestling" => {
            let bundle = Bundle::open(&path).map_err(|error| error.to_string())?;
            bundle.weights().map_err(|error| error.to_string())?;
            Ok(Some(bundle.manifest().latency_tables[0].measured_at))
        }
        _ => {
            DeviceProfile::load(&path).map(|profile| Some(profile.table.measured_at)).map_err(|error| error.to_string())
        }
    }
}

/// The number that the writer begins with.
fn next_number(folder: &Path) -> u64 {
    NAMES.iter().filter_map(|name| load(folder, name).ok().flatten()).max().map_or(1, |last| last + 1)
}

/// Each file is the last one that was said to be done, or the one that came next.
#[test]
fn a_killed_process_leaves_whole_files() {
    if let Some(folder) = folder_of_writer() {
        write_for_ever(&NAMES, next_number(&folder), |name, number| save(&folder, name, number));
    }
    let mut campaign = Campaign::new("kills while bundles and profiles are written", 10, 2000);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut moments = Moments::new(campaign.seed(7));
    let mut strays = 0;
    while let Some(kill) = campaign.next() {
        let before = NAMES.map(|name| load(folder, name));
        let first = next_number(folder);
        let said = kill_writer("a_killed_process_leaves_whole_files", folder, BOUND, &mut moments);
        for (name, before) in NAMES.iter().zip(before) {
            let now = load(folder, name);
            let is_right = match said.get(*name) {
                Some(&done) => now == Ok(Some(done)) || now == Ok(Some(done + 1)),
                None => now == before || now == Ok(Some(first)),
            };
            if !is_right {
                campaign.fault(format!(
                    "kill {kill}: {name} is {now:?}; {:?} was done, {before:?} before",
                    said.get(*name)
                ));
            }
        }
        // At most a temporary file and a lock of each: the next write takes away what the kill before left.
        let left = folder.read_dir().unwrap().filter(|entry| is_stray(entry.as_ref().unwrap())).count();
        strays += u64::from(left > 0);
        if left > 2 * NAMES.len() {
            campaign.fault(format!("kill {kill}: {left} temporary files and locks"));
        }
    }
    println!("{strays} of {} kills left a temporary file or a lock", campaign.count());
    for name in NAMES {
        save(folder, name, next_number(folder));
    }
    let left: Vec<_> = folder.read_dir().unwrap().map(Result::unwrap).filter(is_stray).collect();
    assert!(left.is_empty(), "the next write removes them: {left:?}");
    campaign.finish();
}

fn is_stray(entry: &std::fs::DirEntry) -> bool {
    !NAMES.iter().any(|name| entry.file_name() == *name)
}
