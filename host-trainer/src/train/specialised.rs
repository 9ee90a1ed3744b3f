use super::slimmable::RunningStatistics;
use super::{Checkpoint, TrainError};
use super::{Method, slimmable};
use crate::model::{Parameters, values_of};
use crate::transfer::alone;
use nestling_core::space::{CalibratedChild, Child, SpaceError, ValidatedSpace};
use tch::{Device, no_grad};

/// One child as a network of its own: kernel transforms and private batch norm are applied to its weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Specialised {
    /// The space of this child alone.
    pub space: ValidatedSpace,
    /// Its weights, in the order of that space's layout.
    pub weights: Vec<f32>,
    /// The child with statistics that were accumulated while training; `None` if it is to be calibrated.
    pub calibrated: Option<CalibratedChild>,
}

/// The reason why a child cannot become a network of its own.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpecialiseError {
    /// The child has no batch norm of its own.
    #[error("`{child}` is none of the widths that were trained; choose one of: {}", listed(.switches))]
    NotASwitch {
        /// The child.
        child: Child,
        /// Those that were trained.
        switches: Vec<Child>,
    },
    /// The checkpoint lacks what its method needs.
    #[error("the checkpoint has no batch-norm statistics of its widths; train at least one step")]
    NoStatistics,
    /// The configuration of the run is wrong.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The child is not one of the space, or alone would be another network.
    #[error(transparent)]
    Space(#[from] SpaceError),
}

impl SpecialiseError {
    /// A stable name of this kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotASwitch { .. } => "not_a_switch",
            Self::NoStatistics => "no_statistics",
            Self::Train(error) => error.code(),
            Self::Space(error) => error.code(),
        }
    }
}

fn listed(switches: &[Child]) -> String {
    switches.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// A child with the statistics that its run accumulated while training; `None` if the run's method calibrates.
///
/// # Errors
/// [`SpecialiseError`] if the run's method did not train the child, or has no statistics yet.
pub fn own_statistics(run: &Checkpoint, child: &Child) -> Result<Option<CalibratedChild>, SpecialiseError> {
    match run.config.method {
        Method::BigNas | Method::UniversallySlimmable | Method::AutoSlim | Method::OnceForAll => Ok(None),
        Method::Slimmable => {
            let space = run.config.validate()?;
            let running = RunningStatistics::new(&space, run.running.clone())?.filter(|_| run.running.is_some());
            let not_a_switch =
                || SpecialiseError::NotASwitch { child: child.clone(), switches: slimmable::switches(&space) };
            let statistics = running.ok_or(SpecialiseError::NoStatistics)?.of(child).ok_or_else(not_a_switch)?;
            Ok(Some(CalibratedChild::new(&space.lower(child)?, statistics)?))
        }
    }
}

/// All children of a run that have statistics which were accumulated while it trained; none if its method calibrates.
///
/// # Errors
/// [`SpecialiseError`] if the run's method has them, and the run has none yet.
pub fn all_own_statistics(run: &Checkpoint) -> Result<Vec<CalibratedChild>, SpecialiseError> {
    let space = run.config.validate()?;
    let switches = if run.config.method == Method::Slimmable { slimmable::switches(&space) } else { Vec::new() };
    switches.iter().filter_map(|child| own_statistics(run, child).transpose()).collect()
}

/// A child of a run as a network of its own, with the weights that ship. It answers as it does within the run.
///
/// # Errors
/// [`SpecialiseError`] if the run's method did not train the child, or the child alone would be another network (it would
/// add an input that it does not add in its space).
pub fn specialised(run: &Checkpoint, child: &Child) -> Result<Specialised, SpecialiseError> {
    let space = run.config.validate()?;
    let network = space.lower(child)?;
    let statistics = own_statistics(run, child)?;
    let single = alone(&space, child)?;
    let extras = run.config.method.extras(&space)?;
    let parameters = Parameters::with_extras(&space, &extras, run.shipped_weights(), Device::Cpu).for_child(child);
    let own = single.lower(child)?;
    let layout = single.layout();
    let mut weights = vec![0.0; layout.len()];
    // The layers of a child alone follow each other as within its space.
    for (from, to) in network.layers.iter().zip(&own.layers) {
        let Some(convolution) = to.convolution.map(|index| &layout.convolutions[index]) else { continue };
        let (scale_or_bias, shift) = parameters.scale_and_shift(from);
        let mut copy = |parameter: usize, values: &[f32]| {
            weights[layout.parameters[parameter].range()].copy_from_slice(values);
        };
        copy(convolution.weight, &no_grad(|| values_of(&parameters.weight(from).contiguous())));
        copy(convolution.scale_or_bias, &values_of(&scale_or_bias));
        if let (Some(parameter), Some(shift)) = (convolution.shift, shift) {
            copy(parameter, &values_of(&shift));
        }
    }
    let own_statistics = |child: CalibratedChild| CalibratedChild::new(&own, child.statistics().clone());
    let calibrated = statistics.map(own_statistics).transpose()?;
    Ok(Specialised { space: single, weights, calibrated })
}
