use super::Parameters;
use super::kernels::{depthwise, norm as fused_norm};
use nestling_core::space::{Activation, Layer, Network, Operator, Statistics};
use std::cell::RefCell;
use std::ops::Range;
use tch::{Device, Kind, Tensor, no_grad};

/// The source of batch norm's statistics.
///
/// A supernet has no running statistics: they are ill-defined while the architecture varies (BigNAS, batch norm
/// calibration).
#[derive(Clone, Copy, Debug)]
pub enum Norm<'a> {
    /// From this batch of this child: training.
    Batch,
    /// The same, and keeps them: for a method whose children have running statistics of their own.
    Recorded(&'a Recorder),
    /// From calibration: one mean and one variance tensor a normalised layer ([`norm_tensors`]).
    Calibrated(&'a [(Tensor, Tensor)]),
}

/// The statistics of one batch, layer by layer.
#[derive(Debug, Default)]
pub struct Recorder(RefCell<Vec<(Tensor, Tensor)>>);

impl Recorder {
    /// Adds mean and biased variance of each channel of a layer, `[channels]`.
    fn record(&self, x: &Tensor) {
        let statistics = no_grad(|| {
            // Pixels by channels: a view of channels-last activations.
            let pixels = x.detach().to_kind(Kind::Float).permute([0, 2, 3, 1]).reshape([-1, x.size()[1]]);
            let mean = pixels.mean_dim([0i64].as_slice(), false, Kind::Float);
            let variance = (pixels - &mean).square().mean_dim([0i64].as_slice(), false, Kind::Float);
            (mean, variance)
        });
        self.0.borrow_mut().push(statistics);
    }

    /// All means, then all variances, in the order of the layers.
    pub fn into_flat(self) -> Tensor {
        let (mut all, variances): (Vec<_>, Vec<_>) = self.0.into_inner().into_iter().unzip();
        all.extend(variances);
        Tensor::cat(&all, 0)
    }
}

/// A child's statistics as one pair of tensors (means, variances) for each normalised layer, on the device of `like`.
pub fn norm_tensors(network: &Network, statistics: &Statistics, like: &Tensor) -> Vec<(Tensor, Tensor)> {
    let mut first = 0;
    (network.normalised_layers())
        .map(|layer| {
            let range = first..first + layer.shape.output.channels as usize;
            first = range.end;
            let tensor = |values: &[f32]| Tensor::from_slice(values).to_device(like.device());
            (tensor(&statistics.means[range.clone()]), tensor(&statistics.variances[range]))
        })
        .collect()
}

/// Whether Nestling's own kernels compute: they know f32 on the processor. Everything else is libtorch's.
fn has_own_kernels(x: &Tensor) -> bool {
    x.device() == Device::Cpu && x.kind() == Kind::Float
}

/// The tensor in the kind of another: weights follow the activations, and their gradients come back in f32.
fn as_kind_of(tensor: Tensor, other: &Tensor) -> Tensor {
    if tensor.kind() == other.kind() { tensor } else { tensor.to_kind(other.kind()) }
}

/// The same values with the channels of a pixel side by side, the order that the kernels of GPUs want.
fn channels_last(x: &Tensor) -> Tensor {
    x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}

/// Convolution (or pool, or matrix with its bias) of a batch, gated where the layer is, before batch norm. It computes in
/// the kind of `input`.
///
/// `gate` is `[count, channels, 1, 1]`.
pub fn layer_output(layer: &Layer, parameters: &Parameters, input: &Tensor, gate: Option<&Tensor>) -> Tensor {
    let shape = &layer.shape;
    let gated = gate.map(|gate| input * gate);
    let input = gated.as_ref().unwrap_or(input);
    match shape.operator {
        Operator::Pool => input.mean_dim([2i64, 3].as_slice(), true, None::<Kind>),
        Operator::Linear => {
            let bias = as_kind_of(parameters.scale_and_shift(layer).0, input);
            let weight = as_kind_of(parameters.weight(layer).flatten(1, -1), input);
            input.flatten(1, -1).linear(&weight, Some(&bias)).unsqueeze(-1).unsqueeze(-1)
        }
        Operator::AveragePool if shape.kernel == 1 => input.shallow_clone(),
        Operator::AveragePool => {
            let (kernel, stride) = (i64::from(shape.kernel), i64::from(shape.stride));
            input.avg_pool2d([kernel, kernel], [stride, stride], [0, 0], true, false, None::<i64>)
        }
        Operator::Pointwise if has_own_kernels(input) && shape.stride == 1 && shape.kernel == 1 => {
            pointwise(input, &parameters.weight(layer))
        }
        Operator::Dense | Operator::Pointwise | Operator::Depthwise => {
            let groups = i64::from(shape.operator.groups(shape.input.channels));
            let stride = i64::from(shape.stride);
            // Zeros after the image that symmetric padding does not give ("SAME" on even sizes).
            let needed = |input: u32, output: u32| {
                i64::from(((output - 1) * shape.stride + shape.kernel).saturating_sub(input + layer.padding))
            };
            let before = i64::from(layer.padding);
            let below = needed(shape.input.height, shape.output.height);
            let right = needed(shape.input.width, shape.output.width);
            let weight = as_kind_of(parameters.weight(layer), input);
            let is_uneven = below > before || right > before;
            let padded = is_uneven.then(|| input.constant_pad_nd([before, right, before, below]));
            let (input, padding) = padded.as_ref().map_or((input, before), |padded| (padded, 0));
            if groups > 1 && has_own_kernels(input) && shape.kernel > 1 {
                depthwise(input, &weight, shape.stride, padding)
            } else {
                input.conv2d(&weight, None::<&Tensor>, stride, padding, 1, groups)
            }
        }
    }
}

/// A pointwise convolution as one matrix product over all pixels. It reads channels-last activations and a slice of the
/// shared weights in place, and so do its gradients; libtorch's convolution reorders weights for each child.
fn pointwise(input: &Tensor, weight: &Tensor) -> Tensor {
    let (images, channels, height, width) = input.size4().unwrap_or_default();
    let pixels = input.permute([0, 2, 3, 1]).reshape([-1, channels]);
    let outputs = pixels.mm(&weight.flatten(1, -1).tr());
    outputs.view([images, height, width, -1]).permute([0, 3, 1, 2])
}

/// Applies an activation by libtorch's own operator: the one part of an activation that no row holds.
pub fn activate(x: Tensor, activation: Activation) -> Tensor {
    let mut x = x;
    match activation {
        Activation::Identity => x,
        Activation::Relu => x.relu_(),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::Swish => x.silu(),
        Activation::HardSwish => x.hardswish(),
        Activation::Sigmoid => x.sigmoid(),
        Activation::HardSigmoid => x.hardsigmoid(),
    }
}

/// Bytes of the largest activation of the images that are evaluated at once.
const BYTES_AT_ONCE: usize = 64 << 20;

/// Images to evaluate at once, at most `most`: as many as keep the largest activation within 64 MiB, and at least one.
pub fn images_at_once(network: &Network, most: usize) -> usize {
    let largest = network.layers.iter().map(|layer| 4 * layer.shape.output.len()).max().unwrap_or(1);
    most.min(BYTES_AT_ONCE / largest).max(1)
}

/// Random changes of a forward pass while training, of the biggest child only. Masks are already divided by the
/// survival rate.
#[derive(Debug, Default)]
pub struct Regularisation {
    /// Dropout of the classifier's input, `[count, channels]`.
    pub dropout: Option<Tensor>,
    /// Stochastic depth: one mask `[count, 1, 1, 1]` for each layer that adds an earlier output, or none at all.
    pub depth: Vec<Tensor>,
}

/// Runs a child on a batch of normalised images `[count, channels, resolution, resolution]`; returns logits
/// `[count, classes]` in f32.
///
/// The child is an argument, never a hidden state of the model. So is the precision: convolutions and matrices compute
/// in the kind of `images`, with weights that are rounded to it for this pass. Batch norm keeps its parameters and its
/// sums in f32, as automatic mixed precision does.
pub fn forward(
    network: &Network,
    parameters: &Parameters,
    images: &Tensor,
    norm: Norm<'_>,
    regularisation: Option<&Regularisation>,
) -> Tensor {
    let end = run(network, parameters, 0..network.layers.len(), images, norm, regularisation);
    end.flatten(1, -1).to_kind(Kind::Float)
}

/// Runs some layers of a child, from the output of the layer before them; they read no earlier one.
pub(super) fn run(
    network: &Network,
    parameters: &Parameters,
    layers: Range<usize>,
    input: &Tensor,
    norm: Norm<'_>,
    regularisation: Option<&Regularisation>,
) -> Tensor {
    let mut outputs: Vec<Tensor> = Vec::with_capacity(layers.len());
    // libtorch keeps this order through every layer.
    let ordered = (layers.start == 0 && !has_own_kernels(input)).then(|| channels_last(input));
    let first = ordered.as_ref().unwrap_or(input);
    let before = &network.layers[..layers.start];
    let mut normalised = before.iter().filter(|layer| layer.norm_epsilon.is_some()).count();
    let skips = before.iter().filter(|layer| layer.residual.is_some()).count();
    let mut depth = regularisation.map(|of| of.depth.iter().skip(skips));
    for (index, layer) in network.layers.iter().enumerate().take(layers.end).skip(layers.start) {
        let output_of = |from: usize| if from < layers.start { first } else { &outputs[from - layers.start] };
        let input = layer.input.map_or(first, output_of);
        let kept = layer.residual.and_then(|_| depth.as_mut()?.next());
        let mask = regularisation.and_then(|of| of.dropout.as_ref()).filter(|_| index + 1 == network.layers.len());
        let dropped = mask.map(|mask| as_kind_of(input.flatten(1, -1) * mask, input));
        let gate = layer.gate.map(output_of);
        let mut x = layer_output(layer, parameters, dropped.as_ref().unwrap_or(input), gate);
        if let Some(epsilon) = layer.norm_epsilon {
            let (gamma, beta) = parameters.scale_and_shift(layer);
            if layer.shape.operator == Operator::Dense && has_own_kernels(&x) {
                // The processor's kernels want channels last; autograd and every later layer keep that order.
                x = channels_last(&x);
            }
            if let Norm::Recorded(recorder) = norm {
                recorder.record(&x);
            }
            let (means, variances) = match norm {
                Norm::Batch | Norm::Recorded(_) if has_own_kernels(&x) && kept.is_none() => {
                    let beta = beta.unwrap_or_else(|| gamma.zeros_like());
                    let residual = layer.residual.map(output_of);
                    outputs.push(fused_norm(&x, &gamma, &beta, residual, layer.shape.activation, epsilon));
                    continue;
                }
                Norm::Batch | Norm::Recorded(_) => (None, None),
                Norm::Calibrated(statistics) => {
                    let (means, variances) = &statistics[normalised];
                    (Some(means), Some(variances))
                }
            };
            x = x.batch_norm(
                Some(&gamma),
                beta.as_ref(),
                means,
                variances,
                means.is_none(),
                0.0,
                f64::from(epsilon),
                false,
            );
            normalised += 1;
        }
        if let Some(kept) = kept {
            x *= kept;
        }
        if let Some(from) = layer.residual {
            x += output_of(from);
        }
        outputs.push(activate(x, layer.shape.activation));
    }
    outputs.pop().unwrap_or_else(|| first.shallow_clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtorchs_activations_are_those_of_the_rows() {
        crate::torch::initialise();
        let inputs: Vec<f32> = (0..4001).map(|index| -10.0 + 0.005 * index as f32 + 0.001).collect();
        for activation in Activation::ALL {
            let name = activation.row().name;
            let leaf = Tensor::from_slice(&inputs).set_requires_grad(true);
            // A copy, for an activation may overwrite its input.
            let output = activate(&leaf * 1.0, activation);
            let slope = Tensor::run_backward(&[output.sum(Kind::Float)], &[&leaf], false, false).remove(0);
            for (index, &x) in inputs.iter().enumerate() {
                let (value, slope) = (output.double_value(&[index as i64]), slope.double_value(&[index as i64]));
                let x = f64::from(x);
                assert!((value - activation.forward(x)).abs() < 1e-5, "{name} at {x}: {value}");
                assert!((slope - activation.derivative(x)).abs() < 1e-5, "slope of {name} at {x}: {slope}");
            }
        }
    }
}
