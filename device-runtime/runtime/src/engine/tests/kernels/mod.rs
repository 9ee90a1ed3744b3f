//! Every kernel over layers of all shapes.

mod case;
mod check;

use super::*;
use crate::engine::plan::tile_candidates;
use case::{Case, case};
use check::check;
use nestling_core::space::{Activation, Padding, Shape};
use nestling_core::tiles::TileVariant;
use nestling_shaders::Kernel;
use proptest::prelude::*;

fn activations() -> impl Strategy<Value = Activation> {
    prop::sample::select(Activation::ALL.to_vec())
}

fn paddings() -> impl Strategy<Value = Padding> {
    prop::sample::select(vec![Padding::Symmetric, Padding::Same])
}

/// Tiles of a pointwise layer: every vendor's, and every one that tuning tries.
fn all_variants() -> Vec<TileVariant> {
    let mut all = Vec::new();
    // Without subgroups all tiles that broadcast are left out.
    let subgroups = Feature::Subgroups.can_be_tested(CONTEXT.facts().subgroups);
    for software in [false, true] {
        all.extend(tile_candidates(software, subgroups));
    }
    for vendor in Vendor::ALL {
        all.extend(vendor_tiles(vendor, subgroups).all());
    }
    all.sort_by_key(|one| (one.tile, one.workgroup, one.broadcast));
    all.dedup();
    all
}

fn variants() -> impl Strategy<Value = TileVariant> {
    prop::sample::select(all_variants())
}

/// Mostly f32: the others have a test of their own, with fewer pipelines.
fn storages() -> impl Strategy<Value = WeightStorage> {
    prop_oneof![2 => Just(WeightStorage::F32), 1 => Just(WeightStorage::F16), 1 => Just(WeightStorage::Int8)]
}

/// Kernel size, and the supernet's.
fn sizes() -> impl Strategy<Value = (u32, u32)> {
    prop::sample::select(vec![(1, 1), (1, 3), (3, 3), (3, 5), (5, 5), (3, 7), (5, 7), (7, 7)])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, max_shrink_iters: 64, ..ProptestConfig::default() })]

    #[test]
    fn pointwise(
        variant in variants(),
        activation in activations(),
        residual: bool,
        channels in (1u32..20, 1u32..13),
        more in (0u32..4, 0u32..4),
        side in prop_oneof![Just((1u32, 1u32)), (1u32..20, 1u32..20)],
        storage in storages(),
        seed: u64,
    ) {
        let input = Shape { channels: 4 * channels.0, height: side.0, width: side.1 };
        let (one, outputs) = ((1, 1), 4 * channels.1);
        let plain = case(Kernel::Pointwise, one, 1, Padding::Symmetric, activation, residual, input, outputs, more, seed);
        check(&Case { variant, ..plain.stored(storage) })?;
    }

    #[test]
    fn pointwise_behind_a_gate(
        variant in variants(),
        separable: bool,
        residual: bool,
        channels in (1u32..20, 1u32..13),
        more in (0u32..4, 0u32..4),
        side in prop_oneof![Just((1u32, 1u32)), (1u32..20, 1u32..20)],
        storage in storages(),
        seed: u64,
    ) {
        let input = Shape { channels: 4 * channels.0, height: side.0, width: side.1 };
        let activation = if separable { Activation::Relu6 } else { Activation::Identity };
        let outputs = 4 * channels.1;
        let kernel = Kernel::Pointwise;
        let plain = case(kernel, (1, 1), 1, Padding::Symmetric, activation, residual, input, outputs, more, seed);
        check(&Case { variant, ..plain.gated().stored(storage) })?;
    }

    #[test]
    fn a_matrix_of_any_size_anywhere(
        kernel in prop::sample::select(vec![Kernel::PointwiseSmall, Kernel::LinearWide]),
        activation in activations(),
        inputs in prop_oneof![Just(6u32), Just(22), 1u32..90, 200u32..700],
        outputs in prop_oneof![Just(6u32), Just(22), 1u32..90],
        more in (0u32..3, 0u32..3),
        offsets in (0u32..40, 0u32..40),
        storage in storages(),
        seed: u64,
    ) {
        let input = Shape { channels: inputs, height: 1, width: 1 };
        let plain = case(kernel, (1, 1), 1, Padding::Symmetric, activation, false, input, outputs, more, seed);
        check(&plain.linear().at(offsets).stored(storage))?;
    }

    #[test]
    fn average_pool(size in 1u32..=3, groups in 1u32..8, side in (1u32..20, 1u32..20), seed: u64) {
        let input = Shape { channels: 4 * groups, height: side.0, width: side.1 };
        let (kernel, identity) = (Kernel::AveragePool, Activation::Identity);
        check(&case(kernel, (size, 1), size, Padding::Symmetric, identity, false, input, 0, (0, 0), seed))?;
    }

    #[test]
    fn a_classifier_of_any_number_of_classes(
        inputs in 1u32..40,
        classes in 1u32..23,
        storage in storages(),
        seed: u64,
    ) {
        let input = Shape { channels: 4 * inputs, height: 1, width: 1 };
        let kernel = Kernel::PointwiseSmall;
        let identity = Activation::Identity;
        let plain = case(kernel, (1, 1), 1, Padding::Symmetric, identity, false, input, classes, (1, 0), seed);
        check(&plain.stored(storage))?;
    }

    #[test]
    fn depthwise(
        size in sizes(),
        stride in 1u32..=2,
        padding in paddings(),
        activation in activations(),
        groups in 1u32..5,
        more in 0u32..4,
        side in (1u32..20, 1u32..20),
        storage in storages(),
        seed: u64,
    ) {
        let input = Shape { channels: 4 * groups, height: side.0, width: side.1 };
        let plain = case(Kernel::Depthwise, size, stride, padding, activation, false, input, 0, (more, 0), seed);
        check(&plain.stored(storage))?;
    }

    #[test]
    fn pool(
        kernel in prop::sample::select(vec![Kernel::Pool, Kernel::PoolWide]),
        groups in 1u32..40,
        side in prop_oneof![Just((1u32, 1u32)), (1u32..40, 1u32..40)],
        offset in 0u32..40,
        seed: u64,
    ) {
        let input = Shape { channels: 4 * groups, height: side.0, width: side.1 };
        let plain =
            case(kernel, (1, 1), 1, Padding::Symmetric, Activation::Identity, false, input, 0, (0, 0), seed);
        check(&plain.at((0, offset)))?;
    }
}

