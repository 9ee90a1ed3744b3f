//! The zip files that PyTorch writes: entries are stored, never compressed, so that an entry is a slice of the file.

use super::WeightsError;
use std::collections::BTreeMap;

/// How a zip starts: its first entry.
pub(super) const MAGIC: [u8; 4] = *b"PK\x03\x04";

/// The central directory.
pub(super) struct Archive<'a> {
    bytes: &'a [u8],
    entries: BTreeMap<&'a str, Entry>,
}

struct Entry {
    /// Where its line of the directory is.
    at: usize,
    /// Where its own header is.
    header: usize,
    len: usize,
    checksum: u32,
    /// Neither compressed nor encrypted.
    is_plain: bool,
}

/// The record after the directory has 22 bytes and a comment of up to 65,535.
const END: usize = 22;

impl<'a> Archive<'a> {
    pub fn open(bytes: &'a [u8]) -> Result<Self, WeightsError> {
        let file = Fields(bytes);
        let last = bytes.len().saturating_sub(END);
        let end = (last.saturating_sub(usize::from(u16::MAX))..=last).rev();
        let mut found = end.filter(|&at| file.starts(at, b"PK\x05\x06"));
        let end = found.next().ok_or_else(|| damaged(bytes.len(), "no zip directory"))?;
        let (count, mut at) = (file.u16(end + 10)?, file.u32(end + 16)?);
        if count == usize::from(u16::MAX) || at == u32::MAX as usize {
            return Err(unsupported(end, "a zip of more than 65,534 entries or 4 GB"));
        }
        let mut entries = BTreeMap::new();
        for _ in 0..count {
            if !file.starts(at, b"PK\x01\x02") {
                return Err(damaged(at, "no entry of the zip directory"));
            }
            let (flags, method) = (file.u16(at + 8)?, file.u16(at + 10)?);
            let checksum = file.u32(at + 16)? as u32;
            let (stored, len, header) = (file.u32(at + 20)?, file.u32(at + 24)?, file.u32(at + 42)?);
            let (name_len, extra, comment) = (file.u16(at + 28)?, file.u16(at + 30)?, file.u16(at + 32)?);
            let name = file.slice(at + 46, name_len)?;
            let name = std::str::from_utf8(name).map_err(|_| damaged(at, "a name that is not UTF-8"))?;
            let is_plain = method == 0 && flags & 1 == 0 && stored == len;
            if len == u32::MAX as usize || header == u32::MAX as usize {
                return Err(unsupported(at, "a zip of 4 GB or more"));
            }
            entries.insert(name, Entry { at, header, len, checksum, is_plain });
            at += 46 + name_len + extra + comment;
        }
        Ok(Self { bytes, entries })
    }

    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.entries.keys().copied()
    }

    /// Where an entry's content starts, and the content; `None` if there is no such entry.
    pub fn find(&self, name: &str) -> Result<Option<(usize, &'a [u8])>, WeightsError> {
        let Some(entry) = self.entries.get(name) else {
            return Ok(None);
        };
        if !entry.is_plain {
            return Err(unsupported(entry.at, "a compressed or encrypted zip entry"));
        }
        let file = Fields(self.bytes);
        if !file.starts(entry.header, &MAGIC) {
            return Err(damaged(entry.at, "a zip entry that is not where the directory says"));
        }
        // Its own header has extra bytes that the directory has not: PyTorch aligns contents with them.
        let start = entry.header + 30 + file.u16(entry.header + 26)? + file.u16(entry.header + 28)?;
        let content = file.slice(start, entry.len)?;
        let mut checksum = flate2::Crc::new();
        checksum.update(content);
        if checksum.sum() != entry.checksum {
            return Err(damaged(start, &format!("`{name}` does not match its checksum")));
        }
        Ok(Some((start, content)))
    }
}

/// Little-endian numbers anywhere in the file.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn slice(&self, at: usize, len: usize) -> Result<&'a [u8], WeightsError> {
        let slice = at.checked_add(len).and_then(|end| self.0.get(at..end));
        slice.ok_or_else(|| damaged(self.0.len(), "the zip ends too early"))
    }

    fn starts(&self, at: usize, magic: &[u8]) -> bool {
        self.0.get(at..).is_some_and(|rest| rest.starts_with(magic))
    }

    fn u16(&self, at: usize) -> Result<usize, WeightsError> {
        let bytes = self.slice(at, 2)?;
        Ok(u16::from_le_bytes([bytes[0], bytes[1]]).into())
    }

    fn u32(&self, at: usize) -> Result<usize, WeightsError> {
        let bytes = self.slice(at, 4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize)
    }
}

fn damaged(at: usize, what: &str) -> WeightsError {
    WeightsError::Damaged { at, what: what.to_owned() }
}

fn unsupported(at: usize, what: &str) -> WeightsError {
    WeightsError::Unsupported { at, what: what.to_owned() }
}
