use serde::{Deserialize, Serialize};
use std::fmt;

crate::listed_enum! {
    /// The operation of a layer. Its row holds the properties; trainer, reference, exporter and GPU planner have one
    /// `match` each over all of them.
    ///
    /// Append only: files hold a variant's number.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Operator {
        /// A convolution in which every output channel reads every input channel, with a kernel larger than 1: the
        /// stem.
        Dense,
        /// A 1x1 convolution.
        Pointwise,
        /// A convolution of each channel with its own kernel.
        Depthwise,
        /// The mean over all pixels of each channel.
        Pool,
        /// A matrix and a bias over one pixel: the classifier, and both halves of squeeze-and-excite.
        Linear,
        /// The mean of each channel over squares of `kernel` pixels at distances of `stride`; a square that the image
        /// cuts off is the mean of what is left of it. A kernel of 1 copies.
        AveragePool,
    }
}

/// The facts of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperatorRow {
    /// Its name in words.
    pub name: &'static str,
    /// Which input channels an output channel reads.
    pub reads: Reads,
    /// Whether it multiplies by weights; the others cost no multiply-add.
    pub has_weights: bool,
    /// Whether batch norm follows.
    pub is_normalised: bool,
}

/// Which input channels an output channel reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Every one.
    Every,
    /// The one of the same index.
    Own,
}

impl Operator {
    /// Its row.
    pub const fn row(self) -> OperatorRow {
        use Reads::{Every, Own};
        match self {
            Self::Dense => OperatorRow { name: "dense", reads: Every, has_weights: true, is_normalised: true },
            Self::Pointwise => OperatorRow { name: "pointwise", reads: Every, has_weights: true, is_normalised: true },
            Self::Depthwise => OperatorRow { name: "depthwise", reads: Own, has_weights: true, is_normalised: true },
            Self::Pool => OperatorRow { name: "pool", reads: Own, has_weights: false, is_normalised: false },
            Self::Linear => OperatorRow { name: "linear", reads: Every, has_weights: true, is_normalised: false },
            Self::AveragePool => {
                OperatorRow { name: "average pool", reads: Own, has_weights: false, is_normalised: false }
            }
        }
    }

    /// How many of `inputs` channels one output channel reads.
    pub const fn channels_read(self, inputs: u32) -> u32 {
        match self.row().reads {
            Reads::Every => inputs,
            Reads::Own => 1,
        }
    }

    /// How many groups of channels do not read each other's inputs: the `groups` of a convolution in PyTorch and ONNX.
    pub const fn groups(self, inputs: u32) -> u32 {
        match self.row().reads {
            Reads::Every => 1,
            Reads::Own => inputs,
        }
    }

    /// Whether an output channel reads only the input channel of its own index.
    pub const fn is_per_channel(self) -> bool {
        matches!(self.row().reads, Reads::Own)
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().name)
    }
}
