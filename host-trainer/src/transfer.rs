//! Starting from trained weights: the space around a trained child, and its weights without the classifier.
//!
//! Published weights are those of one network. They make only their own child good, so the space is narrowed: the
//! published child is its biggest, and the others are that child with fewer blocks, smaller kernels or smaller images.

use crate::model::Parameters;
use nestling_core::space::{
    Child, Convolution, Network, Operator, ParameterLayout, SearchSpace, SpaceError, ValidatedSpace,
};
use std::collections::HashMap;

/// The images of the new task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTask {
    /// Channels of the images.
    pub channels: u32,
    /// Number of classes.
    pub classes: u32,
    /// Square input sizes to choose from; the child's own and smaller ones if empty.
    pub resolutions: Vec<u32>,
}

/// Sizes that are offered beside a child's own, as shares of it.
const SMALLER: [f64; 2] = [0.75, 0.875];

/// Blocks that a stage may lose: half of them, rounded down, and never its first.
const fn fewest_blocks(depth: u32) -> u32 {
    depth.div_ceil(2)
}

/// The space whose biggest child is `child`, for a new task.
///
/// Widths and expand ratios stay: without training, the first channels of a network are no better than any others.
/// Depths go down to half of the child's, kernel sizes to 3.
///
/// # Errors
/// [`SpaceError`] if `child` is not one of `space`, the task's numbers are impossible, or the narrow space would add a
/// skip that the child does not have.
pub fn narrowed(space: &ValidatedSpace, child: &Child, task: &NewTask) -> Result<ValidatedSpace, SpaceError> {
    let network = space.lower(child)?;
    let NewTask { channels, classes, resolutions } = task;
    let mut narrow: SearchSpace = space.definition().clone();
    narrow.name = format!("{} around one child", space.name);
    (narrow.input_channels, narrow.classes) = (*channels, *classes);
    narrow.resolutions = if resolutions.is_empty() { smaller(child.resolution) } else { resolutions.clone() };
    narrow.stem.widths = vec![child.stem_width];
    for (stage, choice) in narrow.stages.iter_mut().zip(&child.stages) {
        stage.widths = vec![choice.width];
        stage.expand_ratios = vec![choice.expand_ratio];
        stage.depths = (fewest_blocks(choice.depth)..=choice.depth).collect();
        stage.kernels = (3..=choice.kernel.max(3)).step_by(2).filter(|&kernel| kernel <= choice.kernel).collect();
        if stage.kernels.is_empty() {
            stage.kernels = vec![choice.kernel];
        }
    }
    if let (Some(head), Some(width)) = (&mut narrow.head, child.head_width) {
        head.widths = vec![width];
    }
    let narrow = narrow.validated()?;
    check_skips(&network, &narrow)?;
    Ok(narrow)
}

/// Checks that the biggest child of `narrow` adds the same layers as `network`.
fn check_skips(network: &Network, narrow: &ValidatedSpace) -> Result<(), SpaceError> {
    let skips = |network: &Network| network.layers.iter().map(|layer| layer.residual).collect::<Vec<_>>();
    if skips(&narrow.lower(&narrow.biggest())?) == skips(network) {
        return Ok(());
    }
    // A skip needs equal widths, which the wide space does not promise.
    let problem = "its widths are equal where the supernet has no skip, so that alone it would be another network";
    Err(SpaceError::NotInSpace {
        child: network.child.to_string(),
        space: narrow.name.clone(),
        problem: problem.to_owned(),
    })
}

/// The space of one child.
///
/// # Errors
/// [`SpaceError`] if `child` is not one of `space`, or would get a skip that it does not have there.
pub fn alone(space: &ValidatedSpace, child: &Child) -> Result<ValidatedSpace, SpaceError> {
    let single = single(space, child)?;
    check_skips(&space.lower(child)?, &single)?;
    Ok(single)
}

