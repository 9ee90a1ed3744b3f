//! Statistics computed on the adapter against calibration in f64, over the reference.

use super::*;
use crate::Error;
use crate::engine::tests::networks::preset;
use crate::gpu::Counters;
use nestling_core::arithmetic::Arithmetic;
use nestling_core::image::Image;
use nestling_core::reference::{convolve, epilogue};
use nestling_core::space::{Activation, Padding, SpaceError};
use nestling_core::weights::WeightStorage;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Exact calibration in f64: one layer of all images after the other, normalised by what will ship.
fn calibrated_by_reference(
    network: &nestling_core::space::Network,
    shared: &SharedWeights<'_>,
    images: &[&[f32]],
) -> Vec<[f64; 2]> {
    let mut all = Vec::new();
    let wide = |image: &&[f32]| image.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>();
    let images: Vec<Vec<f64>> = images.iter().map(wide).collect();
    let mut outputs: Vec<Vec<Vec<f64>>> = Vec::new();
    for layer in &network.layers {
        let mut values: Vec<Vec<f64>> = (0..images.len())
            .map(|image| {
                let mut input = layer.input.map_or(&images[image], |from| &outputs[from][image]).clone();
                if let Some(gate) = layer.gate.map(|from| &outputs[from][image]) {
                    let pixels = layer.shape.input.pixels() as usize;
                    input.iter_mut().enumerate().for_each(|(index, value)| *value *= gate[index / pixels]);
                }
                convolve(layer, shared, &input)
            })
            .collect();
        let pixels = layer.shape.output.pixels() as usize;
        let mut own = Vec::new();
        if layer.is_normalised() {
            for channel in 0..layer.shape.output.channels as usize {
                let of = || values.iter().flat_map(|image| &image[channel * pixels..(channel + 1) * pixels]);
                let count = (pixels * images.len()) as f64;
                let mean = of().sum::<f64>() / count;
                own.push([mean, of().map(|value| (value - mean).powi(2)).sum::<f64>() / count]);
            }
        }
        let [means, variances] = [0, 1].map(|index| own.iter().map(|pair| pair[index] as f32).collect::<Vec<f32>>());
        let folded = shared.fold(layer, &means, &variances);
        for (image, values) in values.iter_mut().enumerate() {
            epilogue(layer, &folded, values, layer.residual.map(|from| outputs[from][image].as_slice()));
        }
        all.extend(own);
        outputs.push(values);
    }
    all
}

/// Largest difference of a mean, over its size and deviation; and of a deviation, over itself.
fn deviations(child: &CalibratedChild, expected: &[[f64; 2]]) -> (f64, f64) {
    let Statistics { means, variances } = child.statistics();
    assert_eq!((means.len(), variances.len()), (expected.len(), expected.len()));
    let mut worst = (0.0f64, 0.0f64);
    for ((&mean, &variance), &[expected_mean, expected_variance]) in means.iter().zip(variances).zip(expected) {
        let deviation = expected_variance.sqrt();
        worst.0 = worst.0.max((f64::from(mean) - expected_mean).abs() / (expected_mean.abs() + deviation));
        worst.1 = worst.1.max((f64::from(variance).sqrt() - deviation).abs() / deviation);
    }
    worst
}

struct Case {
    space: ValidatedSpace,
    vendor: Vendor,
    storage: WeightStorage,
    images: usize,
    sampled: usize,
    /// How far a statistic may be off.
    limit: f64,
}

impl Case {
    fn new(space: SearchSpace, images: usize, sampled: usize) -> Self {
        let space = space.validated().unwrap();
        Self { space, vendor: Vendor::Software, storage: WeightStorage::F32, images, sampled, limit: 1e-5 }
    }
}

