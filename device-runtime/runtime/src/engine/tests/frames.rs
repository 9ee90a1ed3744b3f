//! Frames as cameras give them: every format, with padded rows, in every orientation.

use super::resize::{COLOURS, Frame, LAYOUTS, poison, resized};
use super::*;
use nestling_core::image::{Fit, Image, Orientation, PixelFormat, Plane, preprocess};
use proptest::prelude::*;

/// Supernets of one and three channels with every fit, of all of the picture or a part, each with a child that is ready.
static READY: LazyLock<Vec<(Supernet, PreparedChild)>> = LazyLock::new(|| {
    let ready = |(channels, centre_fraction, fit)| {
        let mut random = random(70);
        let space = SearchSpace { input_channels: channels, ..SearchSpace::fashion() }.validated().unwrap();
        let preprocessing = Preprocessing { centre_fraction, fit, ..preprocessing(&space) };
        let weights = random_weights(&space, &mut random);
        let supernet = Supernet::load(&CONTEXT, &space, &weights, &preprocessing, &EngineOptions::default()).unwrap();
        let prepared = supernet.prepare(&random_statistics(&space, &space.biggest(), &mut random)).unwrap();
        (supernet, prepared)
    };
    let crops = [(1, 1.0), (3, 1.0), (1, 0.61), (3, 0.83)].map(|(channels, share)| (channels, share, Fit::Crop));
    let whole = [Fit::Pad, Fit::Squash].map(|fit| [(1, 1.0, fit), (3, 1.0, fit), (3, 0.77, fit)]);
    crops.into_iter().chain(whole.into_iter().flatten()).map(ready).collect()
});

/// Usual shapes, and very long ones.
pub(super) fn shapes() -> impl Strategy<Value = (u32, u32)> {
    let long = [(2000, 7), (7, 2000), (2, 20), (20, 2), (2, 1501), (6, 600), (600, 8)];
    prop_oneof![4 => (2u32..120, 2u32..120), 1 => proptest::sample::select(long.to_vec())]
}

/// Samples of `size` bytes, `step` bytes apart, in the order in which the upright picture has them, without padding.
fn turned(
    (bytes, stride): (&[u8], u32),
    (columns, rows): (u32, u32),
    (step, size): (u32, u32),
    by: Orientation,
) -> Vec<u8> {
    let (width, height) = by.size(columns, rows);
    let places = (0..height).flat_map(|row| (0..width).map(move |column| (row, column)));
    let first = places.map(|place| by.stored(place, columns, rows)).map(|(row, column)| row * stride + column * step);
    first.flat_map(|first| bytes[first as usize..(first + size) as usize].iter().copied()).collect()
}

/// The input tensor of an image.
fn given((supernet, prepared): &(Supernet, PreparedChild), image: &Image<'_>) -> Vec<f32> {
    poison(supernet);
    resized(supernet, prepared, image)
}

/// Compares an image in every orientation with the definition, and bit for bit with the `upright` copy of it that the
/// test turned on the CPU, where there can be one.
fn check(
    ready: &(Supernet, PreparedChild),
    image: Image<'_>,
    upright: impl Fn(Orientation) -> Option<Vec<f32>>,
) -> Result<(), TestCaseError> {
    for orientation in Orientation::ALL {
        let image = image.oriented(orientation);
        let given = given(ready, &image);
        let expected = preprocess(&image, ready.0.preprocessing(), ready.1.child().resolution);
        let error = input_error(&given, &expected);
        prop_assert!(error < 2e-5, "{:?}: {}", orientation, error);
        if let Some(upright) = upright(orientation) {
            prop_assert!(given == upright, "{:?} is not the upright picture bit for bit", orientation);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn whole_pixels_are_read_in_every_format_and_orientation(
        shape in shapes(), padding in 0u32..10, which in 0usize..10, seed: u64
    ) {
        random_pixels_are_read(shape, padding, which, seed)?;
    }

    #[test]
    fn camera_frames_are_read_in_every_layout_and_orientation(
        (width, height) in shapes(), which in 0usize..10, colour in 0usize..4, seed: u64
    ) {
        let ready = &READY[which];
        for layout in LAYOUTS {
            let frame = Frame::random(width, height, layout, COLOURS[colour], &mut random(seed));
            check(ready, frame.image(), |orientation| {
                // With an odd side, a mirrored frame would begin with half a chroma sample.
                (width.is_multiple_of(2) && height.is_multiple_of(2))
                    .then(|| given(ready, &upright(&frame, orientation).image()))
            })?;
        }
    }
}

/// The frame that a camera in this orientation would give.
fn upright(frame: &Frame, orientation: Orientation) -> Frame {
    let (width, height) = orientation.size(frame.width, frame.height);
    let mut planes = Vec::new();
    for (index, (bytes, stride)) in frame.planes.iter().enumerate() {
        let of_luma = index == 0;
        let ((step, sample), pixels) = if of_luma { ((1, 1), 1) } else { (frame.layout.step(), 2) };
        let samples =
            turned((bytes, *stride), (frame.width / pixels, frame.height / pixels), (step, sample), orientation);
        // As far apart as before.
        let apart =
            samples.chunks(sample as usize).flat_map(|one| one.iter().copied().chain((sample..step).map(|_| 0)));
        planes.push((apart.collect(), width / pixels * step));
    }
    Frame { width, height, planes, ..*frame }
}

#[test]
fn a_picture_of_the_means_colour_is_as_exact_as_any_other() {
    // Found at random: the centre of two rows is one colour, of which the mean leaves nearly nothing.
    random_pixels_are_read((20, 2), 0, 2, 15_243_315_899_573_481_586).unwrap();
}

fn random_pixels_are_read(
    (width, height): (u32, u32),
    padding: u32,
    which: usize,
    seed: u64,
) -> Result<(), TestCaseError> {
    let ready = &READY[which];
    for format in PixelFormat::ALL {
        let (stride, size) = (format.row_bytes(width) + padding, format.row_bytes(1));
        let count = stride * (height - 1) + format.row_bytes(width);
        let mut random = random(seed);
        let bytes: Vec<u8> = (0..count).map(|_| random.random()).collect();
        let image = Image::with_stride(width, height, format, &bytes, stride).unwrap();
        check(ready, image, |orientation| {
            let tight = turned((&bytes, stride), (width, height), (size, size), orientation);
            let (width, height) = orientation.size(width, height);
            Some(given(ready, &Image::new(width, height, format, &tight).unwrap()))
        })?;
    }
    Ok(())
}

#[test]
fn a_frame_of_odd_sides_keeps_its_chroma_in_every_orientation() {
    // One chroma sample is red, its neighbours are blue: half a pixel's mistake shows.
    let chroma: Vec<u8> = (0..9).flat_map(|index| if index % 2 == 0 { [90, 240] } else { [240, 90] }).collect();
    let luma = [120; 25];
    let ready = &READY[1];
    for side in [5, 4] {
        let frame = Image::nv12(side, 5, Plane::new(&luma, side), Plane::new(&chroma, 6), COLOURS[0]).unwrap();
        check(ready, frame, |_| None).unwrap();
    }
}
