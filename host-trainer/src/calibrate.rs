//! Exact batch-norm calibration (BigNAS, batch norm calibration).
//!
//! Each layer's mean and variance are taken over all calibration images. Every layer before it is already normalised by
//! its final statistics. The result equals that of one batch of all images, and does not depend on the batch size.
//!
//! The usual average over batches depends on the batch size twice. It loses the variance between the batches' means,
//! and it feeds each layer from layers whose statistics are not the ones that ship.

use crate::data::{DataError, Dataset};
use crate::model::{Parameters, Resizer, activate, images_at_once, layer_output, values_of};
use crate::ranks::{RankError, Ranks};
use nestling_core::space::{CalibratedChild, Layer, Network, Operator, SpaceError, Statistics};
use tch::{Device, Kind, Tensor, no_grad};

/// The reason why a child cannot be calibrated or evaluated.
#[derive(Debug, thiserror::Error)]
pub enum CalibrateError {
    /// The child is not in the space, or the weights are broken.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// An image cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Another process ended.
    #[error(transparent)]
    Ranks(#[from] RankError),
}

impl CalibrateError {
    /// A stable name of this kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Space(error) => error.code(),
            Self::Data(error) => error.code(),
            Self::Ranks(error) => error.code(),
        }
    }
}

/// Most bytes of the outputs, over all images, of a layer within a block that are kept. Larger ones are computed again
/// for each reader, from the block's input.
const MAX_KEPT_BYTES: usize = 256 << 20;

/// Calibrates a child over all of `images`, at most `batch` at a time.
///
/// Holds the inputs and the blocks' outputs of all images that a later layer reads. The wide layers within a block are
/// held up to 256 MiB each, and computed twice beyond.
///
/// # Errors
/// [`SpaceError::Statistics`] if the weights are so broken that a mean or variance is not finite; [`DataError`] if an
/// image cannot be read.
pub fn calibrate(
    network: &Network,
    parameters: &Parameters,
    resizer: &Resizer,
    images: &Dataset,
    batch: usize,
) -> Result<CalibratedChild, CalibrateError> {
    calibrate_on_ranks(&Ranks::alone(), network, parameters, resizer, images, batch)
}

/// As [`calibrate`], with the images shared over all ranks: each computes every so many, and each layer's moments are
/// those of all. Every rank returns the same statistics. It holds its part of the outputs only.
///
/// # Errors
/// As [`calibrate`]; [`CalibrateError::Ranks`] if a process ends.
pub fn calibrate_on_ranks(
    ranks: &Ranks,
    network: &Network,
    parameters: &Parameters,
    resizer: &Resizer,
    images: &Dataset,
    batch: usize,
) -> Result<CalibratedChild, CalibrateError> {
    no_grad(|| {
        let batch = images_at_once(network, batch);
        let own = images.select(ranks.own(images.len()));
        let parts = resizer.inputs(&own, network.child.resolution, batch).collect::<Result<_, _>>()?;
        calibrate_within(MAX_KEPT_BYTES, ranks, network, parameters, parts)
    })
}

/// Calibrates a child over images that are resized and normalised already, in parts of any size.
///
/// # Errors
/// [`SpaceError::Statistics`] as in [`calibrate`].
pub fn calibrate_tensors(
    network: &Network,
    parameters: &Parameters,
    images: Vec<Tensor>,
) -> Result<CalibratedChild, SpaceError> {
    match calibrate_within(MAX_KEPT_BYTES, &Ranks::alone(), network, parameters, images) {
        Err(CalibrateError::Space(error)) => Err(error),
        Err(CalibrateError::Data(_) | CalibrateError::Ranks(_)) => unreachable!("no image is read, no process asked"),
        Ok(calibrated) => Ok(calibrated),
    }
}

fn calibrate_within(
    max_kept_bytes: usize,
    ranks: &Ranks,
    network: &Network,
    parameters: &Parameters,
    images: Vec<Tensor>,
) -> Result<CalibratedChild, CalibrateError> {
    no_grad(|| {
        let mut statistics = Statistics { means: Vec::new(), variances: Vec::new() };
        let mut layers = Layers::new(max_kept_bytes, network, parameters, images);
        let last_normalised = network.layers.iter().rposition(Layer::is_normalised);
        for index in 0..last_normalised.map_or(0, |last| last + 1) {
            if let Some((means, variances)) = layers.advance(index, ranks)? {
                statistics.means.extend(values_of(&means));
                statistics.variances.extend(values_of(&variances));
            }
        }
        Ok(CalibratedChild::new(network, statistics)?)
    })
}

