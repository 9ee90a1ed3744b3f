//! Whether a JPEG file has all its pixels. Decoders fill in what is missing, without a word.

use crate::PictureError;
use crate::jpeg::bits::{Bits, Stop, Table};
use crate::jpeg::ending::{behind, check_end, fill_start};
use crate::jpeg::scan::{History, Scan, Tables};
use crate::jpeg::segments::{Coding, END, Frame, Header, SCAN, START, Segments, damaged};
use crate::jpeg::standard;

/// Stands for a coefficient that no scan has given.
const NEVER: u8 = u8::MAX;
/// Most bytes of an end marker, with fill bytes before it, that ends an image before all bits were given. More are no
/// encoder's: they fill up a file that was cut off.
const MAX_END: usize = 4;

/// Checks that every block of every component is there. Returns the bytes of the image: all up to the end of its last
/// scan.
///
/// The image is over where all bits of all coefficients were given. Before that, only an end marker directly behind a
/// segment ends it: such a progressive file shows the whole picture, but coarsely. Otherwise it was cut off. The module
/// `ending` says how bytes behind the data are judged.
///
/// # Errors
/// [`PictureError::CutOff`] if blocks are missing at the end, [`PictureError::Damaged`] if they are missing elsewhere.
pub fn check_complete<'a>(bytes: &'a [u8], header: &Header) -> Result<&'a [u8], PictureError> {
    let frame = &header.frame;
    let mut check = Check {
        frame,
        tables: Tables::default(),
        restart: 0,
        given: vec![[NEVER; 64]; frame.components.len()],
        history: History::new(),
    };
    if header.has_standard_codes() {
        check.take_tables(&standard::CODES);
    }
    let mut segments = Segments::new(bytes);
    let mut end = bytes.len();
    loop {
        let from = segments.at;
        match segments.next() {
            Some((END, _)) if check.is_coarse() && segments.at - from <= MAX_END => return Ok(&bytes[..end]),
            // The start of another image.
            Some((START, _)) if check.has_begun() => return Err(cut_off(segments.at - 2)),
            Some((END, _)) => return Err(cut_off(segments.at - 2)),
            None => return Err(cut_off(bytes.len())),
            Some((SCAN, content)) => {
                let bits = check.follow(content, bytes, segments.at)?;
                end = bits.end();
                if check.is_over() {
                    return Ok(&bytes[..end]);
                }
                segments.at = end;
            }
            Some((0xc4, content)) => check.take_tables(content),
            Some((0xdd, content)) => {
                check.restart = content.first_chunk::<2>().map_or(0, |two| u32::from(u16::from_be_bytes(*two)));
            }
            Some(_) => {}
        }
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
}

impl Check<'_> {
    /// Whether the mean of each block was given.
    fn is_coarse(&self) -> bool {
        self.given.iter().all(|one| one[0] != NEVER)
    }

    /// Whether all bits of everything were given.
    fn is_over(&self) -> bool {
        self.given.iter().flatten().all(|&low| low == 0)
    }

    fn has_begun(&self) -> bool {
        self.given.iter().flatten().any(|&low| low != NEVER)
    }

    /// Follows a scan whose bits begin at `at`.
    fn follow<'b>(&mut self, content: &[u8], bytes: &'b [u8], at: usize) -> Result<Bits<'b>, PictureError> {
        let scan = Scan::parse(content, self.frame).ok_or_else(|| damaged("the header of a scan makes no sense"))?;
        let given = |component: usize| &self.given[component][scan.coefficients()];
        if scan.refines() && scan.components().any(|one| given(one).iter().any(|&low| low != scan.high)) {
            return Err(damaged("a scan is missing"));
        }
        if scan.coefficients() != (0..=0) && self.frame.coding == Coding::Progressive {
            self.make_history();
        }
        let mut bits = Bits::new(bytes, at);
        let followed = scan.follow(&mut bits, self.frame, &self.tables, self.restart, &mut self.history);
        for component in scan.components() {
            self.given[component][scan.coefficients()].fill(scan.low);
        }
        followed.and_then(|()| check_end(&bits, self.is_over())).map_err(|stop| fault(&bits, stop))?;
        Ok(bits)
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

/// The error for a scan that stopped here.
fn fault(bits: &Bits<'_>, stop: Stop) -> PictureError {
    let (bytes, end) = (bits.bytes(), bits.end());
    match stop {
        Stop::Short => missing(bytes, bits.at()),
        Stop::Filled => missing(bytes, fill_start(bytes, end)),
        Stop::LeftOver => {
            damaged(format!("pixels before byte {end} are missing or wrong: data are left over behind the last one"))
        }
        Stop::OtherRestart => damaged(format!("pixels are missing at byte {end}: a restart marker has a wrong number")),
        Stop::Nonsense => damaged(format!("the data of its pixels make no sense at byte {end}")),
        Stop::NoTable => damaged("the Huffman table of a scan is missing"),
    }
}

/// The data run out at a place: at a marker, at the end of the file or where bytes fill it up.
fn missing(bytes: &[u8], at: usize) -> PictureError {
    let (rest, marker) = behind(bytes, at);
    // Where data follow, or other segments than the end, the gap is in the middle.
    let is_fill = rest.iter().all(|&byte| byte == rest[0]);
    match marker {
        Some((_, END | START)) | None if is_fill => cut_off(at),
        _ => damaged(format!("pixels are missing at byte {at}")),
    }
}
