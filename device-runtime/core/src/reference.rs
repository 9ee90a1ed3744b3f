//! A plain f64 forward pass of a [`Network`] on the CPU: the oracle for every kernel and for the trainer. Written to be
//! read, not to be fast.

use crate::space::{Layer, Network, Operator, ParameterLayout, Statistics};

/// The shared weights and where each tensor is in them.
#[derive(Clone, Copy, Debug)]
pub struct SharedWeights<'a> {
    /// Where each tensor is.
    pub layout: &'a ParameterLayout,
    /// The flat vector of all parameters; `layout.len()` values.
    pub values: &'a [f32],
}

impl SharedWeights<'_> {
    fn at(&self, parameter: usize, index: usize) -> f64 {
        f64::from(self.values[self.layout.parameters[parameter].offset + index])
    }

    /// The slice of a layer's weight that a child reads, `[outputs, inputs / groups, kernel, kernel]`: first outputs,
    /// first inputs, centre of the kernel. Empty for a pool.
    pub fn weight(&self, layer: &Layer) -> Vec<f32> {
        let Some(convolution) = layer.convolution.map(|index| &self.layout.convolutions[index]) else {
            return Vec::new();
        };
        let reads = |inputs: u32| layer.shape.operator.channels_read(inputs) as usize;
        let (all_inputs, inputs) = (reads(convolution.inputs), reads(layer.shape.input.channels));
        let (kernel, full) = (layer.shape.kernel as usize, convolution.kernel as usize);
        let crop = (full - kernel) / 2;
        let first = self.layout.parameters[convolution.weight].offset;
        let mut slice = Vec::with_capacity(layer.shape.weights() as usize);
        for output in 0..layer.shape.output.channels as usize {
            for input in 0..inputs {
                for row in 0..kernel {
                    let at = first + ((output * all_inputs + input) * full + row + crop) * full + crop;
                    slice.extend_from_slice(&self.values[at..at + kernel]);
                }
            }
        }
        slice
    }

    /// The elements of one of a layer's vectors (gamma, beta or bias) that a child reads.
    pub fn vector(&self, layer: &Layer, parameter: usize) -> &[f32] {
        let first = self.layout.parameters[parameter].offset;
        &self.values[first..first + layer.shape.output.channels as usize]
    }

    /// Batch norm as one scale and one shift for each of the layer's output channels, given its slice of the child's
    /// means and variances; for a matrix, scale 1 and the bias.
    pub fn fold(&self, layer: &Layer, means: &[f32], variances: &[f32]) -> Vec<(f64, f64)> {
        let channels = layer.shape.output.channels as usize;
        let Some(convolution) = layer.convolution.map(|index| &self.layout.convolutions[index]) else {
            return vec![(1.0, 0.0); channels];
        };
        (0..channels)
            .map(|channel| match convolution.shift {
                None => (1.0, self.at(convolution.scale_or_bias, channel)),
                Some(beta) => {
                    let epsilon = f64::from(layer.norm_epsilon.unwrap_or(0.0));
                    let deviation = (f64::from(variances[channel]) + epsilon).sqrt();
                    let scale = self.at(convolution.scale_or_bias, channel) / deviation;
                    (scale, self.at(beta, channel) - f64::from(means[channel]) * scale)
                }
            })
            .collect()
    }
}