/// The layers whose statistics are known, and the outputs that are kept.
struct Layers<'a> {
    network: &'a Network,
    parameters: &'a Parameters,
    images: Vec<Tensor>,
    /// Mean and variance of each layer that is normalised.
    norms: Vec<Option<(Tensor, Tensor)>>,
    /// Whether the outputs of a layer are kept.
    is_kept: Vec<bool>,
    /// The last layer whose statistics need the outputs of a layer, those that compute others again included.
    last_readers: Vec<usize>,
    /// The kept outputs, one tensor a part; empty when no later layer reads them.
    outputs: Vec<Vec<Tensor>>,
}

impl<'a> Layers<'a> {
    fn new(max_kept_bytes: usize, network: &'a Network, parameters: &'a Parameters, images: Vec<Tensor>) -> Self {
        let count: i64 = images.iter().map(|part| part.size()[0]).sum();
        let is_small = |layer: &Layer| 4 * layer.shape.output.len() * count as usize <= max_kept_bytes;
        let is_kept: Vec<bool> = (network.layers.iter().enumerate())
            .map(|(at, layer)| is_small(layer) || !is_within_block(network, at))
            .collect();
        let mut last_readers: Vec<usize> = (0..network.layers.len()).collect();
        for (index, layer) in network.layers.iter().enumerate().rev() {
            let until = if is_kept[index] { index } else { last_readers[index] };
            for from in [layer.input, layer.gate, layer.residual].into_iter().flatten() {
                last_readers[from] = last_readers[from].max(until);
            }
        }
        let norms = network.layers.iter().map(|_| None).collect();
        Self { network, parameters, images, norms, is_kept, last_readers, outputs: Vec::new() }
    }

    /// The next layer: its statistics, if it is normalised, and its outputs, if they are kept.
    fn advance(&mut self, index: usize, ranks: &Ranks) -> Result<Option<(Tensor, Tensor)>, RankError> {
        let parts = 0..self.images.len();
        let mut raw: Vec<Tensor> = Vec::new();
        if self.network.layers[index].is_normalised() {
            let mut moments = Moments::default();
            for part in parts.clone() {
                let value = self.raw(index, part);
                moments.add(&value);
                raw.extend(self.is_kept[index].then_some(value));
            }
            let channels = self.network.layers[index].shape.output.channels;
            self.norms[index] = Some(moments.of_ranks(ranks, channels, self.device())?.mean_and_variance());
        } else if self.is_kept[index] {
            raw = parts.map(|part| self.raw(index, part)).collect();
        }
        let finished = raw.into_iter().enumerate().map(|(part, value)| self.finish(index, part, value)).collect();
        self.outputs.push(finished);
        for (from, outputs) in self.outputs.iter_mut().enumerate() {
            if self.last_readers[from] <= index {
                outputs.clear();
            }
        }
        let known = self.norms[index].as_ref();
        Ok(known.map(|(mean, variance)| (mean.shallow_clone(), variance.shallow_clone())))
    }

    fn device(&self) -> Device {
        self.parameters.flat().device()
    }

    /// A layer's values of one part before batch norm.
    fn raw(&self, index: usize, part: usize) -> Tensor {
        let layer = &self.network.layers[index];
        let input = layer.input.map_or_else(|| self.images[part].shallow_clone(), |from| self.output(from, part));
        let gate = layer.gate.map(|from| self.output(from, part));
        layer_output(layer, self.parameters, &input, gate.as_ref())
    }

    /// A layer's outputs of one part.
    fn output(&self, index: usize, part: usize) -> Tensor {
        match self.outputs[index].get(part) {
            Some(kept) => kept.shallow_clone(),
            None => self.finish(index, part, self.raw(index, part)),
        }
    }

