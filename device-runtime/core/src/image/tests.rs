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
    let mixed = row.wrapping_mul(7919).wrapping_add(column.wrapping_mul(104_729)).wrapping_mul(2_654_435_761);
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

proptest! {
    #[test]
    fn the_fast_form_is_the_definition(
        (width, height) in prop_oneof![
            4 => (2u32..90, 2u32..90),
            1 => prop::sample::select(vec![(3000, 7), (7, 3000), (2, 20), (1501, 2), (640, 480), (16_384, 2), (3, 16_384)]),
        ],
        format in 0usize..5, which in 0usize..12, padding in 0u32..9, resolution in 1u32..70,
        centre_fraction in 0.01f32..=1.0, colour: bool, fit in 0usize..3, level in prop::option::of(any::<u8>())
    ) {
        let channels = if colour { 3 } else { 1 };
        let (means, standard_deviations) = ([0.4, 0.5, 0.3][..channels].to_vec(), [0.2, 0.25, 0.3][..channels].to_vec());
        let preprocessing = Preprocessing { means, standard_deviations, centre_fraction, fit: Fit::ALL[fit] };
        // One colour is where roundings add up.
        let pixel = |row, column| level.map_or_else(|| noise(row, column), |level| [level; 3]);
        let pixels = PixelFormat::ALL.get(format).copied();
        let stride = pixels.map_or(0, |format| format.row_bytes(width) + padding);
        let bytes = match pixels {
            Some(format) => stored((width, height), format, stride as usize, pixel),
            None => (0..2 * width * (height + 1)).map(|index| noise(index, 1)[0]).collect(),
        };
        let image = match pixels {
            Some(format) => Image::with_stride(width, height, format, &bytes, stride),
            None => {
                let (luma, chroma) = bytes.split_at((width * height) as usize);
                let colour = YuvColour { matrix: YuvMatrix::Bt601, range: YuvRange::Limited };
                Image::nv12(width, height, Plane::new(luma, width), Plane::new(chroma, width.next_multiple_of(2)), colour)
            }
        };
        // Mostly upright, as decoded pictures are.
        let image = image.unwrap().oriented(Orientation::ALL.get(which).copied().unwrap_or_default());
        let expected = preprocess(&image, &preprocessing, resolution);
        let mut resampler = Resampler::default();
        let given = resampler.preprocess(&image, &preprocessing, resolution);
        for (given, expected) in given.iter().zip(&expected) {
            prop_assert!((f64::from(*given) - expected).abs() < 1e-5, "{given} is not {expected}");
        }
        // Its buffers hold nothing that counts.
        let mut again = vec![f32::NAN; given.len()];
        resampler.preprocess(&Image::grey8(2, 3, &[9; 6]).unwrap(), &preprocessing, 3);
        resampler.preprocess_into(&image, &preprocessing, resolution, &mut again);
        prop_assert_eq!(again, given);
    }
}

#[test]
fn any_part_can_be_placed_anywhere() {
    let bytes: Vec<u8> = (0..20).collect();
    let image = Image::grey8(5, 4, &bytes).unwrap();
    let preprocessing = Preprocessing {
        means: vec![0.0],
        standard_deviations: vec![1.0 / 255.0],
        centre_fraction: 0.1,
        fit: Fit::Crop,
    };
    let region = |left, top, width, height| Region { left, top, width, height };
    let placement = Placement { source: region(1, 2, 3, 2), target: region(0, 1, 3, 2) };
    let mut tensor = [7.0; 9];
    Resampler::default().place_into(&image, placement, &preprocessing, &mut tensor);
    assert_eq!(tensor.map(|value| value.round()), [0.0, 0.0, 0.0, 11.0, 12.0, 13.0, 16.0, 17.0, 18.0]);
    let outside = Placement { source: region(3, 0, 3, 2), ..placement };
    let refused = std::panic::catch_unwind(|| {
        Resampler::default().place_into(&image, outside, &preprocessing, &mut [0.0; 9]);
    });
    assert!(refused.is_err());
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
    assert!(error.to_string().contains("give the stride of rows with padding"), "{error}");
    assert_eq!(Image::with_stride(1, 3, PixelFormat::Rgb8, &bytes, 8).unwrap_err().code(), "image_size");
}

/// One colour is where roundings add up: thousands of equal pixels make each value.
#[test]
fn many_equal_pixels_add_up_to_their_colour() {
    let mut worst = 0.0f64;
    for (width, height) in [(3000, 7), (7, 3000), (16_384, 2), (3, 16_384)] {
        for level in [1, 77, 207, 254] {
            let bytes = vec![level; (width * height) as usize];
            let image = Image::grey8(width, height, &bytes).unwrap();
            for (resolution, centre_fraction, fit) in
                [(1, 1.0, Fit::Squash), (3, 0.478_574_4, Fit::Squash), (3, 1.0, Fit::Pad)]
            {
                let preprocessing =
                    Preprocessing { means: vec![0.4], standard_deviations: vec![0.2], centre_fraction, fit };
                let expected = preprocess(&image, &preprocessing, resolution);
                let given = Resampler::default().preprocess(&image, &preprocessing, resolution);
                let off = given.iter().zip(&expected).map(|(given, expected)| (f64::from(*given) - expected).abs());
                let off = off.fold(0.0, f64::max);
                worst = worst.max(off);
            }
        }
    }
    assert!(worst < 5e-6, "{worst}");
}
