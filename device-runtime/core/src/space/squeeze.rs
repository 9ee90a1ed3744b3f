use crate::space::Activation;
use crate::space::definition::one;
use serde::{Deserialize, Serialize};

/// Which width a block's squeezed width is a share of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SqueezeOf {
    /// The block's input: EfficientNet, MNasNet, and the only rule under which BigNAS's published children exist.
    BlockInput,
    /// The expanded width: MobileNetV3, AttentiveNAS.
    Expanded,
}

/// Squeeze-and-excite between a block's depthwise convolution and its projection: the mean of each channel goes through
/// two small matrices and becomes a factor of that channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqueezeExcite {
    /// The width of which the squeezed width is a share.
    pub of: SqueezeOf,
    /// The share's denominator: 4 for the usual quarter.
    pub reduction: u32,
    /// The squeezed width is rounded to a multiple of this, and not below nine tenths of the share; 1 rounds down.
    #[serde(default = "one")]
    pub multiple_of: u32,
    /// The function between the matrices; the stage's own if not given.
    #[serde(default)]
    pub activation: Option<Activation>,
    /// The function that makes the factor.
    #[serde(default)]
    pub gate: Gate,
}

/// The function that turns the second matrix's output into a factor of a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// `1 / (1 + exp(-x))`
    #[default]
    Sigmoid,
    /// `relu6(x + 3) / 6`
    HardSigmoid,
}

impl Gate {
    /// The same as a layer's activation.
    pub fn activation(self) -> Activation {
        match self {
            Self::Sigmoid => Activation::Sigmoid,
            Self::HardSigmoid => Activation::HardSigmoid,
        }
    }
}

impl SqueezeExcite {
    /// A quarter of the block's input, as EfficientNet has it.
    pub const EFFICIENT_NET: Self =
        Self { of: SqueezeOf::BlockInput, reduction: 4, multiple_of: 1, activation: None, gate: Gate::Sigmoid };
    /// A quarter of the expanded width in multiples of 8, with ReLU and hard sigmoid, as MobileNetV3 has it.
    pub const MOBILE_NET_V3: Self = Self {
        of: SqueezeOf::Expanded,
        reduction: 4,
        multiple_of: 8,
        activation: Some(Activation::Relu),
        gate: Gate::HardSigmoid,
    };

    /// The squeezed width of a block.
    pub fn width(&self, block_input: u32, expanded: u32) -> u32 {
        let (reduction, multiple) = (self.reduction.max(1), self.multiple_of.max(1));
        let base = match self.of {
            SqueezeOf::BlockInput => block_input,
            SqueezeOf::Expanded => expanded,
        };
        if multiple == 1 {
            return (base / reduction).max(1);
        }
        let share = f64::from(base) / f64::from(reduction);
        let rounded = ((share + f64::from(multiple) / 2.0) as u32 / multiple * multiple).max(multiple);
        if f64::from(rounded) < 0.9 * share { rounded + multiple } else { rounded }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squeezed_widths_are_the_published_ones() {
        let efficient = |input| SqueezeExcite::EFFICIENT_NET.width(input, 6 * input);
        assert_eq!([16, 24, 40, 88, 216].map(efficient), [4, 6, 10, 22, 54]);
        let v3 = |expanded| SqueezeExcite::MOBILE_NET_V3.width(0, expanded);
        assert_eq!([72, 120, 480, 672, 960].map(v3), [24, 32, 120, 168, 240]);
    }
}
