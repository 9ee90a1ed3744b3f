use crate::{dense, depthwise, sources};
use nestling_core::arithmetic::Arithmetic;
use nestling_core::tiles::Tile;
use nestling_core::weights::WeightStorage;

/// A compute kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kernel {
    /// Convolution of the image, every output channel from every input channel.
    Dense,
    /// Convolution of each channel with its own kernel.
    Depthwise,
    /// 1x1 convolution, a [`Tile`] of any size a thread, weights from the buffer or broadcast in the subgroup.
    Pointwise,
    /// 1x1 convolution or matrix, one pixel and 4 output channels a thread.
    PointwiseSmall,
    /// Matrix over one pixel, one group of output channels a workgroup of 64.
    LinearWide,
    /// Mean over all pixels, one group of channels a thread.
    Pool,
    /// The same, one group of channels a workgroup of 64.
    PoolWide,
    /// Mean over squares of pixels.
    AveragePool,
    /// First pass of the resize: columns.
    ResizeColumns,
    /// Second pass of the resize: rows and normalisation.
    ResizeRows,
    /// Any convolution or matrix, one pixel and 4 output channels a thread, specialised to nothing: slow to run, quick to
    /// compile.
    Fallback,
    /// No layer: writes weights as the others read them, for the self-test of a storage.
    ReadWeights,
    /// No layer: mean and centred sum of squares of each channel of what a layer wrote, one group of channels a workgroup
    /// of 8 or 64.
    Moments,
    /// No layer: batch norm, residual and activation over sums that a layer wrote before its statistics were known.
    Normalise,
}

impl Kernel {
    /// All kernels.
    pub const ALL: [Self; 14] = [
        Self::Dense,
        Self::Depthwise,
        Self::Pointwise,
        Self::PointwiseSmall,
        Self::LinearWide,
        Self::Pool,
        Self::PoolWide,
        Self::AveragePool,
        Self::ResizeColumns,
        Self::ResizeRows,
        Self::Fallback,
        Self::ReadWeights,
        Self::Moments,
        Self::Normalise,
    ];

    /// The entry point of its module; also its name for people.
    pub fn entry_point(self) -> &'static str {
        match self {
            Self::Dense => "dense",
            Self::Depthwise => "depthwise",
            Self::Pointwise => "pointwise",
            Self::PointwiseSmall => "pointwise_small",
            Self::LinearWide => "linear_wide",
            Self::Pool => "pool",
            Self::PoolWide => "pool_wide",
            Self::AveragePool => "average_pool",
            Self::ResizeColumns => "resize_columns",
            Self::ResizeRows => "resize_rows",
            Self::Fallback => "fallback",
            Self::ReadWeights => "read_weights",
            Self::Moments => "moments",
            Self::Normalise => "normalise",
        }
    }

    /// Whether it reads the shared weights: if not, its module is the same for every storage.
    pub fn reads_weights(self) -> bool {
        !matches!(
            self,
            Self::Pool
                | Self::PoolWide
                | Self::AveragePool
                | Self::ResizeColumns
                | Self::ResizeRows
                | Self::Moments
                | Self::Normalise
        )
    }

    /// Whether it ends as a layer does: batch norm, residual, activation.
    pub(crate) fn has_epilogue(self) -> bool {
        self.reads_weights() || self == Self::Normalise
    }

    pub(crate) fn is_resize(self) -> bool {
        matches!(self, Self::ResizeColumns | Self::ResizeRows)
    }
}

/// How a layer ends: batch norm always, then what a pipeline is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Epilogue {
    /// One activation, by [number](Specialisation#activations), and never a residual.
    Fixed(u32),
    /// That activation or none, with or without a residual, as the layer's parameters say: expand and projection
    /// convolutions share the pipeline.
    Mixed(u32),
    /// Any activation and residual, as the layer's parameters say.
    AsLayer,
}

/// Whether a pointwise kernel's input is first multiplied by a factor of each channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Gate {
    /// Never.
    None,
    /// Always.
    Every,
    /// As the layer's parameters say.
    AsLayer,
}

/// What a kernel's module is generated for.
///
/// # Activations
/// 0 identity, 1 ReLU, 2 ReLU6, 3 swish, 4 hard swish, 5 sigmoid, 6 hard sigmoid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Specialisation {
    /// How the layer ends.
    pub epilogue: Epilogue,
    /// Whether its input has a gate.
    pub gate: Gate,
    /// Kernel size.
    pub kernel: u32,
    /// Stride.
    pub stride: u32,
    /// Channels of the image.
    pub input_channels: u32,
    /// Rows of a depthwise thread's strip.
    pub rows: u32,
    /// Threads of a workgroup.
    pub workgroup: u32,
    /// What a thread of [`Kernel::Pointwise`] computes.
    pub tile: Tile,
    /// Whether its weights are broadcast in the subgroup.
    pub broadcast: bool,
    /// What products are computed in.
    pub arithmetic: Arithmetic,
}

impl Specialisation {
    /// What is specialised to nothing, in workgroups of so many threads.
    pub fn generic(workgroup: u32) -> Self {
        Self {
            epilogue: Epilogue::AsLayer,
            gate: Gate::AsLayer,
            kernel: 1,
            stride: 1,
            input_channels: 4,
            rows: 1,
            workgroup,
            tile: Tile::ONE,
            broadcast: false,
            arithmetic: Arithmetic::F32,
        }
    }

    /// The whole WGSL module of a kernel, for a storage of the weights.
    ///
    /// Browsers want `enable subgroups;` before a module that [broadcasts](Self::broadcast); naga does not know the
    /// directive yet.
    pub fn wgsl(&self, kernel: Kernel, storage: WeightStorage) -> String {
        let enable = if self.arithmetic == Arithmetic::F16 { "enable f16;\n" } else { "" };
        enable.to_owned() + &sources::text(kernel, self, storage)
    }

    /// What one thread of `kernel` computes; a depthwise thread computes [`Specialisation::rows`] such rows.
    pub fn tile(&self, kernel: Kernel) -> Tile {
        match kernel {
            Kernel::Dense => Tile { pixels: dense::PIXELS, groups: dense::GROUPS },
            Kernel::Depthwise => Tile { pixels: depthwise::COLUMNS, groups: 1 },
            Kernel::Pointwise => self.tile,
            _ => Tile::ONE,
        }
    }
}
