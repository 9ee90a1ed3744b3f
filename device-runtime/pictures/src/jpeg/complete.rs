//! Whether a JPEG file has all its pixels. Decoders fill in what is missing, without a word.

use crate::PictureError;
use crate::jpeg::bits::{Bits, Stop, Table};
use crate::jpeg::scan::{History, Scan, Tables};
use crate::jpeg::segments::{Coding, END, Frame, SCAN, Segments};

/// Stands for a coefficient that no scan has given.
const NEVER: u8 = u8::MAX;

/// Checks that every block of every component is there. Returns the bytes of the image: all up to its end marker, or up
/// to where that should be.
///
/// A file without an end marker must end where its pixels do, and a progressive one must have all bits of them: a file
/// that was cut off between two scans shows the whole picture, but coarsely. With an end marker it may be coarse.
///
/// # Errors
/// [`PictureError::CutOff`] if blocks are missing at the end, [`PictureError::Damaged`] if they are missing elsewhere.
pub fn check_complete<'a>(bytes: &'a [u8], frame: &Frame) -> Result<&'a [u8], PictureError> {
    let mut check = Check {
        frame,
        tables: Tables::default(),
        restart: 0,
        given: vec![[NEVER; 64]; frame.components.len()],
        history: History::new(),
        is_judged: frame.coding != Coding::Other,
    };
    let mut segments = Segments::new(bytes);
    // Behind the last scan that was followed: where it ends, and the bytes after that.
    let mut last = None;
    while let Some((marker, content)) = segments.next() {
        match marker {
            END if check.is_complete(false) => return Ok(&bytes[..segments.at - 2]),
            END => return Err(cut_off(segments.at - 2)),
            SCAN => match check.follow(content, bytes, segments.at)? {
                Some(bits) => {
                    segments.at = bits.at();
                    last = Some(bits.bytes_left());
                }
                None => last = None,
            },
            0xc4 => check.take_tables(content),
            0xdd => check.restart = content.first_chunk::<2>().map_or(0, |two| u32::from(u16::from_be_bytes(*two))),
            _ => {}
        }
    }
    // The end marker may be missing, or half of it.
    match last {
        Some(left @ 0..=1) if check.is_judged && check.is_complete(true) => Ok(&bytes[..bytes.len() - left]),
        _ => Err(cut_off(bytes.len())),
    }
}

fn cut_off(bytes: usize) -> PictureError {
    PictureError::CutOff { format: "JPEG", bytes }
}

struct Check<'a> {
    frame: &'a Frame,
    tables: Tables,
    restart: u32,
    /// The lowest bit of each coefficient of each component that a scan has given.
    given: Vec<[u8; 64]>,
    history: History,
    /// Whether all scans so far could be followed.
    is_judged: bool,
}

impl Check<'_> {
    /// Whether each component is there: all bits of it, or at least the mean of each block.
    fn is_complete(&self, all_bits: bool) -> bool {
        !self.is_judged
            || self.given.iter().all(|one| match all_bits {
                true => one.iter().all(|&low| low == 0),
                false => one[0] != NEVER,
            })
    }

    /// Follows a scan whose bits begin at `at`. Returns what is behind it, or nothing if it cannot be followed.
    fn follow<'b>(&mut self, content: &[u8], bytes: &'b [u8], at: usize) -> Result<Option<Bits<'b>>, PictureError> {
        let Some(scan) = self.is_judged.then(|| Scan::parse(content, self.frame)).flatten() else {
            self.is_judged = false;
            return Ok(None);
        };
        if scan.coefficients() != (0..=0) && self.frame.coding == Coding::Progressive {
            self.make_history();
        }
        let mut bits = Bits::new(bytes, at);
        match scan.follow(&mut bits, self.frame, &self.tables, self.restart, &mut self.history) {
            Ok(()) => {
                for component in scan.components() {
                    self.given[component][scan.coefficients()].fill(scan.low);
                }
                Ok(Some(bits))
            }
            Err(Stop::Unknown) => {
                self.is_judged = false;
                Ok(None)
            }
            Err(Stop::Short) => Err(missing(bytes, bits.at())),
        }
    }

    fn make_history(&mut self) {
        if self.history.is_empty() {
            let blocks = self.frame.components.iter().map(|&one| self.frame.blocks(one));
            self.history = blocks.map(|(across, down)| vec![0; across * down]).collect();
        }
    }

    /// Takes the tables of a segment, as far as they make sense.
    fn take_tables(&mut self, mut content: &[u8]) {
        while let Some((&[kind, ref counts @ ..], rest)) = content.split_first_chunk::<17>() {
            let symbols = counts.iter().map(|&count| usize::from(count)).sum();
            let (Some((symbols, rest)), class @ 0..=1, number @ 0..=3) =
                (rest.split_at_checked(symbols), kind >> 4, kind & 15)
            else {
                return;
            };
            self.tables[usize::from(class)][usize::from(number)] = Table::new(counts, symbols);
            content = rest;
        }
    }
}

/// The bits ran out at a marker or at the end of the file.
fn missing(bytes: &[u8], at: usize) -> PictureError {
    let mut rest = Segments { bytes, at };
    match rest.next() {
        // Restart markers are passed over: something follows them, so that the gap is in the middle.
        Some((END, _)) | None if !is_restart(&bytes[at..]) => cut_off(at),
        _ => {
            let problem = format!("pixels are missing at byte {at}");
            PictureError::Damaged { format: "JPEG", problem }
        }
    }
}

fn is_restart(rest: &[u8]) -> bool {
    matches!(rest.iter().find(|&&byte| byte != 0xff), Some(0xd0..=0xd7))
}
