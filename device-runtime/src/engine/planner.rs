use super::EngineError;
use crate::space::{Activation, Block, ExpandRatio, LayerShape, Operator, SearchSpace, Shape, Skip};
use nestling_shaders::{Kernel, Specialisation};
use std::collections::BTreeSet;

/// What the choice of a kernel depends on, of the adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traits {
    /// Software on the CPU: a thread is a SIMD lane, and a workgroup a task of one core.
    pub software: bool,
    /// Subgroup operations are there, with at least 8 lanes.
    pub subgroups: bool,
}

/// How a layer is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerPlan {
    /// The kernel.
    pub kernel: Kernel,
    /// What its pipeline is specialised to.
    pub specialisation: Specialisation,
    /// Workgroups along x, y and z.
    pub workgroups: [u32; 3],
}

/// Most iterations of a loop in a kernel: lavapipe ends every loop after 65,535, silently.
const MOST_ITERATIONS: u64 = 65_535;
/// Most workgroups along one axis: WebGPU's limit.
const MOST_WORKGROUPS: u64 = 65_535;

impl Traits {
    /// Threads of a workgroup of `kernel`.
    fn workgroup(self, kernel: Kernel) -> u32 {
        match kernel {
            Kernel::LinearWide | Kernel::PoolWide => 64, // their workgroup memory is as large
            _ if self.software => 8,                     // one SIMD vector: more only makes tasks coarser
            Kernel::PointwiseWide => 32,
            _ => 64,
        }
    }

    /// Rows of a depthwise thread's strip: many save loads, few make more threads.
    fn rows(self, kernel: Kernel) -> u32 {
        match kernel {
            Kernel::Depthwise if self.software => 16,
            Kernel::Depthwise => 4,
            _ => 1,
        }
    }

    /// The kernels that may run a pointwise layer, largest tile first.
    fn pointwise_kernels(self) -> &'static [Kernel] {
        if self.software && self.subgroups {
            &[Kernel::PointwiseSubgroup, Kernel::PointwiseSubgroupFew, Kernel::PointwiseSmall]
        } else {
            &[Kernel::PointwiseWide, Kernel::PointwiseSmall]
        }
    }

    fn pointwise_kernel(self, shape: &LayerShape) -> Kernel {
        let (pixels, groups) = (shape.output.pixels(), shape.output.channels.div_ceil(4));
        if pixels < 4 {
            return Kernel::PointwiseSmall;
        }
        if self.software && self.subgroups {
            // One workgroup of the small tile has 16 pixels.
            return if pixels <= 16 { Kernel::PointwiseSubgroupFew } else { Kernel::PointwiseSubgroup };
        }
        // Real GPUs want many threads: a large tile only where enough tiles remain.
        let threads = |kernel: Kernel| pixels.div_ceil(kernel.tile().pixels) * groups.div_ceil(kernel.tile().groups);
        let fills = |kernel: Kernel| self.software || threads(kernel) >= 4096;
        self.pointwise_kernels().iter().copied().find(|&kernel| fills(kernel)).unwrap_or(Kernel::PointwiseSmall)
    }
}

pub(super) fn activation_number(activation: Activation) -> u32 {
    match activation {
        Activation::Identity => 0,
        Activation::Relu => 1,
        Activation::Relu6 => 2,
        Activation::Swish => 3,
        Activation::HardSwish => 4,
        Activation::Sigmoid => 5,
        Activation::HardSigmoid => 6,
    }
}

/// Chooses kernel, specialisation and workgroups of a layer. Pure: numbers in, plan out.
///
/// # Errors
/// [`EngineError::TooLarge`] if a loop or the grid would be larger than every adapter allows.
pub fn plan_layer(shape: &LayerShape, traits: Traits) -> Result<LayerPlan, EngineError> {
    let kernel = match shape.operator {
        Operator::Dense => Kernel::Dense,
        Operator::Depthwise => Kernel::Depthwise,
        Operator::Pool if traits.software => Kernel::Pool,
        Operator::Pool => Kernel::PoolWide,
        Operator::AveragePool => Kernel::AveragePool,
        Operator::Linear if traits.software => Kernel::PointwiseSmall,
        Operator::Linear => Kernel::LinearWide,
        Operator::Pointwise => traits.pointwise_kernel(shape),
    };
    plan_kernel(kernel, shape, traits)
}

/// How a layer is computed until the pipelines of [`plan_layer`] are compiled: by few kernels that are quick to compile.
///
/// # Errors
/// As [`plan_layer`].
pub(super) fn plan_plainly(shape: &LayerShape, traits: Traits) -> Result<LayerPlan, EngineError> {
    match shape.operator {
        Operator::Pool | Operator::AveragePool => plan_layer(shape, traits),
        Operator::Pointwise => {
            let plan = plan_kernel(Kernel::PointwiseWide, shape, traits)?;
            Ok(LayerPlan { specialisation: unspecialised(plan.kernel, traits), ..plan })
        }
        _ => plan_kernel(Kernel::Plain, shape, traits),
    }
}

