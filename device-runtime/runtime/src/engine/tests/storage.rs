//! Whole networks whose weights are stored as f16 and int8.

use super::*;
use crate::Error;
use crate::gpu::Counters;
use nestling_core::weights::WeightStorage;

const SMALLER: [WeightStorage; 2] = [WeightStorage::F16, WeightStorage::Int8];

/// Children agree with the reference on what is stored, and going from one to another sends nothing.
fn check_children(space: &ValidatedSpace, storage: WeightStorage, sampled: usize, seed: u64) {
    let mut random = random(seed);
    let weights = random_weights(space, &mut random);
    let as_stored = dequantised(space.layout(), &weights, storage);
    assert_ne!(weights, as_stored);
    // A separate context, so that no other test is counted.
    let context = Context::new(&ContextOptions::default()).unwrap();
    let options = EngineOptions { weight_storage: storage, ..EngineOptions::default() };
    let supernet = load(&context, space, &weights, &options);
    assert_eq!(supernet.weight_storage(), storage);
    let loaded = supernet.counters();
    assert_eq!(loaded.weight_bytes_uploaded, supernet.memory().weights);
    let children =
        [space.smallest(), space.biggest()].into_iter().chain((0..sampled).map(|_| space.sample(&mut random)));
    for child in children.collect::<Vec<_>>() {
        let child = random_statistics(space, &child, &mut random);
        let prepared = supernet.prepare(&child).unwrap();
        let tensor = random_tensor(prepared.network().input.len(), &mut random);
        let logits = supernet.infer_tensor(&prepared, &tensor).unwrap();
        let error = relative_error(&logits, &reference_logits(space, &as_stored, &child, &tensor));
        assert!(error < 1e-4, "{storage}, {prepared}: {error}");
    }
    let spent = supernet.counters() - loaded;
    let made = Counters { parameter_bytes_uploaded: 0, input_bytes_uploaded: 0, submissions: 0, ..spent };
    assert_eq!(made, Counters::default(), "{storage}");
}

#[test]
fn children_agree_with_the_reference_on_the_stored_weights() {
    for (storage, seed) in SMALLER.into_iter().zip(40..) {
        check_children(&SearchSpace::fashion().validated().unwrap(), storage, 3, seed);
    }
}

#[test]
fn squeeze_and_excite_agrees_with_the_reference_on_the_stored_weights() {
    let mut space = SearchSpace { resolutions: vec![32, 41], classes: 11, ..SearchSpace::table1() };
    space.stages.truncate(3);
    for stage in &mut space.stages {
        stage.depths = vec![1];
        stage.kernels.truncate(1); // depthwise pipelines take longest to compile
    }
    let space = space.validated().unwrap();
    for (storage, seed) in SMALLER.into_iter().zip(42..) {
        check_children(&space, storage, 1, seed);
    }
}

#[test]
fn weights_take_a_half_and_a_quarter_of_the_memory() {
    let space = SearchSpace::fashion().validated().unwrap();
    let weights = random_weights(&space, &mut random(44));
    let [whole, half, quarter] = WeightStorage::ALL.map(|weight_storage| {
        let options = EngineOptions { weight_storage, ..EngineOptions::default() };
        load(&CONTEXT, &space, &weights, &options).memory()
    });
    assert_eq!((whole.weights, whole.weights), (2 * half.weights, 4 * quarter.weights));
    assert_eq!(whole.gpu() - whole.weights, half.gpu() - half.weights, "nothing else grows");
    assert_eq!(whole.gpu() - whole.weights, quarter.gpu() - quarter.weights);
}

#[test]
fn a_weight_that_a_half_cannot_hold_is_refused_by_its_layer() {
    let space = SearchSpace::fashion().validated().unwrap();
    let mut weights = random_weights(&space, &mut random(45));
    let layout = space.layout();
    let classifier = layout.convolutions.last().unwrap();
    weights[layout.parameters[classifier.weight].offset] = -1e5;
    let load = |weight_storage: WeightStorage| {
        let options = EngineOptions { weight_storage, ..EngineOptions::default() };
        Supernet::load(&CONTEXT, &space, &weights, &preprocessing(&space), &options)
    };
    let error = load(WeightStorage::F16).unwrap_err();
    assert!(matches!(&error, Error::WeightRange(range) if range.layer == "classifier"), "{error}");
    assert!(error.to_string().contains("-100000, which f16 cannot hold"), "{error}");
    assert!(load(WeightStorage::Int8).is_ok(), "its scale grows with it");
}
