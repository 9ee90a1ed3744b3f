use crate::data::DataError;
use nestling_core::space::SpaceError;

/// The reason why a run cannot start or stopped early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A hyper-parameter is impossible.
    #[error("training configuration: `{key}` is {given}; {rule}")]
    Config {
        /// The key.
        key: &'static str,
        /// Its value.
        given: String,
        /// The values that are allowed.
        rule: &'static str,
    },
    /// The images do not fit the configuration.
    #[error(transparent)]
    Data(#[from] DataError),
    /// There is no whole batch of images.
    #[error("{images} training images are fewer than one batch of {batch}; lower `batch_size` or `held_out`")]
    TooFewImages {
        /// Images after holding out.
        images: usize,
        /// Images a step.
        batch: u32,
    },
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
