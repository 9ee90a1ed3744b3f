//! The segments of a JPEG file, and what its header says.

use crate::PictureError;
use crate::exif;
use crate::jpeg::standard;
use image::metadata::Orientation;
use std::borrow::Cow;
use std::ops::Range;

/// Starts an image.
pub const START: u8 = 0xd8;
/// Marks the end of the image.
pub const END: u8 = 0xd9;
/// Starts a scan.
pub const SCAN: u8 = 0xda;

/// Walks from marker to marker.
#[derive(Clone, Copy, Debug)]
pub struct Segments<'a> {
    pub bytes: &'a [u8],
    /// Where the next marker is looked for.
    pub at: usize,
}

impl<'a> Segments<'a> {
    /// Behind the marker that starts the image.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 2 }
    }

    /// The next marker and the contents of its segment. Stray bytes, restart markers and the pixels of a scan are
    /// passed over. `None` where the bytes run out.
    pub fn next(&mut self) -> Option<(u8, &'a [u8])> {
        loop {
            self.at += self.bytes.get(self.at..)?.iter().position(|&byte| byte == 0xff)?;
            // Fill bytes may precede a marker.
            self.at += self.bytes[self.at..].iter().position(|&byte| byte != 0xff)?;
            let marker = self.bytes[self.at];
            self.at += 1;
            match marker {
                0x00 | 0x01 | 0xd0..=0xd7 => {}
                START | END => return Some((marker, &[])),
                _ => {
                    let (length, _) = self.bytes.get(self.at..)?.split_first_chunk::<2>()?;
                    let end = self.at + usize::from(u16::from_be_bytes(*length)).max(2);
                    let content = self.bytes.get(self.at + 2..end)?;
                    self.at = end;
                    return Some((marker, content));
                }
            }
        }
    }
}

/// The frame: size, components and how they are coded.
#[derive(Clone, Debug)]
pub struct Frame {
    pub width: u32,
    pub height: u32,
    pub coding: Coding,
    pub components: Vec<Component>,
}

/// How the samples are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// One scan has all bits of its components.
    Sequential,
    /// Several scans refine them.
    Progressive,
}

/// A component, with its samples in each unit of the frame.
#[derive(Clone, Copy, Debug)]
pub struct Component {
    pub id: u8,
    pub across: u32,
    pub down: u32,
}

impl Frame {
    /// Reads a start-of-frame segment.
    fn parse(marker: u8, content: &[u8]) -> Result<Self, PictureError> {
        let senseless = || damaged("its frame makes no sense");
        let (&[precision, height_1, height_2, width_1, width_2, count], rest) =
            content.split_first_chunk::<6>().ok_or_else(senseless)?;
        if let Some(kind) = unread_kind(marker, precision, count) {
            return Err(PictureError::Unsupported { format: "JPEG", kind });
        }
        let components = rest.as_chunks::<3>().0.iter().take(usize::from(count));
        let components: Vec<Component> = components
            .map(|&[id, sampling, _]| Component {
                id,
                across: u32::from(sampling >> 4),
                down: u32::from(sampling & 15),
            })
            .collect();
        let sampled = components.iter().all(|one| (1..=4).contains(&one.across) && (1..=4).contains(&one.down));
        if components.len() != usize::from(count) || components.is_empty() || !sampled {
            return Err(senseless());
        }
        Ok(Self {
            width: u32::from(u16::from_be_bytes([width_1, width_2])),
            height: u32::from(u16::from_be_bytes([height_1, height_2])),
            coding: if marker == 0xc2 { Coding::Progressive } else { Coding::Sequential },
            components,
        })
    }

    /// Most samples of a component in each unit of the frame, across and down.
    pub fn most_samples(&self) -> (u32, u32) {
        let most = |side: fn(&Component) -> u32| self.components.iter().map(side).max().unwrap_or(1);
        (most(|one| one.across), most(|one| one.down))
    }

    /// Blocks of 8x8 samples of a component, across and down.
    pub fn blocks(&self, component: Component) -> (usize, usize) {
        let (across, down) = self.most_samples();
        let blocks = |side: u32, samples: u32, most: u32| (side * samples).div_ceil(most).div_ceil(8) as usize;
        (blocks(self.width, component.across, across), blocks(self.height, component.down, down))
    }

    /// Samples of all components.
    pub fn samples(&self) -> u64 {
        let blocks = |&one: &Component| {
            let (across, down) = self.blocks(one);
            across as u64 * down as u64
        };
        64 * self.components.iter().map(blocks).sum::<u64>()
    }
}

