//! Slimmable neural networks (Yu et al., "Slimmable Neural Networks", 2019, algorithm 1).
//!
//! A network executes at a few widths, its switches. Every switch learns the labels in every step. Each has batch norm of
//! its own: gamma, beta and running statistics. Nothing is calibrated afterwards.

use super::sandwich::{cross_entropy, divergence};
use super::widths::at_fraction;
use super::{Batch, StepOptions};
use crate::model::{Norm, Parameters, Recorder, Regularisation, Resizer, forward, values_of};
use nestling_core::space::{Child, Network, SpaceError, Statistics, ValidatedSpace};
use std::sync::Arc;
use tch::{Kind, Tensor};

/// Widths of the network: 0.25, 0.5, 0.75 and 1 of the full one where the range of the space begins at a quarter.
const SWITCHES: usize = 4;
/// Weight of a step's batch in the running statistics.
const MOMENTUM: f64 = 0.1;

/// The switches, the smallest first. There are fewer in a space that has fewer widths.
pub fn switches(space: &ValidatedSpace) -> Vec<Child> {
    let fraction = |index: usize| index as f64 / (SWITCHES - 1) as f64;
    let mut switches: Vec<Child> = (0..SWITCHES).map(|index| at_fraction(space, fraction(index))).collect();
    switches.dedup();
    switches
}

/// One step: every switch learns the labels with its own batch norm, and all gradients add up before one update.
/// `switches` are the children, the biggest first, which alone has dropout and stochastic depth.
///
/// Returns the losses as [`sandwich_step`](crate::train::sandwich_step) does (cross entropy of the biggest, KL divergence
/// of the others from it), and the statistics of this batch for [`RunningStatistics::add`].
pub fn slimmable_step(
    parameters: &Parameters,
    switches: &[Network],
    resizer: &Resizer,
    batch: &Batch,
    options: StepOptions<'_>,
) -> (Vec<f64>, Tensor) {
    let (mut losses, mut statistics) = (Vec::new(), Vec::new());
    let mut answers_of_biggest = None;
    for network in switches {
        // Switch batch norm to the one of this width, and execute the network at this width.
        let switched = parameters.for_child(&network.child);
        let images = resizer.resize(&batch.images, network.child.resolution).to_kind(options.kind);
        let recorder = Recorder::default();
        let regularisation: Option<&Regularisation> = answers_of_biggest.is_none().then_some(&batch.regularisation);
        let logits = forward(network, &switched, &images, Norm::Recorded(&recorder), regularisation);

        // Every width learns the labels.
        let loss = cross_entropy(&logits, batch, options);
        (&loss * options.share).backward();

        statistics.push(recorder.into_flat());
        let logits = logits.detach();
        losses.push(match &answers_of_biggest {
            None => loss.detach(),
            Some(answers) => divergence(answers, &logits) / logits.size()[0],
        });
        answers_of_biggest.get_or_insert_with(|| logits.softmax(-1, Kind::Float));
    }
    let losses = values_of(&Tensor::stack(&losses, 0)).into_iter().map(f64::from).collect();
    (losses, Tensor::cat(&statistics, 0))
}

/// Mean and variance of every normalised channel of every switch, accumulated while training.
#[derive(Clone, Debug, PartialEq)]
pub struct RunningStatistics {
    /// The switches, the biggest first: the order of the children of a step.
    switches: Arc<Vec<Network>>,
    /// All means of a switch, then all its variances, switch by switch.
    values: Vec<f32>,
}

impl RunningStatistics {
    /// Before the first step, or with the values of a checkpoint; `None` if there are not as many as needed.
    ///
    /// # Errors
    /// [`SpaceError`] as [`ValidatedSpace::lower`].
    pub fn new(space: &ValidatedSpace, values: Option<Vec<f32>>) -> Result<Option<Self>, SpaceError> {
        let lowered = switches(space).into_iter().rev().map(|child| space.lower(&child));
        let switches: Vec<Network> = lowered.collect::<Result<_, _>>()?;
        let count = switches.iter().map(|network| 2 * network.normalised_channels()).sum();
        let values = values.unwrap_or_else(|| vec![0.0; count]);
        Ok((values.len() == count).then(|| Self { switches: Arc::new(switches), values }))
    }

    /// The switches, the biggest first.
    pub fn switches(&self) -> &Arc<Vec<Network>> {
        &self.switches
    }

    /// The values, for a checkpoint.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Adds the statistics of a step's batch. The first steps have more weight, so that no starting value is left.
    pub fn add(&mut self, step: u64, batch: &Tensor) {
        let weight = MOMENTUM.max(1.0 / (step as f64 + 1.0)) as f32;
        for (value, new) in self.values.iter_mut().zip(values_of(batch)) {
            *value += weight * (new - *value);
        }
    }

    /// The statistics of a switch; `None` of another child.
    pub fn of(&self, child: &Child) -> Option<Statistics> {
        let mut first = 0;
        for network in &*self.switches {
            let channels = network.normalised_channels();
            if network.child == *child {
                let (means, variances) = self.values[first..first + 2 * channels].split_at(channels);
                return Some(Statistics { means: means.to_vec(), variances: variances.to_vec() });
            }
            first += 2 * channels;
        }
        None
    }
}
