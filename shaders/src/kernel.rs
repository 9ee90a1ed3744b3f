use crate::WeightStorage;
use crate::sources::{self, Source};

/// A compute kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kernel {
    /// Convolution of the image, every output channel from every input channel.
    Dense,
    /// Convolution of each channel with its own kernel.
    Depthwise,
    /// 1x1 convolution or matrix, one pixel and 4 output channels a thread.
    PointwiseSmall,
    /// 1x1 convolution, 8 pixels and 8 output channels a thread.
    PointwiseWide,
    /// 1x1 convolution, 8 pixels and 32 output channels a thread, weights broadcast in the subgroup. Holds 256 sums: too
    /// many registers for a real GPU, right for software, where a load costs as much as a hundred multiplications.
    PointwiseSubgroup,
    /// The same with 2 pixels, for images of few.
    PointwiseSubgroupFew,
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
    Plain,
    /// No layer: writes weights as the others read them, for the self-test of a storage.
    ReadWeights,
}

/// What one thread computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Pixels.
    pub pixels: u32,
    /// Groups of four output channels.
    pub groups: u32,
}

impl Kernel {
    /// All kernels.
    pub const ALL: [Self; 14] = [
        Self::Dense,
        Self::Depthwise,
        Self::PointwiseSmall,
        Self::PointwiseWide,
        Self::PointwiseSubgroup,
        Self::PointwiseSubgroupFew,
        Self::LinearWide,
        Self::Pool,
        Self::PoolWide,
        Self::AveragePool,
        Self::ResizeColumns,
        Self::ResizeRows,
        Self::Plain,
        Self::ReadWeights,
    ];

    fn source(self) -> &'static Source {
        match self {
            Self::Dense => &sources::DENSE,
            Self::Depthwise => &sources::DEPTHWISE,
            Self::PointwiseSmall => &sources::POINTWISE_SMALL,
            Self::PointwiseWide => &sources::POINTWISE_WIDE,
            Self::PointwiseSubgroup => &sources::POINTWISE_SUBGROUP,
            Self::PointwiseSubgroupFew => &sources::POINTWISE_SUBGROUP_FEW,
            Self::LinearWide => &sources::LINEAR_WIDE,
            Self::Pool => &sources::POOL,
            Self::PoolWide => &sources::POOL_WIDE,
            Self::AveragePool => &sources::AVERAGE_POOL,
            Self::ResizeColumns => &sources::RESIZE_COLUMNS,
            Self::ResizeRows => &sources::RESIZE_ROWS,
            Self::Plain => &sources::PLAIN,
            Self::ReadWeights => &sources::READ_WEIGHTS,
        }
    }

    /// The entry point of its module; also its name for people.
    pub fn entry_point(self) -> &'static str {
        self.source().name
    }

    /// Its whole WGSL module, for a storage of the weights.
    ///
    /// Browsers want `enable subgroups;` before a module that [needs subgroups](Self::needs_subgroups); naga does not
    /// know the directive yet.
    pub fn wgsl(self, storage: WeightStorage) -> String {
        self.source().text(storage)
    }

    /// Whether it reads the shared weights: if not, its module is the same for every storage.
    pub fn reads_weights(self) -> bool {
        self.source().reads_weights
    }

    /// Whether it needs subgroup operations.
    pub fn needs_subgroups(self) -> bool {
        self.source().subgroups
    }

    /// What one thread computes; a depthwise thread computes [`Specialisation::rows`] such rows.
    pub fn tile(self) -> Tile {
        let (pixels, groups) = match self {
            Self::Dense => (8, 2),
            Self::Depthwise => (4, 1),
            Self::PointwiseWide => (8, 2),
            Self::PointwiseSubgroup => (8, 8),
            Self::PointwiseSubgroupFew => (2, 8),
            Self::PointwiseSmall
            | Self::LinearWide
            | Self::Pool
            | Self::PoolWide
            | Self::AveragePool
            | Self::ResizeColumns
            | Self::ResizeRows
            | Self::Plain
            | Self::ReadWeights => (1, 1),
        };
        Tile { pixels, groups }
    }
}

/// The values that specialise a kernel's module when its pipeline is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Specialisation {
    /// 0 identity, 1 ReLU, 2 ReLU6, 3 swish, 4 hard swish, 5 sigmoid, 6 hard sigmoid.
    pub activation: u32,
    /// Whether what the destination holds is added.
    pub residual: bool,
    /// Whether a pointwise kernel's input is first multiplied by a factor of each channel.
    pub gated: bool,
    /// Whether activation, residual and gate are read from the layer's parameters instead: one pipeline for all of them.
    pub from_layer: bool,
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
}

impl Specialisation {
    /// As `override` constants, by name; only those that the kernel's module declares.
    pub fn constants(&self, kernel: Kernel) -> Vec<(&'static str, f64)> {
        let mut constants = vec![("WORKGROUP", f64::from(self.workgroup))];
        if !matches!(kernel, Kernel::ResizeColumns | Kernel::ResizeRows) {
            constants.extend([
                ("ACTIVATION", f64::from(self.activation)),
                ("RESIDUAL", f64::from(u8::from(self.residual))),
                ("GATED", f64::from(u8::from(self.gated))),
                ("FROM_LAYER", f64::from(u8::from(self.from_layer))),
                ("KERNEL", f64::from(self.kernel)),
                ("STRIDE", f64::from(self.stride)),
                ("INPUT_CHANNELS", f64::from(self.input_channels)),
            ]);
        }
        if kernel == Kernel::Depthwise {
            constants.push(("ROWS", f64::from(self.rows)));
        }
        constants
    }
}
