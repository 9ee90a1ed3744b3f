use super::Difference;
use crate::calibrate::CalibrateError;
use crate::data::DataError;
use crate::ranks::RankError;
use nestling_core::space::SpaceError;

/// The reason why a run cannot start or stopped early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A hyper-parameter is impossible.
    #[error("training configuration: `{key}` is {given}; it must be {rule}")]
    Config {
        /// The key.
        key: &'static str,
        /// Its value.
        given: String,
        /// The values that are allowed.
        rule: &'static str,
    },
    /// The run to go on with has other hyper-parameters.
    #[error(
        "the run has another configuration: {}; only `epochs`, `workers` and a `patience` above 0 may change: take the \
         run's values, or start another run", listed(.differences)
    )]
    OtherConfig {
        /// The keys that differ.
        differences: Vec<Difference>,
    },
    /// The run to go on with is beyond the number of epochs.
    #[error("`epochs` is {now} now, {run} in the run, of which {done} are done: give at least {done}")]
    FewerEpochs {
        /// Epochs of the run.
        run: u32,
        /// Epochs asked for.
        now: u32,
        /// Epochs done.
        done: u32,
    },
    /// The run to go on with saw other images.
    #[error("the run was trained on other images; give those that it was trained on, or start another run")]
    OtherImages,
    /// The images do not fit the configuration.
    #[error(transparent)]
    Data(#[from] DataError),
    /// There is no whole batch of images.
    #[error("{images} training images are fewer than one batch of {batch}; lower `batch_size`, or give more images")]
    TooFewImages {
        /// Images after holding out.
        images: usize,
        /// Images a step.
        batch: u32,
    },
    /// More images are to be drawn than there are.
    #[error("`images` asks for {needed} training images, {found} are left beside those held out; ask for fewer")]
    TooFewToDraw {
        /// Images asked for.
        needed: u32,
        /// Images after holding out.
        found: usize,
    },
    /// The images that are drawn lack classes.
    #[error("the {images} training images that `images` draws have none of {lost} classes; ask for more")]
    ClassesNotDrawn {
        /// Images asked for.
        images: u32,
        /// Classes without an image.
        lost: usize,
    },
    /// No image is held out.
    #[error(
        "there is no validation image: a class of a few pictures gives none. Give more pictures, or say which of them \
         validate (a folder `val`, or the column `split` of a list)"
    )]
    NoneHeldOut,
    /// A child cannot be calibrated or evaluated for the curves.
    #[error(transparent)]
    Calibrate(#[from] CalibrateError),
    /// Another process ended, or they cannot work together.
    #[error(transparent)]
    Ranks(#[from] RankError),
    /// A worker thread ended.
    #[error("a training worker stopped; the last checkpoint is whole, continue from it")]
    Worker,
    /// The loss is not a number any more.
    #[error("the loss became {loss} at step {step}; lower `learning_rate` (now {rate})")]
    Diverged {
        /// The step.
        step: u64,
        /// The loss of the biggest child.
        loss: f64,
        /// The learning rate of that step.
        rate: f64,
    },
    /// The space is malformed.
    #[error(transparent)]
    Space(#[from] SpaceError),
}

impl TrainError {
    /// A stable name of this kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Config { .. } => "train_config",
            Self::OtherConfig { .. } => "train_other_config",
            Self::FewerEpochs { .. } => "train_fewer_epochs",
            Self::OtherImages => "train_other_images",
            Self::Data(error) => error.code(),
            Self::Calibrate(error) => error.code(),
            Self::Ranks(error) => error.code(),
            Self::TooFewImages { .. } => "train_too_few_images",
            Self::TooFewToDraw { .. } => "train_too_few_to_draw",
            Self::ClassesNotDrawn { .. } => "train_classes_not_drawn",
            Self::NoneHeldOut => "train_none_held_out",
            Self::Worker => "train_worker",
            Self::Diverged { .. } => "train_diverged",
            Self::Space(error) => error.code(),
        }
    }
}

fn listed(differences: &[Difference]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
