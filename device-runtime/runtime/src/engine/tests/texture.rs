//! Textures, and the device of an app.

use super::frames::shapes;
use super::resize::{poison, resized_input};
use super::*;
use crate::Error;
use crate::engine::run::{Input, TEXTURES_KEPT};
use crate::gpu::block_on;
use nestling_core::image::{Fit, Image, ImageError, Orientation, preprocess};
use proptest::prelude::*;
use wgpu::TextureFormat::{Bgra8Unorm, Rgba8Unorm, Rgba8UnormSrgb};

fn descriptor<'a>(width: u32, height: u32, format: wgpu::TextureFormat) -> wgpu::TextureDescriptor<'a> {
    wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
        view_formats: &[],
    }
}

/// A texture that shows these pixels.
fn filled(context: &Context, descriptor: &wgpu::TextureDescriptor<'_>, rgba: &[u8]) -> wgpu::Texture {
    let texture = context.device().create_texture(descriptor);
    let mut bytes = rgba.to_vec();
    if descriptor.format.remove_srgb_suffix() == Bgra8Unorm {
        bytes.chunks_exact_mut(4).for_each(|pixel| pixel.swap(0, 2));
    }
    let layout =
        wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(4 * descriptor.size.width), rows_per_image: None };
    let one = wgpu::Extent3d { depth_or_array_layers: 1, ..descriptor.size };
    context.queue().write_texture(texture.as_image_copy(), &bytes, layout, one);
    texture
}

fn rgba(width: u32, height: u32, random: &mut ChaCha8Rng) -> Vec<u8> {
    (0..4 * width * height).map(|_| random.random()).collect()
}

/// A supernet on a device, with a child that is ready.
struct Ready {
    supernet: Supernet,
    prepared: PreparedChild,
}

impl Ready {
    fn new(context: &Context, channels: u32, centre_fraction: f32) -> Self {
        Self::fitted(context, channels, centre_fraction, Fit::Crop)
    }

    fn fitted(context: &Context, channels: u32, centre_fraction: f32, fit: Fit) -> Self {
        let mut random = random(50);
        let space = SearchSpace { input_channels: channels, ..SearchSpace::fashion() }.validated().unwrap();
        let weights = random_weights(&space, &mut random);
        let preprocessing = Preprocessing { centre_fraction, fit, ..preprocessing(&space) };
        let supernet = Supernet::load(context, &space, &weights, &preprocessing, &EngineOptions::default()).unwrap();
        let prepared = supernet.prepare(&random_statistics(&space, &space.biggest(), &mut random)).unwrap();
        Self { supernet, prepared }
    }

    fn resized(&self, texture: &wgpu::Texture, orientation: Orientation) -> Vec<f32> {
        poison(&self.supernet);
        let bound = block_on(self.supernet.bind_texture(texture)).unwrap();
        resized_input(&self.supernet, &self.prepared, Input::Texture(&bound, orientation))
    }

    fn logits(&self, texture: &wgpu::Texture) -> Result<Vec<f32>, Error> {
        self.supernet.infer(&self.prepared, Image::texture(texture)?)
    }

    fn logits_of_pixels(&self, width: u32, height: u32, rgba: &[u8]) -> Vec<f32> {
        self.supernet.infer(&self.prepared, Image::rgba8(width, height, rgba).unwrap()).unwrap()
    }
}

