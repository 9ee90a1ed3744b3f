//! The section of the weights, gathered from shells that are read side by side.

use crate::BundleError;
use crate::header::Section;
use crate::section::{self, Input, Tensor};
use crate::shells::{Divided, Supernet};
use crate::source::{Reader, Source};
use nestling_core::room;
use nestling_core::space::Convolution;
use std::collections::VecDeque;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// The shells of a file, and what they are made of.
#[derive(Clone, Copy)]
pub(super) struct ShellReaders<'a> {
    pub(super) supernet: Supernet<'a>,
    pub(super) source: &'a Source,
    pub(super) divided: &'a Divided,
    /// Whether these very bytes were found to be right before.
    pub(super) verified: bool,
}

/// One tensor after the other, each from all shells that hold a part of it: no shell is ever in memory, and neither are
/// all weights. Zero where a shell has not arrived.
pub(super) struct Gathered<'a> {
    shells: ShellReaders<'a>,
    sections: &'a [Section],
    readers: Vec<Reader<'a>>,
    /// Those that were not given yet.
    tensors: VecDeque<Tensor>,
    statistics: Vec<u8>,
    weights: Xxh3,
}

impl<'a> Gathered<'a> {
    /// Reads the statistics, with which every shell begins.
    pub(super) fn begin(shells: ShellReaders<'a>, sections: &'a [Section]) -> Result<Self, BundleError> {
        let ShellReaders { supernet, source, divided, .. } = shells;
        let (mut readers, mut statistics) = (Vec::with_capacity(sections.len()), Vec::new());
        for (shell, section) in sections.iter().enumerate() {
            let (mut reader, first) = (source.reader(section.range.clone()), statistics.len());
            room::grow(&mut statistics, first + supernet.statistics_length(&divided.shells, shell), 0)?;
            reader.fill(&mut statistics[first..]).map_err(|error| source.changed(error))?;
            readers.push(reader);
        }
        let mut tensors = VecDeque::new();
        section::tensors(supernet.layout, supernet.storage, |tensor| tensors.push_back(tensor));
        Ok(Self { shells, sections, readers, tensors, statistics, weights: Xxh3::new() })
    }

    /// Fills in a tensor's parts.
    fn tensor(&mut self, tensor: Tensor, bytes: &mut [u8]) -> Result<(), BundleError> {
        let ShellReaders { supernet, source, divided, .. } = self.shells;
        bytes.fill(0);
        for (shell, reader) in self.readers.iter_mut().enumerate() {
            let mut read = Ok(());
            supernet.parts(&divided.shells, shell, tensor, |range| {
                if read.is_ok() {
                    read = reader.fill(&mut bytes[range]);
                }
            });
            read.map_err(|error| source.changed(error))?;
        }
        Ok(())
    }

    /// Fails unless all that was read is what the file's checksums say.
    pub(super) fn finish(self) -> Result<(), BundleError> {
        let ShellReaders { source, divided, .. } = self.shells;
        let is_right = |(reader, section): (&Reader<'_>, &Section)| reader.checksum() == section.checksum;
        if !self.readers.iter().zip(self.sections).all(is_right) {
            return Err(source.other_bytes());
        }
        let is_whole = self.sections.len() == divided.shells.count();
        if is_whole && [self.weights.digest128(), xxh3_128(&self.statistics)] != divided.checksums {
            let problem = "the shells are not the weights and statistics of the manifest's checksums".to_owned();
            return Err(BundleError::Inconsistent { problem });
        }
        Ok(())
    }
}

impl Input for Gathered<'_> {
    /// `bytes` are one or more whole tensors, as [`section::visit`] asks for them.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), BundleError> {
        let mut rest = &mut *bytes;
        while !rest.is_empty() {
            let Some(tensor) = self.tensors.pop_front() else { break };
            let (own, after) = rest.split_at_mut(tensor.values * tensor.bytes);
            self.tensor(tensor, own)?;
            rest = after;
        }
        self.weights.update(bytes);
        Ok(())
    }

    fn unsound(&self, convolution: &Convolution, problem: &str) -> BundleError {
        self.shells.source.unsound(self.shells.verified, convolution, problem)
    }
}
