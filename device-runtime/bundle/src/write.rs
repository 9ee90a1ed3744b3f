use crate::atomic_file::write_atomically;
use crate::format::SHELL_FORMAT;
use crate::header::{self, MAX_MANIFEST_BYTES, Shared};
use crate::shells::Supernet;
use crate::wire::MAX_CHILDREN;
use crate::wire::v6::{self, format_for};
use crate::{Bundle, BundleError, DataSplit, GoldenPictures, Manifest, Trained, section, wire};
use nestling_core::latency::LatencyTable;
use nestling_core::names::{NameError, check_label, check_name};
use nestling_core::space::{CalibratedChild, ChildEntry, Network, ValidatedSpace};
use nestling_core::weights::Shells;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_128;

/// Most layers of all children that ship: lowered, each takes 150 bytes.
const MAX_LAYERS: usize = 1 << 18;

impl Manifest {
    /// Checks that everything in it fits: labels, preprocessing, children and predictor. `space` is the manifest's own.
    /// Returns the lowered children.
    pub(super) fn check(&self, space: &ValidatedSpace) -> Result<Vec<Network>, BundleError> {
        let require = |holds: bool, problem: &dyn Fn() -> String| {
            if holds { Ok(()) } else { Err(BundleError::Inconsistent { problem: problem() }) }
        };
        require(self.labels.len() == space.classes as usize, &|| {
            format!("{} labels for {} classes", self.labels.len(), space.classes)
        })?;
        require(self.preprocessing.fits(space.input_channels), &|| {
            format!("the preprocessing does not fit {} input channels", space.input_channels)
        })?;
        self.check_names()?;
        let count = self.children.len();
        require((1..=MAX_CHILDREN).contains(&count), &|| format!("{count} children: between 1 and {MAX_CHILDREN}"))?;
        let names: std::collections::HashSet<&str> = self.children.iter().map(|entry| entry.name.as_str()).collect();
        require(names.len() == count, &|| "two children have the same name".to_owned())?;
        let (mut networks, mut layers) = (Vec::with_capacity(count), 0);
        for ChildEntry { name, child, cost, held_out, test } in &self.children {
            let network = space.lower(child)?;
            layers += network.layers.len();
            require(layers <= MAX_LAYERS, &|| "the children that ship have too many layers".to_owned())?;
            require(network.cost() == *cost, &|| format!("the cost of child `{name}` is not what the space gives"))?;
            for measured in [held_out, test] {
                require(measured.correct <= measured.images, &|| format!("child `{name}` has more hits than images"))?;
            }
            networks.push(network);
        }
        for table in &self.latency_tables {
            require(table.is_sound(), &|| {
                format!("the latency table of {} holds impossible times", table.device.adapter)
            })?;
        }
        if let Some(predictor) = &self.accuracy_predictor {
            predictor.check(space).map_err(|error| BundleError::Inconsistent { problem: error.to_string() })?;
        }
        require(self.split.as_ref().is_none_or(DataSplit::is_sound), &|| {
            "the shares of the data split are not between 0 and 1".to_owned()
        })?;
        if let Trained::Only(children) = &self.trained {
            children.iter().try_for_each(|child| space.check(child))?;
        }
        Ok(networks)
    }

    /// Checks the length of the images' section.
    pub(super) fn check_images(&self, image_bytes: usize) -> Result<(), BundleError> {
        match &self.images {
            Some(images) => images.check(self.space.classes, image_bytes),
            None if image_bytes == 0 => Ok(()),
            None => Err(BundleError::Inconsistent {
                problem: format!("{image_bytes} bytes of images that nothing describes"),
            }),
        }
    }

    /// Checks the names of the bundle, its children and its classes; that of the space is checked with the space.
    fn check_names(&self) -> Result<(), BundleError> {
        let at = |place: String| |source: NameError| BundleError::Name { place, source };
        // It may be missing from a file.
        if !self.name.is_empty() {
            check_label(&self.name).map_err(at("itself".to_owned()))?;
        }
        for (index, entry) in self.children.iter().enumerate() {
            check_name(&entry.name).map_err(at(format!("child {index}")))?;
        }
        for (index, label) in self.labels.iter().enumerate() {
            check_label(label).map_err(at(format!("class {index}")))?;
        }
        Ok(())
    }
}