    /// Batch norm, sum and activation.
    fn finish(&self, index: usize, part: usize, raw: Tensor) -> Tensor {
        let layer = &self.network.layers[index];
        let mut value = raw;
        if let (Some((means, variances)), Some(epsilon)) = (&self.norms[index], layer.norm_epsilon) {
            let (gamma, beta) = self.parameters.scale_and_shift(layer);
            let (means, variances, epsilon) = (Some(means), Some(variances), f64::from(epsilon));
            value = value.batch_norm(Some(&gamma), beta.as_ref(), means, variances, false, 0.0, epsilon, false);
        }
        if let Some(from) = layer.residual {
            value += self.output(from, part);
        }
        activate(value, layer.shape.activation)
    }
}

/// Whether a layer is a depthwise convolution, or read by nothing else: the wide layers of a block.
fn is_within_block(network: &Network, index: usize) -> bool {
    let is_depthwise = |layer: &Layer| layer.shape.operator == Operator::Depthwise;
    let reads = |layer: &&Layer| [layer.input, layer.gate, layer.residual].contains(&Some(index));
    let mut readers = network.layers.iter().filter(reads).peekable();
    is_depthwise(&network.layers[index]) || readers.peek().is_some() && readers.all(is_depthwise)
}

/// Mean and variance of each channel over parts, accumulated in f64 (Chan, Golub and LeVeque, 1979).
#[derive(Default)]
struct Moments {
    count: i64,
    /// Mean, and sum of squares around it, `[1, channels, 1, 1]`.
    sums: Option<(Tensor, Tensor)>,
}

impl Moments {
    fn add(&mut self, part: &Tensor) {
        let part = part.to_kind(Kind::Double);
        let count = part.size()[0] * part.size()[2] * part.size()[3];
        let over = [0i64, 2, 3];
        let mean = part.mean_dim(over.as_slice(), true, Kind::Double);
        let squares = (part - &mean).square().sum_dim_intlist(over.as_slice(), true, Kind::Double);
        self.merge(count, mean, squares);
    }

    /// The moments of all ranks, merged in their order: every rank gets the same bits.
    fn of_ranks(self, ranks: &Ranks, channels: u32, device: Device) -> Result<Self, RankError> {
        if ranks.count() == 1 {
            return Ok(self);
        }
        // One row a rank: count, means, sums of squares. A sum with zeros is exact.
        let channels = i64::from(channels);
        let mut rows = Tensor::zeros([ranks.count().into(), 1 + 2 * channels], (Kind::Double, Device::Cpu));
        if let Some((mean, squares)) = self.sums {
            let count = Tensor::from_slice(&[self.count as f64]);
            let values =
                [count, mean.reshape([-1]).to_device(Device::Cpu), squares.reshape([-1]).to_device(Device::Cpu)];
            rows.select(0, ranks.rank().into()).copy_(&Tensor::cat(&values, 0));
        }
        ranks.sum(&mut rows)?;
        let mut all = Self::default();
        for rank in 0..i64::from(ranks.count()) {
            let row = rows.select(0, rank);
            let count = row.double_value(&[0]) as i64;
            let part = |start: i64| row.narrow(0, start, channels).reshape([1, -1, 1, 1]).to_device(device);
            if count > 0 {
                all.merge(count, part(1), part(1 + channels));
            }
        }
        Ok(all)
    }

    fn merge(&mut self, count: i64, mean: Tensor, squares: Tensor) {
        let total = self.count + count;
        self.sums = Some(match self.sums.take() {
            None => (mean, squares),
            Some((old_mean, old_squares)) => {
                let apart = mean - &old_mean;
                let share = count as f64 / total as f64;
                let between = apart.square() * (self.count as f64 * share);
                (old_mean + apart * share, old_squares + squares + between)
            }
        });
        self.count = total;
    }

