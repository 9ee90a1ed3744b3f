use crate::header::{IMAGES, MANIFEST, STATISTICS, Section, Table, WEIGHTS};
use crate::section::Input;
use crate::source::{Reader, Source};
use crate::verify::{Verified, verify};
use crate::{BundleError, BundleId, BundledImages, GoldenPictures, Manifest, NetworkId, section, wire};
use nestling_core::image::{Image, PixelFormat};
use nestling_core::space::{
    CalibratedChild, ChildEntry, Convolution, Network, ParameterLayout, Statistics, ValidatedSpace,
};
use nestling_core::weights::WeightStorage;
use std::fmt;
use std::ops::Range;
use std::path::Path;

/// A verified bundle.
///
/// All but the weights is in memory. The weights are read from the file, and checked again, when a runtime is opened
/// with the bundle; nothing reads the file after that, so a program may then do with it as it likes. Nothing is mapped:
/// whatever happens to the file before, the worst result is an error.
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
    source: Source,
    table: Table,
    id: BundleId,
    network_id: NetworkId,
    manifest: Manifest,
    space: ValidatedSpace,
    networks: Vec<Network>,
    calibrated: Vec<CalibratedChild>,
    /// The section of the images, unless the whole bundle is in memory.
    images: Vec<u8>,
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
    /// Opens and verifies a file. A pipe is read into memory.
    ///
    /// Replace a bundle by renaming a new file over it, not by writing into it: what is written into the file between
    /// this call and [`Bundle::weights`], or the opening of a runtime, is an error there.
    ///
    /// # Errors
    /// [`BundleError`] says whether the file is missing, foreign, of another version, cut off, damaged or
    /// contradictory.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, BundleError> {
        Self::verify(Source::open(path.as_ref())?)
    }

    /// Copies and verifies bytes that are in memory: an Android asset, or a download on the web.
    ///
    /// # Errors
    /// As [`Bundle::open`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BundleError> {
        Self::verify(Source::Memory(bytes.to_vec()))
    }

    fn verify(source: Source) -> Result<Self, BundleError> {
        let Verified { table, kept: [manifest, statistics, images] } = verify(&source)?;
        let manifest = wire::decode(table.version, &manifest)?;
        let space = manifest.space.clone().validated()?;
        let lengths = [WEIGHTS, STATISTICS, IMAGES].map(|kind| table.known[kind].len());
        let networks = manifest.check(&space, lengths)?;
        let checksum = |kind: usize| table.known[kind].checksum;
        let network_id = NetworkId::of(&manifest, checksum(WEIGHTS), checksum(STATISTICS))?;
        let calibrated = calibrated(&networks, &statistics)?;
        let id = BundleId(table.identity);
        if let Some(section) = table.golden() {
            golden(&source, section, &manifest)?;
        }
        let bundle = Self { source, table, id, network_id, manifest, space, networks, calibrated, images };
        if bundle.weight_storage() != WeightStorage::F32 {
            bundle.visit(false, &mut |_, _| Ok::<(), BundleError>(()))?; // not every code is one that rounding gives
        }
        Ok(bundle)
    }

    /// The bytes of a known section as the file has them.
    pub(super) fn section(&self, kind: usize) -> Result<Vec<u8>, BundleError> {
        self.source.section(&self.table.known[kind])
    }

    /// Sections that may be missing and those that only a newer version reads, each with its kind.
    pub(super) fn other_sections(&self) -> Result<Vec<(u64, Vec<u8>)>, BundleError> {
        self.table.others.iter().map(|section| Ok((section.kind, self.source.section(section)?))).collect()
    }

    /// Fields of the manifest that only a newer version reads, each with its number.
    pub(super) fn unknown_fields(&self) -> Result<Vec<(u32, Vec<u8>)>, BundleError> {
        if self.format() == 5 {
            return Ok(Vec::new());
        }
        let manifest = self.section(MANIFEST)?;
        let fields = wire::v6::unknown_fields(&manifest)?;
        Ok(fields.into_iter().map(|(number, bytes)| (number, bytes.to_vec())).collect())
    }

    /// Format version of the file.
    pub fn format(&self) -> u32 {
        self.table.version
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
        self.source.length() as usize
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

    /// The flat vector of all shared parameters, as values whatever the storage; read from the file and decoded.
    ///
    /// # Errors
    /// [`BundleError::Changed`] if the file is not any more what was opened.
    pub fn weights(&self) -> Result<Vec<f32>, BundleError> {
        let layout = self.layout();
        let mut weights = vec![0.0; layout.len()];
        self.visit_weights(|index, values| {
            weights[layout.parameters[index].range()].copy_from_slice(values);
            Ok::<(), BundleError>(())
        })?;
        Ok(weights)
    }

    /// The same, one shared tensor after the other: `put` gets each one's index among the layout's parameters and its
    /// values. Only one of them is in memory at a time.
    ///
    /// # Errors
    /// As [`Bundle::weights`], also after all tensors were given; and those of `put`.
    pub fn visit_weights<E: From<BundleError>>(
        &self,
        mut put: impl FnMut(usize, &[f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.visit(true, &mut put)
    }

    fn visit<E: From<BundleError>>(
        &self,
        verified: bool,
        put: &mut impl FnMut(usize, &[f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        let section = &self.table.known[WEIGHTS];
        let reader = self.source.reader(section.range.clone());
        let mut input = Weights { source: &self.source, reader, verified };
        section::visit(self.layout(), self.weight_storage(), &mut input, put)?;
        if input.reader.checksum() == section.checksum { Ok(()) } else { Err(self.source.other_bytes().into()) }
    }

    /// How the file stores the weights.
    pub fn weight_storage(&self) -> WeightStorage {
        self.manifest.weight_storage
    }

    /// Bytes of the file that are weights.
    pub fn weight_bytes(&self) -> usize {
        self.table.known[WEIGHTS].len()
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

    /// Encoded pictures with the trainer's logits, read from the file; none if the bundle ships without. Nothing of
    /// them is kept in memory.
    ///
    /// # Errors
    /// [`BundleError::Changed`] if the file is not any more what was opened.
    pub fn golden_pictures(&self) -> Result<Option<GoldenPictures>, BundleError> {
        self.table.golden().map(|section| golden(&self.source, section, &self.manifest)).transpose()
    }

    fn image_bytes(&self) -> &[u8] {
        let Range { start, end } = self.table.known[IMAGES].range;
        self.source.bytes().map_or(&self.images, |bytes| &bytes[start as usize..end as usize])
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
        let (calibrating, checking) = self.image_bytes().split_at(first);
        let bytes = if calibration { calibrating } else { checking };
        bytes.chunks_exact(length).map(move |bytes| Image::of_checked(side, side, format, bytes))
    }
}

/// The section of the weights as it is read.
struct Weights<'a> {
    source: &'a Source,
    reader: Reader<'a>,
    /// Whether these very bytes were found to be right before.
    verified: bool,
}

impl Input for Weights<'_> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), BundleError> {
        self.reader.fill(bytes).map_err(|error| self.source.changed(error))
    }

    fn unsound(&self, convolution: &Convolution, problem: &str) -> BundleError {
        if self.verified {
            return self.source.other_bytes();
        }
        BundleError::Inconsistent { problem: format!("layer `{}` has {problem}", convolution.name) }
    }
}

/// The golden pictures of a section whose checksum is right.
fn golden(source: &Source, section: &Section, manifest: &Manifest) -> Result<GoldenPictures, BundleError> {
    let (given, most) = (section.len(), GoldenPictures::most_bytes(manifest.space.classes));
    if given > most {
        return Err(BundleError::Inconsistent { problem: format!("{given} bytes of golden pictures, at most {most}") });
    }
    wire::golden::decode(&source.section(section)?, manifest)
}

/// Each child's statistics, from a section whose length is right.
fn calibrated(networks: &[Network], section: &[u8]) -> Result<Vec<CalibratedChild>, BundleError> {
    let mut values = section.chunks_exact(4).map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    let mut take = |count: usize| values.by_ref().take(count).collect();
    let child = |network: &Network| {
        let channels = network.normalised_channels();
        let statistics = Statistics { means: take(channels), variances: take(channels) };
        Ok(CalibratedChild::new(network, statistics)?)
    };
    networks.iter().map(child).collect()
}
