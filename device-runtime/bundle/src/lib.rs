//! Nestling's files: the bundle that ships, and the profile that a device measures. `docs/bundle-format.md` specifies
//! both, and how long they stay readable.
//!
//! ```text
//! bundle
//!   header     magic, format version, a table of sections (kind, offset, length, checksum), the header's own checksum
//!   manifest   everything small, in numbered fields
//!   shells     statistics of some children (f32, means then variances of each), then the weights (f32, f16 or int8)
//!              that they add: the smallest child's first. Up to format 7 weights and statistics are whole sections
//!   images     8-bit pixels as the dataset has them: first the calibration images, then the check images
//!   golden     encoded pictures with the trainer's logits; may be missing
//! profile      JSON with a checksum of its values
//! ```
//!
//! A file is untrusted until verified: every length is checked against the file before anything is allocated, every
//! section against its checksum, and every number of the manifest against the space.

pub mod atomic_file;
mod canonical;
mod error;
#[cfg(not(target_arch = "wasm32"))] // neither processes nor files there
pub mod file_lock;
mod format;
mod gathered;
mod golden;
mod header;
mod identity;
mod images;
mod manifest;
mod profile;
mod read;
mod section;
mod shared;
mod shells;
#[cfg(all(feature = "signatures", not(target_arch = "wasm32")))]
mod signature;
mod source;
mod stream;
mod verify;
mod wire;
mod write;

pub use error::BundleError;
pub use format::{FORMAT_VERSION, MIN_FORMAT_VERSION};
pub use golden::{GoldenChild, GoldenPicture, GoldenPictures};
pub use header::MAX_MANIFEST_BYTES;
pub use identity::{BundleId, NetworkId};
pub use images::BundledImages;
pub use manifest::{DataSplit, Manifest, Trained};
pub use profile::{ChildTimes, Conditions, DeviceProfile, Measurements, ProfileError, ProfileKey, Stale};
pub use read::{Bundle, BundledChild};
#[cfg(all(feature = "signatures", not(target_arch = "wasm32")))]
pub use signature::PublicKey;
pub use stream::BundleStream;
pub use write::BundleContents;

#[cfg(test)]
mod tests;