static READY: LazyLock<Vec<Ready>> = LazyLock::new(|| {
    [(1, 1.0, Fit::Crop), (3, 1.0, Fit::Crop), (1, 0.875, Fit::Crop), (3, 0.37, Fit::Crop)]
        .into_iter()
        .chain([(3, 1.0, Fit::Pad), (1, 0.8, Fit::Pad), (3, 0.9, Fit::Squash), (1, 1.0, Fit::Squash)])
        .map(|(channels, fraction, fit)| Ready::fitted(&CONTEXT, channels, fraction, fit))
        .collect()
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_gpu_reads_textures_as_the_definition_says(
        (width, height) in prop_oneof![(2u32..260, 2u32..260), shapes()], blue_first: bool, turn in 0usize..8,
        which in 0usize..8, seed: u64
    ) {
        let Ready { supernet, prepared } = &READY[which];
        let pixels = rgba(width, height, &mut random(seed));
        let format = if blue_first { Bgra8Unorm } else { Rgba8Unorm };
        let texture = filled(&CONTEXT, &descriptor(width, height, format), &pixels);
        let orientation = Orientation::ALL[turn];
        let image = Image::rgba8(width, height, &pixels).unwrap().oriented(orientation);
        let given = READY[which].resized(&texture, orientation);
        let expected = preprocess(&image, supernet.preprocessing(), prepared.child().resolution);
        let error = input_error(&given, &expected);
        prop_assert!(error < 2e-5, "{error}");
        poison(supernet);
        prop_assert_eq!(given, resized_input(supernet, prepared, Input::Image(&image)), "bit for bit");
        let frame = Image::texture(&texture).unwrap().oriented(orientation);
        let logits = supernet.infer(prepared, frame).unwrap();
        prop_assert_eq!(logits, supernet.infer(prepared, image).unwrap(), "bit for bit");
    }
}

#[test]
fn every_byte_comes_through_a_texture_unchanged() {
    // Each column's pixel is one byte in red, its complement in green, and the square fits one of 16x16 values.
    let pixels: Vec<u8> = (0..=255u8).flat_map(|byte| [byte, !byte, byte.rotate_left(3), byte]).collect();
    for ready in READY.iter().take(2) {
        let texture = filled(&CONTEXT, &descriptor(16, 16, Rgba8Unorm), &pixels);
        let image = Image::rgba8(16, 16, &pixels).unwrap();
        let given = ready.resized(&texture, Orientation::Upright);
        assert_eq!(given, resized_input(&ready.supernet, &ready.prepared, Input::Image(&image)));
    }
}

#[test]
fn an_srgb_texture_is_read_byte_for_byte_where_its_view_formats_allow_it() {
    let ready = &READY[1];
    let pixels = rgba(31, 40, &mut random(51));
    let allowed = wgpu::TextureDescriptor { view_formats: &[Rgba8Unorm], ..descriptor(31, 40, Rgba8UnormSrgb) };
    let texture = filled(&CONTEXT, &allowed, &pixels);
    assert_eq!(ready.logits(&texture).unwrap(), ready.logits_of_pixels(31, 40, &pixels));
    let error = ready.logits(&filled(&CONTEXT, &descriptor(31, 40, Rgba8UnormSrgb), &pixels)).unwrap_err();
    assert!(matches!(error, Error::Texture { .. }) && error.to_string().contains("view_formats"), "{error}");
}

#[test]
fn only_the_first_layer_and_level_of_a_texture_count() {
    let ready = &READY[0];
    let pixels = rgba(32, 24, &mut random(52));
    let size = wgpu::Extent3d { width: 32, height: 24, depth_or_array_layers: 3 };
    let layered = wgpu::TextureDescriptor { size, mip_level_count: 2, ..descriptor(32, 24, Rgba8Unorm) };
    assert_eq!(ready.logits(&filled(&CONTEXT, &layered, &pixels)).unwrap(), ready.logits_of_pixels(32, 24, &pixels));
}

#[test]
fn textures_that_cannot_be_read_are_refused_with_a_remedy() {
    let make = |descriptor: wgpu::TextureDescriptor<'_>| CONTEXT.device().create_texture(&descriptor);
    let plain = descriptor(8, 8, Rgba8Unorm);
    let refused = [
        (descriptor(8, 8, wgpu::TextureFormat::R8Unorm), "R8Unorm"),
        (wgpu::TextureDescriptor { usage: wgpu::TextureUsages::COPY_DST, ..plain.clone() }, "TEXTURE_BINDING"),
        (wgpu::TextureDescriptor { dimension: wgpu::TextureDimension::D3, ..plain.clone() }, "2D"),
    ];
    for (descriptor, word) in refused {
        let error = Image::texture(&make(descriptor)).unwrap_err();
        assert_eq!(error.code(), "texture");
        assert!(error.to_string().contains(word), "{error}");
    }
    let error = Image::texture(&make(descriptor(1, 8, Rgba8Unorm))).unwrap_err();
    assert!(matches!(error, Error::Image(ImageError::Size { .. })), "{error}");
    let error = READY[0].logits(&make(descriptor(1100, 1090, Rgba8Unorm))).unwrap_err();
    assert!(matches!(error, Error::ImageTooLarge { side: 1090, max: 1080 }), "{error}");
    assert!(READY[0].logits(&make(plain)).is_ok(), "a refusal leaves nothing behind");
}

#[test]
fn a_camera_that_cycles_among_a_few_textures_makes_nothing_for_each_frame() {
    // A device of its own, so that no other test is counted.
    let ready = Ready::new(&Context::new(&ContextOptions::default()).unwrap(), 1, 1.0);
    let context = &ready.supernet.context;
    let frames: Vec<(wgpu::Texture, Vec<f32>)> = (0..TEXTURES_KEPT as u64 + 1)
        .map(|seed| {
            // All of one size: only their identities tell them apart.
            let pixels = rgba(20, 20, &mut random(seed));
            let expected = ready.logits_of_pixels(20, 20, &pixels);
            (filled(context, &descriptor(20, 20, Rgba8Unorm), &pixels), expected)
        })
        .collect();
    let (one_more, few) = frames.split_last().unwrap();
    let show = |(texture, expected): &(wgpu::Texture, Vec<f32>)| {
        let before = ready.supernet.counters();
        assert_eq!(&ready.logits(texture).unwrap(), expected);
        let made = ready.supernet.counters() - before;
        assert_eq!((made.buffers, made.pipelines), (0, 0));
        made.bind_groups
    };
    ready.logits(&few[0].0).unwrap(); // makes the reader too
    assert!(few[1..].iter().all(|frame| show(frame) == 1));
    assert!((0..3).flat_map(|_| few).all(|frame| show(frame) == 0));
    // The same texture by another handle, with other pixels in it.
    let (texture, pixels) = (few[1].0.clone(), rgba(20, 20, &mut random(60)));
    context.queue().write_texture(
        texture.as_image_copy(),
        &pixels,
        wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(80), rows_per_image: None },
        texture.size(),
    );
    assert_eq!(show(&(texture, ready.logits_of_pixels(20, 20, &pixels))), 0);
    // One more takes the place of the one that was not read for the longest time: the first.
    assert_eq!([show(one_more), show(&few[2]), show(&few[3]), show(&few[0])], [1, 0, 0, 1]);
    // Textures that the app drops are let go by those that come after them.
    for seed in 0..10 {
        let pixels = rgba(8, 8, &mut random(seed));
        ready.logits(&filled(context, &descriptor(8, 8, Rgba8Unorm), &pixels)).unwrap();
        assert_eq!(ready.supernet.textures.get().unwrap().kept(), TEXTURES_KEPT);
    }
}

