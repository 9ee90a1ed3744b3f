//! The activation functions. Each is a variant of [`Activation`] and one row, which every reader takes its part of:
//!
//! | part of the row | reader |
//! | --- | --- |
//! | `name` | space files, command lines, messages |
//! | `is_gate` | the check of a space: a gate is never a block's own activation |
//! | `wgsl` | the epilogue of the GPU kernels |
//! | `max_slope` | tolerances of the self-tests |
//! | `onnx` | the exporter |
//! | `forward`, `derivative` | the f64 reference, and the trainer's CPU kernels in f32 |
//! | `uses_exp` | the GPU kernels, which then get `exp_minus` |
//!
//! To add an activation, append its variant and write its row. The compiler then names the one place that cannot read a
//! row: the trainer's call of libtorch. `CONTRIBUTING.md` shows the whole walk.

mod real;
mod rows;

pub use real::Real;

use serde::{Deserialize, Serialize};

/// Declares [`Activation`] and links each variant to the row of the same name in [`rows`].
macro_rules! activations {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        $crate::listed_enum! {
            /// The element-wise function at the end of a layer.
            ///
            /// Append only: files and kernels hold a variant's number.
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
            #[serde(rename_all = "snake_case")]
            pub enum Activation {
                $($(#[$doc])* $name),+
            }
        }

        impl Activation {
            /// Its row.
            pub fn row(self) -> &'static ActivationRow {
                match self {
                    $(Self::$name => &<rows::$name as ActivationFunction>::ROW),+
                }
            }

            /// Runs code that is compiled for each activation on its own, so that loops hold no branch.
            pub fn dispatch<C: PerActivation>(self, code: C) -> C::Output {
                match self {
                    $(Self::$name => code.run::<rows::$name>()),+
                }
            }
        }
    };
}

activations! {
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

/// The data of an activation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ActivationRow {
    /// Its name in files and on command lines.
    pub name: &'static str,
    /// The largest absolute value of its derivative: how much it may enlarge an error.
    pub max_slope: f64,
    /// Whether it only makes the factors of squeeze-and-excite.
    pub is_gate: bool,
    /// Whether its WGSL calls `exp_minus`.
    pub uses_exp: bool,
    /// A WGSL expression of `x`, a `vec4<f32>`. It may call `exp_minus(x)`, a finite `exp(-x)`.
    pub wgsl: &'static str,
    /// ONNX nodes in order; the last one's output is the activation's. None for the identity.
    pub onnx: &'static [OnnxNode],
}

/// The function of an activation, for every number type.
pub trait ActivationFunction {
    /// The data beside the function.
    const ROW: ActivationRow;

    /// The function.
    fn forward<T: Real>(x: T) -> T;

    /// Its derivative; 0 or the slope of one side where the function has a kink.
    fn derivative<T: Real>(x: T) -> T;
}

/// Code that is generic over the activation: see [`Activation::dispatch`].
pub trait PerActivation {
    /// The result.
    type Output;

    /// The code.
    fn run<A: ActivationFunction>(self) -> Self::Output;
}

/// One ONNX node of an activation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OnnxNode {
    /// The operator of the ONNX specification.
    pub operator: &'static str,
    /// Its inputs.
    pub inputs: &'static [OnnxInput],
    /// Its attributes, all of which are floats.
    pub attributes: &'static [(&'static str, f32)],
}

/// An input of an [`OnnxNode`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OnnxInput {
    /// The activation's input.
    X,
    /// A scalar.
    Constant(f32),
    /// The output of an earlier node of the row, counted from 0.
    Node(usize),
}

impl OnnxNode {
    const fn new(operator: &'static str, inputs: &'static [OnnxInput]) -> Self {
        Self { operator, inputs, attributes: &[] }
    }
}

impl Activation {
    /// The number that files and kernels know it by.
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The activation of a number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }

    /// Applies the function.
    pub fn forward(self, x: f64) -> f64 {
        self.dispatch(Forward(x))
    }

    /// The derivative.
    pub fn derivative(self, x: f64) -> f64 {
        self.dispatch(Derivative(x))
    }
}

struct Forward(f64);

impl PerActivation for Forward {
    type Output = f64;

    fn run<A: ActivationFunction>(self) -> f64 {
        A::forward(self.0)
    }
}

struct Derivative(f64);

impl PerActivation for Derivative {
    type Output = f64;

    fn run<A: ActivationFunction>(self) -> f64 {
        A::derivative(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_those_of_the_files() {
        for (index, activation) in (0..).zip(Activation::ALL) {
            let name = activation.row().name;
            assert_eq!(serde_json::to_value(activation).unwrap(), name);
            assert_eq!((activation.number(), Activation::from_number(index)), (index, Some(activation)), "{name}");
            assert_eq!(postcard::to_stdvec(&activation).unwrap(), [index as u8], "{name}");
        }
        assert_eq!(Activation::from_number(Activation::ALL.len() as u32), None);
    }
}