/// The same, for a given kernel that can run the layer.
pub(super) fn plan_kernel(kernel: Kernel, shape: &LayerShape, traits: Traits) -> Result<LayerPlan, EngineError> {
    let specialisation = specialise(kernel, shape, traits);
    let (tile, workgroup) = (kernel.tile(), u64::from(specialisation.workgroup));
    let [pixels, groups] = [shape.output.pixels(), shape.output.channels.div_ceil(4)].map(u64::from);
    let row_tiles =
        |rows: u32| u64::from(shape.output.width.div_ceil(tile.pixels)) * u64::from(shape.output.height.div_ceil(rows));
    let (x, y, iterations) = match kernel {
        Kernel::Dense => (row_tiles(1).div_ceil(workgroup), groups.div_ceil(2), u64::from(shape.kernel)),
        Kernel::Depthwise => {
            let steps = u64::from(specialisation.rows + shape.kernel);
            ((row_tiles(specialisation.rows) * groups).div_ceil(workgroup), 1, steps)
        }
        Kernel::Plain => {
            let taps =
                if shape.operator == Operator::Depthwise { 1 } else { u64::from(shape.input.channels.div_ceil(4)) };
            (pixels.div_ceil(workgroup), groups, taps)
        }
        Kernel::Pool => (groups.div_ceil(workgroup), 1, u64::from(shape.input.pixels())),
        Kernel::LinearWide => (groups, 1, u64::from(shape.input.channels.div_ceil(4)).div_ceil(workgroup)),
        Kernel::PoolWide => (groups, 1, u64::from(shape.input.pixels()).div_ceil(workgroup)),
        Kernel::AveragePool => ((pixels * groups).div_ceil(workgroup), 1, u64::from(shape.kernel)),
        Kernel::PointwiseSmall => {
            ((pixels * groups).div_ceil(workgroup), 1, u64::from(shape.input.channels.div_ceil(4)))
        }
        _ => (
            pixels.div_ceil(workgroup * u64::from(tile.pixels)),
            groups.div_ceil(u64::from(tile.groups)),
            u64::from(shape.input.channels.div_ceil(4)),
        ),
    };
    for (quantity, value, limit) in [
        ("iterations of a loop", iterations, MOST_ITERATIONS - 1),
        ("workgroups along x", x, MOST_WORKGROUPS),
        ("workgroups along y", y, MOST_WORKGROUPS),
    ] {
        if value > limit {
            return Err(EngineError::TooLarge { place: format!("layer `{shape}`"), quantity, value, limit });
        }
    }
    Ok(LayerPlan { kernel, specialisation, workgroups: [x as u32, y as u32, 1] })
}

/// What a kernel does not read is set to one value, so that layers share its pipeline.
fn specialise(kernel: Kernel, shape: &LayerShape, traits: Traits) -> Specialisation {
    if kernel == Kernel::Plain {
        return unspecialised(kernel, traits);
    }
    let reads_kernel = matches!(kernel, Kernel::Dense | Kernel::Depthwise | Kernel::AveragePool);
    let (size, stride) = if reads_kernel { (shape.kernel, shape.stride) } else { (1, 1) };
    Specialisation {
        activation: activation_number(shape.activation),
        residual: shape.residual,
        gated: shape.gated,
        from_layer: false,
        kernel: size,
        stride,
        input_channels: if kernel == Kernel::Dense { shape.input.channels } else { 4 },
        rows: traits.rows(kernel),
        workgroup: traits.workgroup(kernel),
    }
}

/// The specialisation of what is specialised to no layer: a pass of the resize, or a kernel that serves all layers.
pub(super) fn unspecialised(kernel: Kernel, traits: Traits) -> Specialisation {
    let workgroup = traits.workgroup(kernel);
    Specialisation {
        activation: 0,
        residual: false,
        gated: false,
        from_layer: true,
        kernel: 1,
        stride: 1,
        input_channels: 4,
        rows: 1,
        workgroup,
    }
}

/// The few pipelines that answer first: of [`plan_plainly`] and of the resize.
pub(super) fn plain_pipelines(
    all: &BTreeSet<(Kernel, Specialisation)>,
    traits: Traits,
) -> BTreeSet<(Kernel, Specialisation)> {
    use Kernel::{AveragePool, Plain, PointwiseWide, Pool, PoolWide, ResizeColumns, ResizeRows};
    let kept = [Pool, PoolWide, AveragePool, ResizeColumns, ResizeRows];
    let plain = [Plain, PointwiseWide].map(|kernel| (kernel, unspecialised(kernel, traits)));
    all.iter().copied().filter(|(kernel, _)| kept.contains(kernel)).chain(plain).collect()
}