/// The space of one child that is to be trained from scratch: it may have a skip that it does not have in `space`, around
/// a block whose widths are equal in this child only.
///
/// # Errors
/// [`SpaceError`] if `child` is not one of `space`.
pub fn single(space: &ValidatedSpace, child: &Child) -> Result<ValidatedSpace, SpaceError> {
    space.check(child)?;
    let mut single = SearchSpace { name: format!("one child of {}", space.name), ..space.definition().clone() };
    single.resolutions = vec![child.resolution];
    single.stem.widths = vec![child.stem_width];
    for (stage, choice) in single.stages.iter_mut().zip(&child.stages) {
        stage.widths = vec![choice.width];
        stage.depths = vec![choice.depth];
        stage.kernels = vec![choice.kernel];
        stage.expand_ratios = vec![choice.expand_ratio];
    }
    if let (Some(head), Some(width)) = (&mut single.head, child.head_width) {
        head.widths = vec![width];
    }
    single.validated()
}

/// A size and some smaller ones, in steps of 8.
fn smaller(resolution: u32) -> Vec<u32> {
    let shares = SMALLER.iter().map(|share| (f64::from(resolution) * share / 8.0).round() as u32 * 8);
    let mut sizes: Vec<u32> = shares.filter(|&size| size >= 16).chain([resolution]).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

/// Weights for `to`, taken from those of `from` layer by layer: the first outputs and inputs, the centre of the kernel.
///
/// The classifier starts anew, as every layer that `from` does not have. Images with another number of channels start
/// from the stem's mean over its input channels.
///
/// # Panics
/// If `values` are not those of `from`.
pub fn transferred(from: &ValidatedSpace, values: &[f32], to: &ValidatedSpace, seed: u64) -> Vec<f32> {
    assert_eq!(values.len(), from.layout().len(), "values of space `{}`", from.name);
    let (source, target) = (from.layout(), to.layout());
    let mut weights = Parameters::initial_values(to, seed);
    let known: HashMap<&str, &Convolution> =
        source.convolutions.iter().map(|convolution| (&*convolution.name, convolution)).collect();
    for convolution in &target.convolutions {
        if convolution.operator == Operator::Linear {
            continue;
        }
        let Some(from) = known.get(&*convolution.name) else { continue };
        if is_inside(convolution, from) {
            copy_weight((source, from, values), (target, convolution), &mut weights);
            copy_vectors((source, from, values), (target, convolution), &mut weights);
        }
    }
    weights
}

/// Whether one layer is a slice of the other; the stem may read other images.
fn is_inside(inner: &Convolution, outer: &Convolution) -> bool {
    inner.operator == outer.operator
        && inner.outputs <= outer.outputs
        && (inner.inputs <= outer.inputs || inner.operator == Operator::Dense)
        && inner.kernel <= outer.kernel
}

type Source<'a> = (&'a ParameterLayout, &'a Convolution, &'a [f32]);
type Target<'a> = (&'a ParameterLayout, &'a Convolution);

fn copy_weight((source, from, values): Source<'_>, (target, to): Target<'_>, weights: &mut [f32]) {
    let (from_inputs, to_inputs) = (from.operator.channels_read(from.inputs), to.operator.channels_read(to.inputs));
    let from_values = &values[source.parameters[from.weight].range()];
    let to_values = &mut weights[target.parameters[to.weight].range()];
    let crop = (from.kernel - to.kernel) / 2;
    let at = |output: u32, input: u32, row: u32, column: u32| {
        let place = ((output * from_inputs + input) * from.kernel + row + crop) * from.kernel + column + crop;
        from_values[place as usize]
    };
    let is_stem_of_other_images = to.operator == Operator::Dense && from_inputs != to_inputs;
    let mut place = 0;
    for output in 0..to.outputs {
        for input in 0..to_inputs {
            for (row, column) in (0..to.kernel).flat_map(|row| (0..to.kernel).map(move |column| (row, column))) {
                to_values[place] = if is_stem_of_other_images {
                    // The same answer for an image whose channels are equal.
                    let sum: f32 = (0..from_inputs).map(|input| at(output, input, row, column)).sum();
                    sum / to_inputs as f32
                } else {
                    at(output, input, row, column)
                };
                place += 1;
            }
        }
    }
}

