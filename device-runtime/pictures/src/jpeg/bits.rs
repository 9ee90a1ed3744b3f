//! The bits of a scan, and the codes in them.

use crate::jpeg::ending::{behind, check_end};

/// Why a scan cannot be followed to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The bits ran out at a marker or at the end of the file: blocks are missing.
    Short,
    /// The last bits were taken from bytes that only fill the file: blocks are missing.
    Filled,
    /// Bytes of data are left over where the blocks end: some before them are missing or wrong.
    LeftOver,
    /// A restart marker has another number than the next one should have.
    OtherRestart,
    /// No code begins with the next bits, or what it says cannot be.
    Nonsense,
    /// A table of codes is missing.
    NoTable,
}

/// The bits of a scan from the highest of each byte on, up to the next marker.
#[derive(Clone, Debug)]
pub struct Bits<'a> {
    bytes: &'a [u8],
    /// The byte behind those in `buffer`.
    at: usize,
    /// The next bits, the first one highest; zeros behind them.
    buffer: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, buffer: 0, count: 0 }
    }

    /// Where the bytes that were not looked at begin: at a marker or at the end, if the bits have run out.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The byte of the file behind the one that holds the last bit that was taken.
    pub fn end(&self) -> usize {
        let unread = (0..self.count / 8).map(|byte| (self.buffer >> (64 - self.count % 8 - 8 * (byte + 1))) as u8);
        // A zero stands behind each 0xff.
        self.at - unread.map(|byte| if byte == 0xff { 2 } else { 1 }).sum::<usize>()
    }

    /// The file.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The bits of the last byte that were not taken, and how many they are.
    pub fn padding(&self) -> (u8, u32) {
        let count = self.count % 8;
        (self.buffer.checked_shr(64 - count).unwrap_or(0) as u8, count)
    }

    fn fill(&mut self) {
        while self.count <= 56 {
            let byte = match self.bytes.get(self.at) {
                None => return,
                Some(0xff) => {
                    // A zero behind it, or behind fill bytes, makes it data.
                    let after = self.bytes[self.at..].iter().position(|&byte| byte != 0xff);
                    match after.and_then(|after| self.bytes.get(self.at + after).map(|&byte| (after, byte))) {
                        Some((after, 0)) => self.at += after + 1,
                        _ => return,
                    }
                    0xff
                }
                Some(&byte) => {
                    self.at += 1;
                    byte
                }
            };
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// Takes up to 16 bits.
    pub fn take(&mut self, count: u32) -> Result<u32, Stop> {
        if self.count < count {
            self.fill();
            if self.count < count {
                return Err(Stop::Short);
            }
        }
        let value = self.buffer.checked_shr(64 - count).unwrap_or(0) as u32;
        self.buffer <<= count;
        self.count -= count;
        Ok(value)
    }

    /// Takes a code and returns its symbol.
    pub fn symbol(&mut self, table: &Table) -> Result<u8, Stop> {
        if self.count < 16 {
            self.fill();
        }
        match table.find((self.buffer >> 48) as u16) {
            Some((length, symbol)) if length <= self.count => {
                self.buffer <<= length;
                self.count -= length;
                Ok(symbol)
            }
            // Zeros stand for the bits that are not there.
            _ if self.count < 16 => Err(Stop::Short),
            _ => Err(Stop::Nonsense),
        }
    }

    /// Goes on behind the next restart marker, which must have this number.
    pub fn restart(&mut self, number: usize) -> Result<(), Stop> {
        check_end(self, false)?;
        let (_, marker) = behind(self.bytes, self.end());
        match marker {
            Some((at, found @ 0xd0..=0xd7)) => {
                if usize::from(found) != 0xd0 + number % 8 {
                    return Err(Stop::OtherRestart);
                }
                (self.at, self.buffer, self.count) = (at + 1, 0, 0);
                Ok(())
            }
            _ => Err(Stop::Short),
        }
    }
}

/// Bits of a code that are looked up at once.
const FAST: u32 = 9;

/// The codes of a Huffman table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Length and symbol by the first bits; length 0 where the code is longer.
    fast: Vec<(u8, u8)>,
    /// For each length from 1 to 16: the first 16 bits that no code of this or a smaller length has.
    limits: [u32; 16],
    /// For each length: the first code, and the place of its symbol.
    firsts: [(u32, u32); 16],
    symbols: Vec<u8>,
}

