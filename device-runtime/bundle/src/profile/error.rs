use crate::Stale;
use crate::atomic_file::WriteError;
use std::path::PathBuf;

/// Why a profile cannot be read, written or used. `path` is the file, if the profile was read from one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// The file cannot be read at all.
    #[error("cannot read device profile {path}: {source}; check the path, or measure the device")]
    Open {
        /// Which file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// The contents are of another kind.
    #[error("{} is not a device profile: {problem}; name another file", path.as_ref().map_or_else(
        || "the text".to_owned(), |path| path.display().to_string()))]
    NotAProfile {
        /// Which file.
        path: Option<PathBuf>,
        /// The sign of that.
        problem: &'static str,
    },
    /// A profile that was cut off or changed.
    #[error("{} is damaged: {problem}; delete it and measure again", named(.path))]
    Damaged {
        /// Which file.
        path: Option<PathBuf>,
        /// The fault and its place.
        problem: String,
    },
    /// A format that this version does not read.
    #[error(
        "{} has format {given}, but this version reads format {supported}; measure again",
        named(.path)
    )]
    Version {
        /// Which file.
        path: Option<PathBuf>,
        /// Format of the file.
        given: u32,
        /// Format of this crate.
        supported: u32,
    },
    /// The checksum holds, but a value is impossible, missing, or only known to a newer version.
    #[error(
        "{} cannot be used: {problem}; update Nestling if a newer version wrote it, or measure again",
        named(.path)
    )]
    Inconsistent {
        /// Which file.
        path: Option<PathBuf>,
        /// Which value is wrong.
        problem: String,
    },
    /// The profile is sound, but was measured with something else.
    #[error("the device profile is stale: {0}; measure again")]
    Stale(Stale),
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl ProfileError {
    /// A stable name of this kind of error, for bindings.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Open { .. } => "profile_open",
            Self::NotAProfile { .. } => "profile_not_a_profile",
            Self::Damaged { .. } => "profile_damaged",
            Self::Version { .. } => "profile_version",
            Self::Inconsistent { .. } => "profile_inconsistent",
            Self::Stale(stale) => stale.code(),
            Self::Write(_) => "profile_write",
        }
    }
}

impl From<Stale> for ProfileError {
    fn from(stale: Stale) -> Self {
        Self::Stale(stale)
    }
}

fn named(path: &Option<PathBuf>) -> String {
    path.as_ref().map_or_else(|| "the device profile".to_owned(), |path| format!("device profile {}", path.display()))
}
