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
//! | `uses_exp` | the trainer, which leaves exponentials to libtorch |
//!
//! To add an activation, append its variant and write its row. The compiler then names the one place that cannot read a
//! row: the trainer's call of libtorch. `CONTRIBUTING.md` shows the whole walk.

use serde::{Deserialize, Serialize};
use std::ops::{Add, Div, Mul, Neg, Sub};

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
    /// Whether it computes an exponential, which libtorch vectorises and the trainer's own kernels do not.
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

/// The arithmetic that rows are written in: `f32` or `f64`.
pub trait Real:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// The nearest number to a constant.
    fn of(value: f64) -> Self;
    /// The larger of this and a constant.
    fn at_least(self, low: f64) -> Self;
    /// This, kept between two constants.
    fn clamp(self, low: f64, high: f64) -> Self;
    /// The exponential.
    fn exp(self) -> Self;
    /// 1 if this is above a constant, else 0.
    fn is_above(self, low: f64) -> Self;
}

macro_rules! real {
    ($($type:ident),+) => {$(
        // Always inlined, into the trainer's loops for each instruction set.
        impl Real for $type {
            #[inline(always)]
            fn of(value: f64) -> Self {
                value as $type
            }

            #[inline(always)]
            fn at_least(self, low: f64) -> Self {
                $type::max(self, low as $type)
            }

            #[inline(always)]
            fn clamp(self, low: f64, high: f64) -> Self {
                $type::clamp(self, low as $type, high as $type)
            }

            #[inline(always)]
            fn exp(self) -> Self {
                $type::exp(self)
            }

            #[inline(always)]
            fn is_above(self, low: f64) -> Self {
                $type::from(u8::from(self > low as $type))
            }
        }
    )+};
}

real!(f32, f64);

/// One row for each variant of [`Activation`], under the same name.
mod rows {
    use super::OnnxInput::{Constant, Node, X};
    use super::{ActivationFunction, ActivationRow, OnnxNode, Real};

    pub enum Identity {}

    impl ActivationFunction for Identity {
        const ROW: ActivationRow =
            ActivationRow { name: "identity", max_slope: 1.0, is_gate: false, uses_exp: false, wgsl: "x", onnx: &[] };

        #[inline(always)]
        fn forward<T: Real>(x: T) -> T {
            x
        }

        #[inline(always)]
        fn derivative<T: Real>(_: T) -> T {
            T::of(1.0)
        }
    }

    pub enum Relu {}

    impl ActivationFunction for Relu {
        const ROW: ActivationRow = ActivationRow {
            name: "relu",
            max_slope: 1.0,
            is_gate: false,
            uses_exp: false,
            wgsl: "max(x, vec4<f32>(0.0))",
            onnx: &[OnnxNode::new("Relu", &[X])],
        };

        #[inline(always)]
        fn forward<T: Real>(x: T) -> T {
            x.at_least(0.0)
        }

        #[inline(always)]
        fn derivative<T: Real>(x: T) -> T {
            x.is_above(0.0)
        }
    }

    pub enum Relu6 {}

    impl ActivationFunction for Relu6 {
        const ROW: ActivationRow = ActivationRow {
            name: "relu6",
            max_slope: 1.0,
            is_gate: false,
            uses_exp: false,
            wgsl: "clamp(x, vec4<f32>(0.0), vec4<f32>(6.0))",
            onnx: &[OnnxNode::new("Clip", &[X, Constant(0.0), Constant(6.0)])],
        };

        #[inline(always)]
        fn forward<T: Real>(x: T) -> T {
            x.clamp(0.0, 6.0)
        }

        #[inline(always)]
        fn derivative<T: Real>(x: T) -> T {
            x.is_above(0.0) * (-x).is_above(-6.0)
        }
    }

    pub enum Swish {}

    impl ActivationFunction for Swish {
        const ROW: ActivationRow = ActivationRow {
            name: "swish",
            max_slope: 1.0999,
            is_gate: false,
            uses_exp: true,
            wgsl: "x / (1.0 + exp_minus(x))",
            onnx: &[OnnxNode::new("Sigmoid", &[X]), OnnxNode::new("Mul", &[X, Node(0)])],
        };

        #[inline(always)]
        fn forward<T: Real>(x: T) -> T {
            x / (T::of(1.0) + (-x).exp())
        }

        #[inline(always)]
        fn derivative<T: Real>(x: T) -> T {
            let sigmoid = Sigmoid::forward(x);
            sigmoid * (T::of(1.0) + x * (T::of(1.0) - sigmoid))
        }
    }

    pub enum HardSwish {}

    impl ActivationFunction for HardSwish {
        const ROW: ActivationRow = ActivationRow {
            name: "hard_swish",
            max_slope: 1.5,
            is_gate: false,
            uses_exp: false,
            wgsl: "x * clamp(x + 3.0, vec4<f32>(0.0), vec4<f32>(6.0)) * (1.0 / 6.0)",
            onnx: &[OnnxNode::new("HardSwish", &[X])],
        };

        #[inline(always)]
        fn forward<T: Real>(x: T) -> T {
            x * (x + T::of(3.0)).clamp(0.0, 6.0) * T::of(1.0 / 6.0)
        }

        #[inline(always)]
        fn derivative<T: Real>(x: T) -> T {
            let inside = x.is_above(-3.0) * (-x).is_above(-3.0);
            let above = T::of(1.0) - (-x).is_above(-3.0);
            inside * (T::of(2.0) * x + T::of(3.0)) * T::of(1.0 / 6.0) + above
        }
    }

    pub enum Sigmoid {}

    impl ActivationFunction for Sigmoid {
        const ROW: ActivationRow = ActivationRow {
            name: "sigmoid",
            max_slope: 0.25,
            is_gate: true,
            uses_exp: true,
            wgsl: "1.0 / (1.0 + exp_minus(x))",
            onnx: &[OnnxNode::new("Sigmoid", &[X])],
        };

        #[inline(always)]
        fn forward<T: Real>(x: T) -> T {
            T::of(1.0) / (T::of(1.0) + (-x).exp())
        }

        #[inline(always)]
        fn derivative<T: Real>(x: T) -> T {
            let sigmoid = Self::forward(x);
            sigmoid * (T::of(1.0) - sigmoid)
        }
    }

    pub enum HardSigmoid {}

    impl ActivationFunction for HardSigmoid {
        const ROW: ActivationRow = ActivationRow {
            name: "hard_sigmoid",
            max_slope: 1.0 / 6.0,
            is_gate: true,
            uses_exp: false,
            wgsl: "clamp(x + 3.0, vec4<f32>(0.0), vec4<f32>(6.0)) * (1.0 / 6.0)",
            onnx: &[OnnxNode {
                attributes: &[("alpha", 1.0 / 6.0), ("beta", 0.5)],
                ..OnnxNode::new("HardSigmoid", &[X])
            }],
        };

        #[inline(always)]
        fn forward<T: Real>(x: T) -> T {
            (x + T::of(3.0)).clamp(0.0, 6.0) * T::of(1.0 / 6.0)
        }

        #[inline(always)]
        fn derivative<T: Real>(x: T) -> T {
            x.is_above(-3.0) * (-x).is_above(-3.0) * T::of(1.0 / 6.0)
        }
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
