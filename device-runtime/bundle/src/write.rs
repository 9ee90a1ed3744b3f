use crate::atomic_file::write_atomically;
use crate::header::{self, IMAGES, MAX_MANIFEST_BYTES, STATISTICS, WEIGHTS};
use crate::wire;
use crate::wire::v6::{self, format_for};
use crate::{Bundle, BundleError, DataSplit, GoldenPictures, Manifest, Trained, section};
use nestling_core::latency::LatencyTable;
use nestling_core::names::{NameError, check_label, check_name};
use nestling_core::space::{CalibratedChild, ChildEntry, Network, ValidatedSpace};
use std::path::Path;

/// Most children that ship in one bundle.
const MAX_CHILDREN: usize = 4096;

impl Manifest {
    /// Checks that everything fits: labels, preprocessing, children, predictor, images and the lengths of the
    /// sections of weights, statistics and images. `space` is the manifest's own. Returns the lowered children.
    pub(super) fn check(
        &self,
        space: &ValidatedSpace,
        [weight_bytes, statistics_bytes, image_bytes]: [usize; 3],
    ) -> Result<Vec<Network>, BundleError> {
        let require = |holds: bool, problem: &dyn Fn() -> String| {
            if holds { Ok(()) } else { Err(BundleError::Inconsistent { problem: problem() }) }
        };
        let needed = section::length(space.layout(), self.weight_storage);
        require(weight_bytes == needed, &|| {
            format!("{weight_bytes} bytes of {} weights where the space needs {needed}", self.weight_storage)
        })?;
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
        let mut networks = Vec::with_capacity(count);
        for ChildEntry { name, child, cost, held_out, test } in &self.children {
            let network = space.lower(child)?;
            require(network.cost() == *cost, &|| format!("the cost of child `{name}` is not what the space gives"))?;
            for measured in [held_out, test] {
                require(measured.correct <= measured.images, &|| format!("child `{name}` has more hits than images"))?;
            }
            networks.push(network);
        }
        let channels: usize = networks.iter().map(Network::normalised_channels).sum();
        require(statistics_bytes == 8 * channels, &|| {
            format!("{statistics_bytes} bytes of statistics where the children need {}", 8 * channels)
        })?;
        for table in &self.latency_tables {
            require(table.is_sound(), &|| {
                format!("the latency table of {} holds impossible times", table.device.adapter)
            })?;
        }
        if let Some(predictor) = &self.accuracy_predictor {
            predictor.check(space).map_err(|error| BundleError::Inconsistent { problem: error.to_string() })?;
        }
        match &self.images {
            Some(images) => images.check(space.classes, image_bytes)?,
            None => require(image_bytes == 0, &|| format!("{image_bytes} bytes of images that nothing describes"))?,
        }
        require(self.split.as_ref().is_none_or(DataSplit::is_sound), &|| {
            "the shares of the data split are not between 0 and 1".to_owned()
        })?;
        if let Trained::Only(children) = &self.trained {
            children.iter().try_for_each(|child| space.check(child))?;
        }
        Ok(networks)
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
    /// The bytes of the file.
    ///
    /// # Errors
    /// [`BundleError::Inconsistent`] or [`BundleError::Space`] if the parts do not fit each other,
    /// [`BundleError::WeightRange`] if the storage cannot hold a weight.
    pub fn encode(&self) -> Result<Vec<u8>, BundleError> {
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
        let layout = space.layout();
        let (given, needed) = (self.weights.len(), layout.len());
        if given != needed {
            return Err(fail(format!("{given} weights where the space needs {needed}")));
        }
        let weights = section::encode(layout, self.weights, self.manifest.weight_storage)?;
        self.manifest.check(&space, [weights.len(), 4 * statistics.len(), self.images.len()])?;
        let manifest = v6::encode(self.manifest, &[])?;
        let golden = self.golden.map(|golden| wire::golden::encode(golden, self.manifest)).transpose()?;
        let golden = golden.iter().map(|bytes| (header::GOLDEN, &bytes[..]));
        let version = format_for(self.manifest.preprocessing.fit);
        lay_out(version, &manifest, [&weights, bytemuck::cast_slice(&statistics), self.images], golden)
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

/// The file of a manifest and the sections after it, those that may be missing last.
fn lay_out<'a>(
    version: u32,
    manifest: &'a [u8],
    [weights, statistics, images]: [&'a [u8]; 3],
    others: impl IntoIterator<Item = (u64, &'a [u8])>,
) -> Result<Vec<u8>, BundleError> {
    if manifest.len() as u64 > MAX_MANIFEST_BYTES {
        let problem = format!("the manifest has {} bytes, at most {MAX_MANIFEST_BYTES}", manifest.len());
        return Err(BundleError::Inconsistent { problem });
    }
    let known = (0..).zip([manifest, weights, statistics, images]);
    Ok(header::encode(version, &known.chain(others).collect::<Vec<_>>()))
}

impl Bundle {
    /// The bytes of this bundle with other latency tables, in the oldest format that can hold it: weights, statistics,
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

    fn rewritten(&self, manifest: &Manifest, others: Vec<(u64, Vec<u8>)>) -> Result<Vec<u8>, BundleError> {
        let [weights, statistics, images] = [WEIGHTS, STATISTICS, IMAGES].map(|kind| self.section(kind));
        let (weights, statistics, images) = (weights?, statistics?, images?);
        manifest.check(self.space(), [weights.len(), statistics.len(), images.len()])?;
        let version = format_for(manifest.preprocessing.fit);
        let fields = self.unknown_fields()?;
        let fields: Vec<(u32, &[u8])> = fields.iter().map(|(number, bytes)| (*number, &bytes[..])).collect();
        let manifest = v6::encode(manifest, &fields)?;
        let others = others.iter().map(|(kind, bytes)| (*kind, &bytes[..]));
        lay_out(version, &manifest, [&weights, &statistics, &images], others)
    }
}
