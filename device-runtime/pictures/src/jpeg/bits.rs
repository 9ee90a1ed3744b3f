//! The bits of a scan, and the codes in them.

/// Why a scan cannot be followed to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The bits ran out at a marker or at the end of the file: blocks are missing.
    Short,
    /// Damaged, or of a kind that is not followed here: the decoder is to judge.
    Unknown,
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

    /// Whole bytes of the file behind the last bit that was taken.
    pub fn bytes_left(&self) -> usize {
        (self.count / 8) as usize + self.bytes.len() - self.at
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
            _ => Err(Stop::Unknown),
        }
    }

    /// Goes on behind the next restart marker.
    pub fn restart(&mut self) -> Result<(), Stop> {
        // The rest of a byte is padding.
        if self.count >= 8 {
            return Err(Stop::Unknown);
        }
        (self.buffer, self.count) = (0, 0);
        self.fill();
        if self.count > 0 {
            return Err(Stop::Unknown);
        }
        let rest = &self.bytes[self.at..];
        let fill = rest.iter().position(|&byte| byte != 0xff).ok_or(Stop::Short)?;
        match rest[fill] {
            0xd0..=0xd7 => {
                self.at += fill + 1;
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
        assert_eq!(bits.take(16), Ok(0x5ff0));
        assert_eq!((bits.take(4), bits.take(1), bits.at()), (Ok(0xf), Err(Stop::Short), 4));
        assert_eq!(bits.restart(), Ok(()));
        assert_eq!((bits.take(1), bits.take(7), bits.take(0)), (Ok(1), Ok(0), Ok(0)));
        assert_eq!((bits.take(1), bits.at()), (Err(Stop::Short), 7));
        assert_eq!(bits.restart(), Err(Stop::Short));
    }
}
