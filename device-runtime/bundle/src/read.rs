use crate::header::{Sections, Verified};
use crate::{BundleId, Manifest, NetworkId, header, section};
use nestling_core::space::{
    CalibratedChild, ChildEntry, Network, ParameterLayout, SpaceError, Statistics, ValidatedSpace,
};
use nestling_core::weights::{OutOfRange, WeightStorage};
use std::fmt;
use std::path::{Path, PathBuf};

/// Why a bundle cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The file cannot be read at all.
    #[error("cannot open bundle {path}: {source}; check the path and that the file is readable")]
    Open {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The first bytes are wrong.
    #[error("not a Nestling bundle: the first bytes are not its magic; give a file that `nestling pack` wrote")]
    NotABundle,
    /// A newer or older format.
    #[error(
        "bundle format {given}, but this runtime reads format {supported}; pack the bundle with a matching version"
    )]
    Version {
        /// Format of the file.
        given: u32,
        /// Format of this crate.
        supported: u32,
    },
    /// The file ends too soon.
    #[error("the bundle is cut off after {given} bytes; copy or download it again")]
    Truncated {
        /// Bytes that are there.
        given: u64,
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
    /// Checksums hold, but the contents contradict each other: whoever wrote it was wrong.
    #[error("the bundle contradicts itself: {problem}; pack it again")]
    Inconsistent {
        /// What contradicts what.
        problem: String,
    },
    /// The space or a child is impossible.
    #[error("the bundle contradicts itself: {0}; pack it again")]
    Space(#[from] SpaceError),
    /// A weight is beyond what the storage of the bundle can hold.
    #[error(transparent)]
    WeightRange(#[from] OutOfRange),
    /// No child of that name ships.
    #[error("no child called `{name}` in this bundle; it has: {known}")]
    UnknownChild {
        /// The name asked for.
        name: String,
        /// The names that exist.
        known: String,
    },
}

enum Storage {
    Mapped(memmap2::Mmap),
    /// Words of 16 bytes, so that sections stay aligned for f32.
    Owned(Vec<u128>, usize),
}

impl Storage {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(words, length) => &bytemuck::cast_slice(words)[..*length],
        }
    }
}

/// A verified bundle. Weights stored as f32 stay in the file's pages until the GPU takes them; others are decoded once.
///
/// ```no_run
/// use crate::Bundle;
/// let bundle = Bundle::open("fashion.nestling")?;
/// for entry in bundle.children() {
///     println!("{} {} {:.2} %", entry.name, entry.cost.madds, entry.test.percent());
/// }
/// # Ok::<(), crate::BundleError>(())
/// ```
pub struct Bundle {
    storage: Storage,
    sections: Sections,
    /// All parameters, where the file holds them otherwise than as f32.
    decoded: Option<Vec<f32>>,
    id: BundleId,
    network_id: NetworkId,
    manifest: Manifest,
    space: ValidatedSpace,
    networks: Vec<Network>,
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bundle({}, {}, {} children)", self.manifest.name, self.id, self.networks.len())
    }
}

