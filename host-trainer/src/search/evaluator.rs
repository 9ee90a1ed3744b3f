use crate::calibrate::{CalibrateError, calibrate};
use crate::data::Dataset;
use crate::evaluate::{Answer, answers, evaluate};
use crate::model::{Extras, Parameters, Resizer};
use crate::ranks::Ranks;
use nestling_core::image::Preprocessing;
use nestling_core::metrics::Top1;
use nestling_core::space::{CalibratedChild, Child, Cost, Network, ValidatedSpace};
use serde::{Deserialize, Serialize};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tch::Device;

/// Images at a time: large enough to fill the processor, small enough for its cache.
const BATCH: usize = 100;

/// An evaluated child.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluated {
    /// The child.
    pub child: Child,
    /// Its cost.
    pub cost: Cost,
    /// Its accuracy on the images of the evaluator.
    pub held_out: Top1,
}

/// Calibrates and evaluates children of one supernet, on several threads.
#[derive(Debug)]
pub struct Evaluator<'a> {
    /// The space of the children.
    pub space: &'a ValidatedSpace,
    /// The shared parameters, in the order of the layout, followed by `extras`.
    pub weights: &'a [f32],
    /// The parameters beyond the layout, of a method that has such.
    pub extras: &'a Extras,
    /// Children that have statistics already, and are not calibrated: those that a method accumulated while it trained.
    pub known: &'a [CalibratedChild],
    /// How pixels become input.
    pub preprocessing: &'a Preprocessing,
    /// Training images that calibrate batch norm.
    pub calibration: &'a Dataset,
    /// Images that are classified, with known classes.
    pub images: &'a Dataset,
    /// Threads.
    pub workers: usize,
    /// Where to compute.
    pub device: Device,
    /// The processes that share [`Evaluator::evaluate`].
    pub ranks: &'a Ranks,
}

impl Evaluator<'_> {
    /// Calibrates and evaluates `children`, shared over the ranks; results in their order, the same on every rank.
    /// `progress` is called with the number done.
    ///
    /// # Errors
    /// [`CalibrateError`] if a child is not in the space, the weights are broken, an image cannot be read or a process
    /// ended.
    pub fn evaluate(
        &self,
        children: &[Child],
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Vec<Evaluated>, CalibrateError> {
        let own: Vec<Child> = self.ranks.own(children.len()).map(|index| children[index].clone()).collect();
        let of_all = |done: usize| progress((done * self.ranks.count() as usize).min(children.len()));
        let found = self.calibrate_and_evaluate(&own, &of_all);
        self.ranks.exchange(found.map(|found| found.into_iter().map(|(_, evaluated)| evaluated).collect()))
    }

    /// As [`Evaluator::evaluate`], and returns the statistics too.
    ///
    /// # Errors
    /// As [`Evaluator::evaluate`].
    pub fn calibrate_and_evaluate(
        &self,
        children: &[Child],
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Vec<(CalibratedChild, Evaluated)>, CalibrateError> {
        self.each(children, progress, |parameters, resizer, network, calibrated| {
            let held_out = evaluate(&calibrated, network, parameters, resizer, self.images, BATCH)?;
            let evaluated = Evaluated { child: network.child.clone(), cost: network.cost(), held_out };
            Ok((calibrated, evaluated))
        })
    }

    /// Calibrates one child.
    ///
    /// # Errors
    /// As [`Evaluator::evaluate`].
    pub fn calibrate(&self, child: &Child) -> Result<CalibratedChild, CalibrateError> {
        let (network, parameters, resizer) = self.prepared(child)?;
        calibrate(&network, &parameters, &resizer, self.calibration, BATCH)
    }

    /// Evaluates one child with the statistics that it has.
    ///
    /// # Errors
    /// As [`Evaluator::evaluate`].
    pub fn evaluate_calibrated(&self, calibrated: &CalibratedChild) -> Result<Evaluated, CalibrateError> {
        let (network, parameters, resizer) = self.prepared(calibrated.child())?;
        let held_out = evaluate(calibrated, &network, &parameters, &resizer, self.images, BATCH)?;
        Ok(Evaluated { child: network.child.clone(), cost: network.cost(), held_out })
    }

    /// The same evaluator of other images.
    pub fn on<'a>(&'a self, images: &'a Dataset) -> Evaluator<'a> {
        Evaluator { images, ..*self }
    }

    fn prepared(&self, child: &Child) -> Result<(Network, Parameters, Resizer), CalibrateError> {
        let parameters = Parameters::with_extras(self.space, self.extras, self.weights, self.device).for_child(child);
        let resizer = Resizer::new(self.space, self.preprocessing, self.images.side, self.device);
        Ok((self.space.lower(child)?, parameters, resizer))
    }

    /// Calibrates `children` and returns each one's cost and its answers for all images, in the order of the images.
    ///
    /// # Errors
    /// As [`Evaluator::evaluate`].
    pub fn answers(
        &self,
        children: &[Child],
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Vec<(Cost, Vec<Answer>)>, CalibrateError> {
        self.each(children, progress, |parameters, resizer, network, calibrated| {
            Ok((network.cost(), answers(&calibrated, network, parameters, resizer, self.images, BATCH)?))
        })
    }

    /// Calibrates each child and works on it, on several threads; results in the order of the children.
    fn each<T: Send>(
        &self,
        children: &[Child],
        progress: &(dyn Fn(usize) + Sync),
        work_on: impl Fn(&Parameters, &Resizer, &Network, CalibratedChild) -> Result<T, CalibrateError> + Sync,
    ) -> Result<Vec<T>, CalibrateError> {
        let next = AtomicUsize::new(0);
        let done = Mutex::new(0);
        let work = || -> Result<Vec<(usize, T)>, CalibrateError> {
            tch::set_num_threads(1);
            let parameters = Parameters::with_extras(self.space, self.extras, self.weights, self.device);
            let resizer = Resizer::new(self.space, self.preprocessing, self.images.side, self.device);
            let mut mine = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(child) = children.get(index) else { return Ok(mine) };
                let (network, parameters) = (self.space.lower(child)?, parameters.for_child(child));
                let calibrated = match self.known.iter().find(|known| known.child() == child) {
                    Some(known) => known.clone(),
                    None => calibrate(&network, &parameters, &resizer, self.calibration, BATCH)?,
                };
                mine.push((index, work_on(&parameters, &resizer, &network, calibrated)?));
                if let Ok(mut done) = done.lock() {
                    *done += 1;
                    progress(*done);
                }
            }
        };
        let workers = self.workers.clamp(1, children.len().max(1));
        let parts: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            threads.into_iter().map(|thread| thread.join()).collect()
        });
        let mut all = Vec::with_capacity(children.len());
        for part in parts {
            match part {
                Ok(part) => all.extend(part?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all.sort_by_key(|(index, _)| *index);
        Ok(all.into_iter().map(|(_, found)| found).collect())
    }
}
