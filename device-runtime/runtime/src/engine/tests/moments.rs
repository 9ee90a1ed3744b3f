//! The two kernels of calibration against plain f64.

use super::*;
use crate::engine::plan::{pairs, shape_parameters};
use crate::engine::resources::{Common, Pipelines};
use crate::engine::trial::{Bench, LARGEST, packed_activation, unpacked_activation};
use crate::gpu::Upload;
use nestling_core::reference::epilogue;
use nestling_core::space::{Activation, Layer, LayerShape, Operator, Shape};
use nestling_core::weights::WeightStorage;
use nestling_shaders::{Kernel, LayerParameters};
use proptest::prelude::*;
use std::sync::Mutex;

static BENCH: LazyLock<Mutex<Bench>> = LazyLock::new(|| {
    let pipelines = Pipelines::new(&Common::new(&CONTEXT, WeightStorage::F32));
    Mutex::new(pollster::block_on(Bench::new(&CONTEXT, pipelines, LARGEST)).unwrap())
});

const GUARD: usize = 7;

fn shape(output: Shape, activation: Activation, residual: bool) -> LayerShape {
    let operator = Operator::Pointwise;
    LayerShape { operator, kernel: 1, stride: 1, activation, residual, gated: false, input: output, output }
}

/// Software's workgroup or a real GPU's.
fn plan(kernel: Kernel, shape: &LayerShape, software: bool) -> LayerPlan {
    let vendor = if software { Vendor::Software } else { Vendor::Nvidia };
    Planner::new(&SearchSpace::fashion(), traits(vendor, false)).plan_kernel(kernel, shape).unwrap()
}

/// Runs a kernel; returns the destination, of which `guarded` elements stood in front of poison that must still be
/// there.
fn run(
    plan: LayerPlan,
    parameters: &LayerParameters,
    source: &[[f32; 4]],
    norms: &[[f32; 4]],
    destination: &[[f32; 4]],
) -> Vec<[f32; 4]> {
    let mut bench = BENCH.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    pollster::block_on(bench.require(&plan)).unwrap();
    let guarded = [destination, &[[f32::NAN; 4]; GUARD]].concat();
    let source = [source, &[[f32::NAN; 4]; GUARD]].concat();
    let arena = &bench.arena;
    for (buffer, bytes) in [
        (&arena.filtered, bytemuck::cast_slice::<[f32; 4], u8>(&source)),
        (&arena.norms, bytemuck::cast_slice(norms)),
        (&arena.block, bytemuck::cast_slice(&guarded)),
        (&arena.parameters, bytemuck::bytes_of(parameters)),
    ] {
        CONTEXT.upload(Upload::Parameters, buffer, 0, bytes);
    }
    let mut values = pollster::block_on(bench.dispatched(&plan, guarded.len())).unwrap();
    let behind = values.split_off(destination.len());
    assert!(behind.iter().flatten().all(|value| value.is_nan()), "{plan:?} wrote beside its output");
    assert!(values.iter().flatten().all(|value| !value.is_nan()), "{plan:?} left some of its output");
    values
}

fn sides() -> impl Strategy<Value = (u32, u32)> {
    prop_oneof![Just((1u32, 1u32)), (1u32..8, 1u32..8), (1u32..48, 1u32..48)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 64, ..ProptestConfig::default() })]

    /// Also where values lie a thousand deviations from zero, and where one pixel is unlike all others.
    #[test]
    fn moments(
        software: bool,
        channels in 1u32..34,
        side in sides(),
        centre in prop::sample::select(vec![0.0f32, 1.0, -30.0, 1000.0]),
        lonely: bool,
        seed: u64,
    ) {
        let output = Shape { channels, height: side.0, width: side.1 };
        let mut random = random(seed);
        let mut values = random_tensor(output.len(), &mut random);
        let pixels = output.pixels() as usize;
        values.iter_mut().for_each(|value| *value += centre);
        if lonely {
            values.chunks_exact_mut(pixels).for_each(|channel| channel[0] = centre + 1e4);
        }
        let shape = shape(output, Activation::Identity, false);
        let groups = channels.div_ceil(4) as usize;
        let poisoned = vec![[f32::NAN; 4]; 2 * groups];
        let parameters = shape_parameters(&shape);
        let source = packed_activation(&values, output);
        let found = run(plan(Kernel::Moments, &shape, software), &parameters, &source, &[[0.0; 4]], &poisoned);
        for (index, channel) in values.chunks_exact(pixels).enumerate() {
            let (mean, squares) = (found[index / 4 * 2][index % 4], found[index / 4 * 2 + 1][index % 4]);
            let count = pixels as f64;
            let expected = channel.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
            let variance = channel.iter().map(|&value| (f64::from(value) - expected).powi(2)).sum::<f64>() / count;
            let (deviation, found_deviation) = (variance.sqrt(), (f64::from(squares) / count).sqrt());
            let off = (f64::from(mean) - expected).abs();
            prop_assert!(off <= 1e-6 * (expected.abs() + deviation), "mean {mean}, not {expected}");
            // A single difference of values near `mean` cannot be better than their own rounding.
            let most = 1e-6 * deviation + 1e-7 * expected.abs();
            prop_assert!((found_deviation - deviation).abs() <= most, "{found_deviation}, not {deviation}");
        }
    }

    #[test]
    fn normalise(
        software: bool,
        channels in 1u32..34,
        side in sides(),
        activation in prop::sample::select(vec![Activation::Identity, Activation::Relu6, Activation::HardSwish]),
        residual: bool,
        seed: u64,
    ) {
        let output = Shape { channels, height: side.0, width: side.1 };
        let mut random = random(seed);
        let shape = shape(output, activation, residual);
        let layer = Layer {
            name: "layer".into(),
            shape,
            padding: 0,
            convolution: None,
            norm_epsilon: None,
            input: None,
            gate: None,
            residual: residual.then_some(0),
        };
        let sums = random_tensor(output.len(), &mut random);
        let added = random_tensor(output.len(), &mut random);
        let folded: Vec<(f64, f64)> =
            (0..channels).map(|_| (random.random_range(-2.0..2.0), random.random_range(-2.0..2.0))).collect();
        let norms = pairs(&layer, |channel| folded[channel]);
        let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>();
        let mut expected = wide(&sums);
        let wide_added = wide(&added);
        epilogue(&layer, &folded, &mut expected, residual.then_some(wide_added.as_slice()));
        let source = packed_activation(&sums, output);
        let before = if residual { packed_activation(&added, output) } else { vec![[f32::NAN; 4]; source.len()] };
        let parameters = shape_parameters(&shape);
        let found = run(plan(Kernel::Normalise, &shape, software), &parameters, &source, &norms, &before);
        for (given, wanted) in unpacked_activation(&found, output).iter().zip(&expected) {
            prop_assert!((f64::from(*given) - wanted).abs() <= 2e-6 * wanted.abs().max(1.0), "{given}, not {wanted}");
        }
    }
}
