//! Rows of a file's pixels become a picture: alpha blended, halved, cut.

use crate::PictureOptions;
use crate::plan::Plan;
use nestling_core::image::PixelFormat;

/// The samples of a file's pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Samples {
    /// 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha.
    pub channels: usize,
    /// Whether a sample has 16 bits, the higher ones first.
    pub is_wide: bool,
}

impl Samples {
    /// 8-bit samples of so many channels.
    pub fn bytes(channels: usize) -> Self {
        Self { channels, is_wide: false }
    }

    /// Bytes of a pixel.
    pub fn pixel_bytes(self) -> usize {
        self.channels * if self.is_wide { 2 } else { 1 }
    }

    /// Whether a row of such samples is a row of a picture of this format, byte for byte.
    fn is_like(self, format: PixelFormat) -> bool {
        let channels = match format {
            PixelFormat::Grey8 => 1,
            PixelFormat::Rgb8 => 3,
            PixelFormat::Rgba8 | PixelFormat::Bgra8 => return false,
        };
        (self.channels, self.is_wide) == (channels, false)
    }

    /// The pixel on the background, in 8 bits: grey three times the same.
    fn shown(self, pixel: &[u8], background: [u8; 3]) -> [u8; 3] {
        let sample = |channel: usize| match self.is_wide {
            true => u32::from(u16::from_be_bytes([pixel[2 * channel], pixel[2 * channel + 1]])),
            false => u32::from(pixel[channel]),
        };
        let (most, step) = if self.is_wide { (65_535, 257) } else { (255, 1) };
        let has_alpha = self.channels.is_multiple_of(2);
        let alpha = if has_alpha { sample(self.channels - 1) } else { most };
        std::array::from_fn(|channel| {
            let value = sample(if self.channels < 3 { 0 } else { channel });
            let behind = step * u32::from(background[channel]);
            let blended = if has_alpha { (value * alpha + behind * (most - alpha) + most / 2) / most } else { value };
            ((blended + step / 2) / step) as u8
        })
    }
}

/// Takes the rows of a file from top to bottom.
#[derive(Debug)]
pub struct Rows {
    plan: Plan,
    samples: Samples,
    background: [u8; 3],
    format: PixelFormat,
    /// Number of the next row.
    next: u32,
    /// Sums of the values of each pixel of the current row of the picture, without alpha.
    sums: Vec<u32>,
    bytes: Vec<u8>,
}

impl Rows {
    /// A grey file stays grey, unless it has alpha and the background is coloured.
    pub fn new(plan: Plan, samples: Samples, options: &PictureOptions) -> Self {
        let background @ [red, green, blue] = options.background;
        let is_grey = samples.channels == 1 || samples.channels == 2 && red == green && green == blue;
        let colour = if options.packed { PixelFormat::Rgb8 } else { PixelFormat::Rgba8 };
        let format = if is_grey { PixelFormat::Grey8 } else { colour };
        let (columns, rows) = (plan.columns.count as usize, plan.rows.count as usize);
        let sums = if plan.halvings > 0 { vec![0; columns * if is_grey { 1 } else { 3 }] } else { Vec::new() };
        let bytes = Vec::with_capacity(columns * rows * format.bytes_per_pixel());
        Self { plan, samples, background, format, next: 0, sums, bytes }
    }

    /// Takes all rows of a file, of `width` pixels each.
    pub fn of_all(plan: Plan, samples: Samples, options: &PictureOptions, pixels: Vec<u8>, width: u32) -> Self {
        let row_bytes = width as usize * samples.pixel_bytes();
        let rows = (pixels.len() / row_bytes.max(1)) as u32;
        let is_as_kept = plan.halvings == 0 && (plan.columns.count, plan.rows.count) == (width, rows);
        let mut all = Self::new(plan, samples, options);
        if is_as_kept && samples.is_like(all.format) {
            (all.bytes, all.next) = (pixels, rows);
        } else {
            pixels.chunks_exact(row_bytes).for_each(|row| all.push(row));
        }
        all
    }

    /// Takes the next row, which may be longer than what is kept of it.
    pub fn push(&mut self, row: &[u8]) {
        let (row_number, halvings) = (self.next, self.plan.halvings);
        self.next += 1;
        let at = row_number >> halvings;
        if at < self.plan.rows.first || at - self.plan.rows.first >= self.plan.rows.count {
            return;
        }
        let (columns, size) = (self.plan.columns, self.samples.pixel_bytes());
        let range =
            (columns.first << halvings) as usize * size..((columns.first + columns.count) << halvings) as usize * size;
        let row = &row[range];
        if halvings == 0 && self.samples.is_like(self.format) {
            self.bytes.extend_from_slice(row);
            return;
        }
        let pixels = row.chunks_exact(size);
        let (samples, background) = (self.samples, self.background);
        let shown = pixels.map(|pixel| samples.shown(pixel, background));
        let is_grey = self.format == PixelFormat::Grey8;
        if halvings == 0 {
            match is_grey {
                true => self.bytes.extend(shown.map(|[grey, ..]| grey)),
                false => {
                    let (start, size) = (self.bytes.len(), self.format.bytes_per_pixel());
                    self.bytes.resize(start + columns.count as usize * size, 255);
                    let to = self.bytes[start..].chunks_exact_mut(size);
                    if self.samples == Samples::bytes(3) {
                        to.zip(row.chunks_exact(3)).for_each(|(to, colour)| to[..3].copy_from_slice(colour));
                    } else {
                        to.zip(shown).for_each(|(to, colour)| to[..3].copy_from_slice(&colour));
                    }
                }
            }
            return;
        }
        let channels = if is_grey { 1 } else { 3 };
        for (column, pixel) in shown.enumerate() {
            let sums = &mut self.sums[(column >> halvings) * channels..][..channels];
            sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += u32::from(value));
        }
        if (row_number + 1).is_multiple_of(1 << halvings) {
            self.take_means(channels);
        }
    }

    /// Ends a row of the picture.
    fn take_means(&mut self, channels: usize) {
        let shift = 2 * self.plan.halvings;
        for pixel in self.sums.chunks_exact(channels) {
            self.bytes.extend(pixel.iter().map(|sum| ((sum + (1 << (shift - 1))) >> shift) as u8));
            if channels == 3 {
                self.bytes.extend((self.format == PixelFormat::Rgba8).then_some(255));
            }
        }
        self.sums.fill(0);
    }

    /// The picture: its sides, its format and its pixels. All rows must have been pushed.
    pub fn finish(self) -> (u32, u32, PixelFormat, Vec<u8>) {
        (self.plan.columns.count, self.plan.rows.count, self.format, self.bytes)
    }
}
