use crate::header::{IMAGES, MANIFEST, STATISTICS, Section, Verified, WEIGHTS};
use crate::{BundleError, BundleId, BundledImages, Manifest, NetworkId, header, section, wire};
use nestling_core::image::{Image, PixelFormat};
use nestling_core::space::{CalibratedChild, ChildEntry, Network, ParameterLayout, Statistics, ValidatedSpace};
use nestling_core::weights::WeightStorage;
use std::fmt;
use std::path::Path;

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
/// use nestling_bundle::Bundle;
/// let bundle = Bundle::open("fashion.nestling")?;
/// for entry in bundle.children() {
///     println!("{} {} {:.2} %", entry.name, entry.cost.madds, entry.test.percent());
/// }
/// # Ok::<(), nestling_bundle::BundleError>(())
/// ```
pub struct Bundle {
    storage: Storage,
    format: u32,
    known: [Section; 4],
    unknown: Vec<Section>,
    /// All parameters, where the file holds them otherwise than as f32.
    decoded: Option<Vec<f32>>,
    id: BundleId,
    network_id: NetworkId,
    manifest: Manifest,
    space: ValidatedSpace,
    networks: Vec<Network>,
    calibrated: Vec<CalibratedChild>,
}

/// A child that ships, with all that a bundle holds of it.
#[derive(Clone, Copy, Debug)]
pub struct BundledChild<'a> {
    /// Its place in [`Bundle::children`], [`Bundle::networks`] and [`Bundle::calibrated`].
    pub index: usize,
    /// Its name, cost and accuracy.
    pub entry: &'a ChildEntry,
    /// The child, lowered.
    pub network: &'a Network,
    /// The child with its statistics.
    pub calibrated: &'a CalibratedChild,
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
    /// [`BundleError`] says whether the file is missing, foreign, of another version, cut off, damaged or
    /// contradictory.
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
        let Verified { version, identity, known, unknown } = header::decode(storage.bytes())?;
        let section = |kind: usize| &storage.bytes()[known[kind].range.clone()];
        let manifest = wire::decode(version, section(MANIFEST))?;
        let space = manifest.space.clone().validated()?;
        let lengths = [WEIGHTS, STATISTICS, IMAGES].map(|kind| section(kind).len());
        let networks = manifest.check(&space, lengths)?;
        let decoded = section::decode(space.layout(), section(WEIGHTS), manifest.weight_storage)?;
        let network_id = NetworkId::of(&manifest, known[WEIGHTS].checksum, known[STATISTICS].checksum)?;
        let calibrated = calibrated(&networks, bytemuck::cast_slice(section(STATISTICS)))?;
        let (id, format) = (BundleId(identity), version);
        Ok(Self { storage, format, known, unknown, decoded, id, network_id, manifest, space, networks, calibrated })
    }

    /// The bytes of a known section as the file has them.
    pub(super) fn section(&self, kind: usize) -> &[u8] {
        &self.storage.bytes()[self.known[kind].range.clone()]
    }

    /// Sections that only a newer version reads, each with its kind.
    pub(super) fn unknown_sections(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.unknown.iter().map(|section| (section.kind, &self.storage.bytes()[section.range.clone()]))
    }

    /// Fields of the manifest that only a newer version reads, each with its number.
    pub(super) fn unknown_fields(&self) -> Result<Vec<(u32, &[u8])>, BundleError> {
        if self.format == 5 { Ok(Vec::new()) } else { wire::v6::unknown_fields(self.section(MANIFEST)) }
    }

    /// Format version of the file.
    pub fn format(&self) -> u32 {
        self.format
    }

    /// Identity of the contents.
    pub fn id(&self) -> BundleId {
        self.id
    }

    /// Identity of the network: a device's measurements hold for every bundle that shares it.
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

    /// The choices of a child.
    pub fn space(&self) -> &ValidatedSpace {
        &self.space
    }

    /// Where each shared tensor is in [`Bundle::weights`].
    pub fn layout(&self) -> &ParameterLayout {
        self.space.layout()
    }

    /// The flat vector of all shared parameters, as values whatever the storage.
    pub fn weights(&self) -> &[f32] {
        self.decoded.as_deref().unwrap_or_else(|| bytemuck::cast_slice(self.section(WEIGHTS)))
    }

    /// How the file stores the weights.
    pub fn weight_storage(&self) -> WeightStorage {
        self.manifest.weight_storage
    }

    /// Bytes of the file that are weights.
    pub fn weight_bytes(&self) -> usize {
        self.section(WEIGHTS).len()
    }

    /// The children that ship, fewest MAdds first.
    pub fn children(&self) -> &[ChildEntry] {
        &self.manifest.children
    }

    /// The children that ship, lowered; the order of [`Bundle::children`].
    pub fn networks(&self) -> &[Network] {
        &self.networks
    }

    /// The children that ship, with their statistics; the order of [`Bundle::children`].
    pub fn calibrated(&self) -> &[CalibratedChild] {
        &self.calibrated
    }

    /// The child called `name`.
    ///
    /// # Errors
    /// [`BundleError::UnknownChild`] lists the names that exist.
    pub fn child(&self, name: &str) -> Result<BundledChild<'_>, BundleError> {
        let index = self.children().iter().position(|entry| entry.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.children().iter().map(|entry| entry.name.as_str()).collect();
            BundleError::UnknownChild { name: name.to_owned(), known: known.join(", ") }
        })?;
        let (entry, network, calibrated) = (&self.children()[index], &self.networks[index], &self.calibrated[index]);
        Ok(BundledChild { index, entry, network, calibrated })
    }

    /// Describes the bundle's images; none if it ships without.
    pub fn images(&self) -> Option<&BundledImages> {
        self.manifest().images.as_ref()
    }

    /// Images from the training images that calibrate children that ship without statistics; none in a bundle of random
    /// or imported weights.
    pub fn calibration_images(&self) -> impl ExactSizeIterator<Item = Image<'_>> {
        self.pixels(true)
    }

    /// Images that were held out from training, each with its class, an index of the labels: they check a child that
    /// was calibrated on the device. None in a bundle of random or imported weights.
    pub fn check_images(&self) -> impl ExactSizeIterator<Item = (Image<'_>, usize)> {
        let labels = self.images().map_or(&[][..], |images| &images.check_labels);
        self.pixels(false).zip(labels.iter().map(|&label| usize::from(label)))
    }

    /// The images that calibrate, or those that check; [`BundledImages::check`] holds.
    fn pixels(&self, calibration: bool) -> impl ExactSizeIterator<Item = Image<'_>> {
        let (side, format, length, first) = match self.images() {
            None => (Image::MIN_SIDE, PixelFormat::Grey8, 1, 0),
            Some(images) => {
                let length = images.image_bytes() as usize;
                (images.side, images.format, length, images.calibration as usize * length)
            }
        };
        let (calibrating, checking) = self.section(IMAGES).split_at(first);
        let bytes = if calibration { calibrating } else { checking };
        bytes.chunks_exact(length).map(move |bytes| Image::of_checked(side, side, format, bytes))
    }
}

/// Each child's statistics, from a section whose length is right.
fn calibrated(networks: &[Network], mut values: &[f32]) -> Result<Vec<CalibratedChild>, BundleError> {
    let mut take = |count: usize| {
        let (own, rest) = values.split_at(count);
        values = rest;
        own.to_vec()
    };
    let child = |network: &Network| {
        let channels = network.normalised_channels();
        let statistics = Statistics { means: take(channels), variances: take(channels) };
        Ok(CalibratedChild::new(network, statistics)?)
    };
    networks.iter().map(child).collect()
}
