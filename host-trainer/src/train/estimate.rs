//! The cost of a run before it begins: steps, multiply-adds, memory on a GPU, time.

use super::{RateSchedule, Schedule, TrainConfig, TrainError, step_children};
use crate::model::{kept_in_segments, kept_numbers};
use nestling_core::metrics::MAdds;
use nestling_core::space::{Cost, Network, SpaceError, ValidatedSpace};
use serde::Serialize;

/// Images a second of whole sandwich steps that one H200 is to train. It is a target: no GPU has been measured.
pub const TARGET_IMAGES_PER_S: f64 = 800.0;
/// Sandwich steps that a mean is taken over.
const SAMPLED_STEPS: u64 = 200;
/// GPU memories in GB (10^9 bytes): a workstation's, an A100's or H100's, an H200's.
const GPU_GB: [u32; 3] = [24, 80, 141];
/// Share of a GPU's memory that is left to workspaces of kernels and to fragments. It is an assumption.
const UNPLANNED: f64 = 0.1;
/// Bytes of an f32.
const F32: u64 = 4;
/// Bytes of a bf16.
const BF16: u64 = 2;

/// The cost of a run. Everything is counted, nothing is measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Whole batches of an epoch.
    pub steps_per_epoch: u64,
    /// Steps of all epochs.
    pub steps: u64,
    /// Steps of the classifier alone, before them.
    pub head_steps: u64,
    /// Forward passes of a step.
    pub step: StepCost,
    /// Memory on one GPU.
    pub memory: Memory,
    /// The learning rate.
    pub rate: RateSummary,
    /// Images of all steps.
    pub images: u64,
    /// Images a second that the time is computed for.
    pub images_per_s: f64,
    /// Hours of one GPU for all steps, without evaluation and without waiting for pictures.
    pub gpu_hours: f64,
}

/// The cost of a step's forward passes for one image. The backward pass has about twice the multiply-adds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StepCost {
    /// The biggest child that is trained.
    pub biggest: Cost,
    /// The smallest child.
    pub smallest: Cost,
    /// Mean children of a step.
    pub children: f64,
    /// Mean multiply-adds of all children of a step.
    pub madds: MAdds,
    /// Mean bytes in f32 of the outputs of all children of a step.
    pub activation_bytes: u64,
}

/// Memory on one GPU.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Memory {
    /// Bytes of the shared weights in f32, those of the method beyond the layout included.
    pub weights: u64,
    /// Bytes of their gradient.
    pub gradient: u64,
    /// Bytes of momentum, mean squared gradient and the mask of the weights that decay.
    pub optimiser: u64,
    /// Bytes of the averaged weights.
    pub average: u64,
    /// Bytes for one image in f32 that the biggest child keeps for its backward pass. Children run one after another.
    pub image_f32: u64,
    /// The same in bf16.
    pub image_bf16: u64,
    /// Bytes for the batch in f32.
    pub batch_f32: u64,
    /// The same in bf16.
    pub batch_bf16: u64,
    /// Most bytes of tensors at once in a step in f32, everything included but workspaces of kernels.
    pub peak_f32: u64,
    /// The same in bf16.
    pub peak_bf16: u64,
    /// The largest batches that fit into usual GPUs.
    pub fits: Vec<Fits>,
}

/// The largest batch that fits into a GPU of which a tenth is left to workspaces and fragments.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Fits {
    /// Memory of the GPU in GB.
    pub gigabytes: u32,
    /// Images in f32.
    pub f32: u64,
    /// Images in bf16.
    pub bf16: u64,
}

/// The learning rate of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RateSummary {
    /// Steps of linear warm-up.
    pub warmup_steps: u64,
    /// The highest rate.
    pub highest: f64,
    /// The form of the decay.
    pub schedule: Schedule,
    /// The rate at the end.
    pub ending: f64,
    /// The first step of the constant ending, counted from 0; none if the rate falls to the last step.
    pub ending_step: Option<u64>,
}