impl Table {
    /// Makes a table from the numbers of codes of each length and their symbols in order.
    pub fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let mut table =
            Self { fast: vec![(0, 0); 1 << FAST], limits: [0; 16], firsts: [(0, 0); 16], symbols: symbols.to_vec() };
        let (mut code, mut place) = (0u32, 0u32);
        for (length, &count) in (1u32..).zip(counts) {
            let count = u32::from(count);
            if code + count > 1 << length {
                return None;
            }
            table.firsts[length as usize - 1] = (code, place);
            for (code, &symbol) in (code..code + count).zip(symbols.get(place as usize..(place + count) as usize)?) {
                if length <= FAST {
                    let first = (code << (FAST - length)) as usize;
                    table.fast[first..first + (1 << (FAST - length))].fill((length as u8, symbol));
                }
            }
            (code, place) = (code + count, place + count);
            table.limits[length as usize - 1] = code << (16 - length);
            code <<= 1;
        }
        Some(table)
    }

    fn find(&self, bits: u16) -> Option<(u32, u8)> {
        let (length, symbol) = self.fast[usize::from(bits >> (16 - FAST))];
        if length > 0 {
            return Some((u32::from(length), symbol));
        }
        let bits = u32::from(bits);
        let length = (FAST as usize + 1..=16).find(|&length| bits < self.limits[length - 1])?;
        let (first, place) = self.firsts[length - 1];
        let code = (bits >> (16 - length)).checked_sub(first)?;
        Some((length as u32, *self.symbols.get((place + code) as usize)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_every_length_are_found() {
        // One code of each length: 0, 10, 110, ... and the last two of 16 bits.
        let mut counts = [1u8; 16];
        counts[15] = 1;
        let symbols: Vec<u8> = (1..=16).collect();
        let table = Table::new(&counts, &symbols).unwrap();
        for length in 1..=16u32 {
            let code = (!0u32 << 1 & ((1 << length) - 1)) << (16 - length);
            assert_eq!(table.find(code as u16), Some((length, length as u8)), "{length}");
        }
        assert_eq!(table.find(0xffff), None);
        let mut too_many = [0u8; 16];
        too_many[0] = 3;
        assert!(Table::new(&too_many, &[1, 2, 3]).is_none());
        assert!(Table::new(&counts, &symbols[1..]).is_none());
    }

    #[test]
    fn bits_end_at_a_marker_and_stuffed_bytes_are_data() {
        let bytes = [0xa5, 0xff, 0x00, 0x0f, 0xff, 0xd0, 0x80, 0xff, 0xd9];
        let mut bits = Bits::new(&bytes, 0);
        assert_eq!(bits.take(4), Ok(0xa));
        assert_eq!(bits.end(), 1);
        assert_eq!(bits.take(8), Ok(0x5f));
        assert_eq!((bits.end(), bits.padding()), (3, (0xf, 4)));
        assert_eq!(bits.take(8), Ok(0xf0));
        assert_eq!((bits.take(4), bits.take(1), bits.at(), bits.end()), (Ok(0xf), Err(Stop::Short), 4, 4));
        assert_eq!(bits.clone().restart(1), Err(Stop::OtherRestart));
        assert_eq!(bits.restart(8), Ok(()));
        assert_eq!((bits.take(1), bits.take(7), bits.take(0)), (Ok(1), Ok(0), Ok(0)));
        assert_eq!((bits.take(1), bits.at()), (Err(Stop::Short), 7));
        assert_eq!(bits.restart(1), Err(Stop::Short));
    }
}
