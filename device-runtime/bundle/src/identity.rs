use crate::wire::{self, Child, Coded, Preprocessing, Space};
use crate::{BundleError, Manifest};
use nestling_core::image::Fit;
use std::fmt;
use xxhash_rust::xxh3::xxh3_128;

/// Identifies the contents of a bundle: a checksum over its header, which holds the checksums of all sections.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BundleId(pub u128);

/// Identifies the network of a bundle: space, preprocessing, weights, and the children that ship, with their
/// statistics.
///
/// A device's measurements hold for every bundle of the same network: latency tables, accuracies, images and the
/// bundle's name may differ.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NetworkId(pub u128);

impl NetworkId {
    /// The identity of a manifest and the checksums of its weights and statistics. It names the network, not the file:
    /// a network has the same identity in every format.
    pub(super) fn of(manifest: &Manifest, weights: u128, statistics: u128) -> Result<Self, BundleError> {
        let Manifest { space, preprocessing, weight_storage, children, .. } = manifest;
        let fit = preprocessing.fit;
        let (space, preprocessing) = (Space::from(space), Preprocessing::from(preprocessing));
        let children: Vec<_> = children.iter().map(|entry| (&entry.name, Child::from(&entry.child))).collect();
        let checksums = [weights.to_le_bytes(), statistics.to_le_bytes()];
        let computing = (space, preprocessing, weight_storage.code(), children, checksums);
        let mut bytes = wire::to_bytes(&computing)?;
        // Networks that crop have the identity that they had before there was another fit.
        if fit != Fit::Crop {
            bytes.extend(wire::to_bytes(&fit.code())?);
        }
        Ok(Self(xxh3_128(&bytes)))
    }
}

impl fmt::Display for BundleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for BundleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BundleId({self})")
    }
}

impl fmt::Display for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NetworkId({self})")
    }
}