/// Every pipeline that any child of the space can need: all kernels, sizes, strides, activations, residuals and gates
/// that occur, for all kernels that [`plan_layer`] may choose.
pub(super) fn all_pipelines(space: &SearchSpace, traits: Traits) -> BTreeSet<(Kernel, Specialisation)> {
    let mut all = BTreeSet::new();
    let one = Shape { channels: space.input_channels, height: 1, width: 1 };
    let plain = |operator: Operator, activation: Activation| LayerShape {
        operator,
        kernel: 1,
        stride: 1,
        activation,
        residual: false,
        gated: false,
        input: one,
        output: one,
    };
    let mut add = |shape: LayerShape| {
        let kernels = match (shape.operator, plan_layer(&shape, traits)) {
            (Operator::Pointwise, _) => traits.pointwise_kernels().to_vec(),
            (_, plan) => plan.map(|plan| plan.kernel).into_iter().collect(),
        };
        all.extend(kernels.into_iter().map(|kernel| (kernel, specialise(kernel, &shape, traits))));
    };
    let identity = Activation::Identity;
    add(LayerShape {
        kernel: space.stem.kernel,
        stride: space.stem.stride,
        ..plain(Operator::Dense, space.activation)
    });
    for (index, stage) in space.stages.iter().enumerate() {
        let activation = stage.activation.unwrap_or(space.activation);
        if stage.expand_ratios.iter().any(|&ratio| ratio > ExpandRatio::ONE) {
            add(plain(Operator::Pointwise, activation));
        }
        if let Some(squeeze) = &stage.squeeze_excite {
            add(plain(Operator::Linear, squeeze.activation.unwrap_or(activation)));
            add(plain(Operator::Linear, squeeze.gate.activation()));
        }
        for block in 0..stage.depths.last().copied().unwrap_or(1) {
            let stride = if block == 0 { stage.stride } else { 1 };
            for &kernel in &stage.kernels {
                add(LayerShape { kernel, stride, ..plain(Operator::Depthwise, activation) });
            }
            let skip = space.skip(index, block);
            if skip == Skip::Transition {
                add(LayerShape { kernel: stride, stride, ..plain(Operator::AveragePool, identity) });
                add(plain(Operator::Pointwise, identity));
            }
            let closing = if stage.block == Block::Separable { activation } else { identity };
            add(LayerShape {
                residual: skip != Skip::None,
                gated: stage.squeeze_excite.is_some(),
                ..plain(Operator::Pointwise, closing)
            });
        }
    }
    add(plain(Operator::Pool, identity));
    if let Some(head) = &space.head {
        add(plain(Operator::Pointwise, space.activation));
        if head.expand_ratio.is_some() {
            add(plain(Operator::Linear, space.activation));
        }
    }
    add(plain(Operator::Linear, identity)); // the classifier
    all.extend([Kernel::ResizeColumns, Kernel::ResizeRows].map(|kernel| (kernel, unspecialised(kernel, traits))));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Preset;
    use rand::SeedableRng;

    const ALL_TRAITS: [Traits; 4] = [
        Traits { software: false, subgroups: false },
        Traits { software: false, subgroups: true },
        Traits { software: true, subgroups: false },
        Traits { software: true, subgroups: true },
    ];

    #[test]
    fn the_pipeline_set_serves_every_child() {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        for space in Preset::ALL.iter().map(Preset::space) {
            for traits in ALL_TRAITS {
                let all = all_pipelines(&space, traits);
                // MobileNetV3 has most: two activations, each with both kernel sizes and strides, and projections with
                // and without gate and residual, times three pointwise kernels.
                assert!(all.len() <= 31, "{}: {} pipelines", space.name, all.len());
                let children = [space.smallest(), space.biggest()];
                let sampled = (0..20).map(|_| space.sample(&mut random)).collect::<Vec<_>>();
                for child in children.iter().chain(&sampled) {
                    for layer in &space.lower(child).unwrap().layers {
                        let plan = plan_layer(&layer.shape, traits).unwrap();
                        assert!(all.contains(&(plan.kernel, plan.specialisation)), "{}: {plan:?}", layer.shape);
                    }
                }
            }
        }
    }

    #[test]
    fn the_grid_covers_every_output() {
        let space = SearchSpace::table1();
        for traits in ALL_TRAITS {
            for layer in &space.lower(&space.biggest()).unwrap().layers {
                let plan = plan_layer(&layer.shape, traits).unwrap();
                let tile = plan.kernel.tile();
                let threads = u64::from(plan.workgroups[0] * plan.workgroups[1] * plan.specialisation.workgroup);
                let outputs = layer.shape.output.len() as u64;
                let one_writes = matches!(plan.kernel, Kernel::LinearWide | Kernel::PoolWide);
                let threads = threads / if one_writes { u64::from(plan.specialisation.workgroup) } else { 1 };
                let covered = threads * u64::from(tile.pixels * tile.groups * plan.specialisation.rows * 4);
                assert!(covered >= outputs, "{}: {covered} of {outputs}", layer.shape);
            }
        }
    }

    #[test]
    fn one_pixel_gets_the_small_tile_and_a_loop_too_long_an_error() {
        let space = SearchSpace::table1();
        let network = space.lower(&space.biggest()).unwrap();
        let traits = Traits { software: true, subgroups: true };
        let classifier = network.layers.last().unwrap().shape;
        assert_eq!(plan_layer(&classifier, traits).unwrap().kernel, Kernel::PointwiseSmall);
        let mut pool = network.layers[network.layers.len() - 2].shape;
        (pool.input.height, pool.input.width) = (256, 256);
        assert!(matches!(plan_layer(&pool, traits), Err(EngineError::TooLarge { value: 65_536, .. })));
    }
}
