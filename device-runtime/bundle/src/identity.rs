use crate::Manifest;
use std::fmt;
use xxhash_rust::xxh3::xxh3_128;

/// Identifies the contents of a bundle: a checksum over its header, which holds the checksums of all sections.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BundleId(pub u128);

/// Identifies what of a bundle computes: space, preprocessing, weights, and the children that ship with their statistics.
///
/// What a device measured holds for every bundle with the same: latency tables, accuracies, images and names may come
/// and go without it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NetworkId(pub u128);

impl NetworkId {
    /// Of a manifest and the checksums of its weights and statistics.
    pub(super) fn of(manifest: &Manifest, weights: u128, statistics: u128) -> Result<Self, postcard::Error> {
        let Manifest { space, preprocessing, weight_storage, children, .. } = manifest;
        let children: Vec<_> = children.iter().map(|entry| (&entry.name, &entry.child)).collect();
        let checksums = [weights.to_le_bytes(), statistics.to_le_bytes()];
        let computing = (space, preprocessing, weight_storage, children, checksums);
        Ok(Self(xxh3_128(&postcard::to_stdvec(&computing)?)))
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
