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
//! Up to format 7 the first four sections are those of [`NAMES`]. From format 8 on shells are in the place of weights and
//! statistics, before the images. Others may follow from format 6 on: golden pictures, and those of newer versions, which
//! are verified and skipped.

use crate::BundleError;
use crate::format::{FORMAT_VERSION, MAGIC, MIN_FORMAT_VERSION, SHELL_FORMAT};
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_128;

/// Most bytes of a manifest (4 MiB): nothing larger is ever parsed.
pub const MAX_MANIFEST_BYTES: u64 = 4 << 20;

/// Names of the known sections; a section's kind is its index.
const NAMES: [&str; 6] = ["manifest", "weights", "statistics", "images", "golden pictures", "shell"];
/// Kind of the manifest's section.
pub(super) const MANIFEST: u64 = 0;
/// Kind of the section of all weights, up to format 7.
pub(super) const WEIGHTS: u64 = 1;
/// Kind of the section of all statistics, up to format 7.
pub(super) const STATISTICS: u64 = 2;
/// Kind of the images' section.
pub(super) const IMAGES: u64 = 3;
/// Kind of the section of golden pictures, which may be missing.
pub(super) const GOLDEN: u64 = 4;
/// Kind of every shell's section, from format 8 on.
pub(super) const SHELL: u64 = 5;
/// Fewest sections that are not shells: the manifest and the images.
const FEWEST: usize = 2;
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

    /// Its name in errors, in a file of this format.
    pub(super) fn name(&self, format: u32) -> &'static str {
        match self.kind {
            SHELL if format < SHELL_FORMAT => "section of a newer version",
            kind => NAMES.get(kind as usize).unwrap_or(&"section of a newer version"),
        }
    }
}

/// The sections of weights and statistics.
#[derive(Clone, Debug)]
pub(super) enum Shared {
    /// Up to format 7: all weights, then all statistics.
    Whole { weights: Section, statistics: Section },
    /// From format 8 on: the statistics of the children that become usable, then the weights that they add.
    Shells(Vec<Section>),
}

/// The parts of a file, as its header says.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// Format version of the file.
    pub(super) version: u32,
    /// Identity of the contents.
    pub(super) identity: u128,
    /// The manifest.
    pub(super) manifest: Section,
    /// Weights and statistics.
    pub(super) shared: Shared,
    /// The images.
    pub(super) images: Section,
    /// Sections that may be missing and those of a newer version, with rising kinds.
    pub(super) others: Vec<Section>,
}

impl Table {
    /// All sections, in the order of the file.
    pub(super) fn sections(&self) -> impl Iterator<Item = &Section> {
        let shared: Vec<&Section> = match &self.shared {
            Shared::Whole { weights, statistics } => vec![weights, statistics],
            Shared::Shells(shells) => shells.iter().collect(),
        };
        [&self.manifest].into_iter().chain(shared).chain([&self.images]).chain(&self.others)
    }

    /// The section of golden pictures.
    pub(super) fn golden(&self) -> Option<&Section> {
        self.others.iter().find(|section| section.kind == GOLDEN)
    }

    /// Length of the whole file.
    pub(super) fn end(&self) -> u64 {
        self.others.last().unwrap_or(&self.images).range.end
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

/// The file of these sections, which are in the order of the format.
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
    let possible = match version {
        5 => count == FEWEST + 2,
        6 | 7 => (FEWEST + 2..=MAX_SECTIONS).contains(&count),
        _ => (FEWEST + 1..=MAX_SECTIONS).contains(&count),
    };
    if possible { Ok(header_length(count)) } else { Err(damaged()) }
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
    let mut sections: Vec<Section> = Vec::with_capacity(count);
    for row in checked[TABLE..].chunks_exact(ROW) {
        sections.push(section(length as u64, version, sections.last(), row)?);
    }
    sorted(version, identity, sections).ok_or(BundleError::Damaged { part: "section table" })
}

/// The table of sections that are in an order that the format allows.
fn sorted(version: u32, identity: u128, sections: Vec<Section>) -> Option<Table> {
    let mut rest = sections.into_iter().peekable();
    let manifest = rest.next()?;
    let shared = if version < SHELL_FORMAT {
        Shared::Whole { weights: rest.next()?, statistics: rest.next()? }
    } else {
        let mut shells = Vec::new();
        while let Some(shell) = rest.next_if(|section| section.kind == SHELL) {
            shells.push(shell);
        }
        Shared::Shells(shells)
    };
    let images = rest.next().filter(|section| section.kind == IMAGES)?;
    Some(Table { version, identity, manifest, shared, images, others: rest.collect() })
}

/// Whether a section of a kind may follow one of the kind before it.
fn may_follow(version: u32, before: Option<u64>, kind: u64) -> bool {
    let has_shells = version >= SHELL_FORMAT;
    match before {
        None => kind == MANIFEST,
        Some(MANIFEST) if has_shells => kind == SHELL,
        Some(SHELL) if has_shells => kind == SHELL || kind == IMAGES,
        Some(before @ (MANIFEST | WEIGHTS | STATISTICS)) => kind == before + 1,
        Some(before) => kind > before && !(has_shells && kind == SHELL),
    }
}

/// Checks one row of the table, which follows another section.
fn section(header: u64, version: u32, before: Option<&Section>, row: &[u8]) -> Result<Section, BundleError> {
    let kind = u64::from_le_bytes(integer(row, 0));
    let offset = u64::from_le_bytes(integer(row, 8));
    let length = u64::from_le_bytes(integer(row, 16));
    let checksum = u128::from_le_bytes(integer(row, 24));
    let start = before.map_or(header, |last| last.range.end);
    if !may_follow(version, before.map(|last| last.kind), kind)
        || start.checked_next_multiple_of(ALIGNMENT) != Some(offset)
        || (kind == MANIFEST && length > MAX_MANIFEST_BYTES)
        // Half of the largest, so that nothing that is added to it overflows.
        || length > usize::MAX as u64 / 2
    {
        return Err(BundleError::Damaged { part: "section table" });
    }
    let end = offset.checked_add(length).ok_or(BundleError::Damaged { part: "section table" })?;
    Ok(Section { kind, range: offset..end, checksum })
}