/// The parts of a bundle that is to be written.
#[derive(Clone, Debug)]
pub struct BundleContents<'a> {
    /// Everything small.
    pub manifest: &'a Manifest,
    /// The flat vector of all shared parameters; [`Manifest::weight_storage`] says how the file will hold them.
    pub weights: &'a [f32],
    /// The manifest's children with their statistics, in the same order.
    pub children: &'a [CalibratedChild],
    /// Pixels of all images, as [`Manifest::images`] says: those that calibrate, then those that check.
    pub images: &'a [u8],
    /// Encoded pictures with the trainer's logits, by which a device can check itself.
    pub golden: Option<&'a GoldenPictures>,
}

impl BundleContents<'_> {
    /// The bytes of the file, whose weights are divided into shells.
    ///
    /// # Errors
    /// [`BundleError::Inconsistent`] or [`BundleError::Space`] if the parts do not fit each other,
    /// [`BundleError::WeightRange`] if the storage cannot hold a weight.
    pub fn encode(&self) -> Result<Vec<u8>, BundleError> {
        self.encode_as(true)
    }

    /// The same in the oldest format that can hold it, which has no shells.
    #[cfg(test)]
    pub(super) fn encode_undivided(&self) -> Result<Vec<u8>, BundleError> {
        self.encode_as(false)
    }

    fn encode_as(&self, is_divided: bool) -> Result<Vec<u8>, BundleError> {
        let fail = |problem: String| BundleError::Inconsistent { problem };
        let space = self.manifest.space.clone().validated()?;
        if !self.children.iter().map(CalibratedChild::child).eq(self.manifest.children.iter().map(|entry| &entry.child))
        {
            return Err(fail("the calibrated children are not the manifest's children".to_owned()));
        }
        let statistics: Vec<f32> = (self.children.iter())
            .flat_map(|child| child.statistics().means.iter().chain(&child.statistics().variances))
            .copied()
            .collect();
        let statistics: &[u8] = bytemuck::cast_slice(&statistics);
        let (layout, storage) = (space.layout(), self.manifest.weight_storage);
        let (given, needed) = (self.weights.len(), layout.len());
        if given != needed {
            return Err(fail(format!("{given} weights where the space needs {needed}")));
        }
        let weights = section::encode(layout, self.weights, storage)?;
        let networks = self.manifest.check(&space)?;
        let supernet = Supernet { layout, storage, networks: &networks };
        supernet.check_lengths(weights.len(), statistics.len())?;
        self.manifest.check_images(self.images.len())?;
        let golden = self.golden.map(|golden| wire::golden::encode(golden, self.manifest)).transpose()?;
        let others = golden.into_iter().map(|bytes| (header::GOLDEN, bytes)).collect();
        if !is_divided {
            let version = format_for(self.manifest.preprocessing.fit);
            let shared = vec![(header::WEIGHTS, weights.into_owned()), (header::STATISTICS, statistics.to_vec())];
            return lay_out(version, v6::encode(self.manifest, None, &[])?, shared, self.images, others);
        }
        let (manifest, shared) = divide(supernet, self.manifest, &weights, statistics, &[])?;
        lay_out(SHELL_FORMAT, manifest, shared, self.images, others)
    }

    /// Writes the file to a temporary name, syncs it and renames it to `path`: the file is whole, or the old one stays.
    ///
    /// # Errors
    /// [`BundleError`] if the parts do not fit each other, the storage cannot hold a weight, or the disk does not take
    /// them.
    pub fn write(&self, path: &Path) -> Result<(), BundleError> {
        let bytes = self.encode()?;
        Ok(write_atomically(path, |file| file.write_all(&bytes))?)
    }
}

/// Sections with their kinds, in the order of the file.
type Sections = Vec<(u64, Vec<u8>)>;

/// The manifest and the shells of these sections of weights and statistics, whose lengths are right.
fn divide(
    supernet: Supernet<'_>,
    manifest: &Manifest,
    weights: &[u8],
    statistics: &[u8],
    unknown: &[(u32, &[u8])],
) -> Result<(Vec<u8>, Sections), BundleError> {
    let shells = Shells::divide(supernet.layout, supernet.storage, supernet.networks);
    let shared =
        (0..shells.count()).map(|shell| (header::SHELL, supernet.take(&shells, shell, weights, statistics))).collect();
    let [weights, statistics] = [weights, statistics].map(|bytes| xxh3_128(bytes).to_le_bytes());
    let shells = wire::Shells { served: shells.served().to_vec(), weights, statistics };
    Ok((v6::encode(manifest, Some(&shells), unknown)?, shared))
}