/// Convolution (or pool, or matrix) of one image, without gate, batch norm, residual and activation.
///
/// `input` is `[channels][height][width]`, as is the result.
pub fn convolve(layer: &Layer, weights: &SharedWeights<'_>, input: &[f64]) -> Vec<f64> {
    let (from, to) = (layer.shape.input, layer.shape.output);
    assert_eq!(input.len(), from.len(), "{}: input", layer.name);
    let pixels = from.pixels() as usize;
    let Some(convolution) = layer.convolution.map(|index| &weights.layout.convolutions[index]) else {
        return input.chunks_exact(pixels).flat_map(|channel| pool(layer, channel)).collect();
    };
    let operator = layer.shape.operator;
    let (kernel, full) = (layer.shape.kernel as usize, convolution.kernel as usize);
    let crop = (full - kernel) / 2; // the centre of the supernet's kernel
    let [columns, inputs] = [convolution.inputs, from.channels].map(|inputs| operator.channels_read(inputs) as usize);
    let mut output = Vec::with_capacity(to.len());
    for out in 0..to.channels as usize {
        for row in 0..to.height {
            for column in 0..to.width {
                let mut sum = 0.0;
                for position in 0..kernel * kernel {
                    let (y, x) = (position / kernel, position % kernel);
                    let source_row = (row * layer.shape.stride) as i64 + y as i64 - i64::from(layer.padding);
                    let source_column = (column * layer.shape.stride) as i64 + x as i64 - i64::from(layer.padding);
                    let inside = (0..i64::from(from.height)).contains(&source_row)
                        && (0..i64::from(from.width)).contains(&source_column);
                    if !inside {
                        continue;
                    }
                    let pixel = source_row as usize * from.width as usize + source_column as usize;
                    for inner in 0..inputs {
                        let weight = ((out * columns + inner) * full + y + crop) * full + x + crop;
                        let channel = if operator.is_per_channel() { out } else { inner };
                        sum += weights.at(convolution.weight, weight) * input[channel * pixels + pixel];
                    }
                }
                output.push(sum);
            }
        }
    }
    output
}

/// The mean of one channel over the whole image, or over squares.
fn pool(layer: &Layer, channel: &[f64]) -> Vec<f64> {
    let (from, to) = (layer.shape.input, layer.shape.output);
    let (kernel, stride) = match layer.shape.operator {
        Operator::AveragePool => (layer.shape.kernel, layer.shape.stride),
        Operator::Pool => (from.height.max(from.width), 1),
        operator @ (Operator::Dense | Operator::Pointwise | Operator::Depthwise | Operator::Linear) => {
            unreachable!("{operator} has weights, and a convolution in every layout")
        }
    };
    let mut means = Vec::with_capacity(to.pixels() as usize);
    for row in 0..to.height {
        for column in 0..to.width {
            let rows = row * stride..(row * stride + kernel).min(from.height);
            let columns = column * stride..(column * stride + kernel).min(from.width);
            let count = rows.len() * columns.len();
            let sum: f64 =
                rows.flat_map(|y| columns.clone().map(move |x| channel[(y * from.width + x) as usize])).sum();
            means.push(sum / count as f64);
        }
    }
    means
}

/// Batch norm (or bias), then the residual, then the activation: the end of every layer.
pub fn epilogue(layer: &Layer, folded: &[(f64, f64)], values: &mut [f64], residual: Option<&[f64]>) {
    let pixels = layer.shape.output.pixels() as usize;
    for (index, value) in values.iter_mut().enumerate() {
        let (scale, shift) = folded[index / pixels];
        let sum = *value * scale + shift + residual.map_or(0.0, |residual| residual[index]);
        *value = layer.shape.activation.forward(sum);
    }
}

/// Runs a calibrated child on one normalised image `[channels][height][width]` and returns the output of every layer;
/// the last is the logits.
pub fn forward(
    network: &Network,
    weights: &SharedWeights<'_>,
    statistics: &Statistics,
    image: &[f64],
) -> Vec<Vec<f64>> {
    let mut outputs: Vec<Vec<f64>> = Vec::with_capacity(network.layers.len());
    let mut first = 0;
    for layer in &network.layers {
        let mut input = layer.input.map_or(image, |index| &outputs[index]).to_vec();
        if let Some(gate) = layer.gate.map(|index| &outputs[index]) {
            let pixels = layer.shape.input.pixels() as usize;
            for (index, value) in input.iter_mut().enumerate() {
                *value *= gate[index / pixels];
            }
        }
        let mut values = convolve(layer, weights, &input);
        let count = if layer.is_normalised() { layer.shape.output.channels as usize } else { 0 };
        let range = first..first + count;
        let folded = weights.fold(layer, &statistics.means[range.clone()], &statistics.variances[range]);
        first += count;
        epilogue(layer, &folded, &mut values, layer.residual.map(|index| outputs[index].as_slice()));
        outputs.push(values);
    }
    outputs
}
