//! The rounds of a profile: every child once in each, in another order.

use super::measure::Timer;
use crate::Error;
use crate::engine::{PreparedChild, Supernet};
use crate::profiling::slots::BatchSize;
use crate::profiling::{DriftMeter, Subject};
use crate::progress::Phase;
use nestling_core::image::Image;
use nestling_core::latency::{Batches, CostFeature, MAX_INFORMATIVE, Timeline, informative_children};
use nestling_core::metrics::Millis;
use nestling_core::space::Network;
use nestling_core::tiles::Coverage;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;
use std::collections::BTreeSet;
use std::time::Duration;

/// Share of the time until which children are timed; layers take the rest.
const SHARE: f64 = 0.9;
/// More runs of a child in one batch add little.
const MAX_RUNS: usize = 200;
/// The largest number of runs of a child; some at different moments are enough.
const ENOUGH_RUNS: usize = 1000;
/// Children that are always timed: one for the scale, two for the range.
const ALWAYS: usize = 3;
/// The least duration of a batch of runs: a short disturbance is a small part of it.
const BATCH: Duration = Duration::from_millis(50);

/// A batch at a cadence: few runs, so that the first round reaches many children; more rounds give more.
const PACED_BATCH: BatchSize = BatchSize { least: BATCH, runs: 4, most: Duration::from_millis(400) };

/// A child that is timed, and its runs so far.
pub(super) struct Timed {
    pub(super) network: Network,
    /// Runs of a batch.
    count: usize,
    pub(super) batches: Batches,
}

impl Timed {
    fn new(network: Network) -> Self {
        Self { network, count: 1, batches: Batches::default() }
    }

    fn is_done(&self) -> bool {
        self.batches.len() >= ENOUGH_RUNS
    }
}

/// The timed children.
pub(super) struct Rounds {
    /// The most informative first; those for which there was time.
    pub(super) informative: Vec<Timed>,
    /// All subjects, some perhaps without a run.
    pub(super) shipped: Vec<Timed>,
}

pub(super) struct Bench<'a> {
    supernet: &'a Supernet,
    image: &'a Image<'a>,
    drift: DriftMeter<'a>,
    /// The parts that the device has run once: drivers may compile a kernel when it first runs.
    seen: BTreeSet<CostFeature>,
}

impl<'a> Bench<'a> {
    /// `every` is the cadence of runs; back to back without.
    pub(super) async fn new(
        supernet: &'a Supernet,
        image: &'a Image<'a>,
        every: Option<Duration>,
    ) -> Result<Self, Error> {
        let drift = DriftMeter::paced(supernet, *image, every).await?;
        Ok(Self { supernet, image, drift, seen: BTreeSet::new() })
    }

