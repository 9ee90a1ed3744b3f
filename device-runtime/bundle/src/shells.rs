//! The sections of weights and statistics, divided into shells: a program that downloads a bundle can classify with its
//! smallest child as soon as the first one is there.
//!
//! A shell is the statistics of the children that it makes usable, then the values that they add to the section of the
//! weights, in that section's order. All shells together hold the bytes of the two sections, each once.

use crate::section::Tensor;
use crate::{BundleError, section};
use nestling_core::space::{Network, ParameterLayout};
use nestling_core::weights::{Shells, WeightStorage};
use std::ops::Range;

/// A supernet's shells, and the checksums of what they hold together.
#[derive(Clone, Debug)]
pub(super) struct Divided {
    pub(super) shells: Shells,
    /// Checksums of the weights' and the statistics' section that the shells are made of.
    pub(super) checksums: [u128; 2],
}

/// The source of a shell's values: a space's layout, its storage, and the children that ship.
#[derive(Clone, Copy, Debug)]
pub(super) struct Supernet<'a> {
    pub(super) layout: &'a ParameterLayout,
    pub(super) storage: WeightStorage,
    pub(super) networks: &'a [Network],
}

impl Supernet<'_> {
    /// Bytes of the statistics of the first children.
    pub(super) fn statistics_bytes(&self, children: usize) -> usize {
        self.networks[..children].iter().map(|network| 8 * network.normalised_channels()).sum()
    }

    /// Checks the lengths of the sections of weights and statistics.
    pub(super) fn check_lengths(&self, weights: usize, statistics: usize) -> Result<(), BundleError> {
        let (storage, all) = (self.storage, self.networks.len());
        let needed = [section::length(self.layout, storage), self.statistics_bytes(all)];
        let problem = if weights != needed[0] {
            format!("{weights} bytes of {storage} weights where the space needs {}", needed[0])
        } else if statistics != needed[1] {
            format!("{statistics} bytes of statistics where the children need {}", needed[1])
        } else {
            return Ok(());
        };
        Err(BundleError::Inconsistent { problem })
    }

    /// The statistics that a shell holds, as a range of the section of all statistics.
    fn statistics(&self, shells: &Shells, shell: usize) -> Range<usize> {
        let bytes = |count: usize| self.statistics_bytes(shells.served_by(count));
        bytes(shell)..bytes(shell + 1)
    }

    /// Gives the weights that a shell holds, as ranges of the section of all weights.
    fn weights(&self, shells: &Shells, shell: usize, mut put: impl FnMut(Range<usize>)) {
        let mut start = 0;
        section::tensors(self.layout, self.storage, |tensor| {
            self.parts(shells, shell, tensor, |part| put(start + part.start..start + part.end));
            start += tensor.bytes * tensor.values;
        });
    }

    /// Gives the parts of a tensor that a shell holds, as ranges of the tensor's bytes.
    pub(super) fn parts(&self, shells: &Shells, shell: usize, tensor: Tensor, mut put: impl FnMut(Range<usize>)) {
        let (ring, bytes) = (shells.ring(shell, tensor.convolution), tensor.bytes);
        let at = |values: Range<usize>| bytes * values.start..bytes * values.end;
        if tensor.is_weight {
            ring.visit(&self.layout.convolutions[tensor.convolution], |run| put(at(run)));
        } else if !ring.outputs().is_empty() {
            put(at(ring.outputs()));
        }
    }

    /// Bytes of a shell.
    pub(super) fn shell_bytes(&self, shells: &Shells, shell: usize) -> usize {
        let mut bytes = self.statistics(shells, shell).len();
        section::tensors(self.layout, self.storage, |tensor| {
            let ring = shells.ring(shell, tensor.convolution);
            bytes += tensor.bytes * if tensor.is_weight { ring.weights() } else { ring.outputs().len() };
        });
        bytes
    }

    /// Takes a shell out of the sections of weights and statistics.
    pub(super) fn take(&self, shells: &Shells, shell: usize, weights: &[u8], statistics: &[u8]) -> Vec<u8> {
        let mut bytes = statistics[self.statistics(shells, shell)].to_vec();
        self.weights(shells, shell, |range| bytes.extend_from_slice(&weights[range]));
        bytes
    }

    /// Bytes of the statistics that a shell begins with.
    pub(super) fn statistics_length(&self, shells: &Shells, shell: usize) -> usize {
        self.statistics(shells, shell).len()
    }

    /// The statistics of a shell, whose length is right.
    pub(super) fn statistics_of<'b>(&self, shells: &Shells, shell: usize, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[..self.statistics_length(shells, shell)]
    }
}
