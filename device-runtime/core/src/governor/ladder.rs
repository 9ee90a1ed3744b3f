use super::GovernorError;
use crate::metrics::Millis;
use serde::{Deserialize, Serialize};

/// A child that a governor may step to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rung {
    /// Its name in the bundle, or one of its own if it does not ship.
    pub name: String,
    /// The time that is predicted for it on this device when nothing slows it down.
    pub predicted: Millis,
    /// Top-1 accuracy in percent, on the same images for all rungs. For shipped children these are the held-out images.
    pub accuracy: f64,
}

/// The children that a governor steps among: fastest first, each slower and more accurate than the one before.
///
/// ```
/// use nestling_core::metrics::Millis;
/// use nestling_core::governor::{Ladder, Rung};
/// let rung = |name: &str, ms, accuracy| Rung { name: name.to_owned(), predicted: Millis(ms), accuracy };
/// let ladder = Ladder::pareto([rung("slow", 8.0, 92.0), rung("fast", 2.0, 88.0), rung("dominated", 5.0, 87.0)])?;
/// assert_eq!(ladder.rungs().iter().map(|rung| rung.name.as_str()).collect::<Vec<_>>(), ["fast", "slow"]);
/// # Ok::<(), nestling_core::governor::GovernorError>(())
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
    /// As [`Ladder::pareto`], and [`GovernorError::Rung`] if one is not slower and more accurate than the one before
    /// it.
    pub fn new(rungs: impl IntoIterator<Item = Rung>) -> Result<Self, GovernorError> {
        let rungs: Box<[Rung]> = rungs.into_iter().collect();
        check(&rungs)?;
        let climbs = |pair: &[Rung]| pair[0].predicted.0 < pair[1].predicted.0 && pair[0].accuracy < pair[1].accuracy;
        match rungs.windows(2).find(|pair| !climbs(pair)) {
            Some(pair) => Err(GovernorError::Rung {
                name: pair[1].name.clone(),
                problem: "it is not slower and more accurate than the rung before it",
                remedy: "use `Ladder::pareto`, which sorts rungs and leaves out dominated ones",
            }),
            None => Ok(Self { rungs }),
        }
    }

    /// Sorts the rungs and leaves out those that another one dominates.
    ///
    /// # Errors
    /// [`GovernorError::NoRung`] if there is none, [`GovernorError::Rung`] if a time or an accuracy is not a number, or
    /// two rungs have the same name.
    pub fn pareto(rungs: impl IntoIterator<Item = Rung>) -> Result<Self, GovernorError> {
        let mut all: Vec<Rung> = rungs.into_iter().collect();
        check(&all)?;
        all.sort_by(|a, b| a.predicted.0.total_cmp(&b.predicted.0).then(b.accuracy.total_cmp(&a.accuracy)));
        let mut best = f64::NEG_INFINITY;
        all.retain(|rung| {
            let worth = rung.accuracy > best;
            best = best.max(rung.accuracy);
            worth
        });
        Ok(Self { rungs: all.into() })
    }

    /// Fastest first.
    pub fn rungs(&self) -> &[Rung] {
        &self.rungs
    }

    /// The number of the rung of that name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.rungs.iter().position(|rung| rung.name == name)
    }

    /// The most accurate rung that is predicted to take at most `limit`; the fastest if none is.
    pub fn best_within(&self, limit: Millis) -> usize {
        self.rungs.iter().rposition(|rung| rung.predicted.0 <= limit.0).unwrap_or(0)
    }
}

/// Checks the conditions that do not depend on the order of rungs.
fn check(rungs: &[Rung]) -> Result<(), GovernorError> {
    if rungs.is_empty() {
        return Err(GovernorError::NoRung);
    }
    let refuse = |rung: &Rung, problem, remedy| Err(GovernorError::Rung { name: rung.name.clone(), problem, remedy });
    for (place, rung) in rungs.iter().enumerate() {
        if !(rung.predicted.0 > 0.0 && rung.predicted.0.is_finite()) {
            let problem = "its predicted time is not a positive number of milliseconds";
            return refuse(rung, problem, "give the time that a profile of this device predicts or measured");
        }
        if !rung.accuracy.is_finite() {
            return refuse(rung, "its accuracy is not a number", "give its top-1 accuracy in percent");
        }
        if rungs[..place].iter().any(|other| other.name == rung.name) {
            return refuse(rung, "another rung has this name", "give every rung a name of its own");
        }
    }
    Ok(())
}
