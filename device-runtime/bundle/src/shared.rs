//! Weights and statistics of a file, whether they are whole sections or shells.

use crate::gathered::{Gathered, ShellReaders};
use crate::header::{Section, Shared, Table};
use crate::section::{self, Input};
use crate::shells::{Divided, Supernet};
use crate::source::{Reader, Source};
use crate::{BundleError, wire};
use nestling_core::room;
use nestling_core::space::{CalibratedChild, Convolution, Network, Statistics};
use nestling_core::weights::Shells;
use xxhash_rust::xxh3::xxh3_128;

/// How a file's weights are divided, if its sections are as long as the children need.
pub(super) fn divided(supernet: Supernet<'_>, sections: &[Section], manifest: &[u8]) -> Result<Divided, BundleError> {
    let inconsistent = |problem: String| BundleError::Inconsistent { problem };
    let wire::Shells { served, weights, statistics } = wire::v6::shells(manifest)?;
    let (given, expected) = (sections.len(), served.len());
    if given != expected {
        return Err(inconsistent(format!("{given} shells where the manifest has {expected}")));
    }
    let shells = Shells::of_served(supernet.layout, supernet.storage, supernet.networks, served)
        .ok_or_else(|| inconsistent("the shells do not serve all children in order".to_owned()))?;
    for (shell, section) in sections.iter().enumerate() {
        let (given, needed) = (section.len(), supernet.shell_bytes(&shells, shell));
        if given != needed {
            return Err(inconsistent(format!("{given} bytes of shell {shell} where the children need {needed}")));
        }
    }
    Ok(Divided { shells, checksums: [u128::from_le_bytes(weights), u128::from_le_bytes(statistics)] })
}

/// The statistics of the children that the first shells serve.
///
/// They are a few kilobytes at the beginning of megabytes of weights, so only they are read if that is as safe: bytes in
/// memory stay what was verified, and those of all shells have a checksum of their own.
pub(super) fn statistics(
    supernet: Supernet<'_>,
    source: &Source,
    divided: &Divided,
    sections: &[Section],
) -> Result<Vec<u8>, BundleError> {
    let shells = &divided.shells;
    let mut all = Vec::new();
    for (shell, section) in sections.iter().enumerate() {
        let start = section.range.start;
        let mut own = source.read(start..start + supernet.statistics_length(shells, shell) as u64)?;
        room::reserve(&mut all, own.len())?;
        all.append(&mut own);
    }
    let has_checksum = sections.len() == shells.count() && xxh3_128(&all) == divided.checksums[1];
    if has_checksum || source.bytes().is_some() {
        return Ok(all);
    }
    all.clear();
    for (shell, section) in sections.iter().enumerate() {
        let section = source.section(section)?;
        let own = supernet.statistics_of(shells, shell, &section);
        room::reserve(&mut all, own.len())?;
        all.extend_from_slice(own);
    }
    Ok(all)
}

/// Reads one shared tensor after the other, as [`section::visit`] does. `verified` says whether these very bytes were
/// found to be right before: if not, they are checked now, and codes are not decoded. `arrived` counts the shells that are
/// there.
pub(super) fn visit(
    supernet: Supernet<'_>,
    (source, table, divided): (&Source, &Table, Option<&Divided>),
    arrived: usize,
    verified: bool,
    put: &mut dyn FnMut(usize, &[f32]) -> bool,
) -> Result<(), BundleError> {
    match (&table.shared, divided) {
        (Shared::Whole { weights, .. }, _) => {
            let mut input = Streamed { source, reader: source.reader(weights.range.clone()), verified };
            let is_whole = section::visit(supernet.layout, supernet.storage, verified, &mut input, put)?;
            let is_right = !is_whole || input.reader.checksum() == weights.checksum;
            if is_right { Ok(()) } else { Err(source.other_bytes()) }
        }
        (Shared::Shells(sections), Some(divided)) => {
            let shells = ShellReaders { supernet, source, divided, verified };
            let mut input = Gathered::begin(shells, &sections[..arrived])?;
            let is_whole = section::visit(supernet.layout, supernet.storage, verified, &mut input, put)?;
            if is_whole { input.finish() } else { Ok(()) }
        }
        (Shared::Shells(_), None) => Ok(()),
    }
}

/// The section of the weights as it is read.
struct Streamed<'a> {
    source: &'a Source,
    reader: Reader<'a>,
    verified: bool,
}

impl Input for Streamed<'_> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), BundleError> {
        self.reader.fill(bytes).map_err(|error| self.source.changed(error))
    }

    fn unsound(&self, convolution: &Convolution, problem: &str) -> BundleError {
        self.source.unsound(self.verified, convolution, problem)
    }
}

/// Each child's statistics, from bytes whose length is right.
pub(super) fn calibrated(networks: &[Network], section: &[u8]) -> Result<Vec<CalibratedChild>, BundleError> {
    let mut values = section.chunks_exact(4).map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    let mut take = |count: usize| {
        let mut own = Vec::new();
        room::reserve(&mut own, count)?;
        own.extend(values.by_ref().take(count));
        Ok::<_, BundleError>(own)
    };
    let child = |network: &Network| {
        let channels = network.normalised_channels();
        let statistics = Statistics { means: take(channels)?, variances: take(channels)? };
        Ok(CalibratedChild::new(network, statistics)?)
    };
    networks.iter().map(child).collect()
}
