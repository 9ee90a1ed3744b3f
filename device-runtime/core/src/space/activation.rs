use serde::{Deserialize, Serialize};

/// The element-wise function that closes a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x`
    Identity,
    /// `max(x, 0)`
    Relu,
    /// `min(max(x, 0), 6)`
    Relu6,
    /// `x * sigmoid(x)` (also called SiLU)
    Swish,
    /// `x * relu6(x + 3) / 6`
    HardSwish,
    /// `1 / (1 + exp(-x))`: a gate, never a block's own function.
    Sigmoid,
    /// `relu6(x + 3) / 6`: a gate, never a block's own function.
    HardSigmoid,
}

impl Activation {
    /// Applies the function.
    pub fn apply(self, x: f64) -> f64 {
        match self {
            Self::Identity => x,
            Self::Relu => x.max(0.0),
            Self::Relu6 => x.clamp(0.0, 6.0),
            Self::Swish => x / (1.0 + (-x).exp()),
            Self::HardSwish => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::HardSigmoid => (x + 3.0).clamp(0.0, 6.0) / 6.0,
        }
    }

    /// Whether the function is a gate: never a block's own function.
    pub fn is_gate(self) -> bool {
        match self {
            Self::Sigmoid | Self::HardSigmoid => true,
            Self::Identity | Self::Relu | Self::Relu6 | Self::Swish | Self::HardSwish => false,
        }
    }
}
