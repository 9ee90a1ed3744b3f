use super::*;
use crate::engine::plan::{Route, Sizes, activation_bytes, shape_parameters, tile_candidates};
use crate::engine::resources::{Arena, Common, Pipelines, pack};
use crate::gpu::{Staging, Upload, block_on};
use nestling_core::arithmetic::Arithmetic;
use nestling_core::reference::{convolve, epilogue};
use nestling_core::space::{
    Activation, Convolution, Layer, LayerShape, Operator, OutputSize as Size, Padding, Parameter, ParameterLayout,
    Role, Shape,
};
use nestling_core::tiles::TileVariant;
use nestling_core::weights::WeightStorage;
use nestling_shaders::{Kernel, LayerParameters};
use proptest::prelude::*;
use std::sync::{Arc, Mutex};

const LARGEST: u64 = 1 << 20;

/// Buffers for one layer, and the pipelines that earlier cases built.
pub(super) struct Bench {
    pub(super) pipelines: Pipelines,
    pub(super) arena: Arena,
    pub(super) staging: Arc<Staging>,
}

/// Runs a pipeline that is built over what the buffers hold; returns so many elements of the destination.
pub(super) fn dispatched(bench: &Bench, plan: &LayerPlan, elements: usize) -> Vec<[f32; 4]> {
    let bytes = elements as u64 * 16;
    let lease = bench.staging.try_take().unwrap();
    let (submission, verdict) = CONTEXT.guarded("a case", || {
        let mut commands = CONTEXT.encoder();
        {
            let mut pass = commands.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            pass.set_pipeline(bench.pipelines.get(plan.kernel, plan.specialisation).unwrap());
            pass.set_bind_group(0, bench.arena.bind_group(Route::FilteredToBlock), &[0]);
            pass.dispatch_workgroups(plan.workgroups[0], plan.workgroups[1], plan.workgroups[2]);
        }
        commands.copy_buffer_to_buffer(&bench.arena.block, 0, lease.buffer(), 0, bytes);
        CONTEXT.submit(commands)
    });
    block_on(verdict).unwrap();
    let read = block_on(lease.read(&CONTEXT, "a case", submission, bytes)).unwrap();
    bytemuck::pod_collect_to_vec(&read)
}

/// One for each storage of the weights.
static BENCHES: LazyLock<[Mutex<Bench>; WeightStorage::ALL.len()]> = LazyLock::new(|| WeightStorage::ALL.map(bench));

fn bench(storage: WeightStorage) -> Mutex<Bench> {
    let common = Common::new(&CONTEXT, storage);
    let bytes = LARGEST;
    let sizes = Sizes {
        image: 4,
        block: bytes,
        expanded: 4,
        filtered: bytes,
        weights: bytes,
        norms: bytes,
        parameters: 256,
        ..Sizes::default()
    };
    let arena = Arena::new(&CONTEXT, &common.groups, &sizes);
    Mutex::new(Bench { pipelines: Pipelines::new(&common), arena, staging: Staging::new(&CONTEXT, 1, bytes) })
}

/// One layer of any shape, as a slice of a larger convolution.
#[derive(Clone, Debug)]
struct Case {
    kernel: Kernel,
    /// Of [`Kernel::Pointwise`].
    variant: TileVariant,
    layer: Layer,
    layout: ParameterLayout,
    seed: u64,
    traits: Traits,
    /// Elements before the input and before the output, of the kernels that know of them.
    offsets: (u32, u32),
    /// Where inputs are drawn from: -1 to 1 times this.
    input_range: f32,
    storage: WeightStorage,
}

