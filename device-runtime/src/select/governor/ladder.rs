use super::GovernorError;
use crate::units::Millis;
use serde::Serialize;

/// A child that a governor may step to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rung {
    /// Its name in the bundle.
    pub name: String,
    /// The time that is predicted for it on this device when nothing slows it down.
    pub predicted: Millis,
    /// In percent.
    pub accuracy: f64,
}

/// The children that a governor steps among: fastest first, each slower and more accurate than the one before.
///
/// ```
/// use nestling::Millis;
/// use nestling::select::{Ladder, Rung};
/// let rung = |name: &str, ms, accuracy| Rung { name: name.to_owned(), predicted: Millis(ms), accuracy };
/// let ladder = Ladder::pareto([rung("slow", 8.0, 92.0), rung("fast", 2.0, 88.0), rung("beaten", 5.0, 87.0)])?;
/// assert_eq!(ladder.rungs().iter().map(|rung| rung.name.as_str()).collect::<Vec<_>>(), ["fast", "slow"]);
/// # Ok::<(), nestling::select::GovernorError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Ladder {
    rungs: Box<[Rung]>,
}

impl Ladder {
    /// Takes the rungs as they are.
    ///
    /// # Errors
    /// [`GovernorError::NoRung`] if there is none, [`GovernorError::Rung`] if one is not slower and more accurate than
    /// the one before it, or its time is no duration.
    pub fn new(rungs: impl IntoIterator<Item = Rung>) -> Result<Self, GovernorError> {
        let rungs: Box<[Rung]> = rungs.into_iter().collect();
        if rungs.is_empty() {
            return Err(GovernorError::NoRung);
        }
        let refuse = |rung: &Rung, problem| Err(GovernorError::Rung { name: rung.name.clone(), problem });
        for (place, rung) in rungs.iter().enumerate() {
            if !(rung.predicted.0 > 0.0 && rung.predicted.0.is_finite()) {
                return refuse(rung, "its predicted time is not a positive number of milliseconds");
            }
            if !rung.accuracy.is_finite() {
                return refuse(rung, "its accuracy is no number");
            }
            let Some(before) = place.checked_sub(1).map(|before| &rungs[before]) else { continue };
            if rung.predicted.0 <= before.predicted.0 || rung.accuracy <= before.accuracy {
                return refuse(rung, "it is not slower and more accurate than the rung before it");
            }
        }
        Ok(Self { rungs })
    }

    /// Sorts the rungs and leaves out what another one beats.
    ///
    /// # Errors
    /// [`GovernorError::NoRung`] if there is none, [`GovernorError::Rung`] if a time or an accuracy is no number.
    pub fn pareto(rungs: impl IntoIterator<Item = Rung>) -> Result<Self, GovernorError> {
        let mut all: Vec<Rung> = rungs.into_iter().collect();
        all.sort_by(|a, b| a.predicted.0.total_cmp(&b.predicted.0).then(b.accuracy.total_cmp(&a.accuracy)));
        let mut best = f64::NEG_INFINITY;
        all.retain(|rung| {
            // What is no number stays, so that `new` refuses it.
            let worth = rung.accuracy.is_nan() || rung.accuracy > best;
            best = best.max(rung.accuracy);
            worth
        });
        Self::new(all)
    }

    /// Fastest first.
    pub fn rungs(&self) -> &[Rung] {
        &self.rungs
    }

    /// The most accurate rung that is predicted to take at most `limit`; the fastest if none is.
    pub fn best_within(&self, limit: Millis) -> usize {
        self.rungs.iter().rposition(|rung| rung.predicted.0 <= limit.0).unwrap_or(0)
    }
}
