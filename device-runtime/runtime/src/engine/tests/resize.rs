use super::*;
use crate::Error;
use crate::engine::run::Input;
use crate::gpu::block_on;
use nestling_core::image::{Fit, Image, Orientation, PixelFormat, Plane, YuvColour, YuvMatrix, YuvRange, preprocess};
use proptest::prelude::*;

pub(super) fn resized(supernet: &Supernet, child: &PreparedChild, image: &Image<'_>) -> Vec<f32> {
    resized_input(supernet, child, Input::Image(image))
}

/// The input tensor after the resize, channel by channel.
pub(super) fn resized_input(supernet: &Supernet, child: &PreparedChild, input: Input<'_>) -> Vec<f32> {
    let (elements, channels) =
        (block_on(supernet.resized(child, input)).unwrap(), child.network().input.channels as usize);
    assert!(elements.iter().all(|element| element[channels..].iter().all(|&padding| padding == 0.0)));
    (0..channels).flat_map(|channel| elements.iter().map(move |element| element[channel])).collect()
}

/// Overwrites what earlier inferences left: no value of it may help. Not between another thread's upload and its
/// submission.
pub(super) fn poison(supernet: &Supernet) {
    let _state = supernet.lock();
    for buffer in [&supernet.arena.image, &supernet.arena.expanded, &supernet.arena.filtered] {
        supernet.context.queue().write_buffer(buffer, 0, &vec![0xff; buffer.size() as usize]);
    }
}

#[test]
fn the_gpu_resizes_as_the_definition_says() {
    let mut random = random(8);
    for channels in [1, 3] {
        let space = SearchSpace { input_channels: channels, ..SearchSpace::fashion() }.validated().unwrap();
        let weights = random_weights(&space, &mut random);
        let supernet = load(&CONTEXT, &space, &weights, &EngineOptions::default());
        for (width, height) in [(28, 28), (2, 2), (7, 5), (33, 29), (64, 64), (101, 203), (640, 480), (1080, 1081)] {
            for format in PixelFormat::ALL {
                let count = (width * height) as usize * format.bytes_per_pixel();
                let bytes: Vec<u8> = (0..count).map(|_| random.random()).collect();
                let image = Image::new(width, height, format, &bytes).unwrap();
                let child = random_statistics(&space, &space.sample(&mut random), &mut random);
                let prepared = supernet.prepare(&child).unwrap();
                let given = resized(&supernet, &prepared, &image);
                let expected = preprocess(&image, supernet.preprocessing(), child.child().resolution);
                let error = input_error(&given, &expected);
                let identity = width == height && width == child.child().resolution;
                let tolerance = if identity { 1e-6 } else { 2e-5 };
                assert!(error < tolerance, "{width}x{height} {format:?} to {}: {error}", child.child().resolution);
            }
        }
    }
}

#[test]
fn the_largest_square_of_a_picture_loses_no_accuracy() {
    const SIDE: u32 = 4096;
    let mut random = random(15);
    let space = SearchSpace::fashion().validated().unwrap();
    let weights = random_weights(&space, &mut random);
    let options = EngineOptions { max_image_side: SIDE, ..EngineOptions::default() };
    let supernet = load(&CONTEXT, &space, &weights, &options);
    let child = random_statistics(&space, &space.biggest(), &mut random);
    let prepared = supernet.prepare(&child).unwrap();
    let bytes: Vec<u8> = (0..SIDE * SIDE).map(|index| (index % SIDE / 16) as u8 ^ (index / SIDE / 32) as u8).collect();
    let image = Image::grey8(SIDE, SIDE, &bytes).unwrap();
    let expected = preprocess(&image, supernet.preprocessing(), child.child().resolution);
    let error = input_error(&resized(&supernet, &prepared, &image), &expected);
    assert!(error < 2e-5, "{error}");
}

