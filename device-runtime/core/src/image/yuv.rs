use crate::image::ImageError;

/// Which weights of red, green and blue made a frame's luma.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum YuvMatrix {
    /// Standard definition and JPEG; red counts 0.299, blue 0.114.
    Bt601,
    /// High definition; red counts 0.2126, blue 0.0722.
    Bt709,
}

/// Which of the 256 values of a frame's samples are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum YuvRange {
    /// 0 to 255.
    Full,
    /// Luma 16 to 235, chroma 16 to 240.
    Limited,
}

/// How a camera frame's samples become red, green and blue. The camera's API or its manual says which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct YuvColour {
    /// Weights of red, green and blue.
    pub matrix: YuvMatrix,
    /// Values that are used.
    pub range: YuvRange,
}

/// The factors of [`YuvColour`], for CPU and GPU alike. Luma is `luma_scale * sample + luma_shift`; the others multiply
/// a chroma sample less 128.
#[derive(Clone, Copy, Debug)]
pub struct YuvFactors {
    pub luma_scale: f64,
    pub luma_shift: f64,
    pub red_from_cr: f64,
    pub green_from_cb: f64,
    pub green_from_cr: f64,
    pub blue_from_cb: f64,
}

impl YuvColour {
    /// The factors from samples to red, green and blue.
    pub fn factors(self) -> YuvFactors {
        let (red, blue) = match self.matrix {
            YuvMatrix::Bt601 => (0.299, 0.114),
            YuvMatrix::Bt709 => (0.2126, 0.0722),
        };
        let green = 1.0 - red - blue;
        let (luma_scale, luma_first, chroma_scale) = match self.range {
            YuvRange::Full => (1.0, 0.0, 1.0),
            YuvRange::Limited => (255.0 / 219.0, 16.0, 255.0 / 224.0),
        };
        let (from_cr, from_cb) = (2.0 * (1.0 - red) * chroma_scale, 2.0 * (1.0 - blue) * chroma_scale);
        YuvFactors {
            luma_scale,
            luma_shift: -luma_scale * luma_first,
            red_from_cr: from_cr,
            green_from_cb: -from_cb * blue / green,
            green_from_cr: -from_cr * red / green,
            blue_from_cb: from_cb,
        }
    }
}

impl YuvFactors {
    /// Channel `channel` of a pixel, 0 to 255.
    fn colour(&self, [luma, cb, cr]: [u8; 3], channel: u32) -> f64 {
        let (cb, cr) = (f64::from(cb) - 128.0, f64::from(cr) - 128.0);
        let chroma = match channel {
            0 => self.red_from_cr * cr,
            1 => self.green_from_cb * cb + self.green_from_cr * cr,
            _ => self.blue_from_cb * cb,
        };
        (self.luma_scale * f64::from(luma) + self.luma_shift + chroma).clamp(0.0, 255.0)
    }

    fn luma(&self, luma: u8) -> f64 {
        (self.luma_scale * f64::from(luma) + self.luma_shift).clamp(0.0, 255.0)
    }
}

/// One plane of a camera frame: bytes of rows from top to bottom.
#[derive(Clone, Copy, Debug)]
pub struct Plane<'a> {
    /// The samples, from the first row's first on. The last row may end with its last sample.
    pub bytes: &'a [u8],
    /// Bytes from one row to the next, padding included.
    pub stride: u32,
}

impl<'a> Plane<'a> {
    /// A plane whose rows are `stride` bytes apart.
    pub fn new(bytes: &'a [u8], stride: u32) -> Self {
        Self { bytes, stride }
    }

    /// Bytes `from..from + count` of a row.
    pub fn part(&self, row: u32, from: usize, count: usize) -> &'a [u8] {
        let first = row as usize * self.stride as usize + from;
        &self.bytes[first..first + count]
    }

    fn at(&self, row: u32, byte: u32) -> u8 {
        self.bytes[row as usize * self.stride as usize + byte as usize]
    }

    pub(super) fn check(&self, plane: &'static str, rows: u32, row_bytes: u64) -> Result<(), ImageError> {
        let stride = u64::from(self.stride);
        if stride < row_bytes {
            return Err(ImageError::Stride { plane, stride, row_bytes });
        }
        let expected = stride * (u64::from(rows) - 1) + row_bytes;
        if (self.bytes.len() as u64) < expected {
            return Err(ImageError::Plane { plane, rows, stride, expected, given: self.bytes.len() });
        }
        Ok(())
    }
}

/// A frame whose chroma has half the rows and columns, rounded up.
#[derive(Clone, Copy, Debug)]
pub struct Yuv420<'a> {
    /// Brightness samples, one a pixel.
    pub luma: Plane<'a>,
    /// Colour samples, one for two by two pixels.
    pub chroma: Chroma<'a>,
    /// The colours that the samples stand for.
    pub colour: YuvColour,
}

/// Where the chroma samples are.
#[derive(Clone, Copy, Debug)]
pub enum Chroma<'a> {
    /// In turns.
    Interleaved {
        /// Both samples of each place, one behind the other.
        plane: Plane<'a>,
        /// Whether Cr comes before Cb.
        cr_first: bool,
    },
    /// In a plane each, `step` bytes from sample to sample.
    Separate {
        /// Blue differences.
        cb: Plane<'a>,
        /// Red differences.
        cr: Plane<'a>,
        /// Bytes from sample to sample.
        step: u32,
    },
}

