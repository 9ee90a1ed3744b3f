//! A child whose activations are computed twice: the memory of a few segments' ends, and of one segment at a time, in the
//! place of all layers (Chen et al., 2016, "Training deep nets with sublinear memory cost").

use super::forward::{Regularisation, run};
use super::{Norm, Parameters};
use nestling_core::space::{Layer, Network};
use std::ops::Range;
use tch::{Kind, Tensor};

/// Numbers of a layer that autograd keeps for one image, where libtorch computes: the output, which the next layer reads;
/// the convolution's, which batch norm reads; batch norm's, which most activations read; and the product with a gate.
pub fn kept_numbers(layer: &Layer) -> u64 {
    use nestling_core::space::Activation;
    let (input, output) = (layer.shape.input.len() as u64, layer.shape.output.len() as u64);
    let gated = if layer.shape.gated { input } else { 0 };
    let normalised = if layer.is_normalised() { output } else { 0 };
    let before_activation = match layer.shape.activation {
        // They read their own output.
        Activation::Identity | Activation::Relu | Activation::Sigmoid => 0,
        Activation::Relu6 | Activation::Swish | Activation::HardSwish | Activation::HardSigmoid => output,
    };
    output + gated + normalised + before_activation
}

/// The segments that a child is computed in: between two of them only one output is read. There are about as many as the
/// square root of the places where that holds, with about as many numbers to keep in each.
pub fn segments(network: &Network) -> Vec<Range<usize>> {
    let layers = &network.layers;
    let count = layers.len();
    // The first layer that anything from here on reads.
    let mut read_from = vec![count; count + 1];
    for index in (0..count).rev() {
        let layer = &layers[index];
        let first = [layer.input, layer.gate, layer.residual].into_iter().flatten().min().unwrap_or(0);
        read_from[index] = read_from[index + 1].min(first);
    }
    let is_end = |index: usize| index + 1 < count && read_from[index + 1] >= index;
    let ends: Vec<usize> = (0..count).filter(|&index| is_end(index)).collect();
    let total: u64 = layers.iter().map(kept_numbers).sum();
    let wanted = (ends.len() as f64).sqrt().ceil().max(1.0) as u64;
    let (mut segments, mut start, mut kept) = (Vec::new(), 0, 0);
    for (index, layer) in layers.iter().enumerate() {
        kept += kept_numbers(layer);
        // A narrow end: the wide layers within a block are no place to cut.
        let is_narrow = layer.shape.output.len() <= layer.shape.input.len();
        if is_end(index) && is_narrow && kept * wanted >= total {
            segments.push(start..index + 1);
            (start, kept) = (index + 1, 0);
        }
    }
    segments.push(start..count);
    segments
}

/// Numbers that a child keeps for one image when it is computed in segments: their ends, and the largest of them whole.
pub fn kept_in_segments(network: &Network) -> u64 {
    let segments = segments(network);
    let end = |segment: &Range<usize>| network.layers[segment.end - 1].shape.output.len() as u64;
    // With its output times the outer gradient, that gradient, and the one of its input.
    let whole = |segment: &Range<usize>| {
        let layers = &network.layers[segment.clone()];
        let input = layers.first().map_or(0, |layer| layer.shape.input.len() as u64);
        layers.iter().map(kept_numbers).sum::<u64>() + 2 * end(segment) + input
    };
    let ends: u64 = segments.iter().map(end).sum();
    ends + segments.iter().map(whole).max().unwrap_or(0)
}

/// A forward pass that kept the ends of its segments.
#[derive(Debug)]
pub struct Recomputed<'a> {
    network: &'a Network,
    parameters: &'a Parameters,
    regularisation: Option<&'a Regularisation>,
    segments: Vec<Range<usize>>,
    /// The input of each segment.
    inputs: Vec<Tensor>,
    /// A leaf of autograd: its gradient is where the backward pass begins.
    logits: Tensor,
    /// Shape and kind of the last output.
    end: (Vec<i64>, Kind),
}

impl<'a> Recomputed<'a> {
    /// Runs a child with the statistics of this batch.
    pub fn forward(
        network: &'a Network,
        parameters: &'a Parameters,
        images: &Tensor,
        regularisation: Option<&'a Regularisation>,
    ) -> Self {
        let segments = segments(network);
        let (mut inputs, mut x) = (Vec::new(), images.shallow_clone());
        for segment in &segments {
            // With autograd, and without its outcome: libtorch may round otherwise where nothing has a gradient.
            let output = run(network, parameters, segment.clone(), &x, Norm::Batch, regularisation).detach();
            inputs.push(std::mem::replace(&mut x, output));
        }
        let end = (x.size(), x.kind());
        let logits = x.flatten(1, -1).to_kind(Kind::Float).detach().set_requires_grad(true);
        Self { network, parameters, regularisation, segments, inputs, logits, end }
    }

    /// `[count, classes]` in f32.
    pub fn logits(&self) -> &Tensor {
        &self.logits
    }

    /// Adds the gradients of the parameters, once a loss of [`Recomputed::logits`] had its backward pass. Returns the
    /// logits.
    pub fn backward(self) -> Tensor {
        let (shape, kind) = self.end;
        let mut outer = self.logits.grad().reshape(&shape).to_kind(kind);
        for (segment, input) in self.segments.into_iter().zip(self.inputs).rev() {
            let input = input.detach().set_requires_grad(segment.start > 0);
            let (network, parameters) = (self.network, self.parameters);
            let output = run(network, parameters, segment.clone(), &input, Norm::Batch, self.regularisation);
            // The gradient of this sum by the output is `outer`, to the bit.
            (output * outer).sum(Kind::Float).backward();
            if segment.start == 0 {
                break;
            }
            outer = input.grad();
        }
        self.logits.detach()
    }
}
