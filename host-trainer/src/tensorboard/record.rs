//! TensorFlow's record framing: length, its checksum, the bytes, their checksum.

use crc::{CRC_32_ISCSI, Crc};

/// CRC-32C.
static CHECKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
/// Bytes before and behind those of a record.
const HEAD: usize = 12;
const FOOT: usize = 4;

/// A checksum as it is stored: turned and shifted, so that one of bytes that hold checksums stays a good one.
fn masked(bytes: &[u8]) -> u32 {
    CHECKSUM.checksum(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// A record around some bytes.
pub fn framed(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u64).to_le_bytes();
    let mut record = length.to_vec();
    record.extend(masked(&length).to_le_bytes());
    record.extend(bytes);
    record.extend(masked(bytes).to_le_bytes());
    record
}

/// The bytes of the first record, and the length of the whole record; nothing if it is cut off or damaged.
pub fn first(file: &[u8]) -> Option<(&[u8], usize)> {
    let (length, rest) = file.split_first_chunk::<8>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let count = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (bytes, rest) = rest.split_at_checked(count)?;
    let (foot, _) = rest.split_first_chunk::<FOOT>()?;
    let is_whole = u32::from_le_bytes(*sum) == masked(length) && u32::from_le_bytes(*foot) == masked(bytes);
    is_whole.then_some((bytes, HEAD + count + FOOT))
}
