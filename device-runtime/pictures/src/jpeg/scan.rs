//! Whether all blocks of a scan are there: follows its codes without computing a pixel.

use crate::jpeg::bits::{Bits, Stop, Table};
use crate::jpeg::segments::{Coding, Frame};

/// Means of blocks of 8-bit samples lie within -1024 and 1023, and differ by 11 bits at most.
const MAX_MEAN_BITS: u8 = 11;

/// Codes that scans use, by class (0 for the mean of a block, 1 for the rest) and number.
pub type Tables = [[Option<Table>; 4]; 2];

/// Coefficients of each component that scans before this one have made other than zero: a bit each. Only refining scans
/// read them.
pub type History = Vec<Vec<u64>>;

/// A scan, as its header says.
#[derive(Debug)]
pub struct Scan {
    /// Number of the component in the frame, and of its tables.
    components: Vec<(usize, [usize; 2])>,
    /// First and last coefficient.
    first: u32,
    last: u32,
    /// The lowest bit that earlier scans gave; 0 in the first one.
    pub high: u8,
    /// The lowest bit that it gives.
    pub low: u8,
}

impl Scan {
    pub fn parse(content: &[u8], frame: &Frame) -> Option<Self> {
        let (&count, rest) = content.split_first()?;
        let (parts, rest) = rest.split_at_checked(2 * usize::from(count))?;
        let &[first, last, bits] = rest.first_chunk::<3>()?;
        let component = |&[id, tables]: &[u8; 2]| {
            let index = frame.components.iter().position(|one| one.id == id)?;
            Some((index, [usize::from(tables >> 4), usize::from(tables & 15)]))
        };
        let components = parts.as_chunks::<2>().0.iter().map(component).collect::<Option<Vec<_>>>()?;
        let is_sequential = frame.coding == Coding::Sequential;
        let (first, last) = if is_sequential { (0, 63) } else { (u32::from(first), u32::from(last)) };
        let is_sound = !components.is_empty()
            && first <= last
            && last < 64
            && (is_sequential || (first > 0 || last == 0) && (first == 0 || components.len() == 1));
        let (high, low) = if is_sequential { (0, 0) } else { (bits >> 4, bits & 15) };
        is_sound.then_some(Self { components, first, last, high, low })
    }

    /// The components, by their number in the frame.
    pub fn components(&self) -> impl Iterator<Item = usize> {
        self.components.iter().map(|&(index, _)| index)
    }

    /// The coefficients that it gives.
    pub fn coefficients(&self) -> std::ops::RangeInclusive<usize> {
        self.first as usize..=self.last as usize
    }

    /// Whether it adds a bit to coefficients that earlier scans gave.
    pub fn refines(&self) -> bool {
        self.high > 0
    }

    /// Follows all blocks.
    pub fn follow(
        &self,
        bits: &mut Bits<'_>,
        frame: &Frame,
        tables: &Tables,
        restart: u32,
        history: &mut History,
    ) -> Result<(), Stop> {
        let units = self.units(frame);
        let mut walk = Walk { scan: self, bits, zero_blocks: 0 };
        for unit in 0..units.count {
            if restart > 0 && unit > 0 && unit % restart as usize == 0 {
                walk.check_run()?;
                walk.bits.restart(unit / restart as usize - 1)?;
            }
            for &(component, numbers, blocks) in &units.blocks {
                let [mean, rest] = [0, 1].map(|class| tables[class].get(numbers[class]).and_then(Option::as_ref));
                for _ in 0..blocks {
                    // Only scans of one component, whose units are its blocks, have a history.
                    let past = history.get_mut(component).and_then(|past| past.get_mut(unit));
                    walk.block(mean, rest, frame.coding, past)?;
                }
            }
        }
        walk.check_run()
    }

    /// The units of the scan: in scans of one component its blocks, otherwise those that lie over each other.
    fn units(&self, frame: &Frame) -> Units {
        if let [(component, tables)] = self.components[..] {
            let (across, down) = frame.blocks(frame.components[component]);
            return Units { count: across * down, blocks: vec![(component, tables, 1)] };
        }
        let (across, down) = frame.most_samples();
        let count = frame.width.div_ceil(8 * across) as usize * frame.height.div_ceil(8 * down) as usize;
        let blocks = self.components.iter().map(|&(component, tables)| {
            let one = frame.components[component];
            (component, tables, one.across * one.down)
        });
        Units { count, blocks: blocks.collect() }
    }
}

