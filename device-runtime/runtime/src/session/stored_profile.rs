//! A device profile in a file: taken if it holds, otherwise measured and stored. Browsers have no files.

use crate::gpu::block_on;
use crate::profiling::ProfileOptions;
use crate::session::Runtime;
use crate::{Error, OnProgress};
use nestling_bundle::atomic_file::copy_atomically;
use nestling_bundle::{DeviceProfile, ProfileError};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

/// The time of a measurement at a cadence: in two seconds there are too few runs.
const PACED: Duration = Duration::from_secs(10);

/// The file, as it was found.
enum Stored {
    Taken,
    /// A profile that is damaged, stale or of another format; its cadence, if it has one that can be read.
    Unusable(Option<Duration>),
    Missing,
}

impl Runtime {
    /// Takes the device profile of a file, or measures this device and stores the profile there. Returns whether the
    /// device was measured.
    ///
    /// A file that is missing, damaged, stale or of another format is replaced, at the cadence of a stale one, and the old one is kept with `.old`
    /// behind its name; a file of another kind is refused and stays. Where a profile is in use already, it is only
    /// stored: choices refine it, so call this once more when the app closes.
    ///
    /// ```no_run
    /// # fn start(runtime: &nestling::Runtime) -> Result<(), nestling::Error> {
    /// let is_new = runtime.ensure_profile_in("profile.json".as_ref(), None)?;
    /// println!("{}", if is_new { "measured" } else { "read" });
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Profile`] if the file cannot be read, is no profile, or cannot be written; in the last case the profile
    /// is in use all the same. [`Error`] as of [`Runtime::profile`].
    pub fn ensure_profile_in(&self, path: &Path, progress: Option<OnProgress<'_>>) -> Result<bool, Error> {
        block_on(self.ensure_profile_in_async(path, progress))
    }

    /// As [`Runtime::ensure_profile_in`], without waiting for the GPU; files are read and written on the thread that
    /// polls. Dropping the future leaves the file as it was.
    ///
    /// # Errors
    /// As [`Runtime::ensure_profile_in`].
    pub async fn ensure_profile_in_async(&self, path: &Path, progress: Option<OnProgress<'_>>) -> Result<bool, Error> {
        let is_measured = self.current_profile().is_none();
        let found = if is_measured { self.take_stored(path)? } else { Stored::Missing };
        if matches!(found, Stored::Taken) {
            return Ok(false);
        }
        let profile = match found {
            // The cadence of an app is its own: it holds where all else is stale.
            Stored::Unusable(every @ Some(_)) => {
                self.profile_async(&ProfileOptions::default().time(PACED).every(every).progress(progress)).await?
            }
            _ => self.ensure_profile_with_async(progress).await?,
        };
        replace(path, &profile, matches!(found, Stored::Unusable(_)))?;
        Ok(is_measured)
    }

    fn take_stored(&self, path: &Path) -> Result<Stored, Error> {
        match DeviceProfile::load(path) {
            Ok(profile) => {
                let every = profile.cadence();
                match self.use_profile(profile) {
                    Ok(()) => Ok(Stored::Taken),
                    Err(Error::StaleProfile(_)) => Ok(Stored::Unusable(every)),
                    Err(error) => Err(error),
                }
            }
            Err(ProfileError::Open { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(Stored::Missing),
            Err(error @ (ProfileError::Open { .. } | ProfileError::NotAProfile { .. })) => Err(error.into()),
            Err(_) => Ok(Stored::Unusable(None)),
        }
    }
}

/// Stores a profile, and keeps the one before it with `.old` behind its name. Wherever this ends, a profile lies there.
fn replace(path: &Path, profile: &DeviceProfile, keep_old: bool) -> Result<(), ProfileError> {
    if keep_old {
        let mut old = path.as_os_str().to_owned();
        old.push(".old");
        // One that cannot be kept is no reason to do without the new profile.
        let _ = copy_atomically(path, old.as_ref());
    }
    profile.save(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{RuntimeOptions, tests::bundle};
    use nestling_bundle::atomic_file::stopped::{each_point, stop};
    use nestling_core::choosing::Budget;
    use nestling_core::metrics::Millis;
    use nestling_core::weights::WeightStorage;
    use nestling_torture::Campaign;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn open() -> Runtime {
        Runtime::open(&bundle(WeightStorage::F32), &RuntimeOptions::default()).unwrap()
    }

    #[test]
    fn a_profile_is_measured_once_stored_taken_again_and_never_lost() {
        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (folder.path().join("profile.json"), folder.path().join("profile.json.old"));
        let runtime = open();
        let reports = AtomicUsize::new(0);
        let progress = |_| {
            reports.fetch_add(1, Ordering::Relaxed);
        };
        assert!(runtime.ensure_profile_in(&path, Some(&progress)).unwrap());
        assert!(reports.into_inner() > 2 && !old.exists(), "nothing was replaced");
        let stored = std::fs::read(&path).unwrap();
        // It is in use: only stored again, with what a choice has learned.
        runtime.choose(Budget::p50(Millis(60_000.0))).unwrap();
        assert!(!runtime.ensure_profile_in(&path, None).unwrap());
        assert_ne!(std::fs::read(&path).unwrap(), stored);

        let second = open();
        assert!(!second.ensure_profile_in(&path, None).unwrap());
        assert!(second.current_profile().is_some());

        // A damaged file is replaced and kept.
        std::fs::write(&path, &stored[..stored.len() / 2]).unwrap();
        assert!(open().ensure_profile_in(&path, None).unwrap());
        assert_eq!(std::fs::read(&old).unwrap(), stored[..stored.len() / 2]);
        assert!(DeviceProfile::load(&path).is_ok());
    }

    #[test]
    fn a_stale_profile_is_replaced_at_its_cadence() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("profile.json");
        let (runtime, every) = (open(), Some(Duration::from_millis(50)));
        let options = ProfileOptions::default().time(Duration::ZERO).children(1).every(every);
        let mut profile = (*runtime.profile(&options).unwrap()).clone();
        profile.image_side += 1;
        profile.save(&path).unwrap();
        let next = open();
        assert!(next.ensure_profile_in(&path, None).unwrap());
        let stored = DeviceProfile::load(&path).unwrap();
        assert_eq!((stored.cadence(), stored.image_side), (every, profile.image_side - 1));
        assert!(stored.informative.len() > 5, "seconds are enough for more than three: {}", stored.informative.len());
    }

    #[test]
    fn a_file_of_another_kind_stays_and_an_unwritable_place_costs_no_profile() {
        let folder = tempfile::tempdir().unwrap();
        let foreign = folder.path().join("notes.txt");
        std::fs::write(&foreign, "my notes").unwrap();
        let runtime = open();
        let refused = runtime.ensure_profile_in(&foreign, None).unwrap_err();
        assert_eq!(refused.code(), "profile_not_a_profile", "{refused}");
        assert_eq!(std::fs::read(&foreign).unwrap(), b"my notes");
        assert!(runtime.current_profile().is_none(), "refused before it is measured");
        let nowhere = folder.path().join("no/such/folder/profile.json");
        assert_eq!(runtime.ensure_profile_in(&nowhere, None).unwrap_err().code(), "profile_write");
        assert!(runtime.current_profile().is_some());
    }

    #[test]
    fn a_dropped_future_leaves_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("profile.json");
        std::fs::write(&path, "{\"checksum\": 1, \"children\": [").unwrap();
        let runtime = open();
        let is_done = pollster::block_on(async {
            let mut future = std::pin::pin!(runtime.ensure_profile_in_async(&path, None));
            std::future::poll_fn(|task| std::task::Poll::Ready(future.as_mut().poll(task).is_ready())).await
        });
        assert!(!is_done, "it was dropped at work");
        assert!(path.exists() && !folder.path().join("profile.json.old").exists());
        assert!(runtime.current_profile().is_none());
    }

    #[test]
    fn a_profile_lies_there_wherever_its_replacement_stops() {
        let mut campaign = Campaign::new("stopped replacements of a profile", 1, 1);
        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (folder.path().join("profile.json"), folder.path().join("profile.json.old"));
        let damaged = "{\"checksum\": 1, \"children\": [";
        let new = DeviceProfile::from_json(include_str!("../../../../tests/golden/profile-v6.json")).unwrap();
        let count = each_point(if campaign.is_long() { 1 } else { 97 }, |at| {
            std::fs::write(&path, damaged).unwrap();
            let _ = std::fs::remove_file(&old);
            let (result, is_stopped) = stop(at, || replace(&path, &new, true));
            let is_new = DeviceProfile::load(&path).is_ok_and(|found| found == new);
            let is_old = || std::fs::read_to_string(&path).is_ok_and(|found| found == damaged);
            let is_kept = !old.exists() || std::fs::read_to_string(&old).is_ok_and(|found| found == damaged);
            if !(is_new || result.is_err() && is_old()) || !is_kept {
                campaign.fault(format!("{at:?}: {result:?}, new: {is_new}, kept: {is_kept}"));
            }
            is_stopped
        });
        campaign.add(count);
        campaign.finish();
    }
}
