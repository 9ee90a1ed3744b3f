//! The file that ships: search space, full shared weights, calibrated Pareto children, labels, preprocessing and latency
//! tables. `docs/bundle-format.md` specifies every byte.
//!
//! ```text
//! header     magic, format version, a table of sections (kind, offset, length, checksum), the header's own checksum
//! manifest   postcard: everything small
//! weights    f32, f16 or int8, the order of ParameterLayout
//! statistics f32, means then variances of each child, the children's order
//! ```
//!
//! A file is hostile until verified: every length is checked against the file before anything is allocated, every
//! section against its checksum, and every number of the manifest against the space.

mod header;
mod manifest;
mod read;
mod section;
mod write;

pub use header::{FORMAT_VERSION, MANIFEST_LIMIT};
pub use manifest::{ChildEntry, Manifest, Measured, Trained};
pub use read::{Bundle, BundleError, BundleId};
pub use write::{BundleContents, PackError};