struct Units {
    count: usize,
    /// Component, tables and blocks of each part of a unit.
    blocks: Vec<(usize, [usize; 2], u32)>,
}

struct Walk<'a, 'b> {
    scan: &'a Scan,
    bits: &'a mut Bits<'b>,
    /// Blocks to come without new coefficients.
    zero_blocks: u32,
}

impl Walk<'_, '_> {
    /// No encoder announces more blocks than there are.
    fn check_run(&self) -> Result<(), Stop> {
        if self.zero_blocks > 0 { Err(Stop::Nonsense) } else { Ok(()) }
    }

    fn block(
        &mut self,
        mean: Option<&Table>,
        rest: Option<&Table>,
        coding: Coding,
        past: Option<&mut u64>,
    ) -> Result<(), Stop> {
        if self.scan.first == 0 {
            match self.scan.refines() {
                true => self.bits.take(1)?,
                false => {
                    let size = self.bits.symbol(mean.ok_or(Stop::NoTable)?)?;
                    if size > MAX_MEAN_BITS {
                        return Err(Stop::Nonsense);
                    }
                    self.bits.take(u32::from(size))?
                }
            };
        }
        if self.scan.last == 0 {
            return Ok(());
        }
        let rest = rest.ok_or(Stop::NoTable)?;
        match (coding, past) {
            (Coding::Progressive, Some(past)) if self.scan.refines() => self.refine(rest, past),
            (Coding::Progressive, Some(past)) => self.first_bits(rest, past),
            (Coding::Sequential, _) => self.all_bits(rest),
            _ => Err(Stop::Nonsense),
        }
    }

    /// The rest of a block in one go.
    fn all_bits(&mut self, table: &Table) -> Result<(), Stop> {
        let mut at = 1;
        while at < 64 {
            let symbol = self.bits.symbol(table)?;
            let (zeros, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            match (zeros, size) {
                (15, 0) => at += 16,
                (_, 0) => break,
                _ => {
                    self.bits.take(size)?;
                    at += zeros + 1;
                    if at > 64 {
                        return Err(Stop::Nonsense);
                    }
                }
            }
        }
        Ok(())
    }

    /// Blocks that end here and after it, as an end-of-band symbol says.
    fn end_of_band(&mut self, exponent: u32) -> Result<u32, Stop> {
        Ok((1 << exponent) + self.bits.take(exponent)?)
    }

    /// The first bits of a band of coefficients.
    fn first_bits(&mut self, table: &Table, past: &mut u64) -> Result<(), Stop> {
        if self.zero_blocks > 0 {
            self.zero_blocks -= 1;
            return Ok(());
        }
        let mut at = self.scan.first;
        while at <= self.scan.last {
            let symbol = self.bits.symbol(table)?;
            let (zeros, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            match (zeros, size) {
                (15, 0) => at += 16,
                (exponent, 0) => {
                    self.zero_blocks = self.end_of_band(exponent)? - 1;
                    break;
                }
                _ => {
                    self.bits.take(size)?;
                    at += zeros;
                    if at > self.scan.last {
                        return Err(Stop::Nonsense);
                    }
                    *past |= 1 << at;
                    at += 1;
                }
            }
        }
        Ok(())
    }

    /// One more bit of a band: of each coefficient that is not zero, and of new ones.
    fn refine(&mut self, table: &Table, past: &mut u64) -> Result<(), Stop> {
        let mut at = self.scan.first;
        while at <= self.scan.last && self.zero_blocks == 0 {
            let symbol = self.bits.symbol(table)?;
            let (mut zeros, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            match (zeros, size) {
                (15, 0) => {}
                (exponent, 0) => {
                    self.zero_blocks = self.end_of_band(exponent)?;
                    break;
                }
                (_, 1) => {
                    self.bits.take(1)?;
                }
                _ => return Err(Stop::Nonsense),
            }
            while at <= self.scan.last {
                if *past >> at & 1 == 1 {
                    self.bits.take(1)?;
                } else if zeros == 0 {
                    break;
                } else {
                    zeros -= 1;
                }
                at += 1;
            }
            if size > 0 {
                if at > self.scan.last {
                    return Err(Stop::Nonsense);
                }
                *past |= 1 << at;
            }
            at += 1;
        }
        if self.zero_blocks > 0 {
            for at in at..=self.scan.last {
                if *past >> at & 1 == 1 {
                    self.bits.take(1)?;
                }
            }
            self.zero_blocks -= 1;
        }
        Ok(())
    }
}