#[test]
fn a_texture_that_the_app_destroyed_is_an_error_though_it_was_read_before() {
    let ready = Ready::new(&CONTEXT, 1, 1.0);
    let pixels = rgba(9, 8, &mut random(61));
    let texture = filled(&CONTEXT, &descriptor(9, 8, Rgba8Unorm), &pixels);
    ready.logits(&texture).unwrap();
    texture.destroy();
    let error = ready.logits(&texture).unwrap_err();
    assert!(matches!(error, Error::Refused { .. } | Error::Texture { .. }), "{error}");
    ready.logits_of_pixels(9, 8, &pixels);
}

#[test]
fn many_frames_may_be_pixels_and_textures() {
    let Ready { supernet, prepared } = &READY[1];
    let pixels: Vec<Vec<u8>> = (0..9).map(|seed| rgba(33, 30, &mut random(seed))).collect();
    let images: Vec<Image<'_>> = pixels.iter().map(|pixels| Image::rgba8(33, 30, pixels).unwrap()).collect();
    let textures: Vec<wgpu::Texture> =
        pixels.iter().map(|pixels| filled(&CONTEXT, &descriptor(33, 30, Bgra8Unorm), pixels)).collect();
    let mixed: Vec<Frame<'_>> = (images.iter().zip(&textures).enumerate())
        .map(|(index, (image, texture))| if index % 3 == 0 { image.into() } else { Image::texture(texture).unwrap() })
        .zip(Orientation::ALL.into_iter().cycle())
        .map(|(frame, orientation): (Frame<'_>, _)| frame.oriented(orientation))
        .collect();
    let images: Vec<Image<'_>> = (images.iter().zip(Orientation::ALL.into_iter().cycle()))
        .map(|(image, orientation)| image.oriented(orientation))
        .collect();
    assert_eq!(supernet.infer_many(prepared, &mixed).unwrap(), supernet.infer_many(prepared, &images).unwrap());
    let child = prepared.child();
    let calibrated = supernet.calibrate(child, &mixed, None).unwrap();
    assert!(calibrated == supernet.calibrate(child, &images, None).unwrap(), "another calibration");
}

#[test]
fn nothing_for_textures_is_made_before_the_first() {
    let ready = Ready::new(&CONTEXT, 1, 1.0);
    let pixels = rgba(9, 8, &mut random(53));
    ready.logits_of_pixels(9, 8, &pixels);
    assert!(ready.supernet.textures.get().is_none());
    ready.logits(&filled(&CONTEXT, &descriptor(9, 8, Rgba8Unorm), &pixels)).unwrap();
    assert!(ready.supernet.textures.get().is_some());
}

/// A device as an app opens its own.
fn own_device(limits: wgpu::Limits) -> (wgpu::Adapter, wgpu::Device, wgpu::Queue) {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let request = wgpu::RequestAdapterOptions {
        power_preference: wgpu::PowerPreference::HighPerformance,
        ..wgpu::RequestAdapterOptions::default()
    };
    let adapter = block_on(instance.request_adapter(&request)).unwrap();
    let descriptor = wgpu::DeviceDescriptor { required_limits: limits, ..wgpu::DeviceDescriptor::default() };
    let (device, queue) = block_on(adapter.request_device(&descriptor)).unwrap();
    (adapter, device, queue)
}

#[test]
fn an_apps_own_device_answers_as_one_that_the_runtime_opens() {
    let (adapter, device, queue) = own_device(wgpu::Limits::downlevel_defaults());
    let context = Context::from_wgpu(adapter, device.clone(), queue).unwrap();
    let facts = context.facts();
    assert!(!facts.f16 && !facts.subgroups && !facts.timestamps && !facts.pipeline_cache, "opened without: {facts}");
    let (own, plain) = (Ready::new(&context, 3, 0.875), Ready::new(&PLAIN_CONTEXT, 3, 0.875));
    let pixels = rgba(61, 47, &mut random(54));
    let expected = plain.logits_of_pixels(61, 47, &pixels);
    assert_eq!(own.logits_of_pixels(61, 47, &pixels), expected);
    let texture = filled(&context, &descriptor(61, 47, Bgra8Unorm), &pixels);
    assert_eq!(own.logits(&texture).unwrap(), expected);

    // The device is still the app's.
    context.destroy();
    assert!(matches!(own.logits(&texture).unwrap_err(), Error::Lost { .. }));
    let context = Context::from_wgpu(own_adapter(), device.clone(), own.supernet.context.queue().clone()).unwrap();
    let again = Ready::new(&context, 3, 0.875);
    assert_eq!(again.logits(&texture).unwrap(), expected);
    context.report_lost("the app says so");
    assert!(again.logits(&texture).unwrap_err().to_string().contains("the app says so"));
}

fn own_adapter() -> wgpu::Adapter {
    own_device(wgpu::Limits::downlevel_defaults()).0
}

#[test]
fn the_loss_of_an_apps_device_is_an_error_and_its_callbacks_stay() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let (adapter, device, queue) = own_device(wgpu::Limits::downlevel_defaults());
    let (errors, losses) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&errors);
    device.on_uncaptured_error(Arc::new(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    }));
    let count = Arc::clone(&losses);
    device.set_device_lost_callback(move |_, _| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    let context = Context::from_wgpu(adapter, device.clone(), queue).unwrap();
    let ready = Ready::new(&context, 1, 1.0);
    let pixels = rgba(20, 20, &mut random(55));
    ready.logits_of_pixels(20, 20, &pixels);
    // The runtime's own mistakes are the runtime's.
    let ((), verdict) =
        context.guarded("a mistake", || drop(context.buffer("no usage", 4, wgpu::BufferUsages::empty())));
    assert!(matches!(block_on(verdict).unwrap_err(), Error::Refused { .. }));
    assert_eq!(errors.load(Ordering::Relaxed), 0);
    let _ = device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 4,
        usage: wgpu::BufferUsages::empty(),
        mapped_at_creation: false,
    });
    assert_eq!(errors.load(Ordering::Relaxed), 1, "the app's mistakes are the app's");
    device.destroy();
    let image = Image::rgba8(20, 20, &pixels).unwrap();
    let error = ready.supernet.infer(&ready.prepared, image).unwrap_err();
    assert!(matches!(error, Error::Lost { .. } | Error::Refused { .. }), "{error}");
    // wgpu calls back at a poll that finds the queue empty.
    let timeout = Some(std::time::Duration::from_secs(10));
    let _ = device.poll(wgpu::PollType::Wait { submission_index: None, timeout });
    assert_eq!(losses.load(Ordering::Relaxed), 1);
}

#[test]
fn a_device_with_too_low_limits_is_refused() {
    let enough = wgpu::Limits::downlevel_defaults();
    for (limits, name) in [
        (wgpu::Limits { max_storage_buffers_per_shader_stage: 3, ..enough.clone() }, "maxStorageBuffersPerShaderStage"),
        (wgpu::Limits { max_compute_workgroups_per_dimension: 1000, ..enough }, "maxComputeWorkgroupsPerDimension"),
        (wgpu::Limits::downlevel_webgl2_defaults(), "max"),
    ] {
        let (adapter, device, queue) = own_device(limits);
        let error = Context::from_wgpu(adapter, device, queue).unwrap_err();
        assert!(matches!(error, Error::MissingLimit { limit, .. } if limit.starts_with(name)), "{error}");
        assert!(error.to_string().contains("downlevel_defaults"), "{error}");
    }
}