#[test]
fn a_share_of_the_square_is_the_same_on_the_gpu() {
    let mut random = random(12);
    let space = SearchSpace { input_channels: 3, ..SearchSpace::fashion() }.validated().unwrap();
    let weights = random_weights(&space, &mut random);
    for centre_fraction in [0.01, 0.5, 0.875, 1.0] {
        let preprocessing = Preprocessing { centre_fraction, ..preprocessing(&space) };
        let options = EngineOptions { max_image_side: 224, ..EngineOptions::default() };
        let supernet = Supernet::load(&CONTEXT, &space, &weights, &preprocessing, &options).unwrap();
        let child = random_statistics(&space, &space.biggest(), &mut random);
        let prepared = supernet.prepare(&child).unwrap();
        // The square of the larger fits only in part.
        for (width, height) in [(97, 61), if centre_fraction < 0.9 { (320, 256) } else { (230, 224) }] {
            let bytes: Vec<u8> = (0..width * height * 4).map(|_| random.random()).collect();
            let image = Image::rgba8(width, height, &bytes).unwrap();
            let expected = preprocess(&image, &preprocessing, child.child().resolution);
            let error = input_error(&resized(&supernet, &prepared, &image), &expected);
            assert!(error < 2e-5, "{centre_fraction} of {width}x{height}: {error}");
        }
    }
    for centre_fraction in [0.0, -0.5, 1.01, f32::NAN] {
        let preprocessing = Preprocessing { centre_fraction, ..preprocessing(&space) };
        let error = Supernet::load(&CONTEXT, &space, &weights, &preprocessing, &EngineOptions::default()).unwrap_err();
        assert!(error.to_string().contains("centre fraction"), "{error}");
    }
}

/// With whole pictures, as many pixels as two squares have are read, whatever their shape.
#[test]
fn a_whole_picture_of_any_shape_is_the_same_on_the_gpu() {
    let mut random = random(16);
    let space = SearchSpace { input_channels: 3, ..SearchSpace::fashion() }.validated().unwrap();
    let weights = random_weights(&space, &mut random);
    let child = random_statistics(&space, &space.biggest(), &mut random);
    for fit in [Fit::Pad, Fit::Squash] {
        let preprocessing = Preprocessing { fit, ..preprocessing(&space) };
        let options = EngineOptions { max_image_side: 128, ..EngineOptions::default() };
        let supernet = Supernet::load(&CONTEXT, &space, &weights, &preprocessing, &options).unwrap();
        let prepared = supernet.prepare(&child).unwrap();
        for (width, height) in [(128, 256), (181, 181), (256, 128), (2, 16_384), (16_384, 2), (7, 3000), (53, 61)] {
            for orientation in [Orientation::Upright, Orientation::Rotate90] {
                let bytes: Vec<u8> = (0..width * height * 3).map(|_| random.random()).collect();
                let image = Image::rgb8(width, height, &bytes).unwrap().oriented(orientation);
                let expected = preprocess(&image, &preprocessing, child.child().resolution);
                poison(&supernet);
                let error = input_error(&resized(&supernet, &prepared, &image), &expected);
                assert!(error < 2e-5, "{fit} of {width}x{height}, {orientation:?}: {error}");
            }
        }
        let bytes = vec![0; 257 * 128];
        let error = supernet.infer(&prepared, Image::grey8(257, 128, &bytes).unwrap()).unwrap_err();
        assert!(matches!(error, Error::ImageTooLarge { side: 129, max: 128 }), "{error}");
        let message = error.to_string();
        assert!(message.contains("load with 129"), "{message}");
    }
}

pub(super) const COLOURS: [YuvColour; 4] = [
    YuvColour { matrix: YuvMatrix::Bt601, range: YuvRange::Full },
    YuvColour { matrix: YuvMatrix::Bt601, range: YuvRange::Limited },
    YuvColour { matrix: YuvMatrix::Bt709, range: YuvRange::Full },
    YuvColour { matrix: YuvMatrix::Bt709, range: YuvRange::Limited },
];

#[derive(Clone, Copy, Debug)]
pub(super) enum Layout {
    Nv12,
    Nv21,
    I420,
    Android,
    /// As Android's, but with two bytes between samples instead of one.
    FarApart,
}

impl Layout {
    /// Bytes from one chroma sample to the next, and of one.
    pub(super) fn step(self) -> (u32, u32) {
        match self {
            Self::Nv12 | Self::Nv21 => (2, 2),
            Self::I420 => (1, 1),
            Self::Android => (2, 1),
            Self::FarApart => (3, 1),
        }
    }
}

