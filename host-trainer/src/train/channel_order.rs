//! The order of the channels within blocks, by their importance (Cai et al., 2020, elastic width).

use nestling_core::space::{Convolution, Layer, Network, Operator, ParameterLayout, ValidatedSpace};

/// The places in the flat vector that sort the expanded channels of every block by their importance, the most important
/// first: element `i` of the sorted vector is element `places[i]` of `values`. The biggest child's answers stay the same.
///
/// The importance of a channel is the sum of the sizes of the projection's weights that read it. `values` are those of
/// the layout; more may follow, which keep their places.
pub fn sorted_by_importance(space: &ValidatedSpace, values: &[f32]) -> Vec<usize> {
    let layout = space.layout();
    let mut sorted = Sorted { layout, places: (0..values.len()).collect() };
    let Ok(network) = space.lower(&space.biggest()) else { return sorted.places };
    let convolution = |layer: &Layer| layer.convolution.map(|index| &layout.convolutions[index]);
    for project in &network.layers {
        let Some([expand, depthwise]) = expanded(&network, project) else { continue };
        let [Some(expand), Some(depthwise), Some(read_by)] = [expand, depthwise, project].map(convolution) else {
            continue;
        };
        let order = order(layout, read_by, values);
        sorted.rows(expand, &order);
        sorted.rows(depthwise, &order);
        sorted.columns(read_by, &order);
        // Squeeze-and-excite reads the channels and gates them.
        if let Some(excite) = project.gate.map(|index| &network.layers[index]) {
            let squeeze = excite.input.map(|index| &network.layers[index]);
            if let [Some(squeeze), Some(excite)] = [squeeze.and_then(convolution), convolution(excite)] {
                sorted.columns(squeeze, &order);
                sorted.rows(excite, &order);
            }
        }
    }
    sorted.places
}

/// The expand and the depthwise convolution that a projection follows, if its block has both.
fn expanded<'a>(network: &'a Network, project: &Layer) -> Option<[&'a Layer; 2]> {
    let depthwise = &network.layers[project.input?];
    let expand = &network.layers[depthwise.input?];
    let is_block = project.shape.operator == Operator::Pointwise && depthwise.shape.operator == Operator::Depthwise;
    (is_block && expand.name.ends_with(".expand")).then_some([expand, depthwise])
}

/// The inputs of a convolution, the most important first.
fn order(layout: &ParameterLayout, read_by: &Convolution, values: &[f32]) -> Vec<usize> {
    let weight = &values[layout.parameters[read_by.weight].range()];
    let channels = read_by.inputs as usize;
    let importances: Vec<f32> = (0..channels)
        .map(|channel| weight.iter().skip(channel).step_by(channels).map(|value| value.abs()).sum())
        .collect();
    let mut order: Vec<usize> = (0..channels).collect();
    order.sort_by(|&a, &b| importances[b].total_cmp(&importances[a]));
    order
}

struct Sorted<'a> {
    layout: &'a ParameterLayout,
    places: Vec<usize>,
}

impl Sorted<'_> {
    /// Sorts the outputs of a convolution, batch norm or bias included.
    fn rows(&mut self, convolution: &Convolution, order: &[usize]) {
        let parameters = [Some(convolution.weight), Some(convolution.scale_or_bias), convolution.shift];
        for parameter in parameters.into_iter().flatten().map(|index| &self.layout.parameters[index]) {
            let row = parameter.len() / order.len();
            for (at, &channel) in order.iter().enumerate() {
                for element in 0..row {
                    self.places[parameter.offset + at * row + element] = parameter.offset + channel * row + element;
                }
            }
        }
    }

    /// Sorts the inputs of a 1x1 convolution or matrix.
    fn columns(&mut self, convolution: &Convolution, order: &[usize]) {
        let weight = &self.layout.parameters[convolution.weight];
        for row in (weight.offset..weight.offset + weight.len()).step_by(order.len()) {
            for (at, &channel) in order.iter().enumerate() {
                self.places[row + at] = row + channel;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Norm, Parameters, forward};
    use nestling_core::space::{SearchSpace, SqueezeExcite};
    use tch::{Device, Kind, Tensor};

    #[test]
    fn sorting_keeps_the_answers_and_puts_important_channels_first() {
        crate::torch::initialise();
        let mut space = SearchSpace::fashion();
        space.stages[1].squeeze_excite = Some(SqueezeExcite::EFFICIENT_NET);
        let space = space.validated().unwrap();
        let mut values = Parameters::initial_values(&space, 3);
        values.iter_mut().enumerate().for_each(|(index, value)| *value += (index % 11) as f32 * 0.02);
        let places = sorted_by_importance(&space, &values);
        let sorted: Vec<f32> = places.iter().map(|&place| values[place]).collect();
        assert!(sorted != values);
        let mut all = places.clone();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..values.len()), "every element once");
        let network = space.lower(&space.biggest()).unwrap();
        let images = Tensor::rand([3, 1, 28, 28], (Kind::Float, Device::Cpu));
        let answers = |values: &[f32]| {
            let parameters = Parameters::from_values(&space, values, Device::Cpu);
            forward(&network, &parameters, &images, Norm::Batch, None)
        };
        let (before, after) = (answers(&values), answers(&sorted));
        let apart = (&before - &after).abs().max().double_value(&[]) / before.abs().max().double_value(&[]);
        assert!(apart < 1e-4, "{apart:e}");
        let layout = space.layout();
        let project = layout.convolutions.iter().find(|one| one.name.ends_with("stage2.block1.project")).unwrap();
        assert!(order(layout, project, &sorted).into_iter().eq(0..project.inputs as usize), "in order now");
    }
}
