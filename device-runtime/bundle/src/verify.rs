//! The first pass over a bundle: every byte is checked before any is believed.

use crate::BundleError;
use crate::header::{self, IMAGES, MANIFEST, STATISTICS, Section, Table};
use crate::source::Source;
use xxhash_rust::xxh3::xxh3_128;

/// A source whose every byte was checked.
pub(super) struct Verified {
    pub(super) table: Table,
    /// The manifest, the statistics and the images. The statistics are empty where shells hold them; both they and the
    /// images are where the source is in memory.
    pub(super) kept: [Vec<u8>; 3],
}

/// Checks the header, the table, every checksum and every byte between sections. Reads everything once.
pub(super) fn verify(source: &Source) -> Result<Verified, BundleError> {
    let length = header::length(&source.beginning(header::TABLE as u64)?)?;
    let table = header::table(&source.beginning(length)?)?;
    let (given, expected) = (source.length(), table.end());
    if given < expected {
        return Err(BundleError::Truncated { given });
    }
    if given > expected {
        return Err(BundleError::TooLong { given, expected });
    }
    let is_file = source.bytes().is_none();
    let mut kept = [const { Vec::new() }; 3];
    let mut end = length;
    for section in table.sections() {
        let keep = match section.kind {
            MANIFEST => Some(&mut kept[0]),
            STATISTICS if is_file => Some(&mut kept[1]),
            IMAGES if is_file => Some(&mut kept[2]),
            _ => None,
        };
        let padding = source.read(end..section.range.start)?;
        let checksum = match keep {
            Some(keep) => {
                *keep = source.read(section.range.clone())?;
                xxh3_128(keep)
            }
            None => source.checksum(section.range.clone())?,
        };
        check(table.version, section, checksum, &padding)?;
        end = section.range.end;
    }
    Ok(Verified { table, kept })
}

/// Checks a section's checksum and the bytes before it.
pub(super) fn check(format: u32, section: &Section, checksum: u128, padding: &[u8]) -> Result<(), BundleError> {
    if checksum != section.checksum {
        return Err(BundleError::Damaged { part: section.name(format) });
    }
    if padding.iter().any(|&byte| byte != 0) {
        return Err(BundleError::Damaged { part: "padding" });
    }
    Ok(())
}
