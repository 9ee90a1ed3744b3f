use crate::writer::Writer;
use crate::{Kernel, dense, depthwise, sources};
use nestling_core::arithmetic::Arithmetic;
use nestling_core::space::Activation;
use nestling_core::tiles::Tile;
use nestling_core::weights::WeightStorage;
use std::fmt;

/// How a layer ends: batch norm always, then what a pipeline is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Epilogue {
    /// One activation, and never a residual.
    Fixed(Activation),
    /// That activation or none, with or without a residual, as the layer's parameters say: expand and projection
    /// convolutions share the pipeline.
    Mixed(Activation),
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
    /// The number type of products.
    pub arithmetic: Arithmetic,
}

impl Specialisation {
    /// Specialised to nothing, in workgroups of so many threads.
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
        sources::module(kernel, self, storage)
    }

    /// What one thread of `kernel` computes; a depthwise thread computes [`Specialisation::rows`] such rows.
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

    /// The head of a module: which kernel it is, and what it is made for.
    pub(crate) fn write_header(&self, kernel: Kernel, storage: WeightStorage, to: &mut Writer) {
        let Self { kernel: size, stride, workgroup, input_channels, rows, broadcast, .. } = *self;
        let row = kernel.row();
        let mut fact = |name: &str, value: &dyn fmt::Display| to.comment(format_args!("{name:<12}{value}"));
        fact("kernel", &format_args!("{}, workgroups of {workgroup}", row.entry_point));
        match kernel {
            Kernel::Dense => {
                fact("window", &format_args!("{size}x{size} pixels of {input_channels} channels, stride {stride}"));
            }
            Kernel::Depthwise => {
                fact("window", &format_args!("{size}x{size} pixels, stride {stride}, {rows} rows a thread"))
            }
            Kernel::AveragePool => fact("window", &format_args!("{size}x{size} pixels, stride {stride}")),
            Kernel::Pointwise => {
                let Tile { pixels, groups } = self.tile;
                let weights = if broadcast { "weights broadcast in the subgroup" } else { "weights from the buffer" };
                fact("tile", &format_args!("{pixels} pixels by {groups} groups of 4 output channels, {weights}"));
            }
            Kernel::PointwiseSmall
            | Kernel::LinearWide
            | Kernel::Pool
            | Kernel::PoolWide
            | Kernel::ResizeColumns
            | Kernel::TextureColumns
            | Kernel::ResizeRows
            | Kernel::Fallback
            | Kernel::ReadWeights
            | Kernel::Moments
            | Kernel::Normalise => {}
        }
        if row.has_epilogue {
            fact("epilogue", &self.epilogue);
        }
        if row.reads_gate {
            fact("gate", &self.gate);
        }
        if row.reads_weights {
            fact("weights", &storage);
            fact("products", &self.arithmetic);
        }
    }
}

impl fmt::Display for Epilogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(activation) => write!(f, "{}, no residual", activation.row().name),
            Self::Mixed(activation) => write!(f, "{} or identity, residual: as the layer says", activation.row().name),
            Self::AsLayer => write!(f, "activation and residual: as the layer says"),
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Every => "always",
            Self::AsLayer => "as the layer says",
        })
    }
}
