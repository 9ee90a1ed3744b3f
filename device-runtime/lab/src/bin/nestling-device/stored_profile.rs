//! A device profile in a file: the one to start from, and the one that a new profile takes the place of.

use crate::device::Opened;
use crate::output::say;
use crate::profile::{MeasurementTime, measure};
use anyhow::{Context as _, Result, ensure};
use nestling::Runtime;
use nestling_bundle::atomic_file::{check_apart, check_writable, is_printed, is_written_in_place, replaced_file};
use nestling_bundle::atomic_file::{copy_atomically, read_at_most};
use nestling_bundle::file_lock::FileLock;
use nestling_bundle::{DeviceProfile, ProfileError};
use nestling_core::latency::DeviceKey;
use nestling_page::markup::utc_date;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Most bytes of a file that are compared.
const MAX_BYTES: u64 = 8 << 20;
/// The remedy where a profile cannot be stored.
const ELSEWHERE: &str = "cannot store the profile; name another file with --profile FILE";

/// The file of `--profile`, as it was read. A pipe gives its contents only once.
pub struct StoredProfile {
    path: PathBuf,
    found: Found,
}

/// The contents of a profile's file.
pub enum Found {
    Nothing,
    Profile(Box<DeviceProfile>),
    /// A profile that is damaged or of another format, as the error says.
    Unusable(ProfileError),
}

