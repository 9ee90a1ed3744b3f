//! Squares of pictures in files of their own, so that an original is decoded once.
//!
//! A cache is a folder for each source. `known.index` says what was found in each file of the source, and by which size
//! and time a change is noticed. `squares-*.index` says what is known of each contents in one form, and where its
//! square lies in `squares-*.pixels`. Indices are written whole, with a checksum; squares are only ever added behind
//! those that an index names. A build that was interrupted therefore leaves what was there before, and goes on from
//! there.

mod build;
mod evict;
mod exact;
mod file;
mod index;
mod store;

pub use build::{BuildOptions, Built, build};
pub use exact::Originals;
pub use store::{Finish, StoredPicture};