    /// Mean and biased variance, `[channels]`; none of no parts.
    fn mean_and_variance(self) -> (Tensor, Tensor) {
        let flat = |tensor: Tensor| tensor.reshape([-1]).to_kind(Kind::Float);
        let empty =
            || (Tensor::zeros([0], (Kind::Double, Device::Cpu)), Tensor::zeros([0], (Kind::Double, Device::Cpu)));
        let (mean, squares) = self.sums.unwrap_or_else(empty);
        (flat(mean), flat(squares / self.count as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_core::space::SearchSpace;

    /// With a skip, squeeze-and-excite and an odd number of images.
    #[test]
    fn outputs_that_are_computed_again_give_the_same_statistics() {
        crate::torch::initialise();
        let small = SearchSpace { resolutions: vec![32], ..SearchSpace::table1() };
        for space in [SearchSpace::fashion(), small] {
            let space = space.validated().unwrap();
            let network = space.lower(&space.smallest()).unwrap();
            let parameters = Parameters::from_values(&space, &Parameters::initial_values(&space, 5), Device::Cpu);
            let side = i64::from(network.child.resolution);
            let channels = i64::from(space.input_channels);
            let images = || -> Vec<Tensor> {
                tch::manual_seed(3);
                [2, 1].map(|count| Tensor::randn([count, channels, side, side], (Kind::Float, Device::Cpu))).into()
            };
            let kept = calibrate_within(usize::MAX, &Ranks::alone(), &network, &parameters, images()).unwrap();
            let largest = network.layers.iter().map(|layer| 12 * layer.shape.output.len()).max().unwrap();
            assert!((0..network.layers.len()).filter(|&index| is_within_block(&network, index)).count() > 5);
            for limit in [0, largest / 4] {
                let again = calibrate_within(limit, &Ranks::alone(), &network, &parameters, images()).unwrap();
                assert_eq!(again.statistics(), kept.statistics(), "at most {limit} bytes kept");
            }
        }
    }

    /// Four children, an odd number of images, two and three ranks.
    #[test]
    fn children_calibrated_over_ranks_have_the_statistics_of_one_process() {
        crate::torch::initialise();
        let space = SearchSpace::fashion().validated().unwrap();
        let children = crate::train::step_children(&space, 9, 0, 2).unwrap();
        let values = Parameters::initial_values(&space, 5);
        let mixed = |at: u32| (at.wrapping_mul(2_654_435_761) >> 24) as u8;
        let images = Dataset::in_memory(28, 1, (0..31 * 784).map(mixed).collect(), vec![0; 31], 10).unwrap();
        let preprocessing = nestling_core::image::Preprocessing {
            means: vec![0.3],
            standard_deviations: vec![0.4],
            centre_fraction: 1.0,
            fit: nestling_core::image::Fit::Crop,
        };
        let all = |ranks: &Ranks| -> Vec<CalibratedChild> {
            let parameters = Parameters::from_values(&space, &values, Device::Cpu);
            let resizer = Resizer::new(&space, &preprocessing, 28, Device::Cpu);
            let calibrate = |network| calibrate_on_ranks(ranks, network, &parameters, &resizer, &images, 8).unwrap();
            children.iter().map(calibrate).collect()
        };
        let alone = all(Ranks::just_one());
        for count in [2, 3] {
            let of_ranks = crate::ranks::tests::together(count, |ranks| all(&ranks));
            assert!(of_ranks.iter().all(|of_rank| *of_rank == of_ranks[0]), "every rank has the same bits");
            for (one, other) in alone.iter().zip(&of_ranks[0]) {
                let (one, other) = (one.statistics(), other.statistics());
                let pairs = [(&one.means, &other.means), (&one.variances, &other.variances)];
                for (a, b) in pairs.into_iter().flat_map(|(a, b)| a.iter().zip(b)) {
                    assert!((a - b).abs() <= 1e-6 * a.abs().max(1.0), "{count} ranks: {a} and {b}");
                }
            }
        }
    }

    #[test]
    fn moments_do_not_depend_on_the_parts() {
        crate::torch::initialise();
        tch::manual_seed(4);
        let values = Tensor::randn([7, 3, 5, 4], (Kind::Float, Device::Cpu)) * 2.0 + 100.0;
        let mut whole = Moments::default();
        whole.add(&values);
        let mut parts = Moments::default();
        values.split_with_sizes([1, 4, 2].as_slice(), 0).iter().for_each(|part| parts.add(part));
        let ((mean, variance), (mean_of_parts, variance_of_parts)) =
            (whole.mean_and_variance(), parts.mean_and_variance());
        let plain = values.to_kind(Kind::Double).permute([1, 0, 2, 3]).reshape([3, -1]);
        let expected = plain.var_dim([1i64].as_slice(), false, false);
        let apart = |left: &Tensor, right: &Tensor| (left - right).abs().max().double_value(&[]);
        assert!(apart(&mean, &mean_of_parts) < 1e-4 && apart(&variance, &variance_of_parts) < 1e-6);
        assert!(apart(&variance.to_kind(Kind::Double), &expected) < 1e-6);
    }
}
