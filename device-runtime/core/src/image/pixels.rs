use crate::image::yuv::{Chroma, Plane, Yuv420, YuvColour};
use crate::image::{ImageError, Orientation, PixelFormat, Placement, Preprocessing, Region};

/// A borrowed 8-bit image, rows from top to bottom: whole pixels, or a camera frame's planes. Where it is not stored
/// upright, [`Image::oriented`] says so.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    stored_width: u32,
    stored_height: u32,
    pixels: Pixels<'a>,
    orientation: Orientation,
}

/// The pixels that an image borrows.
#[derive(Clone, Copy, Debug)]
pub enum Pixels<'a> {
    /// Whole pixels, in one plane.
    Packed(PixelFormat, Plane<'a>),
    /// A camera frame.
    Yuv420(Yuv420<'a>),
}

impl<'a> Image<'a> {
    /// Smallest side of an image in pixels: one pixel is a sign of a mistake.
    pub const MIN_SIDE: u32 = 2;
    /// Largest side of an image in pixels.
    pub const MAX_SIDE: u32 = 16_384;

    /// Pixels of which the caller knows that [`Image::new`] takes them: those of a verified bundle or a decoded
    /// picture.
    pub fn of_checked(width: u32, height: u32, format: PixelFormat, bytes: &'a [u8]) -> Self {
        debug_assert!(Self::new(width, height, format, bytes).is_ok());
        Self::packed(width, height, format, Plane::new(bytes, format.row_bytes(width)))
    }

    fn packed(width: u32, height: u32, format: PixelFormat, plane: Plane<'a>) -> Self {
        Self::upright(width, height, Pixels::Packed(format, plane))
    }

    fn upright(width: u32, height: u32, pixels: Pixels<'a>) -> Self {
        Self { stored_width: width, stored_height: height, pixels, orientation: Orientation::Upright }
    }

    /// Borrows pixels without gaps as an image.
    ///
    /// ```
    /// use nestling_core::image::{Image, PixelFormat};
    /// assert!(Image::new(28, 28, PixelFormat::Grey8, &[0; 784]).is_ok());
    /// let error = Image::new(28, 28, PixelFormat::Grey8, &[0; 100]).unwrap_err();
    /// assert!(error.to_string().contains("784 bytes, but 100 were given"));
    /// ```
    ///
    /// # Errors
    /// [`ImageError`] if a side is below 2 or above 16,384, or the bytes are not exactly `width * height` pixels.
    pub fn new(width: u32, height: u32, format: PixelFormat, bytes: &'a [u8]) -> Result<Self, ImageError> {
        check_size(width, height)?;
        let expected = height as usize * format.row_bytes(width) as usize;
        if bytes.len() != expected {
            return Err(ImageError::Length { width, height, format, expected, given: bytes.len() });
        }
        Ok(Self::packed(width, height, format, Plane::new(bytes, format.row_bytes(width))))
    }

    /// Borrows pixels whose rows are `stride` bytes apart, as cameras and frame buffers pad them. The last row may end
    /// with its last pixel.
    ///
    /// ```
    /// use nestling_core::image::{Image, PixelFormat};
    /// // 6x4 pixels of four bytes, in rows of 32.
    /// let frame = Image::with_stride(6, 4, PixelFormat::Bgra8, &[0; 32 * 4], 32);
    /// assert!(frame.is_ok());
    /// ```
    ///
    /// # Errors
    /// [`ImageError`] if a side is below 2 or above 16,384, the stride is shorter than a row, or the bytes are too few.
    pub fn with_stride(
        width: u32,
        height: u32,
        format: PixelFormat,
        bytes: &'a [u8],
        stride: u32,
    ) -> Result<Self, ImageError> {
        check_size(width, height)?;
        let plane = Plane::new(bytes, stride);
        plane.check("pixel", height, u64::from(format.row_bytes(width)))?;
        Ok(Self::packed(width, height, format, plane))
    }

    /// A grey image, one byte a pixel.
    ///
    /// # Errors
    /// As [`Image::new`].
    pub fn grey8(width: u32, height: u32, bytes: &'a [u8]) -> Result<Self, ImageError> {
        Self::new(width, height, PixelFormat::Grey8, bytes)
    }

    /// A colour image, four bytes a pixel: red, green, blue, alpha. Alpha is ignored: a transparent pixel counts with
    /// its colour, so an app blends what is transparent before, as `Picture` does.
    ///
    /// # Errors
    /// As [`Image::new`].
    pub fn rgba8(width: u32, height: u32, bytes: &'a [u8]) -> Result<Self, ImageError> {
        Self::new(width, height, PixelFormat::Rgba8, bytes)
    }

    /// A colour image, four bytes a pixel: blue, green, red, alpha. iOS, Windows and macOS give it
    /// (`kCVPixelFormatType_32BGRA`). Alpha is ignored, as in [`Image::rgba8`].
    ///
    /// # Errors
    /// As [`Image::new`].
    pub fn bgra8(width: u32, height: u32, bytes: &'a [u8]) -> Result<Self, ImageError> {
        Self::new(width, height, PixelFormat::Bgra8, bytes)
    }

    /// A colour image, three bytes a pixel: red, green, blue.
    ///
    /// # Errors
    /// As [`Image::new`].
    pub fn rgb8(width: u32, height: u32, bytes: &'a [u8]) -> Result<Self, ImageError> {
        Self::new(width, height, PixelFormat::Rgb8, bytes)
    }

    /// A camera frame in NV12: luma, then chroma as cb and cr in turns. Chroma has half the rows and columns, rounded
    /// up.
    ///
    /// ```
    /// use nestling_core::image::{Image, Plane, YuvColour, YuvMatrix, YuvRange};
    /// // 6x4 pixels whose rows are padded to 8 bytes.
    /// let (luma, chroma) = ([128; 8 * 4], [128; 8 * 2]);
    /// let colour = YuvColour { matrix: YuvMatrix::Bt601, range: YuvRange::Full };
    /// let frame = Image::nv12(6, 4, Plane::new(&luma, 8), Plane::new(&chroma, 8), colour).unwrap();
    /// assert_eq!(frame.value(3, 5, 0, 3), 128.0);
    /// ```
    ///
    /// # Errors
    /// [`ImageError`] if a side is below 2 or above 16,384, a stride is shorter than a row, or a plane is too short.
    pub fn nv12(
        width: u32,
        height: u32,
        luma: Plane<'a>,
        chroma: Plane<'a>,
        colour: YuvColour,
    ) -> Result<Self, ImageError> {
        Self::frame(width, height, luma, Chroma::Interleaved { plane: chroma, cr_first: false }, colour)
    }

    /// A camera frame in NV21: as [`Image::nv12`], but cr comes before cb.
    ///
    /// # Errors
    /// As [`Image::nv12`].
    pub fn nv21(
        width: u32,
        height: u32,
        luma: Plane<'a>,
        chroma: Plane<'a>,
        colour: YuvColour,
    ) -> Result<Self, ImageError> {
        Self::frame(width, height, luma, Chroma::Interleaved { plane: chroma, cr_first: true }, colour)
    }

    /// A camera frame in I420: luma, cb and cr in a plane each. Chroma has half the rows and columns, rounded up.
    ///
    /// # Errors
    /// As [`Image::nv12`].
    pub fn i420(
        width: u32,
        height: u32,
        luma: Plane<'a>,
        cb: Plane<'a>,
        cr: Plane<'a>,
        colour: YuvColour,
    ) -> Result<Self, ImageError> {
        Self::frame(width, height, luma, Chroma::Separate { cb, cr, step: 1 }, colour)
    }

    /// A camera frame as Android gives it (`YUV_420_888`): three planes, whose chroma samples are `pixel_stride` bytes
    /// apart.
    ///
    /// # Errors
    /// As [`Image::nv12`], or if the pixel stride is zero.
    pub fn yuv_420_888(
        width: u32,
        height: u32,
        [luma, cb, cr]: [Plane<'a>; 3],
        pixel_stride: u32,
        colour: YuvColour,
    ) -> Result<Self, ImageError> {
        Self::frame(width, height, luma, Chroma::Separate { cb, cr, step: pixel_stride }, colour)
    }

    fn frame(
        width: u32,
        height: u32,
        luma: Plane<'a>,
        chroma: Chroma<'a>,
        colour: YuvColour,
    ) -> Result<Self, ImageError> {
        check_size(width, height)?;
        let frame = Yuv420 { luma, chroma, colour };
        frame.check(width, height)?;
        Ok(Self::upright(width, height, Pixels::Yuv420(frame)))
    }

    /// The same pixels, turned and mirrored: cameras give frames as the sensor lies in the device. The GPU reads them in
    /// that order, so it costs no copy. An image that has an orientation already is turned further.
    ///
    /// ```
    /// use nestling_core::image::{Image, Orientation};
    /// // Stored lying on its left side: the head is in the column on the left.
    /// let lying = Image::grey8(3, 2, &[1, 2, 3, 4, 5, 6]).unwrap();
    /// let upright = lying.oriented(Orientation::Rotate90);
    /// assert_eq!((upright.width(), upright.height()), (2, 3));
    /// assert_eq!([upright.value(0, 0, 0, 1), upright.value(0, 1, 0, 1)], [4.0, 1.0]);
    /// ```
    #[must_use]
    pub fn oriented(self, orientation: Orientation) -> Self {
        Self { orientation: self.orientation.then(orientation), ..self }
    }

    /// How the stored pixels are turned and mirrored.
    pub fn orientation(&self) -> Orientation {
        self.orientation
    }

    /// Columns of pixels, upright.
    pub fn width(&self) -> u32 {
        self.orientation.size(self.stored_width, self.stored_height).0
    }

    /// Rows of pixels, upright.
    pub fn height(&self) -> u32 {
        self.orientation.size(self.stored_width, self.stored_height).1
    }

    /// The pixels, as they lie in memory.
    pub fn pixels(&self) -> &Pixels<'a> {
        &self.pixels
    }

    /// The value of channel `channel` (of `channels`: 1 or 3) at a pixel of the upright image, 0 to 255. A grey network
    /// reads colour as Rec. 601 luma, and a frame's own luma. A colour network reads grey as three equal channels. A
    /// pixel takes the nearest chroma sample.
    pub fn value(&self, row: u32, column: u32, channel: u32, channels: u32) -> f64 {
        let (row, column) = self.orientation.stored((row, column), self.stored_width, self.stored_height);
        match self.pixels {
            Pixels::Packed(format, plane) => {
                let size = format.bytes_per_pixel();
                format.value(plane.part(row, size * column as usize, size), channel, channels)
            }
            Pixels::Yuv420(frame) => frame.value(row, column, channel, channels),
        }
    }

    /// How the upright image becomes an input of `resolution` pixels a side. The part of a camera frame that is read
    /// starts at even rows and columns, where a chroma sample does.
    pub fn placement(&self, preprocessing: &Preprocessing, resolution: u32) -> Placement {
        let step = match self.pixels {
            Pixels::Packed(..) => 1,
            Pixels::Yuv420(_) => 2,
        };
        preprocessing.placement(self.width(), self.height(), step, resolution)
    }

    /// The stored pixels of a part of the upright image.
    pub fn stored_region(&self, region: Region) -> Region {
        self.orientation.stored_region(region, self.stored_width, self.stored_height)
    }
}

/// Checks that both sides of an image are ones that [`Image`] takes.
///
/// # Errors
/// [`ImageError::Size`] if one is not.
pub fn check_size(width: u32, height: u32) -> Result<(), ImageError> {
    let sides = Image::MIN_SIDE..=Image::MAX_SIDE;
    if sides.contains(&width) && sides.contains(&height) { Ok(()) } else { Err(ImageError::size(width, height)) }
}