impl Found {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ProfileError`] if it cannot be read, or is no profile: nobody may replace it.
    pub fn at(path: &Path) -> Result<Self, ProfileError> {
        match DeviceProfile::load(path) {
            Ok(profile) => Ok(Self::Profile(Box::new(profile))),
            Err(ProfileError::Open { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(Self::Nothing),
            // Nothing is lost that can be read, and measuring makes a new one.
            Err(
                error @ (ProfileError::Damaged { .. }
                | ProfileError::Version { .. }
                | ProfileError::Inconsistent { .. }),
            ) => Ok(Self::Unusable(error)),
            Err(error) => Err(error),
        }
    }

    /// The cadence of an app is its own: it stays the same in a new profile.
    fn cadence(&self) -> Option<Duration> {
        match self {
            Self::Profile(profile) => profile.cadence(),
            Self::Nothing | Self::Unusable(_) => None,
        }
    }

    /// The profile if it is fresh, or the reason why there is none.
    fn fresh(self, runtime: &Runtime) -> Result<DeviceProfile, String> {
        match self {
            Self::Profile(profile) => match runtime.staleness_of(&profile) {
                None => Ok(*profile),
                Some(stale) => Err(stale.to_string()),
            },
            Self::Nothing => Err("there is none".to_owned()),
            Self::Unusable(error) => Err(error.to_string()),
        }
    }
}

impl StoredProfile {
    /// Reads the file, which a new profile may take the place of: it is none of these inputs, and a profile if there is
    /// one. Comes before the GPU is opened.
    pub fn open<'a>(path: &'a Path, inputs: impl IntoIterator<Item = &'a Path>) -> Result<Self> {
        check_apart([path], inputs).context(ELSEWHERE)?;
        ensure!(!is_printed(path), "no profile can be read from {}; name a file with --profile FILE", path.display());
        Ok(Self { path: path.to_owned(), found: Found::at(path)? })
    }

    /// The profile, fresh or not.
    pub fn profile(&self) -> Option<&DeviceProfile> {
        match &self.found {
            Found::Profile(profile) => Some(profile),
            Found::Nothing | Found::Unusable(_) => None,
        }
    }

    /// Gives the runtime the profile if that is fresh; otherwise measures one and writes it to the file.
    fn prepare(self, runtime: &Runtime, time: &MeasurementTime) -> Result<()> {
        let Self { path, found } = self;
        let every = found.cadence();
        let why = match found.fresh(runtime) {
            Ok(profile) => return Ok(runtime.use_profile(profile)?),
            Err(why) => why,
        };
        if is_written_in_place(&path) {
            say(&format!("measuring a new profile: {why}; it is not stored, because {} is no file", path.display()));
            return measure(runtime, time, every).map(drop);
        }
        // A fresh profile may lie in a read-only folder; a new one needs another.
        check_writable(&path).context(ELSEWHERE)?;
        let _lock = lock(&path)?;
        // Another process may have measured meanwhile.
        let why = match Found::at(&path)?.fresh(runtime) {
            Ok(profile) => return Ok(runtime.use_profile(profile)?),
            Err(why) => why,
        };
        say(&format!("measuring a new profile {}: {why}", path.display()));
        make_room(runtime, &path, false)?;
        Ok(measure(runtime, time, every)?.save(&path)?)
    }
}

/// Gives the runtime the stored profile if that is fresh; otherwise measures one and stores it, if anywhere.
pub fn prepare(runtime: &Runtime, stored: Option<StoredProfile>, time: &MeasurementTime) -> Result<()> {
    match stored {
        Some(stored) => stored.prepare(runtime, time),
        None => measure(runtime, time, None).map(drop),
    }
}

/// As [`prepare`], for commands that choose children next. Where neither a profile nor a time to measure is given and
/// the bundle knows other devices, nothing is measured yet: the runtime itself then starts from the nearest of them.
pub fn prepare_to_choose(opened: &Opened, stored: Option<StoredProfile>, time: &MeasurementTime) -> Result<()> {
    let tables = opened.bundle.manifest().latency_tables.len();
    if stored.is_some() || time.is_given() || tables == 0 {
        return prepare(&opened.runtime, stored, time);
    }
    say(&format!(
        "measuring three children only: the bundle has latency tables ({tables}), the nearest of which tells the rest; \
         with --profile FILE this device is measured whole, and that is kept"
    ));
    Ok(())
}

/// Keeps other processes from writing the same profile, and waits for those that do.
pub fn lock(path: &Path) -> Result<Option<FileLock>> {
    Ok(FileLock::wait_for_output(path, "nestling-device, measuring", |held| say(&format!("waiting: {held}")))?)
}

/// Sets aside the profile that a new one would overwrite, unless that is an older profile of this adapter and network.
/// `replace`: any profile may be overwritten.
///
/// # Errors
/// [`ProfileError`] if a file lies there that is no profile: it stays as it is.
pub fn make_room(runtime: &Runtime, path: &Path, replace: bool) -> Result<()> {
    if is_written_in_place(path) {
        return Ok(());
    }
    // The file that a link names is kept: the new one takes its place.
    let Some(path) = &replaced_file(path) else { return Ok(()) };
    let key = runtime.profile_key();
    let (why, device) = match Found::at(path)? {
        Found::Nothing => return Ok(()),
        Found::Profile(old) => {
            warn_of_clock(&old);
            let is_older = is_same_adapter(old.device(), &key.device) && old.network == key.network.to_string();
            if is_older || replace {
                return Ok(());
            }
            (runtime.staleness_of(&old).map(|stale| stale.to_string()), Some(old.device().clone()))
        }
        Found::Unusable(error) => (Some(error.to_string()), None),
    };
    say(&format!("keeping the file at {}: {}", path.display(), why.unwrap_or_default()));
    let kept = place_for_old(path, &key.device, device.as_ref());
    // A copy, so that a profile lies there whenever this process ends.
    copy_atomically(path, &kept).with_context(|| format!("cannot copy {} to keep it", path.display()))?;
    say(&format!("the older file is now {}", kept.display()));
    Ok(())
}

/// Where a file is kept: `.old`, `.old2` and so on. An older profile of the same adapter gives way, and so does one of
/// the adapter that is measured now: there is never more than one file for each adapter.
fn place_for_old(path: &Path, measured: &DeviceKey, kept: Option<&DeviceKey>) -> PathBuf {
    let mut number = 1;
    loop {
        let mut name = path.as_os_str().to_owned();
        name.push(if number == 1 { ".old".to_owned() } else { format!(".old{number}") });
        let place = PathBuf::from(name);
        let gives_way = |old: DeviceProfile| {
            is_same_adapter(old.device(), measured) || kept.is_some_and(|kept| is_same_adapter(old.device(), kept))
        };
        // A process that was killed after this copy leaves one that is the same.
        if !place.exists() || is_same_file(path, &place) || DeviceProfile::load(&place).is_ok_and(gives_way) {
            return place;
        }
        number += 1;
    }
}

/// Whether two files hold the same bytes, so far as a profile may have any.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let read = |path: &Path| read_at_most(path, MAX_BYTES).ok();
    read(one).is_some_and(|bytes| Some(bytes) == read(other))
}

/// Whether two keys are of one adapter on one backend.
fn is_same_adapter(one: &DeviceKey, other: &DeviceKey) -> bool {
    (&one.adapter, &one.backend) == (&other.adapter, &other.backend)
}

/// A table is preferred to another one of its device by its date.
fn warn_of_clock(old: &DeviceProfile) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    if old.table.measured_at > now {
        say(&format!(
            "warning: the older profile is dated {}, but this device's clock says {}; set the clock, or give \
             --replace to `nestling latency add`",
            utc_date(old.table.measured_at),
            utc_date(now)
        ));
    }
}