pub(super) const LAYOUTS: [Layout; 5] = [Layout::Nv12, Layout::Nv21, Layout::I420, Layout::Android, Layout::FarApart];

/// Planes of a camera frame, each with its own padding.
pub(super) struct Frame {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) layout: Layout,
    pub(super) colour: YuvColour,
    pub(super) planes: Vec<(Vec<u8>, u32)>,
}

impl Frame {
    pub(super) fn random(width: u32, height: u32, layout: Layout, colour: YuvColour, random: &mut ChaCha8Rng) -> Self {
        let ((step, sample), rows) = (layout.step(), height.div_ceil(2));
        let chroma = (step * (width.div_ceil(2) - 1) + sample, rows);
        let sizes = if sample == 2 { vec![(width, height), chroma] } else { vec![(width, height), chroma, chroma] };
        let plane = |(row, rows): (u32, u32)| {
            let stride = row + random.random_range(0..9);
            // Cameras end the last row without padding.
            ((0..stride * (rows - 1) + row).map(|_| random.random()).collect(), stride)
        };
        Self { width, height, layout, colour, planes: sizes.into_iter().map(plane).collect() }
    }

    pub(super) fn image(&self) -> Image<'_> {
        let plane = |index: usize| Plane::new(&self.planes[index].0, self.planes[index].1);
        let (width, height, colour) = (self.width, self.height, self.colour);
        match self.layout {
            Layout::Nv12 => Image::nv12(width, height, plane(0), plane(1), colour),
            Layout::Nv21 => Image::nv21(width, height, plane(0), plane(1), colour),
            Layout::I420 => Image::i420(width, height, plane(0), plane(1), plane(2), colour),
            Layout::Android | Layout::FarApart => {
                Image::yuv_420_888(width, height, [0, 1, 2].map(plane), self.layout.step().0, colour)
            }
        }
        .unwrap()
    }

    /// A conversion that shares nothing with the runtime's: the factors as the standards' tables print them.
    fn rgba(&self) -> Vec<u8> {
        let at = |plane: usize, row: u32, byte: u32| {
            f64::from(self.planes[plane].0[(row * self.planes[plane].1 + byte) as usize])
        };
        let [cr_to_red, cb_to_green, cr_to_green, cb_to_blue] = match (self.colour.matrix, self.colour.range) {
            (YuvMatrix::Bt601, YuvRange::Full) => [1.402, -0.344136, -0.714136, 1.772],
            (YuvMatrix::Bt601, YuvRange::Limited) => [1.596027, -0.391762, -0.812968, 2.017232],
            (YuvMatrix::Bt709, YuvRange::Full) => [1.5748, -0.187324, -0.468124, 1.8556],
            (YuvMatrix::Bt709, YuvRange::Limited) => [1.792741, -0.213249, -0.532909, 2.112402],
        };
        let mut rgba = Vec::new();
        for row in 0..self.height {
            for column in 0..self.width {
                let (y, x) = (row / 2, column / 2);
                let (cb, cr) = match self.layout {
                    Layout::Nv12 => (at(1, y, 2 * x), at(1, y, 2 * x + 1)),
                    Layout::Nv21 => (at(1, y, 2 * x + 1), at(1, y, 2 * x)),
                    Layout::I420 | Layout::Android | Layout::FarApart => {
                        let step = self.layout.step().0;
                        (at(1, y, step * x), at(2, y, step * x))
                    }
                };
                let (cb, cr) = (cb - 128.0, cr - 128.0);
                let luma = match self.colour.range {
                    YuvRange::Full => at(0, row, column),
                    YuvRange::Limited => 1.164384 * (at(0, row, column) - 16.0),
                };
                let colour =
                    [luma + cr_to_red * cr, luma + cb_to_green * cb + cr_to_green * cr, luma + cb_to_blue * cb];
                rgba.extend(colour.map(|value| value.round().clamp(0.0, 255.0) as u8));
                rgba.push(255);
            }
        }
        rgba
    }
}

