use crate::atomic_file::WriteError;
use nestling_core::names::NameError;
use nestling_core::room::NoRoom;
use nestling_core::space::SpaceError;
use nestling_core::weights::OutOfRange;
use std::path::PathBuf;

/// Why a bundle cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The file cannot be read at all.
    #[error("cannot open bundle {path}: {source}; check the path and that the file is readable")]
    Open {
        /// Which file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// There is no byte.
    #[error("the bundle is empty: it has no bytes; copy or download it again")]
    Empty,
    /// The first bytes are wrong.
    #[error("not a Nestling bundle: the first bytes are not its magic; give a `.nestling` file")]
    NotABundle,
    /// A newer format, or one that is no longer read.
    #[error(
        "bundle format {given}, but this version reads formats {oldest} to {newest}; update Nestling, or pack the bundle \
         again with this version"
    )]
    Version {
        /// Format of the file.
        given: u32,
        /// Oldest format that is read.
        oldest: u32,
        /// Newest format that is read.
        newest: u32,
    },
    /// The format is known, but a value in it is not.
    #[error("the bundle uses {what}, which this version does not know; update Nestling")]
    Unsupported {
        /// Which value.
        what: String,
    },
    /// The file ends too soon.
    #[error("the bundle is cut off after {given} bytes; copy or download it again")]
    Truncated {
        /// Bytes that are there.
        given: u64,
    },
    /// The bundle has not arrived as a whole, and the call needs all of it.
    #[error("the bundle has not arrived as a whole: {given} of {expected} bytes are there; wait for the rest")]
    Incomplete {
        /// Bytes that are there.
        given: u64,
        /// Bytes that its table describes.
        expected: u64,
    },
    /// Bytes follow the end.
    #[error("the bundle should end after {expected} bytes, but has {given}; copy or download it again")]
    TooLong {
        /// Bytes that are there.
        given: u64,
        /// Bytes that its table describes.
        expected: u64,
    },
    /// A checksum does not hold.
    #[error("the bundle is damaged ({part}); copy or download it again")]
    Damaged {
        /// Which part.
        part: &'static str,
    },
    /// The file is not any more what was verified when it was opened.
    #[error(
        "the bundle {path} was changed or cut off while it was in use; replace a bundle by renaming a new file over it, \
         and open it again"
    )]
    Changed {
        /// Which file.
        path: PathBuf,
    },
    /// Checksums hold, but the contents contradict each other: the writer was wrong.
    #[error("the bundle contradicts itself: {problem}; pack it again")]
    Inconsistent {
        /// Which parts contradict each other, and how.
        problem: String,
    },
    /// The space or a child is impossible.
    #[error("the bundle contradicts itself: {0}; pack it again")]
    Space(#[from] SpaceError),
    /// A name in it may not be one.
    #[error("the bundle has an impossible name for {place}: {source}; pack it again with another one")]
    Name {
        /// Whose name: a child's, a class's or the bundle's.
        place: String,
        /// The rule that it breaks.
        source: NameError,
    },
    /// A weight is beyond what the storage of the bundle can hold.
    #[error(transparent)]
    WeightRange(#[from] OutOfRange),
    /// The bundle was not signed by whom the app trusts.
    #[cfg(not(target_arch = "wasm32"))]
    #[error("the bundle cannot be trusted: {problem}; take it from its author again, with its signature")]
    Signature {
        /// Fault of the signature or the key.
        problem: String,
    },
    /// No child of that name ships.
    #[error("no child called `{name}` in this bundle; it has: {known}")]
    UnknownChild {
        /// The name asked for.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The process has no memory left for a part of it.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
}

impl BundleError {
    /// A stable name of this kind of error, for bindings.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Open { .. } => "bundle_open",
            Self::Empty => "bundle_empty",
            Self::NotABundle => "bundle_not_a_bundle",
            Self::Version { .. } => "bundle_version",
            Self::Unsupported { .. } => "bundle_unsupported",
            Self::Truncated { .. } => "bundle_truncated",
            Self::Incomplete { .. } => "bundle_incomplete",
            Self::TooLong { .. } => "bundle_too_long",
            Self::Damaged { .. } => "bundle_damaged",
            Self::Changed { .. } => "bundle_changed",
            Self::Inconsistent { .. } => "bundle_inconsistent",
            Self::Space(_) => "bundle_space",
            Self::Name { .. } => "bundle_name",
            Self::WeightRange(_) => "bundle_weight_range",
            #[cfg(not(target_arch = "wasm32"))]
            Self::Signature { .. } => "bundle_signature",
            Self::UnknownChild { .. } => "bundle_unknown_child",
            Self::Write(_) => "bundle_write",
            Self::NoRoom(error) => error.code(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ProfileError, Stale};
    use nestling_core::latency::DeviceKey;
    use nestling_core::space::SearchSpace;
    use nestling_core::tiles::{TileVariant, Tiles};
    use nestling_core::weights::WeightStorage;
    use std::io;
    use std::path::Path;

    fn written() -> WriteError {
        crate::atomic_file::write_atomically(Path::new("/"), |_| Ok(())).unwrap_err()
    }

    fn bundle_errors() -> Vec<BundleError> {
        let space = SearchSpace::fashion().validated().unwrap().parse_child("r1").unwrap_err();
        let range = OutOfRange { layer: "stem".into(), value: "1e9".into(), storage: WeightStorage::F16 };
        vec![
            BundleError::Open { path: "a".into(), source: io::ErrorKind::NotFound.into() },
            BundleError::Empty,
            BundleError::NotABundle,
            BundleError::Version { given: 9, oldest: 5, newest: 6 },
            BundleError::Unsupported { what: "activation number 9".into() },
            BundleError::Truncated { given: 9 },
            BundleError::Incomplete { given: 8, expected: 9 },
            BundleError::TooLong { given: 9, expected: 8 },
            BundleError::Damaged { part: "weights" },
            BundleError::Changed { path: "a".into() },
            BundleError::Inconsistent { problem: "1 labels for 2 classes".into() },
            BundleError::Space(space),
            BundleError::Name {
                place: "child 2".into(),
                source: nestling_core::names::check_name("../up").unwrap_err(),
            },
            BundleError::WeightRange(range),
            BundleError::UnknownChild { name: "huge".into(), known: "smallest, biggest".into() },
            BundleError::Write(written()),
            BundleError::NoRoom(NoRoom { bytes: 9 }),
        ]
    }

    fn profile_errors() -> Vec<ProfileError> {
        let key = |adapter: &str| {
            let text = |text: &str| text.to_owned();
            let (driver, backend, precision) = (text("d"), text("vulkan"), text("f32"));
            Box::new(DeviceKey { adapter: text(adapter), driver, backend, precision, features: Vec::new() })
        };
        let tiles = Tiles::new([TileVariant::ONE; 3]);
        let stale = [
            Stale::Device { profile: key("a"), device: key("b") },
            Stale::Network { profile: "a".into(), network: "b".into() },
            Stale::Kernels,
            Stale::Tiles { profile: tiles, tiles },
            Stale::ImageSide { profile: 1, side: 2 },
        ];
        let problem = || "it is wrong".to_owned();
        let mut errors: Vec<ProfileError> = stale.map(ProfileError::from).into();
        errors.extend([
            ProfileError::Open { path: "a".into(), source: io::ErrorKind::NotFound.into() },
            ProfileError::NotAProfile { path: Some("a".into()), problem: "it is empty" },
            ProfileError::Damaged { path: Some("a".into()), problem: problem() },
            ProfileError::Version { path: None, given: 5, supported: 6 },
            ProfileError::Inconsistent { path: None, problem: problem() },
            ProfileError::Write(written()),
        ]);
        errors
    }

    #[test]
    fn every_kind_of_error_has_a_code_of_its_own_and_no_message_names_a_command() {
        let all: Vec<(&str, String)> = (bundle_errors().iter().map(|error| (error.code(), error.to_string())))
            .chain(profile_errors().iter().map(|error| (error.code(), error.to_string())))
            .chain([(written().code(), written().to_string())])
            .collect();
        let codes: std::collections::HashSet<&str> = all.iter().map(|(code, _)| *code).collect();
        assert_eq!(codes.len(), all.len(), "{codes:?}");
        for (code, message) in &all {
            assert!(code.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{code}");
            assert!(!message.contains("--") && !message.contains("`nestling"), "{message}");
        }
    }

    #[test]
    fn a_profile_that_came_from_no_file_is_named_as_well() {
        let messages: Vec<String> = profile_errors().iter().map(ToString::to_string).collect();
        let starts = |start: &str| messages.iter().any(|message| message.starts_with(start));
        assert!(starts("device profile a is damaged") && starts("the device profile has format 5"), "{messages:?}");
    }
}
