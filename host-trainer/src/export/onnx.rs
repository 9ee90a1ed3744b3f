use super::Exported;
use super::proto::{Attribute, Entry, Graph, Model, Node, OperatorSet, Tensor, Value};
use nestling_core::space::{Activation, Layer, OnnxInput, OnnxNode, Operator};
use prost::Message;

/// The oldest operator set that has everything a child needs, hard swish included.
const OPERATOR_SET: i64 = 14;
/// The file format that came with it.
const IR_VERSION: i64 = 7;

/// Name of the graph's input, normalised images `[images, channels, height, width]`.
pub const INPUT: &str = "image";
/// Name of the graph's output, `[images, classes]`.
pub const OUTPUT: &str = "logits";

/// The child as an ONNX file: batch norm folded into weights and biases, nothing left of the supernet around it.
pub(super) fn encode(child: &Exported<'_>) -> Vec<u8> {
    let mut graph = Builder::default();
    let network = child.network;
    let mut first = 0;
    for (index, layer) in network.layers.iter().enumerate() {
        let channels = if layer.is_normalised() { layer.shape.output.channels as usize } else { 0 };
        graph.layer(child, index, first..first + channels);
        first += channels;
    }
    let classes = network.layers.last().map_or(0, |classifier| classifier.shape.output.channels);
    if let Some(classifier) = network.layers.last() {
        graph.node("Flatten", OUTPUT, &[&classifier.name], vec![Attribute::int("axis", 1)]);
    }
    let input = [network.input.channels, network.input.height, network.input.width];
    let graph = Graph {
        node: graph.nodes,
        name: network.child.to_string(),
        initializer: graph.weights,
        input: vec![Value::images(INPUT, &input)],
        output: vec![Value::images(OUTPUT, &[classes])],
    };
    let model = Model {
        ir_version: IR_VERSION,
        producer_name: "nestling".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(graph),
        opset_import: vec![OperatorSet { domain: String::new(), version: OPERATOR_SET }],
        metadata: child.metadata().into_iter().map(|(key, value)| Entry { key, value }).collect(),
    };
    model.encode_to_vec()
}

#[derive(Default)]
struct Builder {
    nodes: Vec<Node>,
    weights: Vec<Tensor>,
}

impl Builder {
    fn node(&mut self, operator: &str, output: &str, inputs: &[&str], attribute: Vec<Attribute>) {
        self.nodes.push(Node {
            input: inputs.iter().map(ToString::to_string).collect(),
            output: vec![output.into()],
            name: output.into(),
            operator: operator.into(),
            attribute,
        });
    }

    /// `activation(norm(operator(input * gate)) + residual)`; the value that leaves it has the layer's name.
    fn layer(&mut self, child: &Exported<'_>, index: usize, statistics: std::ops::Range<usize>) {
        let network = child.network;
        let layer = &network.layers[index];
        let name = |index: Option<usize>| index.map_or(INPUT, |index| network.layers[index].name.as_str());
        let mut value = name(layer.input).to_owned();
        if let Some(gate) = layer.gate {
            let gated = format!("{}.gated", layer.name);
            self.node("Mul", &gated, &[&value, name(Some(gate))], vec![]);
            value = gated;
        }
        let identity = layer.shape.activation == Activation::Identity;
        let output = |last: bool, step: &str| {
            if last { layer.name.clone() } else { format!("{}.{step}", layer.name) }
        };
        let out = output(layer.residual.is_none() && identity, "sum");
        self.operator(child, layer, &value, &out, statistics);
        value = out;
        if let Some(residual) = layer.residual {
            let out = output(identity, "added");
            self.node("Add", &out, &[&value, name(Some(residual))], vec![]);
            value = out;
        }
        if !identity {
            self.activation(layer.shape.activation, &layer.name, &value);
        }
    }

    fn operator(
        &mut self,
        child: &Exported<'_>,
        layer: &Layer,
        input: &str,
        output: &str,
        statistics: std::ops::Range<usize>,
    ) {
        let shape = &layer.shape;
        match shape.operator {
            Operator::Pool => self.node("GlobalAveragePool", output, &[input], vec![]),
            Operator::AveragePool if shape.kernel == 1 => self.node("Identity", output, &[input], vec![]),
            Operator::AveragePool => {
                let attributes = vec![
                    Attribute::ints("kernel_shape", [shape.kernel; 2]),
                    Attribute::ints("strides", [shape.stride; 2]),
                    Attribute::int("ceil_mode", 1),
                ];
                self.node("AveragePool", output, &[input], attributes);
            }
            Operator::Dense | Operator::Pointwise | Operator::Depthwise | Operator::Linear => {
                let all = child.statistics;
                let (means, variances) = (&all.means[statistics.clone()], &all.variances[statistics]);
                let folded = child.weights.fold(layer, means, variances);
                let mut weight = child.weights.weight(layer);
                let row = weight.len() / folded.len().max(1);
                for (row, &(scale, _)) in weight.chunks_exact_mut(row.max(1)).zip(&folded) {
                    row.iter_mut().for_each(|value| *value = (f64::from(*value) * scale) as f32);
                }
                let bias: Vec<f32> = folded.iter().map(|&(_, shift)| shift as f32).collect();
                let groups = shape.operator.groups(shape.input.channels);
                let dims = [shape.output.channels, shape.input.channels / groups, shape.kernel, shape.kernel];
                let (weight_name, bias_name) = (format!("{}.weight", layer.name), format!("{}.bias", layer.name));
                self.weights.push(Tensor::floats(&weight_name, &dims, &weight));
                self.weights.push(Tensor::floats(&bias_name, &dims[..1], &bias));
                // Zeros behind the image: whatever the last row and column of the output still need.
                let after = |input: u32, output: u32| {
                    ((output - 1) * shape.stride + shape.kernel).saturating_sub(input + layer.padding)
                };
                let below = after(shape.input.height, shape.output.height);
                let right = after(shape.input.width, shape.output.width);
                let attributes = vec![
                    Attribute::ints("kernel_shape", [shape.kernel; 2]),
                    Attribute::ints("strides", [shape.stride; 2]),
                    Attribute::ints("pads", [layer.padding, layer.padding, below, right]),
                    Attribute::int("group", i64::from(groups)),
                ];
                self.node("Conv", output, &[input, &weight_name, &bias_name], attributes);
            }
        }
    }

