//! The file that ships: search space, full shared weights, calibrated Pareto children, labels, preprocessing, latency tables,
//! an accuracy predictor, and images to calibrate and to check other children with. `docs/bundle-format.md` specifies every byte.
//!
//! ```text
//! header     magic, format version, a table of sections (kind, offset, length, checksum), the header's own checksum
//! manifest   postcard: everything small
//! weights    f32, f16 or int8, the order of ParameterLayout
//! statistics f32, means then variances of each child, the children's order
//! images     8-bit pixels as the dataset has them: those that calibrate, then those that check
//! ```
//!
//! A file is hostile until verified: every length is checked against the file before anything is allocated, every
//! section against its checksum, and every number of the manifest against the space.

pub mod atomic_file;
mod canonical;
mod header;
mod identity;
mod images;
mod manifest;
mod profile;
mod read;
mod section;
mod write;

pub use header::{FORMAT_VERSION, MANIFEST_LIMIT};
pub use identity::{BundleId, NetworkId};
pub use images::BundledImages;
pub use manifest::{Manifest, Trained};
pub use profile::{ChildTimes, DeviceProfile, Measurements, ProfileError, ProfileKey, Stale};
pub use read::{Bundle, BundleError};
pub use write::{BundleContents, PackError};

#[cfg(test)]
mod tests;