impl Bundle {
    /// Maps and verifies a file.
    ///
    /// Replace a bundle by renaming a new file over it, never by writing into it: the pages are shared with the file.
    ///
    /// # Errors
    /// [`BundleError`] says whether the file is missing, foreign, of another version, cut off, damaged or contradictory.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, BundleError> {
        let path = path.as_ref();
        let open = |source| BundleError::Open { path: path.to_owned(), source };
        let file = std::fs::File::open(path).map_err(open)?;
        if file.metadata().map_err(open)?.len() == 0 {
            return Err(BundleError::NotABundle); // an empty file cannot be mapped
        }
        // SAFETY: the mapping is private and read-only. Its one hazard, another process writing into the file, is
        // excluded by the contract above; Nestling itself replaces files by rename only.
        #[allow(unsafe_code)]
        let map = unsafe { memmap2::MmapOptions::new().map_copy_read_only(&file) }.map_err(open)?;
        Self::verify(Storage::Mapped(map))
    }

    /// Copies and verifies bytes that are in memory: an Android asset, or a download on the web.
    ///
    /// # Errors
    /// As [`Bundle::open`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BundleError> {
        let mut words = vec![0u128; bytes.len().div_ceil(16)];
        bytemuck::cast_slice_mut(&mut words)[..bytes.len()].copy_from_slice(bytes);
        Self::verify(Storage::Owned(words, bytes.len()))
    }

    fn verify(storage: Storage) -> Result<Self, BundleError> {
        let Verified { sections, identity, checksums } = header::decode(storage.bytes())?;
        let inconsistent = |problem: String| BundleError::Inconsistent { problem };
        let (manifest, rest) = postcard::take_from_bytes::<Manifest>(&storage.bytes()[sections[0].clone()])
            .map_err(|error| inconsistent(format!("the manifest cannot be read ({error})")))?;
        if !rest.is_empty() {
            return Err(inconsistent(format!("{} bytes follow the manifest", rest.len())));
        }
        let space = manifest.space.clone().validated()?;
        let networks = manifest.check(&space, [1, 2, 3].map(|section: usize| sections[section].len()))?;
        let section = &storage.bytes()[sections[1].clone()];
        let decoded = section::decode(space.layout(), section, manifest.weight_storage)?;
        let network_id = NetworkId::of(&manifest, checksums[1], checksums[2])
            .map_err(|error| inconsistent(format!("the manifest cannot be encoded ({error})")))?;
        let id = BundleId(identity);
        let bundle = Self { storage, sections, decoded, id, network_id, manifest, space, networks };
        for index in 0..bundle.networks.len() {
            bundle.calibrated(index)?;
        }
        Ok(bundle)
    }

    fn floats(&self, section: usize) -> &[f32] {
        bytemuck::cast_slice(self.section(section))
    }

    /// The bytes of a section as the file has them.
    pub(super) fn section(&self, section: usize) -> &[u8] {
        &self.storage.bytes()[self.sections[section].clone()]
    }

    /// Pixels of all images.
    pub(super) fn image_section(&self) -> &[u8] {
        self.section(3)
    }

    /// Identity of the contents.
    pub fn id(&self) -> BundleId {
        self.id
    }

    /// Identity of what computes: what a device measured with this bundle holds for all bundles that share it.
    pub fn network_id(&self) -> NetworkId {
        self.network_id
    }

    /// Length of the file in bytes.
    pub fn file_bytes(&self) -> usize {
        self.storage.bytes().len()
    }

    /// Everything small.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What a child may choose.
    pub fn space(&self) -> &ValidatedSpace {
        &self.space
    }

    /// Where each shared tensor is in [`Bundle::weights`].
    pub fn layout(&self) -> &ParameterLayout {
        self.space.layout()
    }

    /// The flat vector of all shared parameters, as values whatever the storage.
    pub fn weights(&self) -> &[f32] {
        self.decoded.as_deref().unwrap_or_else(|| self.floats(1))
    }

    /// How the file stores the weights.
    pub fn weight_storage(&self) -> WeightStorage {
        self.manifest.weight_storage
    }

    /// Bytes of the file that are weights.
    pub fn weight_bytes(&self) -> usize {
        self.sections[1].len()
    }

    /// The children that ship, fewest MAdds first.
    pub fn children(&self) -> &[ChildEntry] {
        &self.manifest.children
    }

    /// The children that ship, lowered; the order of [`Bundle::children`].
    pub fn networks(&self) -> &[Network] {
        &self.networks
    }

    /// Index of the child called `name`.
    ///
    /// # Errors
    /// [`BundleError::UnknownChild`] lists the names that exist.
    pub fn child_index(&self, name: &str) -> Result<usize, BundleError> {
        self.children().iter().position(|entry| entry.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.children().iter().map(|entry| entry.name.as_str()).collect();
            BundleError::UnknownChild { name: name.to_owned(), known: known.join(", ") }
        })
    }

    /// The child at `index` with its statistics.
    ///
    /// # Errors
    /// None after [`Bundle::open`], which has verified every child; an index past the end is
    /// [`BundleError::UnknownChild`].
    pub fn calibrated(&self, index: usize) -> Result<CalibratedChild, BundleError> {
        let Some(network) = self.networks.get(index) else {
            return Err(BundleError::UnknownChild {
                name: format!("number {index}"),
                known: self.networks.len().to_string(),
            });
        };
        let first: usize = self.networks[..index].iter().map(|network| 2 * network.normalised_channels()).sum();
        let channels = network.normalised_channels();
        let values = &self.floats(2)[first..first + 2 * channels];
        let statistics = Statistics { means: values[..channels].to_vec(), variances: values[channels..].to_vec() };
        Ok(CalibratedChild::new(network, statistics)?)
    }
}