#[allow(clippy::too_many_arguments, reason = "each is one axis of the grid of shapes")]
fn case(
    kernel: Kernel,
    (size, full): (u32, u32),
    stride: u32,
    padding: Padding,
    activation: Activation,
    residual: bool,
    input: Shape,
    outputs: u32,
    (more_inputs, more_outputs): (u32, u32),
    seed: u64,
) -> Case {
    let operator = match kernel {
        Kernel::Dense => Operator::Dense,
        Kernel::Depthwise => Operator::Depthwise,
        Kernel::Pool | Kernel::PoolWide => Operator::Pool,
        Kernel::AveragePool => Operator::AveragePool,
        Kernel::Pointwise | Kernel::PointwiseSmall | Kernel::LinearWide | Kernel::Fallback => Operator::Pointwise,
        Kernel::ResizeColumns
        | Kernel::TextureColumns
        | Kernel::ResizeRows
        | Kernel::ReadWeights
        | Kernel::Moments
        | Kernel::Normalise => {
            unreachable!("{kernel:?} computes no layer")
        }
    };
    let outputs = if operator.is_per_channel() { input.channels } else { outputs };
    let (before, height, width) = match (operator, padding) {
        (Operator::Pool, _) => (0, 1, 1),
        (Operator::AveragePool, _) => (0, input.height.div_ceil(stride), input.width.div_ceil(stride)),
        (_, Padding::Symmetric) => {
            let before = (size - 1) / 2;
            let out = |n: u32| (n + 2 * before - size) / stride + 1;
            (before, out(input.height), out(input.width))
        }
        (_, Padding::Same) => {
            // Any number of zeros before the image will do for a kernel.
            (size / 3, input.height.div_ceil(stride), input.width.div_ceil(stride))
        }
    };
    let output = Shape { channels: outputs, height, width };
    let shape = LayerShape { operator, kernel: size, stride, activation, residual, gated: false, input, output };
    let mut layout = ParameterLayout { convolutions: Vec::new(), parameters: Vec::new() };
    let has_weight = operator.row().has_weights;
    if has_weight {
        let all_inputs = input.channels + 4 * more_inputs;
        let all_outputs = if operator.is_per_channel() { all_inputs } else { outputs + 4 * more_outputs };
        let columns = operator.channels_read(all_inputs);
        let mut offset = 0;
        for (role, shape) in [
            (Role::Weight, vec![all_outputs, columns, full, full]),
            (Role::Gamma, vec![all_outputs]),
            (Role::Beta, vec![all_outputs]),
        ] {
            let parameter = Parameter { name: format!("{role:?}"), role, shape, offset };
            offset += parameter.len();
            layout.parameters.push(parameter);
        }
        layout.convolutions.push(Convolution {
            name: "layer".into(),
            operator,
            kernel: full,
            inputs: all_inputs,
            outputs: all_outputs,
            weight: 0,
            scale_or_bias: 1,
            shift: Some(2),
            closes_skip: false,
        });
    }
    let residual = residual.then_some(0);
    let layer = Layer {
        name: "layer".into(),
        shape,
        padding: before,
        convolution: has_weight.then_some(0),
        norm_epsilon: has_weight.then_some(1e-3),
        input: None,
        gate: None,
        residual,
    };
    let vendor = if seed.is_multiple_of(2) { Vendor::Software } else { Vendor::Nvidia };
    let traits = traits(vendor, true);
    Case {
        kernel,
        variant: traits.tiles.of(Size::Large),
        layer,
        layout,
        seed,
        traits,
        offsets: (0, 0),
        input_range: 1.0,
        storage: WeightStorage::F32,
    }
}

impl Case {
    fn gated(mut self) -> Self {
        self.layer.shape.gated = true;
        self
    }

    fn stored(self, storage: WeightStorage) -> Self {
        Self { storage, ..self }
    }

    fn in_halves(mut self) -> Self {
        self.traits.arithmetic = Arithmetic::F16;
        self
    }

    /// A matrix with a bias instead of a convolution with batch norm.
    fn linear(mut self) -> Self {
        self.layer.shape.operator = Operator::Linear;
        self.layer.norm_epsilon = None;
        for convolution in &mut self.layout.convolutions {
            (convolution.operator, convolution.shift) = (Operator::Linear, None);
        }
        self
    }
}

pub(super) fn packed_activation(values: &[f32], shape: Shape) -> Vec<[f32; 4]> {
    let pixels = shape.pixels() as usize;
    let at = |channel: usize, pixel: usize| values.get(channel * pixels + pixel).copied().unwrap_or(0.0);
    (0..shape.channels.div_ceil(4) as usize)
        .flat_map(|group| (0..pixels).map(move |pixel| std::array::from_fn(|lane| at(4 * group + lane, pixel))))
        .collect()
}

pub(super) fn unpacked_activation(values: &[[f32; 4]], shape: Shape) -> Vec<f32> {
    let pixels = shape.pixels() as usize;
    (0..shape.channels as usize)
        .flat_map(|channel| (0..pixels).map(move |pixel| values[channel / 4 * pixels + pixel][channel % 4]))
        .collect()
}