#[test]
fn the_gpu_reads_camera_frames_as_the_definition_says() {
    let mut random = random(13);
    for channels in [1, 3] {
        let space = SearchSpace { input_channels: channels, ..SearchSpace::fashion() }.validated().unwrap();
        let weights = random_weights(&space, &mut random);
        let supernet = load(&CONTEXT, &space, &weights, &EngineOptions::default());
        let child = random_statistics(&space, &space.biggest(), &mut random);
        let prepared = supernet.prepare(&child).unwrap();
        for (width, height) in [(2, 2), (3, 2), (5, 7), (28, 28), (29, 30), (31, 31), (101, 66), (64, 203), (640, 479)]
        {
            for (layout, colour) in LAYOUTS.into_iter().flat_map(|layout| COLOURS.map(|colour| (layout, colour))) {
                let frame = Frame::random(width, height, layout, colour, &mut random);
                let given = resized(&supernet, &prepared, &frame.image());
                let expected = preprocess(&frame.image(), supernet.preprocessing(), child.child().resolution);
                let error = input_error(&given, &expected);
                assert!(error < 2e-5, "{width}x{height} {layout:?} {colour:?}, {channels} channels: {error}");
            }
        }
    }
}

#[test]
fn the_gpu_reads_camera_frames_as_pixels_converted_on_the_cpu() {
    let mut random = random(14);
    let space = SearchSpace { input_channels: 3, ..SearchSpace::fashion() }.validated().unwrap();
    let weights = random_weights(&space, &mut random);
    let supernet = load(&CONTEXT, &space, &weights, &EngineOptions::default());
    let child = random_statistics(&space, &space.biggest(), &mut random);
    let prepared = supernet.prepare(&child).unwrap();
    // Sizes whose square starts at even rows and columns in both: then only rounding to 8 bits is between them.
    for (width, height) in [(28, 28), (33, 33), (32, 28), (101, 65), (480, 640)] {
        for (layout, colour) in LAYOUTS.into_iter().flat_map(|layout| COLOURS.map(|colour| (layout, colour))) {
            let frame = Frame::random(width, height, layout, colour, &mut random);
            let (frame, rgba) = (frame.image(), frame.rgba());
            let pixels = Image::rgba8(width, height, &rgba).unwrap();
            let placement = |image: &Image<'_>| image.placement(supernet.preprocessing(), 9);
            assert_eq!(placement(&frame), placement(&pixels));
            let (frame, pixels) = (resized(&supernet, &prepared, &frame), resized(&supernet, &prepared, &pixels));
            let difference = frame.iter().zip(&pixels).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            let rounding = 0.501 / 255.0 / supernet.preprocessing().standard_deviations[0];
            assert!(difference < rounding, "{width}x{height} {layout:?} {colour:?}: {difference}");
        }
    }
}

proptest! {
    #[test]
    fn what_is_read_of_a_frame_starts_where_chroma_does(
        width in 2u32..300, height in 2u32..300, centre_fraction in 0.01f32..=1.0, layout in 0usize..5
    ) {
        let frame = Frame::random(width, height, LAYOUTS[layout], COLOURS[0], &mut random(u64::from(width)));
        for fit in Fit::ALL {
            let preprocessing = Preprocessing { means: vec![], standard_deviations: vec![], centre_fraction, fit };
            let part = frame.image().placement(&preprocessing, 9).source;
            prop_assert!(part.left.is_multiple_of(2) && part.top.is_multiple_of(2) && part.pixels() >= 1);
            prop_assert!(part.left + part.width <= width && part.top + part.height <= height);
            let middle = |start: u32, part: u32, length: u32| (2 * start + part).abs_diff(length);
            prop_assert!(middle(part.left, part.width, width) <= 3 && middle(part.top, part.height, height) <= 3);
        }
    }

    #[test]
    fn frames_agree_with_the_printed_tables(
        width in 2u32..20, height in 2u32..20, layout in 0usize..5, colour in 0usize..4, seed: u64
    ) {
        let frame = Frame::random(width, height, LAYOUTS[layout], COLOURS[colour], &mut random(seed));
        for (index, &expected) in frame.rgba().iter().enumerate() {
            let (pixel, channel) = (index as u32 / 4, index as u32 % 4);
            if channel < 3 {
                let value = frame.image().value(pixel / width, pixel % width, channel, 3);
                prop_assert!((value - f64::from(expected)).abs() < 0.501, "{value} is not {expected}");
            }
        }
    }
}
