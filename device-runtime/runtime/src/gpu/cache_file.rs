//! The file that keeps a driver's compiled pipelines between starts: all integers little-endian.
//!
//! ```text
//! 0       8   magic  89 'N' 'P' 'S' 'O' 0D 0A 1A
//! 8       4   format version
//! 12      4   k: bytes of the key
//! 16      k   key: what the pipelines were compiled from, by and for; UTF-8
//! 16 + k  8   bytes of the blob
//! 24 + k  16  xxh3-128 of all other bytes
//! 40 + k      the driver's blob
//! ```

use xxhash_rust::xxh3::Xxh3;

const MAGIC: [u8; 8] = *b"\x89NPSO\r\n\x1a";
const FORMAT_VERSION: u32 = 1;

/// Most bytes of a file (64 MiB): nothing larger is read or written. Twenty pipelines take a few.
pub(super) const FILE_LIMIT: u64 = 64 << 20;

/// Why a file of compiled pipelines is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CacheFault {
    /// The system did not give it.
    #[error("it cannot be read: {reason}")]
    Unreadable {
        /// The system's message.
        reason: String,
    },
    /// Larger than any such file.
    #[error("it has more than {limit} bytes")]
    TooLarge {
        /// Most bytes.
        limit: u64,
    },
    /// Another kind of file.
    #[error("it is not a file of compiled pipelines")]
    Foreign,
    /// Written by another version of this crate.
    #[error("its format has version {given}, {supported} is read")]
    Version {
        /// The file's.
        given: u32,
        /// This crate's.
        supported: u32,
    },
    /// It ends too early.
    #[error("it is cut off after {given} bytes")]
    Truncated {
        /// Its bytes.
        given: u64,
    },
    /// Something follows its end.
    #[error("it has {given} bytes where {expected} are announced")]
    TooLong {
        /// Its bytes.
        given: u64,
        /// The number of bytes that its header states.
        expected: u64,
    },
    /// Its checksum is wrong.
    #[error("it is damaged")]
    Damaged,
    /// Written for another adapter, driver, version of this crate, or for other kernels.
    #[error("it belongs to `{given}`")]
    OtherKey {
        /// The key in the file.
        given: String,
    },
    /// The driver or wgpu did not take the blob.
    #[error("it was refused: {reason}")]
    Refused {
        /// Its message.
        reason: String,
    },
}

fn checksum(before: &[u8], blob: &[u8]) -> u128 {
    let mut hasher = Xxh3::new();
    hasher.update(before);
    hasher.update(blob);
    hasher.digest128()
}

/// The header in front of a file's blob.
pub(super) fn header(key: &str, blob: &[u8]) -> Vec<u8> {
    let mut header = Vec::with_capacity(40 + key.len());
    header.extend(MAGIC);
    header.extend(FORMAT_VERSION.to_le_bytes());
    header.extend((key.len() as u32).to_le_bytes());
    header.extend(key.as_bytes());
    header.extend((blob.len() as u64).to_le_bytes());
    header.extend(checksum(&header, blob).to_le_bytes());
    header
}

/// The blob of a file that was written for `key`.
pub(super) fn blob<'a>(file: &'a [u8], key: &str) -> Result<&'a [u8], CacheFault> {
    let given = file.len() as u64;
    let truncated = || CacheFault::Truncated { given };
    let magic = &file[..file.len().min(MAGIC.len())];
    if *magic != MAGIC[..magic.len()] {
        return Err(CacheFault::Foreign);
    }
    let rest = file.get(MAGIC.len()..).ok_or_else(truncated)?;
    let (version, rest) = rest.split_first_chunk().ok_or_else(truncated)?;
    // Before the checksum: another version may keep its own elsewhere.
    let version = u32::from_le_bytes(*version);
    if version != FORMAT_VERSION {
        return Err(CacheFault::Version { given: version, supported: FORMAT_VERSION });
    }
    let (key_length, rest) = rest.split_first_chunk().ok_or_else(truncated)?;
    let (file_key, rest) = rest.split_at_checked(u32::from_le_bytes(*key_length) as usize).ok_or_else(truncated)?;
    let (blob_length, rest) = rest.split_first_chunk().ok_or_else(truncated)?;
    let before = &file[..file.len() - rest.len()];
    let (sum, blob) = rest.split_first_chunk().ok_or_else(truncated)?;
    let expected = u64::from_le_bytes(*blob_length).saturating_add(given - blob.len() as u64);
    if given < expected {
        return Err(truncated());
    }
    if given > expected {
        return Err(CacheFault::TooLong { given, expected });
    }
    if checksum(before, blob) != u128::from_le_bytes(*sum) {
        return Err(CacheFault::Damaged);
    }
    if file_key != key.as_bytes() {
        return Err(CacheFault::OtherKey { given: String::from_utf8_lossy(file_key).into_owned() });
    }
    Ok(blob)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "adapter 1, driver 2, kernels 3";

    fn file(blob: &[u8]) -> Vec<u8> {
        [&header(KEY, blob), blob].concat()
    }

    #[test]
    fn what_is_written_is_read() {
        for bytes in [&b""[..], b"x", &[7; 5000]] {
            assert_eq!(blob(&file(bytes), KEY), Ok(bytes));
        }
        let given = KEY.to_owned();
        assert_eq!(blob(&file(b"x"), "another"), Err(CacheFault::OtherKey { given }));
    }

    #[test]
    fn every_truncation_and_every_excess_is_found() {
        let whole = file(b"compiled pipelines");
        for given in 0..whole.len() {
            let expected = CacheFault::Truncated { given: given as u64 };
            assert_eq!(blob(&whole[..given], KEY), Err(expected));
        }
        let expected = CacheFault::TooLong { given: whole.len() as u64 + 1, expected: whole.len() as u64 };
        assert_eq!(blob(&[&whole[..], b"\0"].concat(), KEY), Err(expected));
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let whole = file(b"compiled pipelines");
        let lengths = [12..16, 16 + KEY.len()..24 + KEY.len()];
        for bit in 0..8 * whole.len() {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let fault = blob(&damaged, KEY).unwrap_err();
            let fits = match bit / 8 {
                0..8 => fault == CacheFault::Foreign,
                8..12 => matches!(fault, CacheFault::Version { .. }),
                byte if lengths.iter().any(|range| range.contains(&byte)) => {
                    matches!(fault, CacheFault::Truncated { .. } | CacheFault::TooLong { .. } | CacheFault::Damaged)
                }
                _ => fault == CacheFault::Damaged,
            };
            assert!(fits, "bit {bit}: {fault:?}");
        }
    }

    #[test]
    fn other_files_are_foreign() {
        for bytes in [&b"\x89PNG\r\n\x1a\n"[..], b"{}", &[0; 100]] {
            assert_eq!(blob(bytes, KEY), Err(CacheFault::Foreign));
        }
    }
}
