use crate::engine::PreparedChild;
#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::block_on;
use crate::session::Runtime;
use crate::{Error, OnProgress, Phase, Progress};
use nestling_bundle::Bundle;
use nestling_core::accuracy::AccuracyPredictor;
use nestling_core::choosing::{
    Budget, Challenge, Choice, Evidence, FoundChild, SearchBudget, compare, search_under_limit,
};
use nestling_core::image::Image;
use nestling_core::latency::Moment;
use nestling_core::metrics::{Latency, Millis, Top1, most_probable};
use nestling_core::space::{CalibratedChild, Child};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use std::fmt;

/// Options of a search of the whole space.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct WholeSpaceOptions<'a> {
    /// The number of children that are evaluated by prediction.
    pub search: SearchBudget,
    /// Seed of the search.
    pub seed: u64,
    /// Called from time to time, for a progress bar; [`Progress`] says what it must not do.
    pub progress: Option<OnProgress<'a>>,
}

impl<'a> WholeSpaceOptions<'a> {
    nestling_core::setters! { search: SearchBudget, seed: u64, progress: Option<OnProgress<'a>> }
}

impl fmt::Debug for WholeSpaceOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WholeSpaceOptions({:?}, seed {})", self.search, self.seed)
    }
}

/// Children that are timed, calibrated and checked before the search gives up.
const CHALLENGERS: usize = 4;

/// The result of a search of the whole space.
#[derive(Clone, Debug)]
pub struct WholeSpaceChoice {
    shipped: Choice,
    adopted: Option<Adopted>,
    why: String,
}

/// A child that does not ship, and took the place of one that does.
#[derive(Clone, Debug)]
pub struct Adopted {
    /// Its statistics, computed on this device: keep them, and the next start need not search.
    pub calibrated: CalibratedChild,
    /// The child, ready; it is the active one.
    pub prepared: PreparedChild,
    /// The time that the latency model predicts, in ms.
    pub predicted: Millis,
    /// The measured quantiles of its time, in ms.
    pub measured: Latency,
    /// Top-1 accuracy that is predicted of it, in percent.
    pub predicted_top1: f64,
    /// Points of top-1 by which it is expected to be better: prediction and check together.
    pub expected_gain: f64,
    /// Its expected top-1 accuracy on the held-out images, in percent, to be compared with that of shipped children:
    /// that of the child whose place it took, and the expected gain.
    pub accuracy: f64,
    /// Its accuracy on the bundle's check images.
    pub check: Top1,
    /// The shipped child's on the same images.
    pub check_of_shipped: Top1,
}

impl WholeSpaceChoice {
    /// The best of the shipped children for the budget.
    pub fn shipped(&self) -> &Choice {
        &self.shipped
    }

    /// The child that took its place, if one did.
    pub fn adopted(&self) -> Option<&Adopted> {
        self.adopted.as_ref()
    }

    /// The child that is active now.
    pub fn child(&self) -> &Child {
        self.adopted.as_ref().map_or(&self.shipped.entry().child, |adopted| adopted.prepared.child())
    }

    /// Why this child, in one sentence.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// Kernels that the device gets wrong, each with the one that ran in its place when children were timed, as
    /// [`Choice::replaced`] says them.
    pub fn replaced(&self) -> &[String] {
        self.shipped.replaced()
    }
}

impl fmt::Display for WholeSpaceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.adopted {
            None => write!(f, "{}; {}", self.shipped, self.why),
            Some(Adopted { prepared, predicted, measured: Latency { p50, p95, .. }, predicted_top1, .. }) => write!(
                f,
                "{prepared}: {predicted_top1:.2} % top-1 predicted; predicted {predicted}, measured p50 {p50}, p95 {p95}; {}",
                self.why
            ),
        }
    }
}

/// The predictor and the images that judge children that do not ship.
struct Judge<'a> {
    predictor: &'a AccuracyPredictor,
    calibration: Vec<Image<'a>>,
    check: Vec<(Image<'a>, usize)>,
}