    pub(super) fn drift(&self) -> &DriftMeter<'a> {
        &self.drift
    }

    /// Times informative and shipped children in one list, a batch of each in a round, until the time is over.
    ///
    /// The list is shuffled anew for every round: a disturbance that comes and goes meets all children, and none of them
    /// always follows the same one.
    pub(super) async fn rounds(&mut self, subjects: &[Subject<'_>], timer: &Timer<'_>) -> Result<Rounds, Error> {
        let space = self.supernet.space();
        let most = timer.options.children.clamp(1, MAX_INFORMATIVE);
        let mut informative: Vec<Timed> = Vec::new();
        for child in informative_children(space, most) {
            informative.push(Timed::new(space.lower(&child)?));
        }
        let mut shipped: Vec<Timed> =
            subjects.iter().map(|subject| Timed::new(subject.prepared.network().clone())).collect();
        let mut order = first_round(informative.len(), shipped.len());
        let mut shuffle = Xoshiro256PlusPlus::seed_from_u64(1);
        for round in 0.. {
            let mut is_over = true;
            for (turn, &one) in order.iter().enumerate() {
                let timed = one.of(&mut informative, &mut shipped);
                if timed.is_done() {
                    continue;
                }
                if timer.is_past(SHARE, one.phase()).await && (round > 0 || turn >= ALWAYS.min(most)) {
                    is_over = true;
                    break;
                }
                is_over = false;
                match one {
                    Place::Shipped(index) => self.batch(subjects[index].prepared, timed).await?,
                    Place::Informative(_) => {
                        let prepared = self.supernet.prepare_to_time(&timed.network).await?;
                        self.batch(&prepared, timed).await?;
                    }
                }
            }
            if is_over {
                break;
            }
            order.shuffle(&mut shuffle);
        }
        informative.retain(|timed| !timed.batches.is_empty());
        Ok(Rounds { informative, shipped })
    }

    /// Runs a child until a batch lasts long enough, twice as many runs each time; the last batch counts, and says how
    /// many runs the next one takes. At a cadence every run counts.
    async fn batch(&mut self, child: &PreparedChild, timed: &mut Timed) -> Result<(), Error> {
        let works = CostFeature::of(child.network(), Coverage::EXACT).into_keys();
        if works.filter(|&work| self.seen.insert(work)).count() > 0 {
            self.supernet.infer_async(child, self.image).await?;
            self.drift.rest();
        }
        if self.drift.every().is_some() {
            let is_enough = |runs, time| PACED_BATCH.is_reached(runs, time);
            let (beside, runs) = self.drift.time_beside_until(child, is_enough).await?;
            self.drift.push(beside, runs, &mut timed.batches);
            return Ok(());
        }
        loop {
            let (beside, runs) = self.drift.time_beside(child, timed.count).await?;
            // Judged by what nothing interrupts: else batches with fewer interruptions were left out.
            let calm = timed.count as f64 * Timeline::new(runs.iter().copied()).calm().0;
            if calm >= Millis::from(BATCH).0 || timed.count >= MAX_RUNS {
                timed.batches.push(beside, runs);
                return Ok(());
            }
            timed.count *= 2;
        }
    }
}

/// The place of a child in one of the two lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Informative(usize),
    Shipped(usize),
}

impl Place {
    fn of<'a>(self, informative: &'a mut [Timed], shipped: &'a mut [Timed]) -> &'a mut Timed {
        match self {
            Self::Informative(index) => &mut informative[index],
            Self::Shipped(index) => &mut shipped[index],
        }
    }

    fn phase(self) -> Phase {
        match self {
            Self::Informative(_) => Phase::InformativeChildren,
            Self::Shipped(_) => Phase::ShippedChildren,
        }
    }
}

/// The order of the first round, in which the time may end: children that are always timed, then both lists at the same
/// pace.
fn first_round(informative: usize, shipped: usize) -> Vec<Place> {
    let always = ALWAYS.min(informative);
    let mut order: Vec<Place> = (0..always).map(Place::Informative).collect();
    let (mut next, mut next_shipped) = (always, 0);
    while next < informative || next_shipped < shipped {
        // Whose middle comes first: (n + 1/2) of all of the list, without a division.
        let own = (2 * (next - always) + 1) * shipped;
        let theirs = (2 * next_shipped + 1) * (informative - always);
        if next_shipped >= shipped || next < informative && own <= theirs {
            order.push(Place::Informative(next));
            next += 1;
        } else {
            order.push(Place::Shipped(next_shipped));
            next_shipped += 1;
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_round_begins_with_the_most_informative_and_holds_every_child_once() {
        for (informative, shipped) in [(1, 0), (3, 2), (30, 10), (12, 40)] {
            let order = first_round(informative, shipped);
            assert_eq!(order.len(), informative + shipped);
            assert!((0..informative.min(ALWAYS)).all(|turn| order[turn] == Place::Informative(turn)));
            let half = order[..order.len() / 2].iter().filter(|one| matches!(one, Place::Shipped(_))).count();
            assert!(shipped < 4 || half > shipped / 3, "{half} of {shipped}");
            let mut places: Vec<String> = order.iter().map(|place| format!("{place:?}")).collect();
            places.sort_unstable();
            places.dedup();
            assert_eq!(places.len(), informative + shipped);
        }
    }
}
