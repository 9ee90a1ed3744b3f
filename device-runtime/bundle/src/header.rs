//! The fixed part in front: all integers little-endian.
//!
//! ```text
//! 0   8   magic  89 'N' 'E' 'S' 'T' 0D 0A 1A   (a text-mode transfer damages it, as with PNG)
//! 8   4   format version
//! 12  4   number of sections: 4
//! 16  40  for each section: kind u64, offset u64, length u64, xxh3-128 checksum
//! 176 16  xxh3-128 of the bytes before
//! ```

use crate::BundleError;
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_128;

/// Version of the format that this crate writes and reads. Any change of the bytes raises it.
pub const FORMAT_VERSION: u32 = 5;

/// Most bytes of a manifest (4 MiB): nothing larger is ever parsed.
pub const MANIFEST_LIMIT: u64 = 4 << 20;

const MAGIC: [u8; 8] = *b"\x89NEST\r\n\x1a";
/// Names of the sections, in file order; a section's kind is its index.
const SECTIONS: [&str; 4] = ["manifest", "weights", "statistics", "images"];
const ENTRY: usize = 40;
const CHECKED: usize = 16 + SECTIONS.len() * ENTRY;
/// Sections start at multiples of this, so that a mapped file can be read as f32.
const ALIGNMENT: u64 = 64;
pub(super) const HEADER_LENGTH: u64 = (CHECKED as u64 + 16).next_multiple_of(ALIGNMENT);

/// Where each section lies, in the order of [`SECTIONS`].
pub(super) type Sections = [Range<usize>; SECTIONS.len()];

/// What a sound file says of itself.
pub(super) struct Verified {
    /// Where its sections lie.
    pub(super) sections: Sections,
    /// Identity of the contents.
    pub(super) identity: u128,
    /// Of each section.
    pub(super) checksums: [u128; SECTIONS.len()],
}

/// Lays `bodies` out after the header and describes them.
pub(super) fn encode(bodies: [&[u8]; SECTIONS.len()]) -> (Vec<u8>, Vec<u64>) {
    let mut header = Vec::with_capacity(HEADER_LENGTH as usize);
    header.extend(MAGIC);
    header.extend(FORMAT_VERSION.to_le_bytes());
    header.extend((SECTIONS.len() as u32).to_le_bytes());
    let mut offset = HEADER_LENGTH;
    let mut offsets = Vec::new();
    for (kind, body) in bodies.iter().enumerate() {
        header.extend((kind as u64).to_le_bytes());
        header.extend(offset.to_le_bytes());
        header.extend((body.len() as u64).to_le_bytes());
        header.extend(xxh3_128(body).to_le_bytes());
        offsets.push(offset);
        offset = (offset + body.len() as u64).next_multiple_of(ALIGNMENT);
    }
    header.extend(xxh3_128(&header).to_le_bytes());
    header.resize(HEADER_LENGTH as usize, 0);
    (header, offsets)
}

fn integer<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

/// Checks the header, the table, every checksum and every byte between sections.
pub(super) fn decode(file: &[u8]) -> Result<Verified, BundleError> {
    let magic = &file[..file.len().min(MAGIC.len())];
    if magic.is_empty() || *magic != MAGIC[..magic.len()] {
        return Err(BundleError::NotABundle);
    }
    let header = file.get(..HEADER_LENGTH as usize).ok_or(BundleError::Truncated { given: file.len() as u64 })?;
    // Before the checksum: another version may keep its own elsewhere.
    let version = u32::from_le_bytes(integer(header, 8));
    if version != FORMAT_VERSION {
        return Err(BundleError::Version { given: version, supported: FORMAT_VERSION });
    }
    let identity = xxh3_128(&header[..CHECKED]);
    if identity != u128::from_le_bytes(integer(header, CHECKED)) {
        return Err(BundleError::Damaged { part: "header" });
    }
    let padding_is_zero = |range: Range<usize>| file[range].iter().all(|&byte| byte == 0);
    if u32::from_le_bytes(integer(header, 12)) as usize != SECTIONS.len()
        || !padding_is_zero(CHECKED + 16..HEADER_LENGTH as usize)
    {
        return Err(BundleError::Damaged { part: "header" });
    }
    let mut sections: Sections = std::array::from_fn(|_| 0..0);
    let mut checksums = [0; SECTIONS.len()];
    let mut end = HEADER_LENGTH;
    for (kind, part) in SECTIONS.into_iter().enumerate() {
        let at = 16 + kind * ENTRY;
        let offset = u64::from_le_bytes(integer(header, at + 8));
        let length = u64::from_le_bytes(integer(header, at + 16));
        if u64::from_le_bytes(integer(header, at)) != kind as u64
            || offset != end.next_multiple_of(ALIGNMENT)
            || (kind == 0 && length > MANIFEST_LIMIT)
            || length > u64::MAX / 2
        {
            return Err(BundleError::Damaged { part: "section table" });
        }
        let before = end;
        end = offset + length;
        if end > file.len() as u64 {
            return Err(BundleError::Truncated { given: file.len() as u64 });
        }
        let range = offset as usize..end as usize;
        checksums[kind] = u128::from_le_bytes(integer(header, at + 24));
        if xxh3_128(&file[range.clone()]) != checksums[kind] {
            return Err(BundleError::Damaged { part });
        }
        if !padding_is_zero(before as usize..range.start) {
            return Err(BundleError::Damaged { part: "padding" });
        }
        sections[kind] = range;
    }
    if end != file.len() as u64 {
        return Err(BundleError::TooLong { given: file.len() as u64, expected: end });
    }
    Ok(Verified { sections, identity, checksums })
}