/// Chroma samples of so many pixels along one axis.
fn chroma_samples(pixels: u32) -> u32 {
    pixels.div_ceil(2)
}

impl Yuv420<'_> {
    /// Checks strides and lengths.
    ///
    /// # Errors
    /// [`ImageError`] names the plane that is too short, or whose rows would overlap.
    pub fn check(&self, width: u32, height: u32) -> Result<(), ImageError> {
        self.luma.check("luma", height, u64::from(width))?;
        let (columns, rows) = (u64::from(chroma_samples(width)), chroma_samples(height));
        match self.chroma {
            Chroma::Interleaved { plane, .. } => plane.check("chroma", rows, 2 * columns),
            Chroma::Separate { step: 0, .. } => Err(ImageError::PixelStride),
            Chroma::Separate { cb, cr, step } => {
                let row_bytes = (columns - 1) * u64::from(step) + 1;
                cb.check("cb", rows, row_bytes)?;
                cr.check("cr", rows, row_bytes)
            }
        }
    }

    /// As [`Image::value`](super::Image::value).
    pub fn value(&self, row: u32, column: u32, channel: u32, channels: u32) -> f64 {
        let factors = self.colour.factors();
        let luma = self.luma.at(row, column);
        if channels == 1 {
            return factors.luma(luma);
        }
        let (row, column) = (row / 2, column / 2);
        let (cb, cr) = match self.chroma {
            Chroma::Interleaved { plane, cr_first } => {
                let pair = [plane.at(row, 2 * column), plane.at(row, 2 * column + 1)];
                (pair[usize::from(cr_first)], pair[usize::from(!cr_first)])
            }
            Chroma::Separate { cb, cr, step } => (cb.at(row, step * column), cr.at(row, step * column)),
        };
        factors.colour([luma, cb, cr], channel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Image;

    const COLOUR: YuvColour = YuvColour { matrix: YuvMatrix::Bt601, range: YuvRange::Limited };

    #[test]
    fn black_white_and_grey_stay_so() {
        for matrix in [YuvMatrix::Bt601, YuvMatrix::Bt709] {
            for (range, black, white) in [(YuvRange::Full, 0, 255), (YuvRange::Limited, 16, 235)] {
                let factors = YuvColour { matrix, range }.factors();
                for channel in 0..3 {
                    assert!(factors.colour([black, 128, 128], channel).abs() < 1e-9);
                    assert!((factors.colour([white, 128, 128], channel) - 255.0).abs() < 1e-9);
                }
                assert!(factors.luma(black).abs() < 1e-9 && (factors.luma(white) - 255.0).abs() < 1e-9);
            }
        }
        assert_eq!(COLOUR.factors().luma(3), 0.0, "below black is black");
    }

    #[test]
    fn planes_that_do_not_fit_are_named() {
        let bytes = [0; 64];
        let plane = |length: usize, stride: u32| Plane::new(&bytes[..length], stride);
        // 5x5 pixels: 3x3 chroma samples.
        let nv12 = |luma, chroma| Image::nv12(5, 5, luma, chroma, COLOUR);
        assert!(nv12(plane(25, 5), plane(18, 6)).is_ok());
        assert!(nv12(plane(7 * 4 + 5, 7), plane(9 * 2 + 6, 9)).is_ok());
        let luma = |length, stride| nv12(plane(length, stride), plane(18, 6)).unwrap_err();
        assert_eq!(luma(25, 4), ImageError::Stride { plane: "luma", stride: 4, row_bytes: 5 });
        assert_eq!(luma(24, 5), ImageError::Plane { plane: "luma", rows: 5, stride: 5, expected: 25, given: 24 });
        let chroma = |length, stride| nv12(plane(25, 5), plane(length, stride)).unwrap_err();
        assert_eq!(chroma(18, 5), ImageError::Stride { plane: "chroma", stride: 5, row_bytes: 6 });
        assert_eq!(chroma(17, 6), ImageError::Plane { plane: "chroma", rows: 3, stride: 6, expected: 18, given: 17 });
        assert!(chroma(18, u32::MAX).to_string().contains("need 8589934596 bytes, but 18 were given"));

        let i420 = |cb, cr| Image::i420(5, 5, plane(25, 5), cb, cr, COLOUR).map(|_| ());
        assert_eq!(i420(plane(9, 3), plane(9, 3)), Ok(()));
        assert!(i420(plane(9, 3), plane(8, 3)).unwrap_err().to_string().contains("cr plane"));
        let android = |length, step| {
            let planes = [plane(25, 5), plane(length, 6), plane(length, 6)];
            Image::yuv_420_888(5, 5, planes, step, COLOUR).map(|_| ())
        };
        // The last sample's neighbour belongs to the other plane.
        assert_eq!((android(17, 2), android(15, 1)), (Ok(()), Ok(())));
        assert!(matches!(android(16, 2), Err(ImageError::Plane { expected: 17, .. })));
        assert!(matches!(android(17, u32::MAX), Err(ImageError::Stride { .. })));
        assert_eq!(android(17, 0), Err(ImageError::PixelStride));
        let none = Image::nv12(1, 4, plane(64, 8), plane(64, 8), COLOUR).unwrap_err();
        assert!(matches!(none, ImageError::Size { width: 1, smallest: 2, .. }), "{none}");
    }
}