proptest! {
    // Few: every specialisation takes lavapipe a second to compile the first time.
    #![proptest_config(ProptestConfig { cases: 10, max_shrink_iters: 16, ..ProptestConfig::default() })]

    #[test]
    fn dense(
        size in prop::sample::select(vec![1u32, 3, 5, 7]),
        stride in 1u32..=2,
        padding in paddings(),
        activation in activations(),
        channels in prop::sample::select(vec![1u32, 3]),
        groups in 1u32..6,
        more in 0u32..4,
        side in (1u32..20, 1u32..20),
        storage in storages(),
        seed: u64,
    ) {
        let input = Shape { channels, height: side.0, width: side.1 };
        let outputs = 4 * groups;
        let (kernel, size) = (Kernel::Dense, (size, size));
        let plain = case(kernel, size, stride, padding, activation, false, input, outputs, (0, more), seed);
        check(&plain.stored(storage))?;
    }
}

#[test]
fn every_activation_is_right_far_from_zero() {
    for activation in Activation::ALL {
        let input = Shape { channels: 8, height: 5, width: 5 };
        let kernel = Kernel::PointwiseSmall;
        let near = case(kernel, (1, 1), 1, Padding::Symmetric, activation, false, input, 40, (0, 0), 1);
        check(&near.with_inputs_to(200.0)).unwrap();
    }
}