/// The kinds that hardly any decoder reads, in words.
fn unread_kind(marker: u8, precision: u8, components: u8) -> Option<String> {
    Some(match marker {
        0xc3 | 0xcb => "with lossless coding".to_owned(),
        0xc5..=0xc7 | 0xcd..=0xcf => "with hierarchical coding".to_owned(),
        0xc9 | 0xca => "with arithmetic coding".to_owned(),
        _ if precision != 8 => format!("with {precision} bits a sample"),
        _ if components > 4 => format!("with {components} channels"),
        _ => return None,
    })
}

pub fn damaged(problem: impl Into<String>) -> PictureError {
    PictureError::Damaged { format: "JPEG", problem: problem.into() }
}

/// The segments before the pixels.
#[derive(Debug)]
pub struct Header {
    pub frame: Frame,
    /// The first one that an EXIF segment gives: some programs write an empty segment before that of the camera.
    pub orientation: Option<Orientation>,
    /// Where the content of the frame's segment begins.
    frame_at: usize,
    has_codes: bool,
    /// The segment behind the first scan that gives the height, if the frame does not.
    lines: Option<Range<usize>>,
    /// Whether its first scan holds all pixels.
    pub has_one_scan: bool,
}

impl Header {
    /// Reads the segments before the first scan.
    pub fn parse(bytes: &[u8]) -> Result<Self, PictureError> {
        let (mut segments, mut frame, mut orientation, mut has_codes) = (Segments::new(bytes), None, None, false);
        loop {
            let (marker, content) = segments.next().ok_or_else(|| cut_off(bytes))?;
            match marker {
                0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf if frame.is_some() => {
                    return Err(damaged("it has two frames"));
                }
                0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                    frame = Some((Frame::parse(marker, content)?, segments.at - content.len()));
                }
                0xde => {
                    return Err(PictureError::Unsupported { format: "JPEG", kind: "with hierarchical coding".into() });
                }
                0xf7 => return Err(PictureError::Unsupported { format: "JPEG", kind: "of the kind JPEG-LS".into() }),
                0xc4 => has_codes = true,
                0xe1 if content.starts_with(b"Exif\0") => orientation = orientation.or(exif::orientation(content)),
                SCAN => {
                    let (mut frame, frame_at) = frame.ok_or_else(|| damaged("its pixels come before their size"))?;
                    let lines = if frame.height == 0 { Some(lines(segments, &mut frame)?) } else { None };
                    let is_complete = content.first() == Some(&(frame.components.len() as u8));
                    let has_one_scan = is_complete && frame.coding == Coding::Sequential && lines.is_none();
                    return Ok(Self { frame, orientation, frame_at, has_codes, lines, has_one_scan });
                }
                END => return Err(damaged("it has no pixels")),
                _ => {}
            }
        }
    }

    /// Whether the tables of the standard are meant: a file with one scan for each component may leave its own out.
    pub fn has_standard_codes(&self) -> bool {
        !self.has_codes && self.frame.coding == Coding::Sequential
    }

    /// The image as decoders expect it: with its tables, and with its height where that belongs.
    pub fn completed<'a>(&self, image: &'a [u8]) -> Cow<'a, [u8]> {
        if !self.has_standard_codes() && self.lines.is_none() {
            return Cow::Borrowed(image);
        }
        let mut completed = image.to_vec();
        if let Some(lines) = &self.lines {
            if lines.end <= image.len() {
                completed.drain(lines.clone());
            }
            // Behind the number of bits of a sample.
            completed[self.frame_at + 1..self.frame_at + 3].copy_from_slice(&(self.frame.height as u16).to_be_bytes());
        }
        if self.has_standard_codes() {
            completed.splice(2..2, standard::segment());
        }
        Cow::Owned(completed)
    }
}

fn cut_off(bytes: &[u8]) -> PictureError {
    PictureError::CutOff { format: "JPEG", bytes: bytes.len() }
}

/// Reads the segment behind the first scan that tells how many lines it has. Returns where it is.
fn lines(mut segments: Segments<'_>, frame: &mut Frame) -> Result<Range<usize>, PictureError> {
    match segments.next() {
        Some((0xdc, &[high, low])) if high > 0 || low > 0 => {
            frame.height = u32::from(u16::from_be_bytes([high, low]));
            Ok(segments.at - 6..segments.at)
        }
        None => Err(cut_off(segments.bytes)),
        Some(_) => Err(damaged("its height is missing")),
    }
}