fn check(case: &Case, seed: u64) {
    let mut random = random(seed);
    let space = &case.space;
    let weights = random_weights(space, &mut random);
    let as_stored = dequantised(space.layout(), &weights, case.storage);
    let options = EngineOptions { child_slots: 1, weight_storage: case.storage, ..EngineOptions::default() };
    let traits = traits(case.vendor, CONTEXT.facts().subgroups);
    let preprocessing = preprocessing(space);
    let load = Supernet::load_planned(&CONTEXT, space, weights.as_slice(), &preprocessing, &options, traits);
    let supernet = pollster::block_on(load).unwrap();
    let mut children = vec![space.smallest(), space.biggest()];
    children.extend((0..case.sampled).map(|_| space.sample(&mut random)));
    children.dedup();
    for child in children {
        let network = space.lower(&child).unwrap();
        // Unlike each other, so that what lies between images counts.
        let tensors: Vec<Vec<f32>> = (0..case.images)
            .map(|image| {
                let mut tensor = random_tensor(network.input.len(), &mut random);
                tensor.iter_mut().for_each(|value| *value = *value * (0.2 + image as f32 * 0.3) + image as f32 * 0.1);
                tensor
            })
            .collect();
        let tensors: Vec<&[f32]> = tensors.iter().map(Vec::as_slice).collect();
        let layout = space.layout();
        let shared = SharedWeights { layout, values: &as_stored };
        let expected = calibrated_by_reference(&network, &shared, &tensors);
        let calibrated = supernet.calibrate_tensors(&child, &tensors, None).unwrap();
        let (mean, deviation) = deviations(&calibrated, &expected);
        println!("{}: {child}: means {mean:.1e}, deviations {deviation:.1e}", space.name);
        assert!(mean < case.limit && deviation < case.limit, "{}: {child}: {mean:e}, {deviation:e}", space.name);

        // And it answers as the reference does with the statistics of f64.
        let [means, variances] = [0, 1].map(|index| expected.iter().map(|pair| pair[index] as f32).collect());
        let ideal = CalibratedChild::new(&network, Statistics { means, variances }).unwrap();
        let prepared = supernet.prepare(&calibrated).unwrap();
        let logits = supernet.infer_tensor(&prepared, tensors[0]).unwrap();
        let error = relative_error(&logits, &reference_logits(space, &as_stored, &ideal, tensors[0]));
        assert!(error < 1e-4, "{}: {child}: {error:e}", space.name);
    }
}

#[test]
fn children_are_calibrated_as_in_f64() {
    check(&Case::new(SearchSpace::fashion(), 5, 3), 70);
    let swish = SearchSpace { padding: Padding::Same, activation: Activation::Swish, ..SearchSpace::fashion() };
    check(&Case { vendor: Vendor::Nvidia, ..Case::new(swish, 3, 1) }, 71);
}

#[test]
fn stages_that_differ_in_everything_are_calibrated_as_in_f64() {
    check(&Case::new(mixed(), 4, 4), 72);
    check(&Case { vendor: Vendor::Nvidia, ..Case::new(mixed(), 3, 1) }, 73);
}

#[test]
fn squeeze_and_excite_and_transition_skips_are_calibrated_as_in_f64() {
    let mut table1 = preset("table1", &[32, 41]);
    table1.stages.truncate(3);
    check(&Case::new(table1, 3, 1), 74);
    let mut attentive = preset("attentivenas", &[32, 39]);
    attentive.stages.truncate(3);
    check(&Case::new(attentive, 3, 1), 75);
}

#[test]
fn networks_of_others_are_calibrated_as_in_f64() {
    // Their last layers see two pixels by two: some channels hardly differ from one pixel to the next, and every
    // rounding before them counts.
    let limit = 1e-4;
    check(&Case { limit, ..Case::new(preset("mobilenet-v1-0.5x", &[35]), 5, 0) }, 76);
    check(&Case { limit, ..Case::new(preset("mobilenet-v3-large-1.0x", &[40]), 5, 0) }, 77);
}

#[test]
fn stored_weights_are_calibrated_as_what_they_are_worth() {
    for (storage, seed) in [(WeightStorage::F16, 78), (WeightStorage::Int8, 79)] {
        check(&Case { storage, ..Case::new(SearchSpace::fashion(), 3, 1) }, seed);
    }
}

/// Products in 16 bits: the statistics are of what the device computes, near those of f64.
#[test]
fn halves_are_calibrated_as_they_compute() {
    if !Feature::F16.can_be_tested(CONTEXT.facts().f16) {
        return;
    }
    let mut random = random(84);
    let space = SearchSpace::fashion().validated().unwrap();
    let weights = random_weights(&space, &mut random);
    let options = EngineOptions { arithmetic: Arithmetic::F16, ..EngineOptions::default() };
    let supernet = load(&CONTEXT, &space, &weights, &options);
    let child = space.smallest();
    let network = space.lower(&child).unwrap();
    let tensors: Vec<Vec<f32>> = (0..4).map(|_| random_tensor(network.input.len(), &mut random)).collect();
    let tensors: Vec<&[f32]> = tensors.iter().map(Vec::as_slice).collect();
    let layout = space.layout();
    let expected = calibrated_by_reference(&network, &SharedWeights { layout, values: &weights }, &tensors);
    let (mean, deviation) = deviations(&supernet.calibrate_tensors(&child, &tensors, None).unwrap(), &expected);
    assert!((1e-6..1e-2).contains(&mean) && (1e-6..1e-2).contains(&deviation), "{mean:e}, {deviation:e}");
}

