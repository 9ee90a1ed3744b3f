use super::{ImportError, LayerValues, SourceLayers, SourceModel, SourceTensor};
use nestling_core::space::{CalibratedChild, Convolution, Layer, ParameterLayout, Statistics};
use std::collections::BTreeMap;

/// Weights of one network in the slice of the supernet that they belong to.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The flat vector of all shared parameters.
    pub weights: Vec<f32>,
    /// The child that the weights are, with its statistics.
    pub child: CalibratedChild,
    /// Numbers of the source that were placed, statistics not counted.
    pub placed: usize,
}

/// Places the tensors of `model` into `rest`, the flat vector of a supernet of the model's space, whose other weights
/// stay as they are.
///
/// # Errors
/// [`ImportError`] if a tensor is missing, left over, of another shape or not finite, or the statistics are impossible.
///
/// # Panics
/// If `rest` is not as long as the space's layout.
pub fn place(
    model: &'static dyn SourceModel,
    tensors: &BTreeMap<String, SourceTensor>,
    rest: Vec<f32>,
) -> Result<Imported, ImportError> {
    let space = model.space()?;
    let network = space.lower(&model.child()?)?;
    let layout = space.layout();
    assert_eq!(rest.len(), layout.len(), "weights of space `{}`", space.name);
    let mut weights = rest;
    let mut source = SourceLayers::new(model, tensors);
    let mut statistics = Statistics { means: Vec::new(), variances: Vec::new() };
    for layer in &network.layers {
        let Some(convolution) = layer.convolution.map(|index| &layout.convolutions[index]) else { continue };
        let outputs = layer.shape.output.channels;
        let inputs = (layer.shape.weights() / u64::from(outputs * layer.shape.kernel.pow(2))) as u32;
        match source.layer(&layer.name, &[outputs, inputs, layer.shape.kernel, layer.shape.kernel])? {
            LayerValues::Convolution { weight, gamma, beta, mean, variance } => {
                place_layer(layer, convolution, layout, weight, [gamma, beta], &mut weights);
                statistics.means.extend_from_slice(mean);
                statistics.variances.extend_from_slice(variance);
            }
            LayerValues::Linear { weight, bias } => {
                place_layer(layer, convolution, layout, weight, [bias, &[]], &mut weights);
            }
        }
    }
    source.finish()?;
    let placed = network.cost().params as usize;
    Ok(Imported { weights, child: CalibratedChild::new(&network, statistics)?, placed })
}

/// Writes a layer's weight to the first outputs, the first inputs and the centre of the kernel of the supernet's, and
/// its vectors to the first elements of the supernet's.
fn place_layer(
    layer: &Layer,
    convolution: &Convolution,
    layout: &ParameterLayout,
    weight: &[f32],
    vectors: [&[f32]; 2],
    to: &mut [f32],
) {
    let parameter = &layout.parameters[convolution.weight];
    let (all_inputs, full) = (parameter.shape[1] as usize, convolution.kernel as usize);
    let (outputs, kernel) = (layer.shape.output.channels as usize, layer.shape.kernel as usize);
    let crop = (full - kernel) / 2;
    let inputs = weight.len() / (outputs * kernel * kernel);
    for (index, row) in weight.chunks_exact(kernel).enumerate() {
        let (output, input, y) = (index / kernel / inputs, index / kernel % inputs, index % kernel);
        let at = parameter.offset + ((output * all_inputs + input) * full + y + crop) * full + crop;
        to[at..at + kernel].copy_from_slice(row);
    }
    for (parameter, values) in [Some(convolution.scale_or_bias), convolution.shift].into_iter().zip(vectors) {
        if let Some(parameter) = parameter {
            let first = layout.parameters[parameter].offset;
            to[first..first + values.len()].copy_from_slice(values);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::{LayerNames, source_model, source_names};
    use nestling_core::reference::SharedWeights;

    /// Every tensor of the model, filled with distinct numbers.
    fn tensors(model: &'static dyn SourceModel) -> BTreeMap<String, SourceTensor> {
        let space = model.space().unwrap();
        let network = space.lower(&model.child().unwrap()).unwrap();
        let mut tensors = BTreeMap::new();
        let mut next = 0.0f32;
        let mut add = |name: String, shape: Vec<usize>| {
            let count: usize = shape.iter().product();
            let values = (0..count).map(|index| next + index as f32 * 1e-7).collect();
            next += 1.0;
            tensors.insert(name, SourceTensor { shape, values });
        };
        for layer in network.layers.iter().filter(|layer| layer.convolution.is_some()) {
            let (outputs, kernel) = (layer.shape.output.channels as usize, layer.shape.kernel as usize);
            let inputs = layer.shape.weights() as usize / (outputs * kernel * kernel);
            match source_names(model, &layer.name).unwrap() {
                LayerNames::Convolution { weight, gamma, beta, mean, variance } => {
                    add(weight, vec![outputs, inputs, kernel, kernel]);
                    [gamma, beta, mean, variance].into_iter().for_each(|name| add(name, vec![outputs]));
                }
                LayerNames::Linear { weight, bias } => {
                    add(weight, vec![outputs, inputs]);
                    add(bias, vec![outputs]);
                }
            }
        }
        tensors
    }

    #[test]
    fn the_child_reads_exactly_what_was_placed_and_the_rest_stays() {
        let model = source_model("efficientnet-lite0").unwrap();
        let (space, tensors) = (model.space().unwrap(), tensors(model));
        let layout = space.layout();
        let imported = place(model, &tensors, vec![-1.0; layout.len()]).unwrap();
        let network = space.lower(&model.child().unwrap()).unwrap();
        let shared = SharedWeights { layout, values: &imported.weights };
        for layer in network.layers.iter().filter(|layer| layer.convolution.is_some()) {
            let (LayerNames::Convolution { weight, .. } | LayerNames::Linear { weight, .. }) =
                source_names(model, &layer.name).unwrap();
            assert_eq!(shared.weight(layer), tensors[&weight].values, "{}", layer.name);
        }
        let kept = imported.weights.iter().filter(|&&value| value == -1.0).count();
        assert_eq!(kept + imported.placed, layout.len());
        assert_eq!((imported.placed, layout.len() / 10_000), (4_652_008, 924));
    }
}
