use nestling_core::arithmetic::Arithmetic;
use nestling_core::space::Activation;
use nestling_core::tiles::Tile;
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

/// The parameters that a kernel's module is generated from.
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
    /// The outputs that a thread of [`Kernel::Pointwise`](crate::Kernel::Pointwise) computes.
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