/// The file of a manifest, the sections of weights and statistics, the images, and those that may be missing.
fn lay_out(
    version: u32,
    manifest: Vec<u8>,
    shared: Sections,
    images: &[u8],
    others: Sections,
) -> Result<Vec<u8>, BundleError> {
    if manifest.len() as u64 > MAX_MANIFEST_BYTES {
        let problem = format!("the manifest has {} bytes, at most {MAX_MANIFEST_BYTES}", manifest.len());
        return Err(BundleError::Inconsistent { problem });
    }
    let mut sections = vec![(header::MANIFEST, &manifest[..])];
    sections.extend(shared.iter().map(|(kind, bytes)| (*kind, &bytes[..])));
    sections.push((header::IMAGES, images));
    sections.extend(others.iter().map(|(kind, bytes)| (*kind, &bytes[..])));
    Ok(header::encode(version, &sections))
}

impl Bundle {
    /// The bytes of this bundle with other latency tables, weights, statistics,
    /// images and golden pictures are the same to the byte, and so are [`Bundle::network_id`] and the parts that only a
    /// newer version reads.
    ///
    /// # Errors
    /// [`BundleError::Inconsistent`] if a table holds impossible times, or there are too many for a manifest;
    /// [`BundleError::Changed`] if the file is not any more what was opened.
    pub fn with_latency_tables(&self, tables: Vec<LatencyTable>) -> Result<Vec<u8>, BundleError> {
        self.rewritten(&Manifest { latency_tables: tables, ..self.manifest().clone() }, self.other_sections()?)
    }

    /// The bytes of this bundle with other golden pictures or none; all else is the same.
    ///
    /// # Errors
    /// [`BundleError::Inconsistent`] if they do not fit the bundle; [`BundleError::Changed`] if the file is not any
    /// more what was opened.
    pub fn with_golden_pictures(&self, golden: Option<&GoldenPictures>) -> Result<Vec<u8>, BundleError> {
        let mut sections = self.other_sections()?;
        sections.retain(|(kind, _)| *kind != header::GOLDEN);
        if let Some(golden) = golden {
            // The first kind of those that may be missing.
            sections.insert(0, (header::GOLDEN, wire::golden::encode(golden, self.manifest())?));
        }
        self.rewritten(self.manifest(), sections)
    }

    /// The bytes of this bundle in the newest format, in which a program that downloads it can classify before all of it
    /// is there; all else is the same. A bundle that has shells stays as it is.
    ///
    /// # Errors
    /// [`BundleError::Changed`] if the file is not any more what was opened.
    pub fn with_shells(&self) -> Result<Vec<u8>, BundleError> {
        let Shared::Whole { weights, statistics } = &self.table().shared else {
            return self.rewritten(self.manifest(), self.other_sections()?);
        };
        let (weights, statistics) = (self.section(weights)?, self.section(statistics)?);
        let images = self.section(&self.table().images)?;
        let fields = self.unknown_fields()?;
        let fields: Vec<(u32, &[u8])> = fields.iter().map(|(number, bytes)| (*number, &bytes[..])).collect();
        let supernet = Supernet { layout: self.layout(), storage: self.weight_storage(), networks: self.networks() };
        let (manifest, shared) = divide(supernet, self.manifest(), &weights, &statistics, &fields)?;
        lay_out(SHELL_FORMAT, manifest, shared, &images, self.other_sections()?)
    }

    /// The file with another manifest and other sections that may be missing. Up to format 7 it has the oldest format that
    /// can hold it; shells stay as they are.
    fn rewritten(&self, manifest: &Manifest, others: Sections) -> Result<Vec<u8>, BundleError> {
        self.require_whole()?;
        manifest.check(self.space())?;
        let table = self.table();
        let (version, shells, shared) = match &table.shared {
            Shared::Whole { weights, statistics } => {
                (format_for(manifest.preprocessing.fit), None, vec![weights, statistics])
            }
            Shared::Shells(sections) => {
                let shells = v6::shells(&self.section(&table.manifest)?)?;
                (table.version, Some(shells), sections.iter().collect())
            }
        };
        let shared: Result<Vec<_>, _> =
            shared.into_iter().map(|section| Ok::<_, BundleError>((section.kind, self.section(section)?))).collect();
        let images = self.section(&table.images)?;
        manifest.check_images(images.len())?;
        let fields = self.unknown_fields()?;
        let fields: Vec<(u32, &[u8])> = fields.iter().map(|(number, bytes)| (*number, &bytes[..])).collect();
        lay_out(version, v6::encode(manifest, shells.as_ref(), &fields)?, shared?, &images, others)
    }
}
