//! Every format and orientation shows the network the same picture as the SDK's own image does.

#![allow(clippy::unwrap_used)] // a test's helpers may panic too
#![allow(unsafe_code)] // calls the interface as a C app does

mod common;
#[path = "common/handle.rs"]
mod handle;

use handle::{Handle, grey, image};
use nestling::{Bundle, Image, Orientation, Plane, Runtime, RuntimeOptions, YuvColour, YuvMatrix, YuvRange};
use nestling_c::nestling_format::*;
use nestling_c::nestling_image;

/// The runtime may answer with one of two sets of kernels at first, which add in another order.
const CLOSE: f64 = 1e-3;

/// Bytes of the grey picture as a format of whole pixels.
fn packed(bytes_per_pixel: usize) -> Vec<u8> {
    grey().iter().flat_map(|&value| std::iter::repeat_n(value, bytes_per_pixel)).collect()
}

/// Rows of `row` bytes, moved apart to `stride`.
fn padded(bytes: &[u8], row: usize, stride: usize) -> Vec<u8> {
    bytes.chunks(row).flat_map(|row| row.iter().copied().chain(std::iter::repeat_n(9, stride - row.len()))).collect()
}

/// The picture as a lying camera stores it: a quarter clockwise makes it upright.
fn lying(bytes: &[u8]) -> Vec<u8> {
    let upright = |row: usize, column: usize| bytes[28 * row + column];
    // EXIF 6: the upright row is the stored column, from the bottom.
    (0..28)
        .flat_map(|row| (0..28).map(move |column| (row, column)))
        .map(|(row, column)| upright(column, 27 - row))
        .collect()
}

#[test]
fn every_format_and_orientation_shows_the_same_picture() {
    let bundle = Bundle::open(common::bundle()).unwrap();
    let runtime = Runtime::open(&bundle, &RuntimeOptions::default()).unwrap();
    let bytes = grey();
    let expected = runtime.classify(Image::grey8(28, 28, &bytes).unwrap()).unwrap();
    let handle = Handle::open();
    let (neutral, apart) = (vec![128; 14 * 14 * 2], padded(&bytes, 28, 40));
    let (three, four) = (packed(3), packed(4));
    let four_apart = padded(&four, 28 * 4, 200);
    let turned = lying(&bytes);
    let quarter = nestling_image { orientation: 6, ..image(NESTLING_FORMAT_GREY8 as u32, &[(&turned, 0)]) };
    let spread = nestling_image {
        pixel_stride: 2,
        // As Android gives it: the last sample of the last row ends the plane.
        ..image(NESTLING_FORMAT_YUV_420_888 as u32, &[(&apart, 40), (&neutral[..391], 28), (&neutral[..391], 28)])
    };
    let limited_luma: Vec<u8> =
        bytes.iter().map(|&value| (16.0 + f64::from(value) * 219.0 / 255.0).round() as u8).collect();
    let limited = nestling_image {
        matrix: 1,
        range: 1,
        ..image(NESTLING_FORMAT_NV12 as u32, &[(&limited_luma, 0), (&neutral, 0)])
    };
    let images = [
        image(NESTLING_FORMAT_GREY8 as u32, &[(&bytes, 0)]),
        image(NESTLING_FORMAT_GREY8 as u32, &[(&apart, 40)]),
        image(NESTLING_FORMAT_RGB8 as u32, &[(&three, 0)]),
        image(NESTLING_FORMAT_RGBA8 as u32, &[(&four, 0)]),
        image(NESTLING_FORMAT_BGRA8 as u32, &[(&four_apart, 200)]),
        image(NESTLING_FORMAT_NV12 as u32, &[(&bytes, 0), (&neutral, 0)]),
        image(NESTLING_FORMAT_NV21 as u32, &[(&apart, 40), (&neutral, 28)]),
        image(NESTLING_FORMAT_I420 as u32, &[(&bytes, 0), (&neutral[..196], 0), (&neutral[..196], 14)]),
        spread,
        quarter,
    ];
    for (index, image) in images.iter().enumerate() {
        let (guesses, answer) = handle.classify(image).unwrap();
        assert_eq!((answer.count, answer.child), (10, handle.active()));
        for (guess, expected) in guesses.iter().zip(expected.top_k(3)) {
            assert_eq!(guess.class_index as usize, expected.class, "image {index}");
            assert!((guess.score - expected.probability).abs() < CLOSE, "image {index}: {} {expected:?}", guess.score);
        }
    }
    let planes = (Plane::new(&limited_luma, 28), Plane::new(&neutral, 28));
    let colour = YuvColour { matrix: YuvMatrix::Bt709, range: YuvRange::Limited };
    let expected = runtime.classify(Image::nv12(28, 28, planes.0, planes.1, colour).unwrap()).unwrap();
    let (class, score) = handle.best(&limited);
    assert_eq!(class as usize, expected.top().class);
    assert!((score - expected.top().probability).abs() < CLOSE, "{score}");
    // An upright picture that is said to lie is another one, and the same as the SDK's.
    let wrong = nestling_image { orientation: 3, ..image(NESTLING_FORMAT_GREY8 as u32, &[(&bytes, 0)]) };
    let expected = runtime.classify(Image::grey8(28, 28, &bytes).unwrap().oriented(Orientation::Rotate180)).unwrap();
    let (class, score) = handle.best(&wrong);
    assert_eq!(class as usize, expected.top().class);
    assert!((score - expected.top().probability).abs() < CLOSE, "{score}");
}
