//! The fixed part in front: all integers little-endian.
//!
//! ```text
//! 0   8   magic  89 'N' 'E' 'S' 'T' 0D 0A 1A   (a text-mode transfer damages it, as with PNG)
//! 8   4   format version
//! 12  4   number of sections, n
//! 16  40n for each section: kind u64, offset u64, length u64, xxh3-128 checksum
//!     16  xxh3-128 of the bytes before
//!         zeros up to a multiple of 64
//! ```
//!
//! The first four sections are those of [`NAMES`]. Others may follow from format 6 on: golden pictures, and those of
//! newer versions, which are verified and skipped.

use crate::BundleError;
use crate::magic::MAGIC;
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_128;

/// Newest version of the format: the oldest one that can hold a bundle is written.
pub const FORMAT_VERSION: u32 = 7;

/// Oldest version that this crate reads: it reads every one from this on.
pub const MIN_FORMAT_VERSION: u32 = 5;

/// Most bytes of a manifest (4 MiB): nothing larger is ever parsed.
pub const MAX_MANIFEST_BYTES: u64 = 4 << 20;

/// Names of the known sections, in file order; a section's kind is its index.
pub(super) const NAMES: [&str; 4] = ["manifest", "weights", "statistics", "images"];
/// Kind of the manifest's section.
pub(super) const MANIFEST: usize = 0;
/// Kind of the weights' section.
pub(super) const WEIGHTS: usize = 1;
/// Kind of the statistics' section.
pub(super) const STATISTICS: usize = 2;
/// Kind of the images' section.
pub(super) const IMAGES: usize = 3;
/// Kind of the section of golden pictures, which may be missing.
pub(super) const GOLDEN: u64 = 4;
/// Most sections of a file.
const MAX_SECTIONS: usize = 64;
/// Bytes before the table: enough to tell the header's length.
pub(super) const TABLE: usize = 16;
/// Bytes of a row of the table.
const ROW: usize = 40;
/// Sections start at multiples of this, so that a file in memory can be read as f32.
const ALIGNMENT: u64 = 64;

/// A part of the file.
#[derive(Clone, Debug)]
pub(super) struct Section {
    /// The kind's number.
    pub(super) kind: u64,
    /// Its bytes in the file.
    pub(super) range: Range<u64>,
    /// xxh3-128 of its bytes.
    pub(super) checksum: u128,
}

impl Section {
    pub(super) fn len(&self) -> usize {
        (self.range.end - self.range.start) as usize
    }

    /// Its name in errors.
    pub(super) fn name(&self) -> &'static str {
        match self.kind {
            GOLDEN => "golden pictures",
            kind => NAMES.get(kind as usize).unwrap_or(&"section of a newer version"),
        }
    }
}

/// The parts of a file, as its header says.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// Format version of the file.
    pub(super) version: u32,
    /// Identity of the contents.
    pub(super) identity: u128,
    /// The sections of [`NAMES`].
    pub(super) known: [Section; NAMES.len()],
    /// Sections that may be missing and those of a newer version, with rising kinds.
    pub(super) others: Vec<Section>,
}

impl Table {
    pub(super) fn sections(&self) -> impl Iterator<Item = &Section> {
        self.known.iter().chain(&self.others)
    }

    /// The section of golden pictures.
    pub(super) fn golden(&self) -> Option<&Section> {
        self.others.iter().find(|section| section.kind == GOLDEN)
    }

    /// Length of the whole file.
    pub(super) fn end(&self) -> u64 {
        self.sections().last().map_or(0, |last| last.range.end)
    }
}

/// Length of the table with all before it.
fn checked_length(sections: usize) -> usize {
    TABLE + sections * ROW
}

/// Where the first section starts.
fn header_length(sections: usize) -> u64 {
    (checked_length(sections) as u64 + 16).next_multiple_of(ALIGNMENT)
}