impl Estimate {
    /// The cost of a run with so many training images at `images_per_s` images a second.
    ///
    /// # Errors
    /// [`TrainError`] as a run: a wrong configuration, or fewer images than one batch.
    pub fn new(config: &TrainConfig, images: usize, images_per_s: f64) -> Result<Self, TrainError> {
        let space = config.validate()?;
        let steps_per_epoch = images as u64 / u64::from(config.batch_size);
        if steps_per_epoch == 0 {
            return Err(TrainError::TooFewImages { images, batch: config.batch_size });
        }
        let schedule = RateSchedule::new(config, steps_per_epoch);
        let images = schedule.steps * u64::from(config.batch_size);
        let biggest = space.lower(config.only.as_ref().unwrap_or(&space.biggest()))?;
        Ok(Self {
            steps_per_epoch,
            steps: schedule.steps,
            head_steps: u64::from(config.head_epochs) * steps_per_epoch,
            step: StepCost::new(config, &space, &biggest)?,
            memory: Memory::new(config, &space, &biggest)?,
            rate: RateSummary {
                warmup_steps: schedule.warmup,
                highest: schedule.highest,
                schedule: schedule.schedule,
                ending: schedule.highest * schedule.ending,
                ending_step: schedule.ending_step(),
            },
            images,
            images_per_s,
            gpu_hours: images as f64 / images_per_s / 3600.0,
        })
    }
}

impl StepCost {
    fn new(config: &TrainConfig, space: &ValidatedSpace, biggest: &Network) -> Result<Self, SpaceError> {
        let mut sum = [0u64; 3];
        for step in 0..SAMPLED_STEPS {
            let costs: Vec<Cost> = children(config, space, biggest, step)?.iter().map(Network::cost).collect();
            sum[0] += costs.len() as u64;
            sum[1] += costs.iter().map(|cost| cost.madds.0).sum::<u64>();
            sum[2] += costs.iter().map(|cost| cost.activation_bytes).sum::<u64>();
        }
        let smallest = match &config.only {
            Some(_) => biggest.cost(),
            None => space.lower(&space.smallest())?.cost(),
        };
        Ok(Self {
            biggest: biggest.cost(),
            smallest,
            children: sum[0] as f64 / SAMPLED_STEPS as f64,
            madds: MAdds(sum[1] / SAMPLED_STEPS),
            activation_bytes: sum[2] / SAMPLED_STEPS,
        })
    }
}

/// The children of a step by the sandwich rule, or those that the configuration names.
fn children(
    config: &TrainConfig,
    space: &ValidatedSpace,
    biggest: &Network,
    step: u64,
) -> Result<Vec<Network>, SpaceError> {
    if config.only.is_some() {
        return Ok(vec![biggest.clone()]);
    }
    if config.step_children.is_empty() {
        return step_children(space, config.seed, step, config.random_children);
    }
    let others = config.step_children.iter().map(|child| space.lower(child));
    std::iter::once(Ok(biggest.clone())).chain(others).collect()
}

