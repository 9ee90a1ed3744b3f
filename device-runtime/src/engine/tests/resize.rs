use super::*;
use crate::engine::infer::Input;
use crate::gpu::{Staging, Wait};
use crate::input::{Image, PixelFormat, preprocess};

/// What the resize leaves in the input tensor, channel by channel.
fn resized(supernet: &Supernet, child: &PreparedChild, image: &Image<'_>) -> Vec<f32> {
    let shape = child.network().input;
    let bytes = u64::from(shape.pixels()) * 16;
    let context = supernet.context();
    let lease = Staging::new(context, 1, bytes).try_take().unwrap();
    let (submission, verdict) = {
        let mut state = supernet.lock();
        supernet.upload(child, Input::Image(image), &mut state).unwrap();
        context.guarded("a resize", || {
            let mut commands = context.encoder();
            {
                let mut pass = commands.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                supernet.encode_resize(child, &state, &mut pass).unwrap();
            }
            commands.copy_buffer_to_buffer(&supernet.arena.filtered, 0, lease.buffer(), 0, bytes);
            context.submit(commands)
        })
    };
    pollster::block_on(verdict).unwrap();
    let read = pollster::block_on(lease.read(context, "a resize", submission, bytes, Wait::Blocking)).unwrap();
    let values: Vec<[f32; 4]> = bytemuck::pod_collect_to_vec(&read);
    let channels = shape.channels as usize;
    assert!(values.iter().all(|value| value[channels..].iter().all(|&padding| padding == 0.0)));
    (0..channels).flat_map(|channel| values.iter().map(move |value| value[channel])).collect()
}

#[test]
fn the_gpu_resizes_as_the_definition_says() {
    let mut random = random(8);
    for channels in [1, 3] {
        let space = SearchSpace { input_channels: channels, ..SearchSpace::fashion() };
        let weights = random_weights(&space, &mut random);
        let supernet = load(&CONTEXT, &space, &weights, &EngineOptions::default());
        for (width, height) in [(28, 28), (1, 1), (7, 5), (33, 29), (64, 64), (101, 203), (640, 480), (1080, 1081)] {
            for format in [PixelFormat::Grey8, PixelFormat::Rgba8] {
                let count = (width * height) as usize * format.bytes_per_pixel();
                let bytes: Vec<u8> = (0..count).map(|_| random.random()).collect();
                let image = Image::new(width, height, format, &bytes).unwrap();
                let child = random_statistics(&space, &space.sample(&mut random), &mut random);
                let prepared = supernet.prepare(&child).unwrap();
                let given = resized(&supernet, &prepared, &image);
                let expected = preprocess(&image, supernet.preprocessing(), child.child().resolution);
                let error = relative_error(&given, &expected);
                let identity = width == height && width == child.child().resolution;
                let tolerance = if identity { 1e-6 } else { 2e-5 };
                assert!(error < tolerance, "{width}x{height} {format:?} to {}: {error}", child.child().resolution);
            }
        }
    }
}