/// Asked for while the plain kernels answer, it waits for the fast ones: statistics are of the network that will run.
#[test]
fn a_start_with_plain_kernels_changes_no_bit() {
    let mut random = random(85);
    let space = SearchSpace::fashion().validated().unwrap();
    let weights = random_weights(&space, &mut random);
    let pixels = made_up_pixels(6, &mut random);
    let images: Vec<Image<'_>> = pixels.iter().map(|pixels| Image::grey8(28, 28, pixels).unwrap()).collect();
    let starts = [Start::Tuned, Start::Within(std::time::Duration::ZERO)];
    let [tuned, within] = starts.map(|start| {
        let supernet = load(&PLAIN_CONTEXT, &space, &weights, &EngineOptions { start, ..EngineOptions::default() });
        supernet.calibrate(&space.smallest(), &images, None).unwrap()
    });
    assert!(tuned == within);
}

/// Two images of one grey: every channel of the stem that sees no border is constant, and some have no variance at all.
#[test]
fn images_without_contrast_give_finite_statistics() {
    let space = SearchSpace::fashion().validated().unwrap();
    let weights = random_weights(&space, &mut random(80));
    let supernet = load(&CONTEXT, &space, &weights, &EngineOptions::default());
    let pixels = [128; 784];
    let images = [Image::grey8(28, 28, &pixels).unwrap(); 2];
    let calibrated = supernet.calibrate(&space.smallest(), &images, None).unwrap();
    let prepared = supernet.prepare(&calibrated).unwrap();
    assert!(supernet.infer(&prepared, images[0]).unwrap().iter().all(|logit| logit.is_finite()));
}

fn made_up_pixels(images: usize, random: &mut ChaCha8Rng) -> Vec<Vec<u8>> {
    (0..images).map(|image| (0..28 * 28).map(|_| random.random_range(0..=20 + image as u8 * 3)).collect()).collect()
}

#[test]
fn other_threads_change_nothing_and_notice_nothing() {
    let mut random = random(81);
    let space = SearchSpace::fashion().validated().unwrap();
    let weights = random_weights(&space, &mut random);
    let supernet = load(&CONTEXT, &space, &weights, &EngineOptions::default());
    let pixels = made_up_pixels(70, &mut random);
    let images: Vec<Image<'_>> = pixels.iter().map(|pixels| Image::grey8(28, 28, pixels).unwrap()).collect();
    let children = [space.sample(&mut random), space.biggest()];
    let alone = children.clone().map(|child| supernet.calibrate(&child, &images, None).unwrap());
    let others: Vec<PreparedChild> = [space.smallest(), space.sample(&mut random)]
        .iter()
        .map(|child| supernet.prepare(&random_statistics(&space, child, &mut random)).unwrap())
        .collect();
    let answers: Vec<Vec<Vec<f32>>> =
        others.iter().map(|child| supernet.infer_many(child, &images[..8]).unwrap()).collect();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let calibrating: Vec<_> = (children.iter().zip(&alone))
            .map(|(child, alone)| {
                let (supernet, images) = (&supernet, &images);
                scope.spawn(move || assert!(supernet.calibrate(child, images, None).unwrap() == *alone, "{child}"))
            })
            .collect();
        for (other, answers) in others.iter().zip(&answers) {
            let (supernet, images, done) = (&supernet, &images, &done);
            scope.spawn(move || {
                let mut runs = 0;
                while !done.load(Ordering::Relaxed) || runs < 2 {
                    for (image, answer) in images.iter().zip(answers) {
                        assert_eq!(&supernet.infer(other, image).unwrap(), answer);
                    }
                    runs += 1;
                }
            });
        }
        let results: Vec<_> = calibrating.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::Relaxed);
        assert!(results.iter().all(Result::is_ok), "{results:?}");
    });
    // Nor is anything left behind.
    for (other, answers) in others.iter().zip(&answers) {
        assert_eq!(&supernet.infer_many(other, &images[..8]).unwrap(), answers);
    }
    let later = pollster::block_on(supernet.calibrate_async(&children[0], &images, None)).unwrap();
    assert!(later == alone[0]);
}