/// Every kernel that reads weights, with few specialisations: what differs is only how weights are read.
fn reading_cases() -> impl Strategy<Value = Case> {
    let kernels = [
        Kernel::Dense,
        Kernel::Depthwise,
        Kernel::Pointwise,
        Kernel::PointwiseSmall,
        Kernel::LinearWide,
        Kernel::Fallback,
    ];
    let read = Kernel::ALL.into_iter().filter(|kernel| kernel.reads_weights() && *kernel != Kernel::ReadWeights);
    assert_eq!(read.collect::<Vec<_>>(), kernels);
    let channels = (1u32..20, 1u32..13);
    (prop::sample::select(kernels.to_vec()), channels, (0u32..4, 0u32..4), (1u32..20, 1u32..20), any::<u32>()).prop_map(
        |(kernel, channels, more, side, seed)| {
            let identity = Activation::Identity;
            let size = if kernel == Kernel::Dense {
                (3, 3)
            } else if kernel == Kernel::Depthwise {
                (3, 5)
            } else {
                (1, 1)
            };
            let inputs = if kernel == Kernel::Dense { 3 } else { 4 * channels.0 };
            let side = if kernel == Kernel::LinearWide { (1, 1) } else { side };
            let more = if kernel == Kernel::Dense { (0, more.1) } else { more };
            let input = Shape { channels: inputs, height: side.0, width: side.1 };
            let seed = 2 * u64::from(seed); // one kind of workgroup
            let outputs = 4 * channels.1;
            let plain = case(kernel, size, 1, Padding::Symmetric, identity, false, input, outputs, more, seed);
            if kernel == Kernel::LinearWide { plain.linear() } else { plain }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 64, ..ProptestConfig::default() })]

    #[test]
    fn weights_stored_as_f16(case in reading_cases()) {
        check(&case.stored(WeightStorage::F16))?;
    }

    #[test]
    fn weights_stored_as_int8(case in reading_cases()) {
        check(&case.stored(WeightStorage::Int8))?;
    }
}

fn few_cases() -> ProptestConfig {
    ProptestConfig { cases: 48, max_shrink_iters: 64, source_file: Some(file!()), ..ProptestConfig::default() }
}

#[test]
fn pointwise_in_halves() {
    if !Feature::F16.can_be_tested(CONTEXT.facts().f16) {
        return;
    }
    let sides = prop_oneof![Just((1u32, 1u32)), (1u32..20, 1u32..20)];
    proptest!(few_cases(), |(
        variant in variants(),
        (gated, residual) in any::<(bool, bool)>(),
        channels in (1u32..20, 1u32..13),
        more in (0u32..4, 0u32..4),
        side in sides,
        storage in storages(),
        seed in any::<u64>(),
    )| {
        let input = Shape { channels: 4 * channels.0, height: side.0, width: side.1 };
        let (one, swish, outputs) = ((1, 1), Activation::HardSwish, 4 * channels.1);
        let plain = case(Kernel::Pointwise, one, 1, Padding::Symmetric, swish, residual, input, outputs, more, seed);
        let plain = if gated { plain.gated() } else { plain };
        check(&Case { variant, ..plain.in_halves().stored(storage) })?;
    });
}

#[test]
fn depthwise_in_halves() {
    if !Feature::F16.can_be_tested(CONTEXT.facts().f16) {
        return;
    }
    proptest!(few_cases(), |(
        size in sizes(),
        stride in 1u32..=2,
        padding in paddings(),
        groups in 1u32..5,
        more in 0u32..4,
        side in (1u32..20, 1u32..20),
        storage in storages(),
        seed in any::<u64>(),
    )| {
        let input = Shape { channels: 4 * groups, height: side.0, width: side.1 };
        let swish = Activation::Swish;
        let plain = case(Kernel::Depthwise, size, stride, padding, swish, false, input, 0, (more, 0), seed);
        check(&plain.in_halves().stored(storage))?;
    });
}

/// Every tile that any vendor gets or that tuning tries, on sizes that it does not divide.
#[test]
fn every_tile_is_right_in_halves() {
    if !Feature::F16.can_be_tested(CONTEXT.facts().f16) {
        return;
    }
    for (seed, variant) in (0..).zip(all_variants()) {
        let input = Shape { channels: 36, height: 7, width: 11 };
        let outputs = 4 * (variant.tile.groups + 1);
        let relu = Activation::Relu6;
        let plain = case(Kernel::Pointwise, (1, 1), 1, Padding::Symmetric, relu, false, input, outputs, (1, 0), seed);
        check(&Case { variant, ..plain.in_halves() }).unwrap();
    }
}
