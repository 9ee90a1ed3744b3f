//! Every activation's row is right in each of its parts: function, derivative, largest slope, WGSL and ONNX.
#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use naga::valid::{Capabilities, ValidationFlags, Validator};
use nestling_core::space::{Activation, ActivationFunction, OnnxInput, OnnxNode, PerActivation};
use nestling_core::weights::WeightStorage;
use nestling_shaders::{Epilogue, Kernel, Specialisation};

/// From -10 to 10, no kink of any activation among them.
fn inputs() -> impl Iterator<Item = f64> {
    (0..20_000).map(|index| -10.0 + 0.001 * f64::from(index) + 0.000_37)
}

/// Function and derivative in the number type of the trainer's kernels.
struct InF32(f32);

impl PerActivation for InF32 {
    type Output = [f32; 2];

    fn run<A: ActivationFunction>(self) -> [f32; 2] {
        [A::forward(self.0), A::derivative(self.0)]
    }
}

#[test]
fn derivatives_are_the_slopes_of_the_functions() {
    for activation in Activation::ALL {
        let name = activation.row().name;
        let mut steepest: f64 = 0.0;
        for x in inputs() {
            let slope = (activation.forward(x + 1e-6) - activation.forward(x - 1e-6)) / 2e-6;
            let derivative = activation.derivative(x);
            assert!((slope - derivative).abs() < 1e-6, "{name} at {x}: {slope}, not {derivative}");
            steepest = steepest.max(derivative.abs());
            let [forward, derivative_f32] = activation.dispatch(InF32(x as f32));
            assert!((f64::from(forward) - activation.forward(x)).abs() < 2e-6, "{name} at {x}");
            assert!((f64::from(derivative_f32) - derivative).abs() < 1e-5, "{name} at {x}");
        }
        let stated = activation.row().max_slope;
        assert!(
            steepest <= stated && stated < steepest + 1e-3,
            "{name}: a slope of {steepest}, but {stated} is stated"
        );
        for x in [-1e30, -1e3, -10.0, 0.0, 10.0, 1e3, 1e30] {
            assert!(!activation.forward(x).is_nan() && activation.derivative(x).is_finite(), "{name} at {x}");
        }
    }
}

#[test]
fn every_expression_is_wgsl_in_every_epilogue() {
    for activation in Activation::ALL {
        let row = activation.row();
        assert_eq!(row.wgsl.contains("exp_minus"), row.uses_exp, "{}", row.name);
        for epilogue in [Epilogue::Fixed(activation), Epilogue::Mixed(activation), Epilogue::AsLayer] {
            let specialisation = Specialisation { epilogue, ..Specialisation::generic(64) };
            let text = specialisation.wgsl(Kernel::PointwiseSmall, WeightStorage::F32);
            assert!(text.contains(row.wgsl), "{} in {epilogue:?}", row.name);
            let module =
                naga::front::wgsl::parse_str(&text).unwrap_or_else(|error| panic!("{}", error.emit_to_string(&text)));
            let mut validator = Validator::new(ValidationFlags::all(), Capabilities::empty());
            validator.validate(&module).unwrap_or_else(|error| panic!("{}", error.emit_to_string(&text)));
        }
    }
}

/// One ONNX node, as the specification of its operator defines it.
fn onnx_node(node: &OnnxNode, inputs: &[f64]) -> f64 {
    let attribute = |name: &str| f64::from(node.attributes.iter().find(|(known, _)| *known == name).unwrap().1);
    match (node.operator, inputs) {
        ("Relu", &[x]) => x.max(0.0),
        ("Clip", &[x, low, high]) => x.clamp(low, high),
        ("Sigmoid", &[x]) => 1.0 / (1.0 + (-x).exp()),
        ("Mul", &[a, b]) => a * b,
        ("HardSigmoid", &[x]) => (attribute("alpha") * x + attribute("beta")).clamp(0.0, 1.0),
        ("HardSwish", &[x]) => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
        (operator, inputs) => panic!("define {operator} of {} inputs here, as ONNX does", inputs.len()),
    }
}

#[test]
fn onnx_nodes_compute_the_function() {
    for activation in Activation::ALL {
        for x in inputs() {
            let mut outputs: Vec<f64> = Vec::new();
            for node in activation.row().onnx {
                let value = |input: &OnnxInput| match *input {
                    OnnxInput::X => x,
                    OnnxInput::Constant(value) => f64::from(value),
                    OnnxInput::Node(index) => outputs[index],
                };
                let inputs: Vec<f64> = node.inputs.iter().map(value).collect();
                outputs.push(onnx_node(node, &inputs));
            }
            let (given, expected) = (outputs.last().copied().unwrap_or(x), activation.forward(x));
            assert!((given - expected).abs() < 1e-6, "{} at {x}: {given}, not {expected}", activation.row().name);
        }
    }
}