impl<'a> Judge<'a> {
    fn of(bundle: &'a Bundle) -> Result<Self, Error> {
        let Some(predictor) = &bundle.manifest().accuracy_predictor else {
            return Err(Error::CannotJudge { missing: "accuracy predictor" });
        };
        let calibration: Vec<Image<'a>> = bundle.calibration_images().collect();
        if calibration.is_empty() {
            return Err(Error::CannotJudge { missing: "calibration images" });
        }
        Ok(Self { predictor, calibration, check: bundle.check_images().collect() })
    }
}

/// One search for the best child that was not tried yet.
struct Search<'a> {
    judge: &'a Judge<'a>,
    budget: Budget,
    moment: &'a Moment,
    options: &'a WholeSpaceOptions<'a>,
    tried: &'a [Child],
}

/// Progress within a challenger's round.
struct RoundProgress<'a> {
    round: usize,
    progress: Option<OnProgress<'a>>,
}

impl RoundProgress<'_> {
    fn say(&self, done: f64, phase: Phase) {
        if let Some(progress) = self.progress {
            progress(Progress { fraction: (self.round as f64 + done) / CHALLENGERS as f64, phase });
        }
    }
}

impl Runtime {
    /// The best child of the whole space that keeps within a budget on this device, or the best shipped one where none
    /// is clearly better; it becomes the active one.
    ///
    /// First chooses among the shipped children, as [`Runtime::choose`] does. Then searches the space with this
    /// device's latency model and the bundle's accuracy predictor, times the best candidates whole, calibrates the
    /// batch norm of one that holds the budget on the GPU (BigNAS, batch norm calibration) from the bundle's
    /// calibration images, and compares it with the shipped child on the bundle's check images. It is adopted if
    /// prediction and check together say that it is better. Takes seconds; other threads may classify meanwhile. Needs
    /// a spare slot.
    ///
    /// # Errors
    /// [`Error`] as [`Runtime::choose`]; [`Error::CannotJudge`] if the bundle has no predictor or
    /// no calibration images; [`Error::OtherBundle`]; [`Error`] if the GPU fails or no slot
    /// is spare. After an error the shipped choice, if there was one, is active.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn choose_in_whole_space(
        &self,
        bundle: &Bundle,
        budget: Budget,
        options: &WholeSpaceOptions<'_>,
    ) -> Result<WholeSpaceChoice, Error> {
        block_on(self.choose_in_whole_space_async(bundle, budget, options))
    }

    /// As [`Runtime::choose_in_whole_space`], without blocking, but for the search itself, which computes some tens of
    /// milliseconds at a time. Dropping the future leaves the shipped choice, if it was made, active.
    ///
    /// # Errors
    /// As [`Runtime::choose_in_whole_space`].
    pub async fn choose_in_whole_space_async(
        &self,
        bundle: &Bundle,
        budget: Budget,
        options: &WholeSpaceOptions<'_>,
    ) -> Result<WholeSpaceChoice, Error> {
        if bundle.network_id() != self.network {
            let (given, own) = (bundle.network_id().to_string(), self.network.to_string());
            return Err(Error::OtherBundle { given, own });
        }
        let judge = Judge::of(bundle)?;
        let turn = self.turn.take("a search of the whole space")?;
        let shipped = self.choose_in_turn(budget, options.progress, &turn).await?;
        let own = self.worth(&judge, &shipped);
        let room = self.known_profile(&turn, None).await?.room();
        let mut right_of_shipped = None;
        let mut tried: Vec<Child> = Vec::new();
        for round in 0..CHALLENGERS {
            let part = RoundProgress { round, progress: options.progress };
            part.say(0.0, Phase::Searching);
            let moment = self.moment(&turn).await?;
            let search = Search { judge: &judge, budget, moment: &moment, options, tried: &tried };
            let Some(found) = self.best_untried(&search, &shipped.entry().child) else { break };
            // Not even the prediction says that it is better.
            if found.top1 <= own {
                break;
            }
            tried.push(found.child.clone());
            let calm = Millis(found.cost);
            let predicted = moment.latency(calm).p50;
            // A child that is too slow still refines the model.
            let mut evidence = Evidence::new(moment.times(calm));
            evidence.add(&self.time_and_learn(&found.child, predicted, &turn).await?);
            let Some(measured) = evidence.measured().filter(|_| evidence.keeps(budget, room)) else {
                continue;
            };
            let calibrating = |done: f64| part.say(done, Phase::Calibrating);
            let calibrated =
                self.supernet.calibrate_async(&found.child, &judge.calibration, Some(&calibrating)).await?;
            let prepared = self.prepare_async(&calibrated).await?;
            if right_of_shipped.is_none() {
                let incumbent = self.prepared(&shipped.entry().name)?;
                right_of_shipped = Some(self.right_answers(incumbent, &judge.check).await?);
            }
            let theirs = right_of_shipped.as_deref().unwrap_or_default();
            let ours = self.right_answers(&prepared, &judge.check).await?;
            let (check, check_of_shipped, only_challenger, only_other) = compare(&ours, theirs);
            let challenge = Challenge {
                predicted_gain: found.top1 - own,
                prediction_error: judge.predictor.prediction_error().root_mean_square_error,
                only_challenger,
                only_other,
                images: check.images,
            };
            if !challenge.is_won() {
                continue;
            }
            self.switch_to(&prepared)?;
            let (expected_gain, uncertainty) = challenge.expected_gain();
            let why = format!(
                "expected to be {expected_gain:.2} (+-{uncertainty:.2}) points better than shipped `{}` within {budget}",
                shipped.entry().name
            );
            let adopted = Adopted {
                calibrated,
                prepared,
                predicted,
                measured,
                predicted_top1: found.top1,
                expected_gain,
                accuracy: shipped.entry().held_out.percent() + expected_gain,
                check,
                check_of_shipped,
            };
            return Ok(WholeSpaceChoice { shipped, adopted: Some(adopted), why });
        }
        let why = match tried.len() {
            0 => "no other child of the space is predicted to be better within the budget".to_owned(),
            count => format!(
                "of the {count} best other children of the space none both keeps the budget and is surely better"
            ),
        };
        Ok(WholeSpaceChoice { shipped, adopted: None, why })
    }

    /// The accuracy of the shipped child in percent: the higher one of the measured one on held-out images and the
    /// predicted one, so that no child is adopted because of the predictor's error.
    fn worth(&self, judge: &Judge<'_>, shipped: &Choice) -> f64 {
        let entry = shipped.entry();
        let predicted = judge.predictor.predict(self.space(), &entry.child);
        entry.held_out.known_percent().map_or(predicted, |measured| measured.max(predicted))
    }

    fn best_untried(&self, search: &Search<'_>, incumbent: &Child) -> Option<FoundChild> {
        let Search { judge, budget, moment, options, tried } = *search;
        let profile = self.current_profile()?;
        let table = &profile.table;
        let starts: Vec<Child> = self.children().map(|entry| entry.child.clone()).collect();
        // With the margin that the measured time must have, or every candidate would just miss it.
        let limit = moment.most_calm_within(budget.with_room(profile.room()).limit, budget.quantile).0;
        let found = search_under_limit(
            self.space(),
            &starts,
            limit,
            options.search,
            |network| table.predict(network).0,
            |child| judge.predictor.predict(self.space(), child),
            &mut Xoshiro256PlusPlus::seed_from_u64(options.seed),
        );
        let allowed = |found: &FoundChild| found.child != *incumbent && !tried.contains(&found.child);
        found.into_iter().find(|found| allowed(found) && self.may_answer(&found.child))
    }

    /// Whether each image's most probable class is its own.
    async fn right_answers(&self, child: &PreparedChild, labelled: &[(Image<'_>, usize)]) -> Result<Vec<bool>, Error> {
        let images: Vec<Image<'_>> = labelled.iter().map(|(image, _)| *image).collect();
        let logits = self.supernet.infer_many_async(child, &images).await?;
        Ok(logits.iter().zip(labelled).map(|(logits, (_, label))| most_probable(logits) == Some(*label)).collect())
    }
}
