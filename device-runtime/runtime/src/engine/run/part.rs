//! The part of an image that is read: its bytes as they are sent, and where the kernel finds its pixels among them.
//! Pixels are sent as they are stored. The kernel turns and mirrors, and it knows every format.

use nestling_core::image::{Chroma, Halves, Image, LUMA, Orientation, PixelFormat, Pixels, Plane, Region, YuvColour};
use nestling_shaders::ResizeParameters;
use std::borrow::Cow;
use std::ops::Range;

/// The bytes of a part of the upright image, and those of the resize's parameters that depend on where its pixels are.
pub(super) fn of_image<'a>(image: &Image<'a>, part: Region, channels: u32) -> (Cow<'a, [u8]>, ResizeParameters) {
    let (orientation, stored) = (image.orientation(), image.stored_region(part));
    match *image.pixels() {
        Pixels::Packed(format, plane) => {
            let parameters = packed_parameters(format, orientation, stored);
            (packed_bytes(format, plane, stored), parameters)
        }
        Pixels::Yuv420(frame) => {
            let mut bytes = luma_bytes(frame.luma, stored, channels);
            let luma = luma_parameters(frame.colour, orientation, stored, channels);
            // A network of one channel reads no chroma, so none is sent to it.
            let parameters = match channels {
                1 => luma,
                _ => append_chroma(&mut bytes, frame.chroma, orientation, stored, luma),
            };
            (whole_words(bytes), parameters)
        }
    }
}

/// Whole pixels, from where they are if there is no gap between them.
fn packed_bytes<'a>(format: PixelFormat, plane: Plane<'a>, stored: Region) -> Cow<'a, [u8]> {
    let row_bytes = format.row_bytes(stored.width);
    let [first, count] = [stored.top, stored.height].map(|rows| rows as usize * row_bytes as usize);
    if plane.stride == row_bytes && count.is_multiple_of(4) {
        return Cow::Borrowed(&plane.bytes[first..first + count]);
    }
    let mut bytes = Vec::with_capacity(count + 3);
    append(&mut bytes, plane, rows(stored), format.row_bytes(stored.left), row_bytes);
    whole_words(bytes)
}

/// Luma, with room for the chroma that a colour network reads.
fn luma_bytes(luma: Plane<'_>, stored: Region, channels: u32) -> Vec<u8> {
    let (width, height) = (stored.width as usize, stored.height as usize);
    let capacity = if channels == 1 { width * height + 3 } else { 2 * (width + 2) * (height + 2) };
    let mut bytes = Vec::with_capacity(capacity);
    append(&mut bytes, luma, rows(stored), stored.left, stored.width);
    bytes
}

/// Whole words are sent.
fn whole_words<'a>(mut bytes: Vec<u8>) -> Cow<'a, [u8]> {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    Cow::Owned(bytes)
}

/// The same parameters for a part of a texture of this size, turned upright. Its texels are red, green and blue,
/// whatever their order in memory.
pub(super) fn of_texture((width, height): (u32, u32), orientation: Orientation, part: Region) -> ResizeParameters {
    let stored = orientation.stored_region(part, width, height);
    let walk = orientation.walk((stored.width, stored.height), [1, 0], [0, 1]);
    let first = [walk.first[0] + stored.left as i32, walk.first[1] + stored.top as i32];
    ResizeParameters { first, right: walk.right, down: walk.down, ..colours(PixelFormat::Rgba8) }
}

/// Those of pixels whose rows have no padding.
fn packed_parameters(format: PixelFormat, orientation: Orientation, stored: Region) -> ResizeParameters {
    let [size, row_bytes] = [format.row_bytes(1), format.row_bytes(stored.width)].map(|bytes| bytes as i32);
    let walk = orientation.walk((stored.width, stored.height), [size, 0], [row_bytes, 0]);
    let kind = if 4 % size == 0 { ResizeParameters::WHOLE_PIXELS } else { ResizeParameters::THREE_BYTES };
    let (first, right, down) = (walk.first, walk.right, walk.down);
    ResizeParameters { kind, first, right, down, ..colours(format) }
}

/// Those of a frame whose rows have no padding, without the places of its chroma.
fn luma_parameters(colour: YuvColour, orientation: Orientation, stored: Region, channels: u32) -> ResizeParameters {
    let factors = colour.factors();
    let chroma = [factors.red_from_cr, factors.green_from_cb, factors.green_from_cr, factors.blue_from_cb];
    let grey = packed_parameters(PixelFormat::Grey8, orientation, stored);
    // The kernel makes red, green and blue of the samples, and three times luma without chroma.
    let (kind, order) = match channels {
        1 => (ResizeParameters::LUMA, grey.order),
        _ => (ResizeParameters::LUMA_AND_CHROMA, PixelFormat::Rgb8.row().colour),
    };
    ResizeParameters {
        kind,
        order,
        luma: [factors.luma_scale, factors.luma_shift].map(|value| value as f32),
        chroma: chroma.map(|factor| factor as f32),
        ..grey
    }
}

