//! The first bytes of a bundle, by which it is told from all other files.

pub(super) const MAGIC: [u8; 8] = *b"\x89NEST\r\n\x1a";
