use super::LoaderRates;

/// The report of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// Steps done.
    pub step: u64,
    /// Cross entropy of the biggest child.
    pub loss: f64,
    /// KL divergence of the smallest child from the biggest.
    pub divergence: f64,
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// How fast the images of the epoch came so far.
    pub rates: LoaderRates,
}
