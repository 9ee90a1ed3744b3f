//! Frames as cameras give them, from the app's side: the pictures of the examples, stored in every way, get the answers
//! that they get upright.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

#[path = "../../bundle/tests/common/mod.rs"]
mod common;

use common::bits;
use nestling::{
    Context, ContextOptions, Image, Orientation, Picture, PixelFormat, Plane, Runtime, RuntimeOptions, Start,
    YuvColour, YuvMatrix, YuvRange,
};
use std::path::Path;

/// Rows and columns of grey values.
struct Grey {
    width: u32,
    height: u32,
    values: Vec<u8>,
}

impl Grey {
    fn new(width: u32, height: u32, value: impl Fn(u32, u32) -> u8) -> Self {
        let places = (0..height).flat_map(|row| (0..width).map(move |column| (row, column)));
        Self { width, height, values: places.map(|(row, column)| value(row, column)).collect() }
    }

    fn at(&self, row: u32, column: u32) -> u8 {
        self.values[(row * self.width + column) as usize]
    }

    /// A picture of the examples in the middle of a larger frame, each pixel as two by two.
    fn example(name: &str) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/assets").join(name).with_extension("png");
        let picture = Picture::open(file).unwrap();
        let image = picture.image();
        Self::new(76, 56, |row, column| match column.checked_sub(10) {
            Some(column) if column < 56 => image.value(row / 2, column / 2, 0, 1) as u8,
            _ => 0,
        })
    }

    /// As a camera stores it that must be turned by `orientation`.
    fn stored(&self, orientation: Orientation) -> Self {
        let (width, height) = orientation.size(self.width, self.height);
        let mut stored = Self::new(width, height, |_, _| 0);
        for (row, column) in (0..self.height).flat_map(|row| (0..self.width).map(move |column| (row, column))) {
            let (y, x) = orientation.stored((row, column), width, height);
            stored.values[(y * width + x) as usize] = self.at(row, column);
        }
        stored
    }

    /// In a packed format, with padding behind each row.
    fn packed(&self, format: PixelFormat) -> (Vec<u8>, u32) {
        let stride = format.row_bytes(self.width) + 5;
        let mut bytes = Vec::new();
        for row in self.values.chunks(self.width as usize) {
            for &value in row {
                bytes.extend(match format {
                    PixelFormat::Grey8 => vec![value],
                    PixelFormat::Rgb8 => vec![value, value / 2, value / 4],
                    PixelFormat::Rgba8 => vec![value, value / 2, value / 4, 9],
                    PixelFormat::Bgra8 => vec![value / 4, value / 2, value, 9],
                });
            }
            bytes.extend([0xee; 5]);
        }
        (bytes, stride)
    }
}

/// As the name of a label's file.
fn file_name(label: &str) -> String {
    label.to_lowercase().replace(['/', ' '], "-")
}

fn runtime() -> Runtime {
    let options = RuntimeOptions::default().max_image_side(128).start(Start::Tuned);
    let context = Context::new(&ContextOptions::default()).unwrap();
    let runtime = Runtime::open_on(&context, &common::trained(), &options).unwrap();
    runtime.switch_to("biggest").unwrap();
    runtime
}

#[test]
fn an_example_that_lies_in_the_camera_is_recognised_when_the_app_says_how() {
    let runtime = runtime();
    let luma = YuvColour { matrix: YuvMatrix::Bt601, range: YuvRange::Full };
    for name in ["ankle-boot", "bag", "trouser"] {
        let picture = Grey::example(name);
        let upright = Image::grey8(picture.width, picture.height, &picture.values).unwrap();
        let expected = bits(&runtime.logits(upright).unwrap());
        assert_eq!(file_name(runtime.classify(upright).unwrap().top().label), name);
        for orientation in Orientation::ALL {
            let stored = picture.stored(orientation);
            let (width, height) = (stored.width, stored.height);
            let lying = Image::grey8(width, height, &stored.values).unwrap();
            let said = runtime.logits(lying.oriented(orientation)).unwrap();
            assert_eq!(bits(&said), expected, "{name}, {orientation:?}");
            if orientation != Orientation::Upright {
                assert_ne!(bits(&runtime.logits(lying).unwrap()), expected, "{name}, {orientation:?} unsaid");
            }
            // The luma of a frame is the same grey.
            let chroma = vec![128; stored.values.len()];
            let plane = |bytes| Plane::new(bytes, width);
            let frames = [
                Image::nv12(width, height, plane(&stored.values), plane(&chroma), luma).unwrap(),
                Image::nv21(width, height, plane(&stored.values), plane(&chroma), luma).unwrap(),
                Image::i420(width, height, plane(&stored.values), plane(&chroma), plane(&chroma), luma).unwrap(),
            ];
            for frame in frames {
                let answer = bits(&runtime.logits(frame.oriented(orientation)).unwrap());
                assert_eq!(answer, expected, "{name}, {orientation:?}, a frame of planes");
            }
        }
    }
}

#[test]
fn every_format_of_an_example_answers_as_rgba_stored_upright() {
    let runtime = runtime();
    let picture = Grey::example("ankle-boot");
    let image = |stored: &Grey, format| {
        let (bytes, stride) = stored.packed(format);
        let image = Image::with_stride(stored.width, stored.height, format, &bytes, stride).unwrap();
        [Orientation::Upright, Orientation::Rotate90].map(|by| bits(&runtime.logits(image.oriented(by)).unwrap()))
    };
    let [expected, _] = image(&picture, PixelFormat::Rgba8);
    for format in [PixelFormat::Rgba8, PixelFormat::Bgra8, PixelFormat::Rgb8] {
        let [upright, _] = image(&picture, format);
        assert_eq!(image(&picture.stored(Orientation::Rotate90), format)[1], upright, "{format:?}, turned");
        // The three products of luma are added in the order of the bytes.
        for (&bits, &other) in upright.iter().zip(&expected) {
            let (value, other) = (f32::from_bits(bits), f32::from_bits(other));
            assert!((value - other).abs() <= 1e-5 * other.abs().max(1.0), "{format:?}: {value} instead of {other}");
        }
    }
    // Colours, so that the order of their bytes shows.
    let (bytes, stride) = picture.packed(PixelFormat::Bgra8);
    let swapped = Image::with_stride(picture.width, picture.height, PixelFormat::Rgba8, &bytes, stride).unwrap();
    assert_ne!(bits(&runtime.logits(swapped).unwrap()), expected);
}
