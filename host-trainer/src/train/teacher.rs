//! A trained network whose answers a child learns from (BigNAS, training from scratch with distillation A).

use super::{Batch, Distillation};
use crate::model::{Norm, Parameters, Resizer, forward, norm_tensors, values_of};
use nestling_core::image::Preprocessing;
use nestling_core::space::{CalibratedChild, Network, SpaceError, ValidatedSpace};
use tch::{Device, Kind, Tensor, no_grad};

/// A child of another supernet, with its statistics. It does not learn.
#[derive(Clone, Debug)]
pub struct Teacher {
    /// The space of its supernet.
    pub space: ValidatedSpace,
    /// The weights of its supernet, in the order of the layout.
    pub weights: Vec<f32>,
    /// The child.
    pub child: CalibratedChild,
}

impl Teacher {
    /// The layers of the child.
    ///
    /// # Errors
    /// [`SpaceError`] if the child is not one of the space.
    pub fn network(&self) -> Result<Network, SpaceError> {
        self.space.lower(self.child.child())
    }
}

/// A teacher in the memory of one worker.
#[derive(Debug)]
pub(super) struct TeacherModel {
    network: Network,
    parameters: Parameters,
    resizer: Resizer,
    statistics: Vec<(Tensor, Tensor)>,
}

impl TeacherModel {
    pub(super) fn new(
        teacher: &Teacher,
        network: Network,
        (preprocessing, side): (&Preprocessing, u32),
        device: Device,
    ) -> Self {
        let parameters = Parameters::from_values(&teacher.space, &teacher.weights, device);
        let statistics = norm_tensors(&network, teacher.child.statistics(), parameters.flat());
        let resizer = Resizer::new(&teacher.space, preprocessing, side, device);
        Self { network, parameters, resizer, statistics }
    }

    /// Its answers for images at their own size, `[count, classes]`, each row with a sum of 1.
    pub(super) fn soft_labels(&self, images: &Tensor) -> Tensor {
        no_grad(|| {
            let images = self.resizer.resize(images, self.network.child.resolution);
            let norm = Norm::Calibrated(&self.statistics);
            forward(&self.network, &self.parameters, &images, norm, None).softmax(-1, Kind::Float)
        })
    }
}

/// Adds the gradient of one child that learns from soft labels alone, as the children of a sandwich do; returns its loss.
pub(super) fn taught_step(
    parameters: &Parameters,
    student: &Network,
    resizer: &Resizer,
    (batch, soft_labels): (&Batch, &Tensor),
    (distillation, share): (Distillation, f64),
) -> Vec<f64> {
    let images = resizer.resize(&batch.images, student.child.resolution);
    let logits = forward(student, parameters, &images, Norm::Batch, None);
    let loss = distillation.loss(soft_labels, &logits);
    (&loss * share).backward();
    values_of(&loss.detach().view([1])).into_iter().map(f64::from).collect()
}
