use super::*;
use crate::gpu::Counters;
use crate::input::Image;
use crate::space::{Activation, Padding};

#[test]
fn random_children_agree_with_the_reference() {
    let mut random = random(3);
    for (context, space) in [
        (&*CONTEXT, SearchSpace::fashion()),
        (&*PLAIN_CONTEXT, SearchSpace::fashion()),
        (&*CONTEXT, SearchSpace { padding: Padding::Same, activation: Activation::Swish, ..SearchSpace::fashion() }),
    ] {
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
    space.stages[2].expand_ratios = [1, 3].map(crate::space::ExpandRatio::whole).to_vec();
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

#[test]
fn a_thousand_switches_upload_no_weight_and_make_nothing() {
    let mut random = random(5);
    let space = SearchSpace::fashion();
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
            answers.push((child, supernet.infer(&prepared, &image).unwrap()));
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
            assert_eq!(&supernet.infer(prepared, &image).unwrap(), logits, "{prepared}");
        }
    }
    assert_eq!((supernet.counters() - before).parameter_bytes_uploaded, 0, "going between prepared children is free");

    let fresh = load(&context, &space, &weights, &EngineOptions { child_slots: 1, ..EngineOptions::default() });
    for (child, logits) in &answers {
        let prepared = fresh.prepare(child).unwrap();
        assert_eq!(&fresh.infer(&prepared, &image).unwrap(), logits, "{prepared}: bit for bit");
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
    let space = SearchSpace::fashion();
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
    let space = SearchSpace::fashion();
    let weights = random_weights(&space, &mut random);
    for (context, clock) in [(&*CONTEXT, Clock::Timestamps), (&*PLAIN_CONTEXT, Clock::Wall)] {
        let supernet = load(context, &space, &weights, &EngineOptions::default());
        let child = random_statistics(&space, &space.biggest(), &mut random);
        let prepared = supernet.prepare(&child).unwrap();
        let times = supernet.time_layers(&prepared, 5).unwrap();
        assert_eq!(times.clock, clock);
        assert_eq!(times.layers.len(), prepared.network().layers.len());
        let slowest = times.layers.iter().map(|layer| layer.time.0).fold(0.0, f64::max);
        assert!(slowest > 0.0, "{times:?}");
        let image = Image::grey8(28, 28, &[0; 784]).unwrap();
        assert_eq!(supernet.time_whole(&prepared, &image, 3).unwrap().len(), 3);
    }
}