#[test]
fn pipelines_are_built_once_and_progress_goes_from_nothing_to_all() {
    let mut random = random(82);
    let space = SearchSpace::fashion().validated().unwrap();
    let weights = random_weights(&space, &mut random);
    // A separate context, so that no other test is counted.
    let context = Context::new(&ContextOptions::default()).unwrap();
    let supernet = load(&context, &space, &weights, &EngineOptions { child_slots: 1, ..EngineOptions::default() });
    let pixels = made_up_pixels(20, &mut random);
    let images: Vec<Image<'_>> = pixels.iter().map(|pixels| Image::grey8(28, 28, pixels).unwrap()).collect();
    let told = Mutex::new(Vec::new());
    let tell = |share: f64| told.lock().unwrap().push(share);
    supernet.calibrate(&space.biggest(), &images, Some(&tell)).unwrap();
    let told = told.into_inner().unwrap();
    assert!(told.len() > 20 && told.is_sorted() && told[0] < 0.1 && told.last() == Some(&1.0), "{told:?}");

    let before = supernet.counters();
    let calibrated = supernet.calibrate(&space.biggest(), &images, None).unwrap();
    let spent = supernet.counters() - before;
    assert_eq!((spent.pipelines, spent.weight_bytes_uploaded), (0, 0));
    assert!(spent.buffers < 16 && spent.bind_groups < 8, "{spent:?}");
    let prepared = supernet.prepare(&calibrated).unwrap();
    let before = supernet.counters();
    supernet.infer(&prepared, images[0]).unwrap();
    let spent = supernet.counters() - before;
    let made = Counters { input_bytes_uploaded: 0, submissions: 0, ..spent };
    assert_eq!(made, Counters::default(), "answering makes nothing, as before");
}

#[test]
fn what_cannot_be_calibrated_is_said_and_leaves_nothing() {
    let mut random = random(83);
    let space = SearchSpace::fashion().validated().unwrap();
    let weights = random_weights(&space, &mut random);
    let context = Context::new(&ContextOptions::default()).unwrap();
    let options = EngineOptions { child_slots: 1, max_image_side: 64, ..EngineOptions::default() };
    let supernet = load(&context, &space, &weights, &options);
    let child = space.smallest();
    let good = vec![0.5; space.lower(&child).unwrap().input.len()];

    let error = supernet.calibrate(&child, &[] as &[Image<'_>], None).unwrap_err();
    assert!(error.to_string().contains("some hundred"), "{error}");
    let stranger = SearchSpace { resolutions: vec![36], ..SearchSpace::fashion() }.validated().unwrap().smallest();
    let error = supernet.calibrate_tensors(&stranger, &[&good], None).unwrap_err();
    assert!(matches!(error, Error::Space(SpaceError::NotInSpace { .. })), "{error}");
    let error = supernet.calibrate_tensors(&child, &[&good, &good[1..]], None).unwrap_err();
    assert!(matches!(error, Error::Tensor { .. }), "{error}");
    let pixels = vec![0; 65 * 65];
    let error = supernet.calibrate(&child, &[Image::grey8(65, 65, &pixels).unwrap()], None).unwrap_err();
    assert!(matches!(error, Error::ImageTooLarge { side: 65, max: 64 }), "{error}");
    let noise = vec![f32::NAN; good.len()];
    let error = supernet.calibrate_tensors(&child, &[&noise], None).unwrap_err();
    assert!(matches!(error, Error::Space(SpaceError::Statistics { .. })), "{error}");

    let calibrated = supernet.calibrate_tensors(&child, &[&good], None).expect("the slot is free after every error");
    let prepared = supernet.prepare(&calibrated).unwrap();
    let error = supernet.calibrate_tensors(&child, &[&good], None).unwrap_err();
    assert!(matches!(error, Error::SlotsInUse { slots: 1 }), "{error}");
    drop(prepared);
    context.destroy();
    let error = supernet.calibrate_tensors(&child, &[&good], None).unwrap_err();
    assert!(matches!(error, Error::Lost { .. }), "{error}");
    let error = Error::CalibrationMemory { child: child.to_string(), images: 1000, bytes: 1 << 40 };
    assert!(error.to_string().contains("fewer images"), "{error}");
}
