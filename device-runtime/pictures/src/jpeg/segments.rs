//! The segments of a JPEG file, and what its header says.

use crate::PictureError;

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
                0x00 | 0x01 | 0xd0..=0xd8 => {}
                END => return Some((marker, &[])),
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
    /// Arithmetic, lossless, hierarchical, or of more than 8 bits: hardly any decoder reads these.
    Other,
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
    fn parse(marker: u8, content: &[u8]) -> Option<Self> {
        let (&[precision, height_1, height_2, width_1, width_2, count], rest) = content.split_first_chunk::<6>()?;
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
            return None;
        }
        Some(Self {
            width: u32::from(u16::from_be_bytes([width_1, width_2])),
            height: u32::from(u16::from_be_bytes([height_1, height_2])),
            coding: match marker {
                0xc0 | 0xc1 if precision == 8 => Coding::Sequential,
                0xc2 if precision == 8 => Coding::Progressive,
                _ => Coding::Other,
            },
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

/// The segments before the pixels.
#[derive(Debug)]
pub struct Header<'a> {
    pub frame: Frame,
    pub exif: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
    /// Reads the segments before the first scan.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, PictureError> {
        let damaged = |problem: &str| PictureError::Damaged { format: "JPEG", problem: problem.to_owned() };
        let (mut segments, mut frame, mut exif) = (Segments::new(bytes), None, None);
        loop {
            match segments.next() {
                Some((0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf, _)) if frame.is_some() => {
                    return Err(damaged("it has two frames"));
                }
                Some((marker @ (0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf), content)) => {
                    frame = Some(Frame::parse(marker, content).ok_or_else(|| damaged("its frame makes no sense"))?);
                }
                Some((0xe1, content)) => exif = exif.or(content.strip_prefix(b"Exif\0\0")),
                Some((SCAN, _)) => {
                    let frame = frame.ok_or_else(|| damaged("its pixels come before their size"))?;
                    return Ok(Self { frame, exif });
                }
                Some((END, _)) => return Err(damaged("it has no pixels")),
                Some(_) => {}
                None => return Err(PictureError::CutOff { format: "JPEG", bytes: bytes.len() }),
            }
        }
    }
}