/// The file of these sections: the known ones, then others with rising kinds.
pub(super) fn encode(version: u32, sections: &[(u64, &[u8])]) -> Vec<u8> {
    let length: usize = sections.iter().map(|(_, body)| body.len() + ALIGNMENT as usize).sum();
    let mut file = Vec::with_capacity(header_length(sections.len()) as usize + length);
    file.extend(MAGIC);
    file.extend(version.to_le_bytes());
    file.extend((sections.len() as u32).to_le_bytes());
    let mut end = header_length(sections.len());
    for (kind, body) in sections {
        let offset = end.next_multiple_of(ALIGNMENT);
        file.extend(kind.to_le_bytes());
        file.extend(offset.to_le_bytes());
        file.extend((body.len() as u64).to_le_bytes());
        file.extend(xxh3_128(body).to_le_bytes());
        end = offset + body.len() as u64;
    }
    file.extend(xxh3_128(&file).to_le_bytes());
    file.resize(header_length(sections.len()) as usize, 0);
    for (_, body) in sections {
        file.resize(file.len().next_multiple_of(ALIGNMENT as usize), 0);
        file.extend_from_slice(body);
    }
    file
}

fn integer<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

/// Length of the header that begins with these bytes, which may be all of a file.
pub(super) fn length(start: &[u8]) -> Result<u64, BundleError> {
    let magic = &start[..start.len().min(MAGIC.len())];
    if magic.is_empty() {
        return Err(BundleError::Empty);
    }
    if *magic != MAGIC[..magic.len()] {
        return Err(BundleError::NotABundle);
    }
    let (version, count) = version_and_count(start)?;
    // Format 5 has no room for more.
    let most = if version == 5 { NAMES.len() } else { MAX_SECTIONS };
    if (NAMES.len()..=most).contains(&count) { Ok(header_length(count)) } else { Err(damaged()) }
}

fn damaged() -> BundleError {
    BundleError::Damaged { part: "header" }
}

fn version_and_count(start: &[u8]) -> Result<(u32, usize), BundleError> {
    let start = start.get(..TABLE).ok_or(BundleError::Truncated { given: start.len() as u64 })?;
    // Before the checksum: another version may keep its own elsewhere.
    let version = u32::from_le_bytes(integer(start, 8));
    if !(MIN_FORMAT_VERSION..=FORMAT_VERSION).contains(&version) {
        return Err(BundleError::Version { given: version, oldest: MIN_FORMAT_VERSION, newest: FORMAT_VERSION });
    }
    Ok((version, u32::from_le_bytes(integer(start, 12)) as usize))
}

/// Checks a header and its table: all but the sections themselves. More bytes may follow it.
pub(super) fn table(bytes: &[u8]) -> Result<Table, BundleError> {
    let length = length(bytes)? as usize;
    let header = bytes.get(..length).ok_or(BundleError::Truncated { given: bytes.len() as u64 })?;
    let (version, count) = version_and_count(header)?;
    let (checked, rest) = header.split_at(checked_length(count));
    let identity = xxh3_128(checked);
    if identity != u128::from_le_bytes(integer(rest, 0)) || rest[16..].iter().any(|&byte| byte != 0) {
        return Err(damaged());
    }
    let mut sections = Vec::with_capacity(count);
    for row in checked[TABLE..].chunks_exact(ROW) {
        sections.push(section(length as u64, &sections, row)?);
    }
    let others = sections.split_off(NAMES.len());
    let known = sections.try_into().map_err(|_| damaged())?;
    Ok(Table { version, identity, known, others })
}

/// Checks one row of the table.
fn section(header: u64, before: &[Section], row: &[u8]) -> Result<Section, BundleError> {
    let kind = u64::from_le_bytes(integer(row, 0));
    let offset = u64::from_le_bytes(integer(row, 8));
    let length = u64::from_le_bytes(integer(row, 16));
    let checksum = u128::from_le_bytes(integer(row, 24));
    let place = before.len();
    // Known sections are at the places that are their kinds; others follow in rising order.
    let fits = match before.last() {
        Some(last) if place >= NAMES.len() => kind > last.kind,
        _ => kind == place as u64,
    };
    let start = before.last().map_or(header, |last| last.range.end);
    if !fits
        || start.checked_next_multiple_of(ALIGNMENT) != Some(offset)
        || (place == MANIFEST && length > MAX_MANIFEST_BYTES)
        // Half of the largest, so that nothing that is added to it overflows.
        || length > usize::MAX as u64 / 2
    {
        return Err(BundleError::Damaged { part: "section table" });
    }
    let end = offset.checked_add(length).ok_or(BundleError::Damaged { part: "section table" })?;
    Ok(Section { kind, range: offset..end, checksum })
}
