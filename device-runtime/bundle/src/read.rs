use crate::header::{Section, Shared, Table};
use crate::shells::{Divided, Supernet};
use crate::source::Source;
use crate::verify::{Verified, verify};
use crate::{BundleError, BundleId, BundledImages, GoldenPictures, Manifest, NetworkId, section, shared, wire};
use nestling_core::image::{Image, PixelFormat};
use nestling_core::room;
use nestling_core::space::{CalibratedChild, ChildEntry, Network, ParameterLayout, ValidatedSpace};
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
    /// How the weights are divided, from format 8 on.
    divided: Option<Divided>,
    /// Shells that are there.
    arrived: usize,
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
        Self::verify(Source::Memory(room::copied(bytes)?))
    }

    pub(super) fn verify(source: Source) -> Result<Self, BundleError> {
        let Verified { table, kept: [manifest, statistics, images] } = verify(&source)?;
        let arrived = match &table.shared {
            Shared::Whole { .. } => 0,
            Shared::Shells(sections) => sections.len(),
        };
        let mut bundle = Self::parse(source, table, arrived, [&manifest, &statistics])?;
        drop((manifest, statistics));
        if let Some(section) = bundle.table.golden() {
            golden(&bundle.source, section, &bundle.manifest)?;
        }
        bundle.manifest.check_images(bundle.table.images.len())?;
        bundle.images = images;
        Ok(bundle)
    }

    /// A bundle of which the manifest and the first shells are there and verified, but nothing behind them.
    pub(super) fn arrived(source: Source, table: Table, arrived: usize) -> Result<Self, BundleError> {
        let manifest = source.section(&table.manifest)?;
        let mut bundle = Self::parse(source, table, arrived, [&manifest, &[]])?;
        bundle.manifest.images = None;
        Ok(bundle)
    }

    /// All but images and golden pictures.
    fn parse(
        source: Source,
        table: Table,
        arrived: usize,
        [manifest_bytes, statistics]: [&[u8]; 2],
    ) -> Result<Self, BundleError> {
        let manifest = wire::decode(table.version, manifest_bytes)?;
        let space = manifest.space.clone().validated()?;
        let networks = manifest.check(&space)?;
        let supernet = Supernet { layout: space.layout(), storage: manifest.weight_storage, networks: &networks };
        let (divided, [weights, statistics_sum], calibrated) = match &table.shared {
            Shared::Whole { weights, statistics: section } => {
                supernet.check_lengths(weights.len(), section.len())?;
                // Those of a file in memory are not copied.
                let in_memory =
                    source.bytes().and_then(|all| all.get(section.range.start as usize..section.range.end as usize));
                let statistics = in_memory.unwrap_or(statistics);
                (None, [weights.checksum, section.checksum], shared::calibrated(&networks, statistics)?)
            }
            Shared::Shells(sections) => {
                let divided = shared::divided(supernet, sections, manifest_bytes)?;
                let bytes = shared::statistics(supernet, &source, &divided, &sections[..arrived])?;
                let served = divided.shells.served_by(arrived);
                let calibrated = shared::calibrated(&networks[..served], &bytes)?;
                let checksums = divided.checksums;
                (Some(divided), checksums, calibrated)
            }
        };
        let network_id = NetworkId::of(&manifest, weights, statistics_sum)?;
        let (id, images) = (BundleId(table.identity), Vec::new());
        let bundle =
            Self { source, table, divided, arrived, id, network_id, manifest, space, networks, calibrated, images };
        if bundle.weight_storage() != WeightStorage::F32 {
            bundle.visit(false, &mut |_, _| Ok::<(), BundleError>(()))?; // not every code is one that rounding gives
        }
        Ok(bundle)
    }

    /// Whether every byte is there: a bundle that arrives piece by piece is usable before.
    pub fn is_whole(&self) -> bool {
        self.source.length() == self.table.end()
    }

    /// Whether all weights are there: images and golden pictures may still be missing.
    pub fn has_all_weights(&self) -> bool {
        self.divided.as_ref().is_none_or(|divided| divided.shells.count() == self.arrived)
    }

    /// Fails unless every byte is there.
    pub(super) fn require_whole(&self) -> Result<(), BundleError> {
        if self.is_whole() { Ok(()) } else { Err(self.incomplete()) }
    }

    fn incomplete(&self) -> BundleError {
        BundleError::Incomplete { given: self.source.length(), expected: self.table.end() }
    }

    /// The parts of the file, and where they are.
    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    /// A section's bytes as the file has them.
    pub(super) fn section(&self, section: &Section) -> Result<Vec<u8>, BundleError> {
        self.source.section(section)
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
        let manifest = self.section(&self.table.manifest)?;
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
        self.table.end() as usize
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
    /// [`BundleError::Changed`] if the file is not any more what was opened, [`BundleError::Incomplete`] if it has not
    /// arrived as a whole.
    pub fn weights(&self) -> Result<Vec<f32>, BundleError> {
        self.require_whole()?;
        let layout = self.layout();
        let mut weights = room::filled(0.0, layout.len())?;
        self.visit_weights(|index, values| {
            weights[layout.parameters[index].range()].copy_from_slice(values);
            Ok::<(), BundleError>(())
        })?;
        Ok(weights)
    }

    /// The same, one shared tensor after the other: `put` gets each one's index among the layout's parameters and its
    /// values. Only one of them is in memory at a time. Weights that have not arrived are zero.
    ///
    /// # Errors
    /// [`BundleError::Changed`] if the file is not any more what was opened, also after all tensors were given; and those of `put`.
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
        let (layout, storage, networks) = (self.layout(), self.weight_storage(), &self.networks);
        let file = (&self.source, &self.table, self.divided.as_ref());
        let mut failed = None;
        let mut go_on = |index: usize, values: &[f32]| put(index, values).map_err(|error| failed = Some(error)).is_ok();
        let read = shared::visit(Supernet { layout, storage, networks }, file, self.arrived, verified, &mut go_on);
        failed.map_or_else(|| Ok(read?), Err)
    }

    /// How the file stores the weights.
    pub fn weight_storage(&self) -> WeightStorage {
        self.manifest.weight_storage
    }

    /// Bytes of the file that are weights.
    pub fn weight_bytes(&self) -> usize {
        section::length(self.layout(), self.weight_storage())
    }

    /// The children that ship, fewest MAdds first.
    pub fn children(&self) -> &[ChildEntry] {
        &self.manifest.children
    }

    /// The children that ship, lowered; the order of [`Bundle::children`].
    pub fn networks(&self) -> &[Network] {
        &self.networks
    }

    /// The children that ship and have arrived, with their statistics; the order of [`Bundle::children`]. All of them
    /// unless the bundle comes from a [`BundleStream`](crate::BundleStream).
    pub fn calibrated(&self) -> &[CalibratedChild] {
        &self.calibrated
    }

    /// The child called `name`.
    ///
    /// # Errors
    /// [`BundleError::UnknownChild`] lists the names that exist; [`BundleError::Incomplete`] if the child has not arrived.
    pub fn child(&self, name: &str) -> Result<BundledChild<'_>, BundleError> {
        let index = self.children().iter().position(|entry| entry.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.children().iter().map(|entry| entry.name.as_str()).collect();
            BundleError::UnknownChild { name: name.to_owned(), known: known.join(", ") }
        })?;
        let calibrated = self.calibrated.get(index).ok_or_else(|| self.incomplete())?;
        let (entry, network) = (&self.children()[index], &self.networks[index]);
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
    /// [`BundleError::Changed`] if the file is not any more what was opened, [`BundleError::Incomplete`] if it has not
    /// arrived as a whole.
    pub fn golden_pictures(&self) -> Result<Option<GoldenPictures>, BundleError> {
        self.require_whole()?;
        self.table.golden().map(|section| golden(&self.source, section, &self.manifest)).transpose()
    }

    fn image_bytes(&self) -> &[u8] {
        if self.images().is_none() {
            return &[];
        }
        let Range { start, end } = self.table.images.range;
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

/// The golden pictures of a section whose checksum is right.
fn golden(source: &Source, section: &Section, manifest: &Manifest) -> Result<GoldenPictures, BundleError> {
    let (given, most) = (section.len(), GoldenPictures::most_bytes(manifest.space.classes));
    if given > most {
        return Err(BundleError::Inconsistent { problem: format!("{given} bytes of golden pictures, at most {most}") });
    }
    wire::golden::decode(&source.section(section)?, manifest)
}
