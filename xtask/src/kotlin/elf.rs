//! The pages that a shared library may be loaded with.

use anyhow::{Context, Result, ensure};

/// Pages of Android 15 and later: Google Play asks for libraries that take them.
pub const PAGE: u64 = 16 * 1024;

/// Fails unless every part of a 64-bit library that is loaded begins at such a page.
pub fn check_pages(library: &[u8]) -> Result<()> {
    ensure!(library.starts_with(b"\x7fELF"), "it is no ELF file");
    // 32-bit Android has pages of 4 KB only.
    if library.get(4) == Some(&1) {
        return Ok(());
    }
    let aligned = loads(library).context("its program headers are cut off")?;
    ensure!(!aligned.is_empty(), "it has nothing to load");
    let least = aligned.iter().min().copied().unwrap_or(0);
    ensure!(least >= PAGE, "a part of it is aligned to {least} bytes: link with -z max-page-size={PAGE}");
    Ok(())
}

/// The alignment of each loaded part of a 64-bit little-endian library.
fn loads(library: &[u8]) -> Option<Vec<u64>> {
    const LOAD: u64 = 1;
    let number = |at: usize, bytes: usize| {
        let bytes = library.get(at..at.checked_add(bytes)?)?;
        Some(bytes.iter().rev().fold(0, |all, &byte| all << 8 | u64::from(byte)))
    };
    let (start, size, count) = (number(0x20, 8)?, number(0x36, 2)?, number(0x38, 2)?);
    let mut aligned = Vec::new();
    for index in 0..count {
        let header = usize::try_from(start.checked_add(index * size)?).ok()?;
        if number(header, 4)? == LOAD {
            aligned.push(number(header.checked_add(0x30)?, 8)?);
        }
    }
    Some(aligned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A library with one loaded part.
    fn library(align: u64) -> Vec<u8> {
        let mut bytes = vec![0; 0x40 + 0x38];
        bytes[..5].copy_from_slice(b"\x7fELF\x02");
        (bytes[0x20], bytes[0x36], bytes[0x38], bytes[0x40]) = (0x40, 0x38, 1, 1);
        bytes[0x70..0x78].copy_from_slice(&align.to_le_bytes());
        bytes
    }

    #[test]
    fn small_pages_and_damaged_files_are_errors() {
        check_pages(&library(PAGE)).unwrap();
        check_pages(&library(4 * PAGE)).unwrap();
        assert!(format!("{:#}", check_pages(&library(4096)).unwrap_err()).contains("4096"));
        assert!(check_pages(&library(PAGE)[..0x50]).is_err());
        assert!(check_pages(b"no library").is_err());
    }
}
