use super::*;
use crate::gpu::Counters;
use nestling_core::image::Image;
use nestling_core::latency::Clock;
use nestling_core::space::{Activation, Block, Gate, HeadSpace, Padding, Preset, SqueezeExcite, SqueezeOf, StageSpace};

#[test]
fn random_children_agree_with_the_reference() {
    let mut random = random(3);
    for (context, space) in [
        (&*CONTEXT, SearchSpace::fashion()),
        (&*PLAIN_CONTEXT, SearchSpace::fashion()),
        (&*CONTEXT, SearchSpace { padding: Padding::Same, activation: Activation::Swish, ..SearchSpace::fashion() }),
    ] {
        let space = space.validated().unwrap();
        let weights = random_weights(&space, &mut random);
        let supernet = load(context, &space, &weights, &EngineOptions::default());
        let mut children = vec![space.smallest(), space.biggest()];
        children.extend((0..6).map(|_| space.sample(&mut random)));
        for child in children {
            let child = random_statistics(&space, &child, &mut random);
            let prepared = supernet.prepare(&child).unwrap();
            let tensor = random_tensor(prepared.network().input.len(), &mut random);
            let logits = supernet.infer_tensor(&prepared, &tensor).unwrap();
            let error = relative_error(&logits, &reference_logits(&space, &weights, &child, &tensor));
            assert!(error < 1e-4, "{prepared}: {error}");
        }
    }
}

#[test]
fn three_channels_and_a_thousand_classes_agree_with_the_reference() {
    let mut random = random(4);
    let mut space = SearchSpace { resolutions: vec![33, 40], ..SearchSpace::table1() };
    space.stages.truncate(4);
    space.stages[2].expand_ratios = [1, 3].map(nestling_core::space::ExpandRatio::whole).to_vec();
    let space = space.validated().unwrap();
    let weights = random_weights(&space, &mut random);
    let supernet = load(&CONTEXT, &space, &weights, &EngineOptions::default());
    for child in [space.smallest(), space.sample(&mut random)] {
        let child = random_statistics(&space, &child, &mut random);
        let prepared = supernet.prepare(&child).unwrap();
        let tensor = random_tensor(prepared.network().input.len(), &mut random);
        let logits = supernet.infer_tensor(&prepared, &tensor).unwrap();
        let error = relative_error(&logits, &reference_logits(&space, &weights, &child, &tensor));
        assert!(error < 1e-4, "{prepared}: {error}");
    }
}

/// The same space with a few blocks of each stage, small images and few classes: what a test can afford.
fn shrunken(mut space: SearchSpace, resolutions: &[u32]) -> SearchSpace {
    for stage in &mut space.stages {
        stage.depths.truncate(2);
        for depth in &mut stage.depths {
            *depth = (*depth).min(2);
        }
        stage.depths.dedup();
    }
    SearchSpace { resolutions: resolutions.to_vec(), classes: 11, ..space }
}

pub(super) fn preset(name: &str, resolutions: &[u32]) -> SearchSpace {
    shrunken(Preset::find(name).unwrap().space(), resolutions)
}

/// A small space in which every stage differs from the next in everything that a stage can choose.
pub(in crate::engine) fn mixed() -> SearchSpace {
    let squeezed = |of: SqueezeOf, multiple_of: u32, gate: Gate| {
        Some(SqueezeExcite { of, reduction: 4, multiple_of, activation: None, gate })
    };
    let plain = SearchSpace { name: "mixed".into(), resolutions: vec![33, 36], ..SearchSpace::fashion() };
    let stages = vec![
        StageSpace {
            block: Block::Separable,
            squeeze_excite: squeezed(SqueezeOf::BlockInput, 1, Gate::HardSigmoid),
            activation: Some(Activation::Relu),
            ..StageSpace::new(&[16, 24], &[1, 2], &[3, 5], &[1], 1)
        },
        StageSpace {
            transition_skips: true,
            squeeze_excite: squeezed(SqueezeOf::BlockInput, 1, Gate::Sigmoid), // 4 and 6 of 6
            padding: Some(Padding::Same),
            activation: Some(Activation::Swish),
            expand_ratios: ["1", "2.5", "4"].map(|ratio| ratio.parse().unwrap()).to_vec(),
            ..StageSpace::new(&[40, 88], &[1, 3], &[3, 5], &[1], 2)
        },
        StageSpace {
            transition_skips: true,
            squeeze_excite: squeezed(SqueezeOf::BlockInput, 1, Gate::Sigmoid), // 10 and 22 of 22
            activation: Some(Activation::Relu6),
            norm_epsilon: Some(1e-2),
            ..StageSpace::new(&[64, 120], &[1, 2], &[3, 7], &[2, 3], 1)
        },
        StageSpace {
            transition_skips: true,
            squeeze_excite: squeezed(SqueezeOf::Expanded, 1, Gate::HardSigmoid), // multiples of 1, mostly
            ..StageSpace::new(&[72], &[2], &[5], &[1, 2], 2)
        },
        StageSpace { padding: Some(Padding::Same), ..StageSpace::new(&[24, 72], &[1, 2], &[3], &[1, 3], 2) },
    ];
    let head = Some(HeadSpace { widths: vec![60, 100], expand_ratio: "2.5".parse().ok() });
    SearchSpace { stages, head, ..plain }
}