/// Runs the case on the GPU over a poisoned destination; returns the output, and what lies before and behind it.
fn run(
    case: &Case,
    plan: LayerPlan,
    weights: &[f32],
    input: &[f32],
    gate: &[f32],
    residual: &[f32],
    folded: &[(f64, f64)],
) -> (Vec<f32>, Vec<[f32; 4]>) {
    let shape = case.layer.shape;
    let mut bench = BENCHES[case.storage as usize].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if bench.pipelines.get(plan.kernel, plan.specialisation).is_none() {
        block_on(bench.pipelines.add(&CONTEXT, plan.kernel, plan.specialisation)).unwrap();
    }
    let packed = pack(&case.layout, weights, case.storage).unwrap();
    let scales = packed.scales.first();
    let mut source = vec![[f32::NAN; 4]; case.offsets.0 as usize];
    source.extend(packed_activation(input, shape.input));
    // Something between, for a gate is not just behind its own layer's input.
    source.extend([[f32::NAN; 4]; 5]);
    source.extend(packed_activation(gate, Shape { height: 1, width: 1, ..shape.input }));
    let full = case.layout.convolutions.first();
    let place = packed.convolutions.first();
    let parameters = LayerParameters {
        weight_offset: place.map_or(0, |place| place.offset),
        weight_stride: place.map_or(0, |place| place.stride),
        weight_kernel: full.map_or(1, |full| full.kernel),
        padding: case.layer.padding,
        source_offset: case.offsets.0,
        destination_offset: case.offsets.1,
        gate_offset: source.len() as u32 - shape.input.channels.div_ceil(4),
        ..shape_parameters(&shape)
    };
    let norms: Vec<[f32; 4]> = (0..shape.output.channels.div_ceil(4) as usize)
        .flat_map(|group| {
            let own = |channel: usize| scales.and_then(|scales| scales.get(channel)).map_or(1.0, |&one| f64::from(one));
            let pair = |lane: usize| {
                let channel = 4 * group + lane;
                folded.get(channel).map_or((0.0, 0.0), |&(scale, shift)| (scale * own(channel), shift))
            };
            [std::array::from_fn(|lane| pair(lane).0 as f32), std::array::from_fn(|lane| pair(lane).1 as f32)]
        })
        .collect();
    let mut destination =
        vec![[f32::NAN; 4]; activation_bytes(shape.output.channels, shape.output.pixels()) as usize / 16];
    let written = destination.len();
    if shape.residual {
        destination.copy_from_slice(&packed_activation(residual, shape.output));
    }
    destination.extend([[f32::NAN; 4]; 64]);
    let before = case.offsets.1 as usize;
    destination.splice(0..0, vec![[f32::NAN; 4]; before]);
    let arena = &bench.arena;
    for (buffer, bytes) in [
        (&arena.filtered, bytemuck::cast_slice(&source)),
        (&arena.weights, packed.values.bytes()),
        (&arena.norms, bytemuck::cast_slice(&norms)),
        (&arena.block, bytemuck::cast_slice(&destination)),
        (&arena.parameters, bytemuck::bytes_of(&parameters)),
    ] {
        assert!(bytes.len() as u64 <= LARGEST, "{case:?}");
        CONTEXT.upload(Upload::Parameters, buffer, 0, bytes);
    }
    let values = dispatched(&bench, &plan, destination.len());
    let own = &values[before..before + written];
    for (lane, value) in own.iter().flat_map(|value| value.iter().enumerate()) {
        assert!(!value.is_nan(), "lane {lane} of a group was not written: {case:?}");
    }
    let others = [&values[..before], &values[before + written..]].concat();
    (unpacked_activation(own, shape.output), others)
}

/// How far each output may be off if products are computed in 16 bits.
///
/// Rounding takes at most a 1,024th (a 2,048th, to the nearest) of each weight, value and product, and of three sums in a
/// pointwise kernel; denormal numbers may become zero, which takes 2^-14 of each of them. The activation multiplies that by
/// its largest slope at most.
fn halves_tolerance(case: &Case, weights: &[f32], input: &[f64], folded: &[(f64, f64)]) -> Vec<f64> {
    if case.traits.arithmetic == Arithmetic::F32 || case.layer.convolution.is_none() {
        return Vec::new();
    }
    let size = |values: &[f32]| values.iter().map(|value| value.abs()).collect::<Vec<f32>>();
    let weights = size(weights);
    let shared = SharedWeights { layout: &case.layout, values: &weights };
    let input: Vec<f64> = input.iter().map(|value| value.abs()).collect();
    let magnitudes = convolve(&case.layer, &shared, &input);
    let shape = case.layer.shape;
    let (roundings, products) = match shape.operator {
        Operator::Depthwise => (3.0, shape.kernel * shape.kernel),
        Operator::Dense | Operator::Pointwise | Operator::Linear | Operator::Pool | Operator::AveragePool => {
            (6.0, shape.input.channels)
        }
    };
    (magnitudes.iter().enumerate())
        .map(|(index, magnitude)| {
            let (scale, _) = folded[index / shape.output.pixels() as usize];
            let flushed = f64::from(products) * 2f64.powi(-14);
            shape.activation.row().max_slope * scale.abs() * roundings * (magnitude / 1024.0 + flushed)
        })
        .collect()
}

