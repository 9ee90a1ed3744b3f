//! The first bytes of a bundle, by which it is told from all other files.

pub(super) const MAGIC: [u8; 8] = *b"\x89NEST\r\n\x1a";

/// Newest version of the format, and the one that is written.
pub const FORMAT_VERSION: u32 = 8;

/// Oldest version that this crate reads: it reads every one from this on.
pub const MIN_FORMAT_VERSION: u32 = 5;

/// The oldest version whose weights are divided into shells.
pub(crate) const SHELL_FORMAT: u32 = 8;