    /// The nodes of an activation's row; the last one's output is `output`.
    fn activation(&mut self, activation: Activation, output: &str, input: &str) {
        let nodes = activation.row().onnx;
        let name = |index: usize| {
            if index + 1 == nodes.len() {
                output.to_owned()
            } else {
                format!("{output}.{}.{index}", nodes[index].operator)
            }
        };
        for (index, OnnxNode { operator, inputs, attributes }) in nodes.iter().enumerate() {
            let mut names = Vec::with_capacity(inputs.len());
            for input_of_node in *inputs {
                names.push(match *input_of_node {
                    OnnxInput::X => input.to_owned(),
                    OnnxInput::Node(earlier) => name(earlier),
                    OnnxInput::Constant(value) => self.scalar(output, value),
                });
            }
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let attributes = attributes.iter().map(|&(name, value)| Attribute::float(name, value)).collect();
            self.node(operator, &name(index), &names, attributes);
        }
    }

    /// A constant of a layer, stored once.
    fn scalar(&mut self, layer: &str, value: f32) -> String {
        let name = format!("{layer}.{value}");
        if !self.weights.iter().any(|known| known.name == name) {
            self.weights.push(Tensor::floats(&name, &[], &[value]));
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_core::reference::SharedWeights;
    use nestling_core::space::{Preset, Statistics, ValidatedSpace};

    fn exported(space: &ValidatedSpace) -> (Model, usize) {
        let network = space.lower(&space.smallest()).unwrap();
        let layout = space.layout();
        let weights = crate::untrained::random_weights(space, 1);
        let channels = network.normalised_channels();
        let statistics = Statistics { means: vec![0.1; channels], variances: vec![0.5; channels] };
        let child = Exported {
            name: "smallest",
            space,
            network: &network,
            weights: SharedWeights { layout, values: &weights },
            statistics: &statistics,
            preprocessing: None,
        };
        let bytes = network.layers.iter().map(|layer| 4 * layer.shape.weights() as usize).sum();
        (Model::decode(encode(&child).as_slice()).unwrap(), bytes)
    }

    #[test]
    fn every_value_is_made_once_before_it_is_read_and_all_weights_are_there() {
        for preset in Preset::ALL {
            let (model, bytes) = exported(&preset.space().validated().unwrap());
            let graph = model.graph.unwrap();
            let mut known: Vec<String> = graph.initializer.iter().map(|tensor| tensor.name.clone()).collect();
            known.push(INPUT.into());
            for node in &graph.node {
                assert!(node.input.iter().all(|name| known.contains(name)), "{}: {node:?}", preset.name);
                assert!(!known.contains(&node.output[0]), "{}: {} twice", preset.name, node.output[0]);
                known.extend(node.output.clone());
            }
            assert!(known.contains(&OUTPUT.to_owned()));
            let stored: usize = graph.initializer.iter().map(|tensor| tensor.raw_data.len()).sum();
            assert!(stored >= bytes, "{}", preset.name);
            for tensor in &graph.initializer {
                assert_eq!(4 * tensor.dims.iter().product::<i64>() as usize, tensor.raw_data.len(), "{}", tensor.name);
            }
        }
    }

    #[test]
    fn every_activation_becomes_the_nodes_of_its_row() {
        for activation in Activation::ALL.into_iter().filter(|&one| one != Activation::Identity) {
            let (row, mut graph) = (activation.row(), Builder::default());
            graph.activation(activation, "layer", "sum");
            let operators: Vec<&str> = graph.nodes.iter().map(|node| node.operator.as_str()).collect();
            assert_eq!(operators, row.onnx.iter().map(|node| node.operator).collect::<Vec<_>>(), "{}", row.name);
            let mut known: Vec<&str> = graph.weights.iter().map(|tensor| tensor.name.as_str()).collect();
            known.push("sum");
            for (node, expected) in graph.nodes.iter().zip(row.onnx) {
                assert!(node.input.iter().all(|name| known.contains(&name.as_str())), "{}: {node:?}", row.name);
                assert!(!known.contains(&node.output[0].as_str()), "{}: {} twice", row.name, node.output[0]);
                assert_eq!(node.input.len(), expected.inputs.len(), "{}", row.name);
                let attributes: Vec<(&str, f32)> =
                    node.attribute.iter().map(|attribute| (attribute.name.as_str(), attribute.f)).collect();
                assert_eq!(attributes, expected.attributes, "{}", row.name);
                known.push(&node.output[0]);
            }
            assert_eq!(graph.nodes.last().unwrap().output, ["layer"], "{}", row.name);
        }
    }
}