fn copy_vectors((source, from, values): Source<'_>, (target, to): Target<'_>, weights: &mut [f32]) {
    let pairs = [(Some(from.scale_or_bias), Some(to.scale_or_bias)), (from.shift, to.shift)];
    for (from, to) in pairs.into_iter().filter_map(|(from, to)| Some((from?, to?))) {
        let to = &mut weights[target.parameters[to].range()];
        let from = &values[source.parameters[from].range()];
        let count = to.len();
        to.copy_from_slice(&from[..count]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Norm, forward};
    use tch::{Device, Kind, Tensor};

    fn wide() -> ValidatedSpace {
        let mut space = SearchSpace { input_channels: 3, ..SearchSpace::fashion() };
        space.stem.widths = vec![8];
        space.validated().unwrap()
    }

    fn task(channels: u32) -> NewTask {
        NewTask { channels, classes: 7, resolutions: vec![18, 26] }
    }

    #[test]
    fn the_child_is_the_biggest_of_its_own_space() {
        let space = wide();
        let child = space.biggest();
        let narrow = narrowed(&space, &child, &task(3)).unwrap();
        let biggest = narrow.biggest();
        assert_eq!((biggest.stages.clone(), biggest.resolution), (child.stages.clone(), 26));
        let smallest = narrow.smallest();
        for (small, big) in smallest.stages.iter().zip(&child.stages) {
            assert_eq!((small.width, small.depth, small.kernel.min(3)), (big.width, big.depth.div_ceil(2), 3));
        }
        assert_eq!(smaller(224), [168, 200, 224]);
        assert!(narrowed(&space, &narrow.biggest(), &task(3)).is_err(), "26 pixels are none of its sizes");
    }

    /// The features of the child are the same in both spaces, bit for bit.
    #[test]
    fn the_weights_are_the_slice_of_the_child() {
        crate::torch::initialise();
        let space = wide();
        let mut child = Child { resolution: space.resolutions[0], ..space.biggest() };
        let last = child.stages.len() - 1;
        child.stages[last] = space.smallest().stages[last];
        let task = NewTask { resolutions: vec![child.resolution], classes: space.classes, channels: 3 };
        let narrow = narrowed(&space, &child, &task).unwrap();
        let mut values = Parameters::initial_values(&space, 3);
        values.iter_mut().enumerate().for_each(|(index, value)| *value += (index % 7) as f32 * 1e-3);
        let weights = transferred(&space, &values, &narrow, 4);
        let images =
            Tensor::rand([2, 3, i64::from(child.resolution), i64::from(child.resolution)], (Kind::Float, Device::Cpu));
        let features = |space: &ValidatedSpace, values: &[f32], child: &Child| {
            let mut network = space.lower(child).unwrap();
            network.layers.pop(); // the classifier
            let parameters = Parameters::from_values(space, values, Device::Cpu);
            forward(&network, &parameters, &images, Norm::Batch, None)
        };
        let (old, new) = (features(&space, &values, &child), features(&narrow, &weights, &narrow.biggest()));
        assert_eq!(f64::try_from((old - new).abs().max()).unwrap(), 0.0);
    }

    #[test]
    fn a_child_alone_is_the_only_one_of_its_space() {
        let space = wide();
        let child = Child { stages: space.smallest().stages, ..space.biggest() };
        let single = alone(&space, &child).unwrap();
        assert_eq!((single.smallest(), single.biggest()), (child.clone(), child));
    }

    #[test]
    fn a_child_that_would_get_another_skip_is_refused() {
        // Its stem may be as wide as its first stage.
        let space = SearchSpace { input_channels: 3, ..SearchSpace::fashion() }.validated().unwrap();
        let error = narrowed(&space, &space.biggest(), &task(3)).unwrap_err().to_string();
        assert!(error.contains("no skip"), "{error}");
    }

    #[test]
    fn grey_images_start_from_the_mean_of_the_colours() {
        let (space, values) = (wide(), Parameters::initial_values(&wide(), 3));
        let narrow = narrowed(&space, &space.biggest(), &task(1)).unwrap();
        let weights = transferred(&space, &values, &narrow, 4);
        let sum = |values: &[f32], layout: &ParameterLayout| -> f32 {
            values[layout.parameters[layout.convolutions[0].weight].range()].iter().sum()
        };
        let (old, new) = (sum(&values, space.layout()), sum(&weights, narrow.layout()));
        assert!((old - new).abs() < 1e-4, "{old} {new}");
    }
}