/// Checks the smallest, the biggest and `sampled` random children, one after the other, against the reference and
/// against a supernet that never ran another child.
fn check_children(space: &SearchSpace, vendor: Vendor, sampled: usize, seed: u64) {
    let space = &space.clone().validated().unwrap();
    let traits = traits(vendor, CONTEXT.facts().subgroups);
    let mut random = random(seed);
    let weights = random_weights(space, &mut random);
    let one_slot = EngineOptions { child_slots: 1, ..EngineOptions::default() };
    let load = || {
        let preprocessing = preprocessing(space);
        let load = Supernet::load_planned(&CONTEXT, space, weights.as_slice(), &preprocessing, &one_slot, traits);
        pollster::block_on(load).unwrap()
    };
    let supernet = load();
    let mut children = vec![space.smallest(), space.biggest()];
    children.extend((0..sampled).map(|_| space.sample(&mut random)));
    children.dedup();
    let mut answers = Vec::new();
    for child in children {
        let child = random_statistics(space, &child, &mut random);
        let prepared = supernet.prepare(&child).unwrap();
        let tensor = random_tensor(prepared.network().input.len(), &mut random);
        let logits = supernet.infer_tensor(&prepared, &tensor).unwrap();
        let error = relative_error(&logits, &reference_logits(space, &weights, &child, &tensor));
        assert!(error < 1e-4, "{}, {prepared}: {error}", space.name);
        answers.push((child, tensor, logits));
    }
    if let Some((child, tensor, logits)) = answers.last() {
        let fresh = load();
        let prepared = fresh.prepare(child).unwrap();
        assert_eq!(&fresh.infer_tensor(&prepared, tensor).unwrap(), logits, "{}, {prepared}: bit for bit", space.name);
        // And the first child again, after larger ones.
        let (child, tensor, logits) = &answers[0];
        drop(prepared);
        let prepared = fresh.prepare(child).unwrap();
        assert_eq!(&fresh.infer_tensor(&prepared, tensor).unwrap(), logits, "{}, {prepared}: bit for bit", space.name);
    }
}

#[test]
fn stages_that_differ_in_everything_agree_with_the_reference() {
    check_children(&mixed(), Vendor::Software, 6, 20);
    check_children(&mixed(), Vendor::Nvidia, 2, 20);
}

#[test]
fn squeeze_and_excite_of_the_block_input_agrees_with_the_reference() {
    let mut space = preset("table1", &[32, 41]);
    space.stages.truncate(4);
    check_children(&space, Vendor::Software, 3, 21);
}

#[test]
fn transition_skips_and_the_head_of_mobilenet_v3_agree_with_the_reference() {
    let mut space = preset("attentivenas", &[32, 39]);
    space.stages.truncate(4);
    check_children(&space, Vendor::Software, 2, 22);
}

#[test]
fn a_network_without_a_head_agrees_with_the_reference() {
    check_children(&preset("mobilenet-v1-0.5x", &[35]), Vendor::Software, 0, 23);
}

#[test]
#[ignore = "slow: builds and compiles every preset's pipelines"]
fn every_preset_agrees_with_the_reference() {
    for (seed, one) in (30..).zip(Preset::ALL) {
        let whole = one.space().validated().unwrap();
        let space = one.space();
        // Even and odd sizes down to one pixel, with SAME padding at stride 2 on both.
        let space = if whole.smallest() == whole.biggest() {
            shrunken(space, &[if seed % 2 == 0 { 33 } else { 48 }])
        } else {
            shrunken(space, &[32, 41, 48])
        };
        let space = SearchSpace { classes: if seed % 3 == 0 { 1000 } else { 11 }, ..space };
        check_children(&space, Vendor::Software, 2, seed);
        check_children(&space, Vendor::Nvidia, 0, seed);
        println!("{}: as the reference", space.name);
    }
}

