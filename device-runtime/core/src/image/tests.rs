//! Images that are stored in any way against the same pixels stored upright, in one format, without gaps.

use super::*;
use proptest::prelude::*;

/// The four formats, and the bytes of a pixel in each.
fn bytes_of(format: PixelFormat, [red, green, blue]: [u8; 3]) -> Vec<u8> {
    match format {
        PixelFormat::Grey8 => vec![red],
        PixelFormat::Rgba8 => vec![red, green, blue, 7],
        PixelFormat::Bgra8 => vec![blue, green, red, 7],
        PixelFormat::Rgb8 => vec![red, green, blue],
    }
}

/// The bytes of an image whose pixel at a row and a column is `pixel` of them, in rows of `stride` bytes.
fn stored(size: (u32, u32), format: PixelFormat, stride: usize, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for row in 0..size.1 {
        bytes.resize(row as usize * stride, 0xee);
        bytes.extend((0..size.0).flat_map(|column| bytes_of(format, pixel(row, column))));
    }
    bytes
}

fn noise(row: u32, column: u32) -> [u8; 3] {
    let mixed = (row * 7919 + column * 104_729).wrapping_mul(2_654_435_761);
    [24, 16, 8].map(|shift| (mixed >> shift) as u8)
}

proptest! {
    #[test]
    fn an_oriented_image_is_the_image_turned_first_and_cropped_then(
        width in 2u32..40, height in 2u32..40, padding in 0u32..9, format in 0usize..4, which in 0usize..8,
        resolution in 1u32..20, centre_fraction in 0.01f32..=1.0, colour: bool, fit in 0usize..3
    ) {
        let (format, orientation) = (PixelFormat::ALL[format], Orientation::ALL[which]);
        let stride = format.row_bytes(width) + padding;
        let bytes = stored((width, height), format, stride as usize, noise);
        let image = Image::with_stride(width, height, format, &bytes, stride).unwrap().oriented(orientation);

        let (columns, rows) = orientation.size(width, height);
        let turned = |row, column| {
            let (row, column) = orientation.stored((row, column), width, height);
            noise(row, column)
        };
        let tight = stored((columns, rows), format, format.row_bytes(columns) as usize, turned);
        let upright = Image::new(columns, rows, format, &tight).unwrap();
        prop_assert_eq!((image.width(), image.height()), (columns, rows));
        let channels = if colour { 3 } else { 1 };
        let (means, standard_deviations) = (vec![0.4; channels], vec![0.3; channels]);
        let preprocessing = Preprocessing { means, standard_deviations, centre_fraction, fit: Fit::ALL[fit] };
        prop_assert_eq!(image.placement(&preprocessing, 9), upright.placement(&preprocessing, 9));
        let given = preprocess(&image, &preprocessing, resolution);
        prop_assert_eq!(given, preprocess(&upright, &preprocessing, resolution));
    }

    #[test]
    fn a_turned_frame_keeps_each_pixels_own_chroma(
        width in 2u32..20, height in 2u32..20, which in 0usize..8, seed in 0u32..1000
    ) {
        let byte = |index: u32| noise(seed, index)[0];
        let (columns, rows) = (width.div_ceil(2), height.div_ceil(2));
        let luma: Vec<u8> = (0..width * height).map(byte).collect();
        let chroma: Vec<u8> = (0..2 * columns * rows).map(|index| byte(index + 1000)).collect();
        let colour = YuvColour { matrix: YuvMatrix::Bt709, range: YuvRange::Limited };
        let frame = Image::nv12(width, height, Plane::new(&luma, width), Plane::new(&chroma, 2 * columns), colour).unwrap();
        let turned = frame.oriented(Orientation::ALL[which]);
        for (row, column) in (0..turned.height()).flat_map(|row| (0..turned.width()).map(move |column| (row, column))) {
            let (y, x) = turned.orientation().stored((row, column), width, height);
            for channel in 0..3 {
                prop_assert_eq!(turned.value(row, column, channel, 3), frame.value(y, x, channel, 3));
            }
        }
    }
}

#[test]
fn every_format_shows_the_same_colours() {
    let colour = |row: u32, column: u32| [10 * row as u8, 10 * column as u8, 200];
    for format in [PixelFormat::Rgba8, PixelFormat::Bgra8, PixelFormat::Rgb8] {
        let bytes = stored((5, 3), format, format.row_bytes(5) as usize, colour);
        let image = match format {
            PixelFormat::Bgra8 => Image::bgra8(5, 3, &bytes),
            PixelFormat::Rgb8 => Image::rgb8(5, 3, &bytes),
            PixelFormat::Grey8 | PixelFormat::Rgba8 => Image::rgba8(5, 3, &bytes),
        }
        .unwrap();
        let values = [0, 1, 2].map(|channel| image.value(2, 4, channel, 3));
        assert_eq!(values, [20.0, 40.0, 200.0], "{format:?}");
        let luma = 0.299 * 20.0 + 0.587 * 40.0 + 0.114 * 200.0;
        assert!((image.value(2, 4, 0, 1) - luma).abs() < 1e-12, "{format:?}");
    }
}

#[test]
fn rows_that_do_not_fit_are_refused_with_a_code() {
    let bytes = [0; 64];
    let rgb = |length: usize, stride: u32| Image::with_stride(5, 3, PixelFormat::Rgb8, &bytes[..length], stride);
    // Cameras end the last row without padding, or give more than they must.
    assert!([(2 * 16 + 15, 16), (64, 16), (45, 15)].into_iter().all(|(length, stride)| rgb(length, stride).is_ok()));
    let error = rgb(64, 14).unwrap_err();
    assert_eq!(error, ImageError::Stride { plane: "pixel", stride: 14, row_bytes: 15 });
    let error = rgb(2 * 16 + 14, 16).unwrap_err();
    assert_eq!(
        (error.code(), matches!(error, ImageError::Plane { expected: 47, given: 46, .. })),
        ("image_plane", true)
    );
    assert_eq!(rgb(64, u32::MAX).unwrap_err().code(), "image_plane");
    let error = Image::rgb8(4, 3, &bytes[..48]).unwrap_err();
    assert!(error.to_string().contains("with_stride"), "{error}");
    assert_eq!(Image::with_stride(1, 3, PixelFormat::Rgb8, &bytes, 8).unwrap_err().code(), "image_size");
}
