//! Single layers of all shapes.

use crate::engine::Traits;
use crate::engine::tests::traits;
use crate::engine::trial::{LayerCase, Slice};
use crate::gpu::Vendor;
use nestling_core::arithmetic::Arithmetic;
use nestling_core::space::{Activation, LayerShape, Operator, OutputSize as Size, Padding, Shape};
use nestling_core::tiles::TileVariant;
use nestling_core::weights::WeightStorage;
use nestling_shaders::Kernel;

/// A layer for a kernel.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) kernel: Kernel,
    /// The tile of [`Kernel::Pointwise`].
    pub(super) variant: TileVariant,
    pub(super) traits: Traits,
    pub(super) layer: LayerCase,
    pub(super) slice: Slice,
}

#[allow(clippy::too_many_arguments, reason = "each is one axis of the grid of shapes")]
pub(super) fn case(
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
    let operator = operator(kernel);
    let kind = LayerShape { operator, kernel: size, stride, activation, residual, gated: false, input, output: input };
    let slice = Slice { kernel: full, more_inputs, more_outputs, padding };
    let vendor = if seed.is_multiple_of(2) { Vendor::Software } else { Vendor::Nvidia };
    let traits = traits(vendor, true);
    let layer = LayerCase::new(kind, slice, input, outputs, seed);
    Case { kernel, variant: traits.tiles.of(Size::Large), traits, layer, slice }
}

/// The operator that a kernel is tested with.
fn operator(kernel: Kernel) -> Operator {
    match kernel {
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
    }
}

impl Case {
    pub(super) fn gated(mut self) -> Self {
        self.layer.layer.shape.gated = true;
        self
    }

    pub(super) fn stored(mut self, storage: WeightStorage) -> Self {
        self.layer.storage = storage;
        self
    }

    /// Elements before the input and before the output.
    pub(super) fn at(mut self, offsets: (u32, u32)) -> Self {
        self.layer.offsets = offsets;
        self
    }

    pub(super) fn with_inputs_to(mut self, range: f32) -> Self {
        self.layer.input_range = range;
        self
    }

    pub(super) fn in_halves(mut self) -> Self {
        (self.traits.arithmetic, self.layer.arithmetic) = (Arithmetic::F16, Arithmetic::F16);
        self
    }

    /// A matrix with a bias instead of a convolution with batch norm.
    pub(super) fn linear(mut self) -> Self {
        let shape = self.layer.layer.shape;
        let kind = LayerShape { operator: Operator::Linear, ..shape };
        self.layer = LayerCase::new(kind, self.slice, shape.input, shape.output.channels, self.layer.seed);
        self
    }
}