fn check(case: &Case) -> Result<(), TestCaseError> {
    let mut random = random(case.seed);
    let shape = case.layer.shape;
    let weights = random_tensor(case.layout.len(), &mut random);
    let scaled = |mut values: Vec<f32>| {
        values.iter_mut().for_each(|value| *value *= case.input_range);
        values
    };
    let input = scaled(random_tensor(shape.input.len(), &mut random));
    let gate = random_tensor(shape.input.channels as usize, &mut random);
    let residual = random_tensor(shape.output.len(), &mut random);
    let channels = shape.output.channels as usize;
    let means = random_tensor(channels, &mut random);
    let variances: Vec<f32> = (0..channels).map(|_| random.random_range(0.25..4.0)).collect();
    let as_stored = dequantised(&case.layout, &weights, case.storage);
    let shared = SharedWeights { layout: &case.layout, values: &as_stored };
    let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>();

    let folded = shared.fold(&case.layer, &means, &variances);
    let mut gated_input = wide(&input);
    if shape.gated {
        for (index, value) in gated_input.iter_mut().enumerate() {
            *value *= f64::from(gate[index / shape.input.pixels() as usize]);
        }
    }
    let mut expected = convolve(&case.layer, &shared, &gated_input);
    let residual_wide = wide(&residual);
    epilogue(&case.layer, &folded, &mut expected, shape.residual.then_some(residual_wide.as_slice()));

    let sum_length = match shape.operator {
        Operator::Pool => shape.input.pixels(),
        Operator::Depthwise | Operator::AveragePool => shape.kernel * shape.kernel,
        Operator::Dense | Operator::Pointwise | Operator::Linear => shape.input.channels * shape.kernel * shape.kernel,
    };
    let largest_scale = folded.iter().fold(1.0, |most: f64, pair| most.max(pair.0.abs()));
    let tolerance = (2e-6 * f64::from(sum_length).sqrt() * largest_scale + 2e-6) * f64::from(case.input_range);
    let halves = halves_tolerance(case, &as_stored, &gated_input, &folded);
    // What runs any convolution or matrix must run this one too.
    let planner = Planner::new(&SearchSpace::fashion(), case.traits);
    let own = if case.kernel == Kernel::Pointwise {
        planner.plan_tile(case.variant, &shape).unwrap()
    } else {
        planner.plan_kernel(case.kernel, &shape).unwrap()
    };
    let fallback = planner.plan_fallback(&shape).unwrap();
    // The fallback of pointwise layers reads no offset: only matrices have one.
    let with_fallback =
        case.layer.convolution.is_some() && (fallback.kernel == Kernel::Fallback || case.offsets == (0, 0));
    for plan in [Some(own), with_fallback.then_some(fallback)].into_iter().flatten() {
        let (output, behind) = run(case, plan, &weights, &input, &gate, &residual, &folded);
        for (index, (&given, &wanted)) in output.iter().zip(&expected).enumerate() {
            let difference = (f64::from(given) - wanted).abs();
            let in_halves = plan.specialisation.arithmetic == Arithmetic::F16;
            let tolerance = tolerance + if in_halves { halves[index] } else { 0.0 };
            prop_assert!(
                difference <= tolerance * wanted.abs().max(1.0),
                "{:?}, output {index}: {given}, not {wanted} (tolerance {tolerance:e})",
                plan.kernel
            );
        }
        prop_assert!(behind.iter().flatten().all(|value| value.is_nan()), "{:?} wrote beside its output", plan.kernel);
    }
    Ok(())
}

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
        check(&Case { offsets, ..plain.linear().stored(storage) })?;
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
        check(&Case { offsets: (0, offset), ..plain })?;
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
        check(&Case { input_range: 200.0, ..near }).unwrap();
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
