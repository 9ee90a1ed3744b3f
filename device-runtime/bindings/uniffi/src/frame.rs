//! Frames of a camera as images of the SDK: the bytes of each plane, and how they lie.

use crate::error::NestlingError;
use nestling::{Image, Orientation, Plane, YuvColour};

/// How a pixel of one plane lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum PixelFormat {
    /// One byte.
    Grey8,
    /// Red, green, blue.
    Rgb8,
    /// Red, green, blue, alpha, which is ignored: Android's `RGBA_8888`.
    Rgba8,
    /// Blue, green, red, alpha, which is ignored: iOS's `kCVPixelFormatType_32BGRA`.
    Bgra8,
}

/// The colours of luma and chroma.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum YuvMatrix {
    /// Standard definition, and most cameras of phones.
    Bt601,
    /// High definition.
    Bt709,
}

/// The values of black and white.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum YuvRange {
    /// 0 to 255: Android's cameras, and iOS's formats that end in `FullRange`.
    Full,
    /// 16 to 235: iOS's formats that end in `VideoRange`.
    Limited,
}

/// A frame of one plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct PixelLayout {
    /// Columns, as they are stored.
    pub width: u32,
    /// Rows, as they are stored.
    pub height: u32,
    /// How a pixel lies.
    pub format: PixelFormat,
    /// Bytes from one row to the next; absent for rows without gaps.
    #[uniffi(default = None)]
    pub stride: Option<u32>,
    /// Degrees clockwise that make the frame upright: 0, 90, 180 or 270.
    #[uniffi(default = 0)]
    pub rotation: i32,
    /// Whether it must be mirrored from left to right after that, as frames of some front cameras.
    #[uniffi(default = false)]
    pub is_mirrored: bool,
}

/// A frame with a plane of luma, and chroma at half the width and height.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct YuvLayout {
    /// Columns of luma, as they are stored.
    pub width: u32,
    /// Rows of luma, as they are stored.
    pub height: u32,
    /// Bytes from one row of luma to the next; absent for rows without gaps.
    #[uniffi(default = None)]
    pub luma_stride: Option<u32>,
    /// Bytes from one row of chroma to the next; absent for rows without gaps.
    #[uniffi(default = None)]
    pub chroma_stride: Option<u32>,
    /// Bytes from one sample of a chroma plane to the next: 1 or 2. NV12 does not read it.
    #[uniffi(default = 1)]
    pub chroma_pixel_stride: u32,
    /// The colours; by default those of BT.601.
    #[uniffi(default = None)]
    pub matrix: Option<YuvMatrix>,
    /// Black and white; by default the full range.
    #[uniffi(default = None)]
    pub range: Option<YuvRange>,
    /// Degrees clockwise that make the frame upright: 0, 90, 180 or 270.
    #[uniffi(default = 0)]
    pub rotation: i32,
    /// Whether it must be mirrored from left to right after that, as frames of some front cameras.
    #[uniffi(default = false)]
    pub is_mirrored: bool,
}

/// Borrows a frame of one plane.
pub fn pixels<'a>(bytes: &'a [u8], layout: &PixelLayout) -> Result<Image<'a>, NestlingError> {
    let PixelLayout { width, height, stride, .. } = *layout;
    let format = match layout.format {
        PixelFormat::Grey8 => nestling::PixelFormat::Grey8,
        PixelFormat::Rgb8 => nestling::PixelFormat::Rgb8,
        PixelFormat::Rgba8 => nestling::PixelFormat::Rgba8,
        PixelFormat::Bgra8 => nestling::PixelFormat::Bgra8,
    };
    let image = match stride {
        Some(stride) => Image::with_stride(width, height, format, bytes, stride)?,
        None => Image::new(width, height, format, bytes)?,
    };
    Ok(image.oriented(orientation(layout.rotation, layout.is_mirrored)?))
}

/// Borrows a frame with interleaved chroma, blue before red.
pub fn nv12<'a>(luma: &'a [u8], chroma: &'a [u8], layout: &YuvLayout) -> Result<Image<'a>, NestlingError> {
    let row = layout.width.div_ceil(2).saturating_mul(2);
    let planes = [(luma, layout.luma_stride, layout.width), (chroma, layout.chroma_stride, row)];
    let [luma, chroma] = planes.map(|(bytes, stride, row)| Plane::new(bytes, stride.unwrap_or(row)));
    let image = Image::nv12(layout.width, layout.height, luma, chroma, colour(layout))?;
    Ok(image.oriented(orientation(layout.rotation, layout.is_mirrored)?))
}

/// Borrows a frame of three planes: luma, blue and red.
pub fn yuv_420_888<'a>(planes: [&'a [u8]; 3], layout: &YuvLayout) -> Result<Image<'a>, NestlingError> {
    let row = layout.width.div_ceil(2).saturating_mul(layout.chroma_pixel_stride);
    let [luma, blue, red] = planes;
    let chroma = |bytes| Plane::new(bytes, layout.chroma_stride.unwrap_or(row));
    let planes = [Plane::new(luma, layout.luma_stride.unwrap_or(layout.width)), chroma(blue), chroma(red)];
    let image = Image::yuv_420_888(layout.width, layout.height, planes, layout.chroma_pixel_stride, colour(layout))?;
    Ok(image.oriented(orientation(layout.rotation, layout.is_mirrored)?))
}

fn orientation(degrees: i32, is_mirrored: bool) -> Result<Orientation, NestlingError> {
    let turned = Orientation::clockwise(degrees)?;
    Ok(if is_mirrored { turned.mirrored() } else { turned })
}

fn colour(layout: &YuvLayout) -> YuvColour {
    let matrix = match layout.matrix {
        None | Some(YuvMatrix::Bt601) => nestling::YuvMatrix::Bt601,
        Some(YuvMatrix::Bt709) => nestling::YuvMatrix::Bt709,
    };
    let range = match layout.range {
        None | Some(YuvRange::Full) => nestling::YuvRange::Full,
        Some(YuvRange::Limited) => nestling::YuvRange::Limited,
    };
    YuvColour { matrix, range }
}
