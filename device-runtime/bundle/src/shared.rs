//! Weights and statistics of a file, whether they are whole sections or shells.

use crate::header::{Section, Shared, Table};
use crate::section::{self, Input};
use crate::shells::{Divided, Supernet};
use crate::source::{Reader, Source};
use crate::{BundleError, wire};
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
pub(super) fn statistics(
    supernet: Supernet<'_>,
    source: &Source,
    shells: &Shells,
    sections: &[Section],
) -> Result<Vec<u8>, BundleError> {
    let mut all = Vec::new();
    for (shell, section) in sections.iter().enumerate() {
        all.extend_from_slice(supernet.statistics_of(shells, shell, &source.section(section)?));
    }
    Ok(all)
}

/// The section of all weights, from the shells that are there; zero where a shell is missing.
fn gathered(
    supernet: Supernet<'_>,
    source: &Source,
    divided: &Divided,
    sections: &[Section],
) -> Result<Vec<u8>, BundleError> {
    let mut weights = vec![0; section::length(supernet.layout, supernet.storage)];
    let mut statistics = Vec::new();
    for (shell, section) in sections.iter().enumerate() {
        let bytes = source.section(section)?;
        statistics.extend_from_slice(supernet.statistics_of(&divided.shells, shell, &bytes));
        supernet.put_weights(&divided.shells, shell, &bytes, &mut weights);
    }
    let is_whole = sections.len() == divided.shells.count();
    if is_whole && [xxh3_128(&weights), xxh3_128(&statistics)] != divided.checksums {
        let problem = "the shells are not the weights and statistics of the manifest's checksums".to_owned();
        return Err(BundleError::Inconsistent { problem });
    }
    Ok(weights)
}

/// Reads one shared tensor after the other, as [`section::visit`] does. `verified` says whether these very bytes were
/// found to be right before; `arrived` counts the shells that are there.
pub(super) fn visit<E: From<BundleError>>(
    supernet: Supernet<'_>,
    (source, table, divided): (&Source, &Table, Option<&Divided>),
    arrived: usize,
    verified: bool,
    put: &mut impl FnMut(usize, &[f32]) -> Result<(), E>,
) -> Result<(), E> {
    match (&table.shared, divided) {
        (Shared::Whole { weights, .. }, _) => {
            let mut input = Streamed { source, reader: source.reader(weights.range.clone()), verified };
            section::visit(supernet.layout, supernet.storage, &mut input, put)?;
            if input.reader.checksum() == weights.checksum { Ok(()) } else { Err(source.other_bytes().into()) }
        }
        (Shared::Shells(sections), Some(divided)) => {
            let weights = gathered(supernet, source, divided, &sections[..arrived])?;
            let mut input = Gathered { source, rest: &weights, verified };
            section::visit(supernet.layout, supernet.storage, &mut input, put)
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
        unsound(self.source, self.verified, convolution, problem)
    }
}

/// The section of the weights, gathered from shells.
struct Gathered<'a> {
    source: &'a Source,
    rest: &'a [u8],
    verified: bool,
}

impl Input for Gathered<'_> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), BundleError> {
        let (own, rest) = self.rest.split_at(bytes.len());
        bytes.copy_from_slice(own);
        self.rest = rest;
        Ok(())
    }

    fn unsound(&self, convolution: &Convolution, problem: &str) -> BundleError {
        unsound(self.source, self.verified, convolution, problem)
    }
}

fn unsound(source: &Source, verified: bool, convolution: &Convolution, problem: &str) -> BundleError {
    if verified {
        return source.other_bytes();
    }
    BundleError::Inconsistent { problem: format!("layer `{}` has {problem}", convolution.name) }
}

/// Each child's statistics, from bytes whose length is right.
pub(super) fn calibrated(networks: &[Network], section: &[u8]) -> Result<Vec<CalibratedChild>, BundleError> {
    let mut values = section.chunks_exact(4).map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    let mut take = |count: usize| values.by_ref().take(count).collect();
    let child = |network: &Network| {
        let channels = network.normalised_channels();
        let statistics = Statistics { means: take(channels), variances: take(channels) };
        Ok(CalibratedChild::new(network, statistics)?)
    };
    networks.iter().map(child).collect()
}
