use crate::new_file::NewFileError;
use nestling_bundle::{BundleError, ProfileError, Stale};
use nestling_core::latency::DeviceKey;
use nestling_core::names::NameError;
use std::path::PathBuf;

/// The reason why a bundle's latency tables cannot be used or changed. The bundle is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FleetError {
    /// The bundle cannot be used.
    #[error("cannot use {path}: {source}")]
    Bundle {
        /// The bundle.
        path: PathBuf,
        /// The reason.
        source: Box<BundleError>,
    },
    /// The bundle comes from a pipe, a device or an open file of a process.
    #[error("{path} is not a file by its own name, so it cannot be replaced; name a file to write")]
    NotReplaceable {
        /// The bundle.
        path: PathBuf,
    },
    /// A profile cannot be read.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A profile was measured with another network, or with other kernels.
    #[error(
        "device profile {path} does not fit the bundle: {stale}; measure again on {device} with this version and this \
         bundle"
    )]
    Stale {
        /// The profile.
        path: PathBuf,
        /// The reason.
        stale: Box<Stale>,
        /// The device that it was measured on.
        device: Box<DeviceKey>,
    },
    /// A name of the device cannot be shown.
    #[error("device profile {path}: {source}; measure again where the driver gives another name")]
    Name {
        /// The profile.
        path: PathBuf,
        /// The rule that it breaks.
        source: Box<NameError>,
    },
    /// The bundle has no latency table.
    #[error("the bundle has no latency tables; measure a device and add its profile to the bundle")]
    NoTables,
    /// No device matches a name.
    #[error("no device matches `{name}`; the bundle has tables of:\n{known}")]
    UnknownDevice {
        /// The name asked for.
        name: String,
        /// The devices that exist, one a line.
        known: String,
    },
    /// Several devices match a name.
    #[error("`{name}` matches several devices; add another word, or give a whole line of these:\n{matching}")]
    AmbiguousDevice {
        /// The name asked for.
        name: String,
        /// The devices that match, one a line.
        matching: String,
    },
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] NewFileError),
}

impl FleetError {
    /// A stable name of this kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Bundle { source, .. } => source.code(),
            Self::NotReplaceable { .. } => "bundle_not_replaceable",
            Self::Profile(error) => error.code(),
            Self::Stale { stale, .. } => stale.code(),
            Self::Name { source, .. } => source.code(),
            Self::NoTables => "no_latency_tables",
            Self::UnknownDevice { .. } => "unknown_device",
            Self::AmbiguousDevice { .. } => "ambiguous_device",
            Self::File(error) => error.code(),
        }
    }
}