/// The bytes that are colours, and the luma of these.
fn colours(format: PixelFormat) -> ResizeParameters {
    let row = format.row();
    let grey = if row.has_colour { LUMA.map(|weight| weight as f32) } else { [1.0, 0.0, 0.0] };
    ResizeParameters { order: row.colour, grey, ..ResizeParameters::default() }
}

/// Appends chroma samples to luma; returns the parameters with where they are.
fn append_chroma(
    bytes: &mut Vec<u8>,
    chroma: Chroma<'_>,
    orientation: Orientation,
    stored: Region,
    parameters: ResizeParameters,
) -> ResizeParameters {
    /// Rows with samples so close together are sent as they are. Others are sent without what is between the samples:
    /// the buffer has four bytes for each pixel.
    const MOST_APART: u32 = 2;
    let [columns, rows] = orientation.halves(stored);
    let start = bytes.len() as u32;
    let (cb, cr, step, stride) = match chroma {
        Chroma::Interleaved { plane, cr_first } => {
            append(bytes, plane, samples(rows), 2 * columns.first, 2 * columns.count);
            let cr_first = u32::from(cr_first);
            (start + cr_first, start + 1 - cr_first, 2, 2 * columns.count)
        }
        Chroma::Separate { cb, cr, step } => {
            let row_bytes = (columns.count - 1) * step + 1;
            for plane in [cb, cr] {
                if step <= MOST_APART {
                    append(bytes, plane, samples(rows), columns.first * step, row_bytes);
                } else {
                    for row in samples(rows) {
                        let part = plane.part(row, columns.first as usize * step as usize, row_bytes as usize);
                        bytes.extend(part.iter().step_by(step as usize));
                    }
                }
            }
            let (step, stride) = if step <= MOST_APART { (step, row_bytes) } else { (1, columns.count) };
            (start, start + rows.count * stride, step, stride)
        }
    };
    let walk = orientation.walk((columns.count, rows.count), [step as i32, 0], [stride as i32, 0]);
    let [right, down] = orientation.shown([columns.phase, rows.phase]);
    ResizeParameters {
        chroma_first: [cb, cr].map(|first| first as i32 + walk.first[0]),
        chroma_next: [walk.right[0], walk.down[0]],
        chroma_column: right,
        chroma_row: down,
        ..parameters
    }
}

fn rows(stored: Region) -> Range<u32> {
    stored.top..stored.top + stored.height
}

fn samples(rows: Halves) -> Range<u32> {
    rows.first..rows.first + rows.count
}

fn append(bytes: &mut Vec<u8>, plane: Plane<'_>, rows: Range<u32>, first: u32, count: u32) {
    for row in rows {
        bytes.extend_from_slice(plane.part(row, first as usize, count as usize));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_core::image::{Fit, Preprocessing, YuvMatrix, YuvRange};

    fn read(image: &Image<'_>, fit: Fit, centre_fraction: f32) -> Region {
        let preprocessing = Preprocessing { means: vec![], standard_deviations: vec![], centre_fraction, fit };
        image.placement(&preprocessing, 9).source
    }

    #[test]
    fn pixels_without_gaps_are_sent_from_where_they_are() {
        let bytes = [0; 8 * 10 * 4];
        for orientation in Orientation::ALL {
            for format in PixelFormat::ALL {
                let count = 80 * format.bytes_per_pixel();
                // The square has whole rows.
                let image = Image::new(8, 10, format, &bytes[..count]).unwrap().oriented(orientation);
                for (fit, pixels) in [(Fit::Crop, 64), (Fit::Pad, 80), (Fit::Squash, 80)] {
                    let (sent, _) = of_image(&image, read(&image, fit, 1.0), 3);
                    assert!(matches!(sent, Cow::Borrowed(_)), "{format:?}");
                    assert_eq!(sent.len(), pixels * format.bytes_per_pixel());
                }
            }
        }
    }

    #[test]
    fn a_frame_fits_where_four_bytes_a_pixel_do() {
        let colour = YuvColour { matrix: YuvMatrix::Bt601, range: YuvRange::Full };
        let bytes = [0; 1000];
        for (width, height) in (2..14).flat_map(|width| (2..14).map(move |height| (width, height))) {
            for (step, orientation) in (1..5).flat_map(|step| Orientation::ALL.map(|orientation| (step, orientation))) {
                let planes = [width, 40, 40].map(|stride| Plane::new(&bytes, stride));
                let image = Image::yuv_420_888(width, height, planes, step, colour).unwrap().oriented(orientation);
                for (fit, fraction) in Fit::ALL.into_iter().flat_map(|fit| [0.1, 0.5, 0.8, 1.0].map(|part| (fit, part)))
                {
                    let crop = read(&image, fit, fraction);
                    let most = [crop.pixels(), 4 * crop.pixels()];
                    for (channels, most) in [1, 3].into_iter().zip(most) {
                        let (sent, _) = of_image(&image, crop, channels);
                        assert!(sent.len() <= most.next_multiple_of(4) as usize, "{crop:?} of {width}x{height}");
                    }
                }
            }
        }
    }
}
