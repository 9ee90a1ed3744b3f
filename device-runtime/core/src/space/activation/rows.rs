//! One row for each variant of [`Activation`](super::Activation), under the same name.

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
        onnx: &[OnnxNode { attributes: &[("alpha", 1.0 / 6.0), ("beta", 0.5)], ..OnnxNode::new("HardSigmoid", &[X]) }],
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
