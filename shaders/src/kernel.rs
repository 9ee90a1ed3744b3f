use crate::{Specialisation, dense, depthwise, pointwise};
use nestling_core::tiles::Tile;

nestling_core::listed_enum! {
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
        /// The same from a texture.
        TextureColumns,
        /// Second pass of the resize: rows and normalisation.
        ResizeRows,
        /// Any convolution or matrix, one pixel and 4 output channels a thread, specialised to nothing: slow to run,
        /// quick to compile.
        Fallback,
        /// No layer: writes weights as the others read them, for the self-test of a storage.
        ReadWeights,
        /// No layer: mean and centred sum of squares of each channel of a layer's output, one group of channels a
        /// workgroup of 8 or 64.
        Moments,
        /// No layer: batch norm, residual and activation over sums that a layer wrote before its statistics were known.
        Normalise,
    }
}

/// The facts of a kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KernelRow {
    /// The entry point of its module; also its name for people.
    pub(crate) entry_point: &'static str,
    /// The parameters that it reads.
    pub(crate) parameters: Parameters,
    /// Whether it reads the shared weights: if not, its module is the same for every storage.
    pub(crate) reads_weights: bool,
    /// Whether it multiplies its input by a gate where the layer has one.
    pub(crate) reads_gate: bool,
    /// Whether it ends as a layer does: batch norm, residual, activation.
    pub(crate) has_epilogue: bool,
    /// The kernel's own text.
    pub(crate) source: Source,
}

/// A struct of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parameters {
    /// [`LayerParameters`](crate::LayerParameters).
    Layer,
    /// [`ResizeParameters`](crate::ResizeParameters).
    Resize,
}

/// Where a kernel's own text comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    /// A file in `wgsl/`.
    File(&'static str),
    /// A generator.
    Generated(fn(&Specialisation) -> String),
}

/// The row of a kernel whose text is `wgsl/<name>.wgsl`, with what it has of weights, gate and epilogue.
macro_rules! file {
    ($name:literal, $parameters:ident $(, $has:ident)*) => {
        KernelRow {
            $($has: true,)*
            ..file_row($name, Parameters::$parameters, include_str!(concat!("../wgsl/", $name, ".wgsl")))
        }
    };
}

impl Kernel {
    /// Its row.
    pub(crate) const fn row(self) -> KernelRow {
        match self {
            Self::Dense => generated("dense", false, dense::text),
            Self::Depthwise => generated("depthwise", false, depthwise::text),
            Self::Pointwise => generated("pointwise", true, pointwise::text),
            Self::PointwiseSmall => file!("pointwise_small", Layer, reads_weights, reads_gate, has_epilogue),
            Self::LinearWide => file!("linear_wide", Layer, reads_weights, has_epilogue),
            Self::Pool => file!("pool", Layer),
            Self::PoolWide => file!("pool_wide", Layer),
            Self::AveragePool => file!("average_pool", Layer),
            Self::ResizeColumns => file!("resize_columns", Resize),
            Self::TextureColumns => file!("texture_columns", Resize),
            Self::ResizeRows => file!("resize_rows", Resize),
            Self::Fallback => file!("fallback", Layer, reads_weights, reads_gate, has_epilogue),
            Self::ReadWeights => file!("read_weights", Layer, reads_weights),
            Self::Moments => file!("moments", Layer),
            Self::Normalise => file!("normalise", Layer, has_epilogue),
        }
    }

    /// The entry point of its module; also its name for people.
    pub fn entry_point(self) -> &'static str {
        self.row().entry_point
    }

    /// Whether it reads the shared weights: if not, its module is the same for every storage.
    pub fn reads_weights(self) -> bool {
        self.row().reads_weights
    }
}

impl Specialisation {
    /// The outputs that one thread of `kernel` computes; a depthwise thread computes [`Specialisation::rows`] such
    /// rows.
    pub fn tile(&self, kernel: Kernel) -> Tile {
        match kernel {
            Kernel::Dense => Tile { pixels: dense::PIXELS, groups: dense::GROUPS },
            Kernel::Depthwise => Tile { pixels: depthwise::COLUMNS, groups: 1 },
            Kernel::Pointwise => self.tile,
            Kernel::PointwiseSmall
            | Kernel::LinearWide
            | Kernel::Pool
            | Kernel::PoolWide
            | Kernel::AveragePool
            | Kernel::ResizeColumns
            | Kernel::TextureColumns
            | Kernel::ResizeRows
            | Kernel::Fallback
            | Kernel::ReadWeights
            | Kernel::Moments
            | Kernel::Normalise => Tile::ONE,
        }
    }
}

const fn file_row(entry_point: &'static str, parameters: Parameters, text: &'static str) -> KernelRow {
    let source = Source::File(text);
    KernelRow { entry_point, parameters, reads_weights: false, reads_gate: false, has_epilogue: false, source }
}

const fn generated(entry_point: &'static str, reads_gate: bool, text: fn(&Specialisation) -> String) -> KernelRow {
    let (parameters, source) = (Parameters::Layer, Source::Generated(text));
    KernelRow { entry_point, parameters, reads_weights: true, reads_gate, has_epilogue: true, source }
}
