//! A frame of the caller as an image of the SDK.

use crate::fault::Fault;
use crate::memory::{array, read};
use crate::types::{nestling_image, nestling_plane};
use nestling::{Image, Orientation, PixelFormat, Plane, YuvColour, YuvMatrix, YuvRange};

/// Borrows an image.
///
/// # Safety
/// Unless it is null or not aligned, `given` points to an image whose planes are there, and nobody changes either during
/// `'a`.
pub unsafe fn borrow<'a>(given: *const nestling_image) -> Result<Image<'a>, Fault> {
    // SAFETY: the same promise.
    let given = unsafe { read(given, "image")? };
    let image = match packed(given.format) {
        // SAFETY: the same promise.
        Some(format) => unsafe { borrow_packed(given, format)? },
        // SAFETY: the same promise.
        None => unsafe { borrow_planes(given)? },
    };
    let orientation = match given.orientation {
        0 => Orientation::Upright,
        number => Orientation::from_exif(u16::try_from(number).unwrap_or(u16::MAX))?,
    };
    Ok(image.oriented(orientation))
}

fn packed(format: u32) -> Option<PixelFormat> {
    Some(match format {
        0 => PixelFormat::Grey8,
        1 => PixelFormat::Rgba8,
        2 => PixelFormat::Bgra8,
        3 => PixelFormat::Rgb8,
        _ => return None,
    })
}

/// # Safety
/// The first plane is there, and nobody changes it during `'a`.
unsafe fn borrow_packed<'a>(given: &nestling_image, format: PixelFormat) -> Result<Image<'a>, Fault> {
    let nestling_plane { bytes, length, stride } = given.planes[0];
    // SAFETY: the same promise.
    let bytes = unsafe { array(bytes, length, "image.planes[0].bytes")? };
    Ok(match stride {
        0 => Image::new(given.width, given.height, format, bytes)?,
        _ => Image::with_stride(given.width, given.height, format, bytes, stride)?,
    })
}

/// # Safety
/// All planes of the format are there, and nobody changes them during `'a`.
unsafe fn borrow_planes<'a>(given: &nestling_image) -> Result<Image<'a>, Fault> {
    let (width, height, colour) = (given.width, given.height, colour(given)?);
    let half = width.div_ceil(2);
    let plane = |index: usize, row: u32| {
        let nestling_plane { bytes, length, stride } = given.planes[index];
        // SAFETY: the same promise.
        let bytes = unsafe { array(bytes, length, PLANES[index])? };
        Ok::<_, Fault>(Plane::new(bytes, if stride == 0 { row } else { stride }))
    };
    let luma = plane(0, width)?;
    Ok(match given.format {
        4 => Image::nv12(width, height, luma, plane(1, half.saturating_mul(2))?, colour)?,
        5 => Image::nv21(width, height, luma, plane(1, half.saturating_mul(2))?, colour)?,
        6 => Image::i420(width, height, luma, plane(1, half)?, plane(2, half)?, colour)?,
        7 => {
            let row = half.saturating_mul(given.pixel_stride);
            Image::yuv_420_888(width, height, [luma, plane(1, row)?, plane(2, row)?], given.pixel_stride, colour)?
        }
        other => return Err(Fault::argument(format!("{other} is no `nestling_format`"))),
    })
}

const PLANES: [&str; 3] = ["image.planes[0].bytes", "image.planes[1].bytes", "image.planes[2].bytes"];

fn colour(given: &nestling_image) -> Result<YuvColour, Fault> {
    let matrix = match given.matrix {
        0 => YuvMatrix::Bt601,
        1 => YuvMatrix::Bt709,
        other => return Err(Fault::argument(format!("{other} is no `nestling_yuv_matrix`"))),
    };
    let range = match given.range {
        0 => YuvRange::Full,
        1 => YuvRange::Limited,
        other => return Err(Fault::argument(format!("{other} is no `nestling_yuv_range`"))),
    };
    Ok(YuvColour { matrix, range })
}