impl Memory {
    fn new(config: &TrainConfig, space: &ValidatedSpace, biggest: &Network) -> Result<Self, SpaceError> {
        let weights = F32 * (space.layout().len() + config.method.extras(space)?.len()) as u64;
        // The mask; the factors of the rate, where they are not all the same.
        let masks = if config.body_rate == 1.0 { 1 } else { 2 };
        let optimiser = weights * (config.optimiser.numbers_per_weight() + masks);
        let of_layers = || biggest.layers.iter().map(kept_numbers).sum::<u64>();
        let of_layers = if config.recompute { kept_in_segments(biggest) } else { of_layers() };
        let kept = biggest.input.len() as u64 + of_layers;
        let (image_f32, image_bf16) = (F32 * kept, BF16 * kept);
        // The images that are in the network at once.
        let batch = u64::from(config.batch_size / config.accumulate.max(1));
        // Weights, gradient and average are one number a weight each.
        let fixed = 3 * weights + optimiser;
        let most = |gigabytes: u32, image: u64| {
            let bytes = (f64::from(gigabytes) * 1e9 * (1.0 - UNPLANNED)) as u64;
            bytes.saturating_sub(fixed) / image
        };
        // Weights in bf16, which their layers keep. The images in f32 at their own size, before and after they are resized.
        let (cast, input) = (weights / 2, batch * F32 * 2 * biggest.input.len() as u64);
        // The flat gradient and the changes that follow from it, when all activations are gone.
        let update = fixed + 4 * weights;
        let fits = |gigabytes| Fits { gigabytes, f32: most(gigabytes, image_f32), bf16: most(gigabytes, image_bf16) };
        Ok(Self {
            weights,
            gradient: weights,
            optimiser,
            average: weights,
            image_f32,
            image_bf16,
            batch_f32: batch * image_f32,
            batch_bf16: batch * image_bf16,
            peak_f32: update.max(fixed + input + batch * image_f32),
            peak_bf16: update.max(fixed + cast + input + batch * image_bf16),
            fits: GPU_GB.map(fits).to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{Recipe, UpdateRule};
    use nestling_core::space::SearchSpace;

    #[test]
    fn imagenets_run_has_the_steps_and_hours_of_the_paper() {
        // 1,281,167 pictures without 12,811 to validate with.
        let config = Recipe::BignasImagenet.config();
        let of = Estimate::new(&config, 1_268_356, 800.0).unwrap();
        // 1,268,356 / 4096 = 309.7; 309 * 360 = 111,240.
        assert_eq!((of.steps_per_epoch, of.steps, of.head_steps), (309, 111_240, 0));
        assert_eq!(of.images, 111_240 * 4096);
        // 455,639,040 / 800 / 3600.
        assert!((of.gpu_hours - 158.2).abs() < 0.05, "{}", of.gpu_hours);
        // 5 epochs; 241 of 360: 74,469.
        let RateSummary { warmup_steps, ending_step, ending, .. } = of.rate;
        assert_eq!((warmup_steps, ending_step), (1545, Some(74_469)));
        assert!((ending - 0.0128).abs() < 1e-9);
        // The golden numbers of Table 1: 1843.0 and 206.7 million.
        assert!((of.step.biggest.madds.millions() - 1843.0).abs() < 0.05, "{:?}", of.step.biggest);
        assert!((of.step.smallest.madds.millions() - 206.7).abs() < 0.05, "{:?}", of.step.smallest);
        assert_eq!(of.step.children, 4.0);
        // Two random children of 775 million each.
        let random = of.step.madds.millions() - 1843.0 - 206.7;
        assert!((random / 2.0 - 775.0).abs() < 40.0, "{random}");
    }

    #[test]
    fn memory_is_counted_by_hand_for_a_tiny_network() {
        let space: SearchSpace = toml::from_str(
            "name = 'tiny'\ninput_channels = 1\nresolutions = [8]\nclasses = 3\nactivation = 'swish'\n\
             padding = 'symmetric'\nnorm_epsilon = 1e-5\nstem = { widths = [4], kernel = 3, stride = 2 }\n\
             head = { widths = [8] }\n\
             [[stages]]\nwidths = [4]\ndepths = [1]\nkernels = [3]\nexpand_ratios = [2]\n",
        )
        .unwrap();
        let config =
            TrainConfig { space, batch_size: 10, epochs: 3, optimiser: UpdateRule::Rmsprop, ..TrainConfig::default() };
        let of = Estimate::new(&config, 105, 5.0).unwrap();
        // Stem 4x4x4, expansion and depthwise 8x4x4, projection 4x4x4 without activation, head 8x4x4, pool 8, classes 3.
        // Image 64; swish keeps three tensors of each layer, the projection two.
        let kept = 64 + 3 * 64 + 3 * 128 + 3 * 128 + 2 * 64 + 3 * 128 + 8 + 3;
        let Memory { image_f32, image_bf16, batch_f32, .. } = of.memory;
        assert_eq!((image_f32, image_bf16, batch_f32), (4 * kept, 2 * kept, 40 * kept));
        // Stem 36 + 8, expansion 32 + 16, depthwise 72 + 16, projection 32 + 8, head 32 + 16, classifier 24 + 3.
        let weights = 4 * 295;
        let Memory { weights: found, gradient, optimiser, average, .. } = of.memory;
        assert_eq!((found, gradient, optimiser, average), (weights, weights, 3 * weights, weights));
        // Nine tenths of 24 GB without six numbers a weight.
        assert_eq!(of.memory.fits[0].f32, (21_600_000_000 - 6 * weights) / (4 * kept));
        // Ten steps of ten images an epoch.
        assert_eq!((of.steps, of.images, of.gpu_hours), (30, 300, 300.0 / 5.0 / 3600.0));
        // A space of one child has no sandwich.
        assert_eq!((of.step.children, of.step.madds), (1.0, of.step.biggest.madds));
        let error = Estimate::new(&config, 9, 5.0).unwrap_err();
        assert_eq!(error.code(), "train_too_few_images");
    }
}
