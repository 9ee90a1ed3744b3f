//! Writes that stop after each change of the disk and after each byte.

use super::stopped::{Stop, each_point, stop};
use super::*;
use crate::file_lock::FileLock;
use crate::{Bundle, DeviceProfile};
use nestling_torture::Campaign;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

const PROFILE: &str = include_str!("../../../../tests/golden/profile-v6.json");

/// One kind of file.
struct Kind<'a> {
    /// Writes the contents of this number.
    save: &'a dyn Fn(&Path, u64) -> Result<(), WriteError>,
    /// The number of the contents; an error if they cannot be loaded.
    load: &'a dyn Fn(&Path) -> Result<u64, String>,
}

/// Number of the contents before.
const OLD: u64 = 1;
/// Number of those whose write is stopped.
const NEW: u64 = 2;
/// Number of those that are written after that.
const NEXT: u64 = 3;
/// Most writes until nothing else is left.
const PATIENCE: u32 = 500;

struct Place {
    folder: tempfile::TempDir,
    /// The bytes of the old contents.
    old: Vec<u8>,
    attempts: u64,
}

impl Place {
    fn path(&self) -> PathBuf {
        self.folder.path().join("file")
    }

    fn names(&self) -> Vec<OsString> {
        fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    /// Stops one write. The file is the old or the new one, the next write works, and nothing stays behind.
    fn attempt(&mut self, kind: &Kind<'_>, is_there: bool, at: Stop, campaign: &mut Campaign) -> bool {
        let path = self.path();
        let _ = fs::remove_file(&path);
        if is_there {
            fs::write(&path, &self.old).unwrap();
        }
        let (result, is_stopped) = stop(at, || (kind.save)(&path, NEW));
        let found = if path.exists() { (kind.load)(&path).map(Some) } else { Ok(None) };
        let is_right = match (&result, &found) {
            (_, Ok(Some(NEW))) => true,
            (Err(_), Ok(Some(OLD))) => is_there,
            (Err(_), Ok(None)) => !is_there,
            _ => false,
        };
        if !is_right {
            campaign.fault(format!("{at:?}, old {is_there}: {result:?}, then {found:?}"));
        }
        self.attempts += 1;
        // Between, what stopped writes left piles up.
        if self.attempts.is_multiple_of(5) || !is_stopped {
            let next = |path: &Path| {
                (kind.save)(path, NEXT).map_err(|error| error.to_string()).and_then(|()| (kind.load)(path))
            };
            let (mut result, mut names) = (next(&path), self.names());
            // A process that another test is just starting holds this one's locks for a moment.
            for _ in 0..PATIENCE {
                if result.is_err() || names == ["file"] {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
                (result, names) = (next(&path), self.names());
            }
            if result != Ok(NEXT) || names != ["file"] {
                campaign.fault(format!("{at:?}: the next write: {result:?}, {names:?}"));
            }
        }
        is_stopped
    }
}

/// Stops at each change and, in a campaign, at each byte.
fn check(mut campaign: Campaign, short_stride: u64, kind: &Kind<'_>) {
    let mut place = Place { folder: tempfile::tempdir().unwrap(), old: Vec::new(), attempts: 0 };
    (kind.save)(&place.path(), OLD).unwrap();
    place.old = fs::read(place.path()).unwrap();
    let stride = if campaign.is_long() { 1 } else { short_stride };
    for is_there in [true, false] {
        let count = each_point(stride, |at| place.attempt(kind, is_there, at, &mut campaign));
        campaign.add(count);
    }
    campaign.finish();
}

#[test]
fn a_bundle_is_old_or_new_wherever_its_write_stops() {
    let save = |path: &Path, number: u64| {
        let bytes = crate::tests::good_with(number as f32);
        write_atomically(path, |file| file.write_all(&bytes))
    };
    let load = |path: &Path| {
        let bundle = Bundle::open(path).map_err(|error| error.to_string())?;
        Ok(bundle.weights().map_err(|error| error.to_string())?[0] as u64)
    };
    check(Campaign::new("stopped writes of a bundle", 1, 1), 61, &Kind { save: &save, load: &load });
}

fn profile(number: u64) -> DeviceProfile {
    let mut profile = DeviceProfile::from_json(PROFILE).unwrap();
    profile.image_side = number as u32;
    profile
}

fn load_profile(path: &Path) -> Result<u64, String> {
    DeviceProfile::load(path).map(|profile| u64::from(profile.image_side)).map_err(|error| error.to_string())
}

#[test]
fn a_profile_is_old_or_new_wherever_its_write_stops() {
    let save = |path: &Path, number: u64| {
        profile(number).save(path).map_err(|error| match error {
            crate::ProfileError::Write(error) => error,
            other => panic!("{other}"),
        })
    };
    check(Campaign::new("stopped writes of a profile", 1, 1), 61, &Kind { save: &save, load: &load_profile });
}

#[test]
fn a_copy_is_old_or_new_and_what_it_is_a_copy_of_stays() {
    let folder = tempfile::tempdir().unwrap();
    let save = |path: &Path, number: u64| {
        let from = folder.path().join(number.to_string());
        if !from.exists() {
            fs::write(&from, profile(number).to_json()).unwrap();
        }
        let copied = copy_atomically(&from, path);
        assert_eq!(load_profile(&from), Ok(number));
        copied
    };
    check(Campaign::new("stopped copies of a profile", 1, 1), 601, &Kind { save: &save, load: &load_profile });
}

#[test]
fn a_lock_that_stops_anywhere_is_no_obstacle() {
    let mut campaign = Campaign::new("stopped locks", 1, 1);
    let folder = tempfile::tempdir().unwrap();
    let count = each_point(1, |at| {
        let (_, is_stopped) = stop(at, || drop(FileLock::try_folder(folder.path(), "a test")));
        let next = FileLock::try_folder(folder.path(), "another").map(drop);
        let left = fs::read_dir(folder.path()).unwrap().count();
        if next.is_err() || left > 0 {
            campaign.fault(format!("{at:?}: {next:?}, {left} files left"));
        }
        is_stopped
    });
    campaign.add(count);
    campaign.finish();
}

/// The test would notice a write that is not synced before it is renamed, or that is not renamed at all.
#[test]
fn writes_that_are_not_safe_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let damaged = |save: &dyn Fn() -> io::Result<()>| {
        let mut damaged = 0;
        each_point(1, |at| {
            fs::write(&path, "old").unwrap();
            let (_, is_stopped) = stop(at, save);
            let found = fs::read_to_string(&path).unwrap();
            damaged += u32::from(found != "old" && found != "new");
            is_stopped
        });
        damaged
    };
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    let in_place = || disk::open(&options, &path).and_then(|file| Written(&file).write_all(b"new"));
    assert!(damaged(&in_place) > 0);
    let unsynced = || {
        let temporary = folder.path().join("temporary");
        Written(&disk::open(&options, &temporary)?).write_all(b"new")?;
        disk::change(|| fs::rename(&temporary, &path))?;
        disk::change(|| Ok(()))
    };
    assert!(damaged(&unsynced) > 0);
    let safe = || {
        let _ = write_atomically(&path, |file| file.write_all(b"new"));
        Ok(())
    };
    assert_eq!(damaged(&safe), 0);
}