#[test]
fn a_thousand_switches_upload_no_weight_and_make_nothing() {
    let mut random = random(5);
    let space = SearchSpace::fashion().validated().unwrap();
    let weights = random_weights(&space, &mut random);
    let context = Context::new(&ContextOptions::default()).unwrap();
    let supernet = load(&context, &space, &weights, &EngineOptions::default());
    let pixels: Vec<u8> = (0..28 * 28).map(|_| random.random()).collect();
    let image = Image::grey8(28, 28, &pixels).unwrap();
    let (mut kept, mut answers) = (Vec::new(), Vec::new());
    let before = supernet.counters();
    for index in 0..1000 {
        let child = random_statistics(&space, &space.sample(&mut random), &mut random);
        let prepared = supernet.prepare(&child).unwrap();
        if index % 100 == 0 {
            answers.push((child, supernet.infer(&prepared, image).unwrap()));
            kept.push(prepared); // its slot stays taken
        }
    }
    let spent = supernet.counters() - before;
    let made = Counters { parameter_bytes_uploaded: 0, input_bytes_uploaded: 0, submissions: 0, ..spent };
    assert_eq!(made, Counters::default());
    assert!(spent.parameter_bytes_uploaded < 1000 * 64 * 1024, "{spent:?}");

    let before = supernet.counters();
    for _ in 0..10 {
        for (prepared, (_, logits)) in kept.iter().zip(&answers) {
            assert_eq!(&supernet.infer(prepared, image).unwrap(), logits, "{prepared}");
        }
    }
    assert_eq!((supernet.counters() - before).parameter_bytes_uploaded, 0, "going between prepared children is free");

    let fresh = load(&context, &space, &weights, &EngineOptions { child_slots: 1, ..EngineOptions::default() });
    for (child, logits) in &answers {
        let prepared = fresh.prepare(child).unwrap();
        assert_eq!(&fresh.infer(&prepared, image).unwrap(), logits, "{prepared}: bit for bit");
    }
}

#[test]
fn threads_batches_and_futures_give_the_serial_answers() {
    fn sendable<T: Send>(value: T) -> T {
        value
    }
    fn shared<T: Send + Sync>(value: T) -> T {
        value
    }
    let mut random = random(6);
    let space = SearchSpace::fashion().validated().unwrap();
    let weights = random_weights(&space, &mut random);
    let supernet =
        shared(load(&CONTEXT, &space, &weights, &EngineOptions { answers_in_flight: 2, ..Default::default() }));
    let children: Vec<PreparedChild> = (0..4)
        .map(|_| random_statistics(&space, &space.sample(&mut random), &mut random))
        .map(|child| supernet.prepare(&child).unwrap())
        .collect();
    let pixels: Vec<Vec<u8>> =
        (0..8).map(|index| (0..(20 + index) * (30 - index)).map(|_| random.random()).collect()).collect();
    let images: Vec<Image<'_>> =
        (0..8).map(|index| Image::grey8(20 + index, 30 - index, &pixels[index as usize]).unwrap()).collect();
    let serial: Vec<Vec<Vec<f32>>> = (children.iter())
        .map(|child| images.iter().map(|image| supernet.infer(child, image).unwrap()).collect())
        .collect();
    std::thread::scope(|scope| {
        for (child, expected) in children.iter().zip(&serial) {
            let (supernet, images) = (&supernet, &images);
            scope.spawn(move || {
                for _ in 0..3 {
                    for (image, logits) in images.iter().zip(expected) {
                        assert_eq!(&supernet.infer(child, image).unwrap(), logits);
                    }
                    assert_eq!(&supernet.infer_many(child, images).unwrap(), expected);
                }
                let future = sendable(supernet.infer_async(child, &images[0]));
                assert_eq!(pollster::block_on(future).unwrap(), expected[0]);
            });
        }
    });
}

#[test]
fn every_layer_gets_a_time_by_either_clock() {
    let mut random = random(7);
    let space = SearchSpace::fashion().validated().unwrap();
    let weights = random_weights(&space, &mut random);
    for (context, clock) in [(&*CONTEXT, Clock::Timestamps), (&*PLAIN_CONTEXT, Clock::Wall)] {
        let supernet = load(context, &space, &weights, &EngineOptions::default());
        let child = random_statistics(&space, &space.biggest(), &mut random);
        let prepared = supernet.prepare(&child).unwrap();
        let times = supernet.time_layers(&prepared, 5).unwrap();
        if clock == Clock::Wall || Feature::Timestamps.can_be_tested(context.facts().timestamps) {
            assert_eq!(times.clock, clock);
        }
        assert_eq!(times.layers.len(), prepared.network().layers.len());
        let slowest = times.layers.iter().map(|layer| layer.latency_ms.0).fold(0.0, f64::max);
        assert!(slowest > 0.0, "{times:?}");
        let image = Image::grey8(28, 28, &[0; 784]).unwrap();
        assert_eq!(supernet.time_whole(&prepared, &image, 3).unwrap().len(), 3);
    }
}
