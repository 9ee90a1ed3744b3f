//! Whole networks whose products are computed in 16 bits.

use super::*;
use crate::Error;
use crate::gpu::Counters;
use nestling_core::arithmetic::Arithmetic;
use nestling_core::weights::WeightStorage;
use std::time::Duration;

/// Largest difference over largest logit: every layer takes a few 2,048ths of what it reads, most of which cancel;
/// 7.6e-4 were measured.
const BOUND: f64 = 5e-3;

fn in_halves(weight_storage: WeightStorage) -> EngineOptions {
    EngineOptions { weight_storage, arithmetic: Arithmetic::F16, ..EngineOptions::default() }
}

/// Children stay near the reference on what is stored, and going from one to another makes and sends nothing.
fn check_children(space: &ValidatedSpace, storage: WeightStorage, sampled: usize, seed: u64) {
    let mut random = random(seed);
    let weights = random_weights(space, &mut random);
    let as_stored = dequantised(space.layout(), &weights, storage);
    // A separate context, so that no other test is counted.
    let context = Context::new(&ContextOptions::default()).unwrap();
    if !Feature::F16.can_be_tested(context.facts().f16) {
        return;
    }
    let supernet = load(&context, space, &weights, &in_halves(storage));
    assert_eq!((supernet.arithmetic(), supernet.weight_storage()), (Arithmetic::F16, storage));
    let loaded = supernet.counters();
    let children =
        [space.smallest(), space.biggest()].into_iter().chain((0..sampled).map(|_| space.sample(&mut random)));
    let mut worst: f64 = 0.0;
    for child in children.collect::<Vec<_>>() {
        let child = random_statistics(space, &child, &mut random);
        let prepared = supernet.prepare(&child).unwrap();
        let tensor = random_tensor(prepared.network().input.len(), &mut random);
        let logits = supernet.infer_tensor(&prepared, &tensor).unwrap();
        let error = relative_error(&logits, &reference_logits(space, &as_stored, &child, &tensor));
        assert!(error < BOUND, "weights {storage}, {prepared}: {error}");
        worst = worst.max(error);
    }
    println!("{}, weights {storage}: largest relative error {worst:e}", space.name);
    assert!(worst > 1e-5, "{worst}: as exact as 32 bits");
    let spent = supernet.counters() - loaded;
    let made = Counters { parameter_bytes_uploaded: 0, input_bytes_uploaded: 0, submissions: 0, ..spent };
    assert_eq!(made, Counters::default(), "weights {storage}");
}

#[test]
fn children_stay_near_the_reference() {
    for (storage, seed) in WeightStorage::ALL.into_iter().zip(60..) {
        check_children(&SearchSpace::fashion().validated().unwrap(), storage, 3, seed);
    }
}

#[test]
fn squeeze_and_excite_stays_near_the_reference() {
    let mut space = SearchSpace { resolutions: vec![32, 41], classes: 11, ..SearchSpace::table1() };
    space.stages.truncate(3);
    for stage in &mut space.stages {
        stage.depths = vec![1];
        stage.kernels.truncate(1); // depthwise pipelines take longest to compile
    }
    let space = space.validated().unwrap();
    check_children(&space, WeightStorage::F32, 1, 63);
}

#[test]
fn a_context_without_16_bit_floats_refuses_them_and_says_what_to_do() {
    let space = SearchSpace::fashion().validated().unwrap();
    let weights = random_weights(&space, &mut random(64));
    assert!(!PLAIN_CONTEXT.facts().f16);
    let options = in_halves(WeightStorage::F32);
    let error = Supernet::load(&PLAIN_CONTEXT, &space, &weights, &preprocessing(&space), &options).unwrap_err();
    assert!(matches!(&error, Error::NoArithmetic { arithmetic: Arithmetic::F16, .. }), "{error}");
    for part in ["f16", "Arithmetic::F32", "ContextOptions::use_f16"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(load(&PLAIN_CONTEXT, &space, &weights, &EngineOptions::default()).arithmetic(), Arithmetic::F32);
}

#[test]
fn what_answers_first_is_exact_and_what_was_tested_is_compiled_once() {
    let mut random = random(65);
    let space = SearchSpace::fashion().validated().unwrap();
    let weights = random_weights(&space, &mut random);
    let child = random_statistics(&space, &space.smallest(), &mut random);
    let context = Context::new(&ContextOptions::default()).unwrap();
    if !Feature::F16.can_be_tested(context.facts().f16) {
        return;
    }
    let at_once = EngineOptions { start: Start::Within(Duration::ZERO), ..in_halves(WeightStorage::F32) };
    let supernet = load(&context, &space, &weights, &at_once);
    let prepared = supernet.prepare(&child).unwrap();
    let tensor = random_tensor(prepared.network().input.len(), &mut random);
    supernet.infer_tensor(&prepared, &tensor).unwrap();
    supernet.wait_until_ready().unwrap();
    let made = context.counters().pipelines;
    let wanted = supernet.planner.all_pipelines(&space);
    let plain = supernet.planner.fallback_pipelines(&wanted);
    let broadcasts = 1; // the self-test of subgroups
    assert!(made <= (wanted.len() + plain.len() + broadcasts) as u64, "{made}");
    let last = supernet.infer_tensor(&prepared, &tensor).unwrap();
    let error = relative_error(&last, &reference_logits(&space, &weights, &child, &tensor));
    assert!((1e-5..BOUND).contains(&error), "{error}: the fast kernels compute in 16 bits");

    // The verdict is known: nothing is tested again, and the answers are the same.
    let before = context.counters().submissions;
    let tuned = load(&context, &space, &weights, &in_halves(WeightStorage::F32));
    assert!(context.counters().submissions - before <= 2);
    assert_eq!(tuned.infer_tensor(&tuned.prepare(&child).unwrap(), &tensor).unwrap(), last);
}
