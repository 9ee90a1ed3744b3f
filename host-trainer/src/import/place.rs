use super::adapt::{Adapted, adapt};
use super::mapping::SourceLayers;
use super::{Adaptation, ImportError, LayerNames, LayerValues, Place, SourceModel, StateDict};
use nestling_core::image::Preprocessing;
use nestling_core::space::{CalibratedChild, Convolution, Layer, ParameterLayout, Statistics, ValidatedSpace};

/// Weights of one network in the slice of the supernet that they belong to.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The flat vector of all shared parameters.
    pub weights: Vec<f32>,
    /// The child that the weights are, with its statistics.
    pub child: CalibratedChild,
    /// Numbers of the source that were placed, statistics not counted.
    pub placed: usize,
    /// The space of the supernet.
    pub space: ValidatedSpace,
    /// How images become its input.
    pub preprocessing: Preprocessing,
    /// Names and tensors that were stripped, replaced or left out.
    pub notes: Vec<Adaptation>,
}

/// Places the tensors of `model` into a supernet of the model's space, whose other weights come from `rest`.
///
/// The file may name its tensors in other ways, and the classifier may have another number of classes. The notes say
/// what was stripped, replaced or left out.
///
/// # Errors
/// [`ImportError`] if a tensor is missing, of another shape or not finite, if the network has further layers, or if the
/// statistics are impossible.
///
/// # Panics
/// If `rest` gives another number of weights than the space's layout has.
pub fn place(
    model: &'static dyn SourceModel,
    state: &StateDict,
    rest: impl FnOnce(&ValidatedSpace) -> Vec<f32>,
) -> Result<Imported, ImportError> {
    let usual = model.space()?;
    let adapted = adapt(model, &usual.lower(&model.child()?)?, state)?;
    let mut notes = adapted.notes.clone();
    let space = space_of(&usual, &adapted, &mut notes)?;
    let own = own_normalisation(space.input_channels as usize, &adapted);
    let preprocessing = preprocessing_of(model, &space, own.as_ref(), &mut notes);
    let network = space.lower(&model.child()?)?;
    let layout = space.layout();
    let mut weights = rest(&space);
    assert_eq!(weights.len(), layout.len(), "weights of space `{}`", space.name);
    let mut source = SourceLayers::new(model, &adapted);
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
    let is_read = |name: &str| own.as_ref().is_some_and(|own| own.names.iter().any(|read| read == name));
    notes.extend(source.finish(is_read)?);
    let placed = network.cost().params as usize;
    let child = CalibratedChild::new(&network, statistics)?;
    Ok(Imported { weights, child, placed, space, preprocessing, notes })
}

/// The model's space for the number of classes that the file's classifier has, and of channels that its stem reads.
fn space_of(
    usual: &ValidatedSpace,
    adapted: &Adapted<'_>,
    notes: &mut Vec<Adaptation>,
) -> Result<ValidatedSpace, ImportError> {
    let size = |place: Place, axis: usize| {
        let (LayerNames::Convolution { weight, .. } | LayerNames::Linear { weight, .. }) = adapted.naming.names(place);
        let found = adapted.tensors.get(&weight).and_then(|tensor| tensor.shape.get(axis).copied());
        (weight, found.and_then(|size| u32::try_from(size).ok()).filter(|&size| size > 0))
    };
    let (classifier, classes) = size(Place::Classifier, 0);
    let found = classes.ok_or(ImportError::NoClassifier { tensor: classifier })?;
    let mut definition = usual.definition().clone();
    if found != usual.classes {
        notes.push(Adaptation::Classes { found, usual: usual.classes });
        definition.classes = found;
    }
    // Nothing but grey and colour can be read. Another number is an error of the stem's shape.
    if let (_, Some(found @ (1 | 3))) = size(Place::Stem, 1)
        && found != usual.input_channels
    {
        notes.push(Adaptation::Channels { found, usual: usual.input_channels });
        definition.input_channels = found;
    }
    Ok(definition.validated()?)
}

/// Means and deviations that lie in the file, as models with a normalising layer have them.
struct OwnNormalisation {
    names: [String; 2],
    means: Vec<f32>,
    standard_deviations: Vec<f32>,
}

fn own_normalisation(channels: usize, adapted: &Adapted<'_>) -> Option<OwnNormalisation> {
    let find = |wanted: [&str; 4]| {
        let mut all = adapted.beside.iter().chain(&adapted.tensors);
        all.find(|(name, tensor)| {
            wanted.contains(&name.rsplit('.').next().unwrap_or_default()) && tensor.values.len() == channels
        })
    };
    let (mean, means) = find(["mean", "pixel_mean", "image_mean", "_mean"])?;
    let (deviation, deviations) = find(["std", "pixel_std", "image_std", "_std"])?;
    // White is 255 where a deviation is this large.
    let white = if deviations.values.iter().any(|&value| value > 1.5) { 255.0 } else { 1.0 };
    let scaled = |values: &[f32]| values.iter().map(|value| value / white).collect();
    Some(OwnNormalisation {
        names: [mean.clone(), deviation.clone()],
        means: scaled(&means.values),
        standard_deviations: scaled(&deviations.values),
    })
}

/// The file's own normalisation, or the model's usual one.
fn preprocessing_of(
    model: &'static dyn SourceModel,
    space: &ValidatedSpace,
    own: Option<&OwnNormalisation>,
    notes: &mut Vec<Adaptation>,
) -> Preprocessing {
    let mut usual = model.preprocessing();
    usual.means.truncate(space.input_channels as usize);
    usual.standard_deviations.truncate(space.input_channels as usize);
    let Some(OwnNormalisation { means, standard_deviations, .. }) = own else { return usual };
    let (means, standard_deviations) = (means.clone(), standard_deviations.clone());
    let found = Preprocessing { means, standard_deviations, ..usual.clone() };
    if !found.fits(space.input_channels) {
        return usual;
    }
    let (means, standard_deviations) = (found.means.clone(), found.standard_deviations.clone());
    notes.push(Adaptation::Preprocessing { means, standard_deviations });
    found
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
mod tests;
