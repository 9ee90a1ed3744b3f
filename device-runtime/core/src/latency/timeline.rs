use crate::metrics::{Latency, Millis, Quantile, percentiles};
use rand::{RngExt, SeedableRng};

/// The percentile of the reference's runs that nothing interrupts, even on a busy device.
const CALM_PERCENT: usize = 15;
/// The percentiles at which a child's runs are compared with those of the reference.
const COMPARED: [usize; 3] = [20, 50, 80];
/// The same of runs at a cadence: of few runs, the faster ones say more, because a late wake only adds.
const RESTED_COMPARED: [usize; 3] = [10, 25, 40];
/// Steps of bisection: far more than the runs can tell.
const STEPS: usize = 30;
/// Parts of a timeline that are drawn again for an interval. Interruptions come in bursts, so single runs are not
/// independent.
const BLOCKS: usize = 10;
/// Parts of a timeline whose medians are compared for the room.
const ROOM_PARTS: usize = 20;
/// The percentile of those parts that is a bad moment.
const BAD_PERCENT: usize = 90;
/// The least and the largest room.
const ROOMS: [f64; 2] = [1.08, 1.3];
const UNKNOWN_ROOM: f64 = 1.1;
/// Fewer runs cannot tell it.
const LEAST_RUNS: usize = 10 * ROOM_PARTS;
/// Draws of an interval.
const DRAWS: usize = 100;

/// Runs of a reference child, one after another: the speed of a moment, with everything that interrupts it.
///
/// A child whose work is that of `k` reference runs takes as long as `k` of them in a row, wherever it begins. No model of
/// the interruptions is needed: slices of a scheduler, frames of a compositor and changes of the clock are all in it.
///
/// ```
/// use nestling_core::latency::Timeline;
/// use nestling_core::metrics::Millis;
/// // Every fifth run is interrupted for 3 ms.
/// let timeline = Timeline::new((0..200).map(|run| Millis(if run % 5 == 4 { 4.0 } else { 1.0 })));
/// // A child of ten times the work is interrupted twice by every run, so its slow runs are like its median one.
/// let latency = timeline.latency(10.0);
/// assert_eq!((latency.p50, latency.p95), (Millis(16.0), Millis(16.0)));
/// assert_eq!(timeline.share(), 1.0 / 1.6);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    /// The end of each run since the beginning of the first, in ms.
    ends: Vec<f64>,
    calm: f64,
    /// Whether the device rested between the runs.
    rested: bool,
}

impl Timeline {
    /// A timeline of runs in the order in which they were made.
    pub fn new(runs: impl IntoIterator<Item = Millis>) -> Self {
        let runs: Vec<Millis> = runs.into_iter().collect();
        let [calm] = percentiles(&runs, [CALM_PERCENT]);
        let mut end = 0.0;
        let ends = runs.into_iter().map(|run| {
            end += run.0;
            end
        });
        Self { ends: ends.collect(), calm: calm.0, rested: false }
    }

    /// A timeline of runs at a cadence, between which the device rests.
    ///
    /// Such runs are not in a row: each meets on its own whatever waking up costs, and a longer child meets that once, too.
    /// It takes as long as one run, and the rest of its work undisturbed.
    ///
    /// ```
    /// use nestling_core::latency::Timeline;
    /// use nestling_core::metrics::Millis;
    /// // Every fifth run wakes up 3 ms late.
    /// let runs = || (0..200).map(|run| Millis(if run % 5 == 4 { 4.0 } else { 1.0 }));
    /// assert_eq!(Timeline::rested(runs()).latency(10.0).p50, Millis(10.0));
    /// assert_eq!(Timeline::rested(runs()).latency(10.0).p95, Millis(13.0));
    /// ```
    pub fn rested(runs: impl IntoIterator<Item = Millis>) -> Self {
        Self { rested: true, ..Self::new(runs) }
    }

    /// Number of runs.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no run.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All runs together.
    pub fn duration(&self) -> Millis {
        Millis(self.ends.last().copied().unwrap_or_default())
    }

    /// The time of a run that nothing interrupts.
    pub fn calm(&self) -> Millis {
        Millis(self.calm)
    }

    /// The part of the time that was this device's own: 1 if nothing interrupted it; 0 if there is no run.
    pub fn share(&self) -> f64 {
        let whole = self.duration().0;
        if whole > 0.0 { (self.calm * self.len() as f64 / whole).min(1.0) } else { 0.0 }
    }

    /// Quantiles of a child whose work is that of `work` reference runs; zeros if there is no run.
    pub fn latency(&self, work: f64) -> Latency {
        Latency::of(&self.durations(work))
    }

    /// The work of a child with these runs, in reference runs: that at which the timeline gives their quantiles, which is
    /// asked at three of them. One where either is missing.
    pub fn work_of(&self, runs: &[Millis]) -> f64 {
        let compared = if self.rested { RESTED_COMPARED } else { COMPARED };
        let wanted = percentiles(runs, compared);
        if self.is_empty() || wanted[0].0 <= 0.0 {
            return 1.0;
        }
        let mut works: [f64; 3] = std::array::from_fn(|at| self.work_at(wanted[at].0, compared[at]));
        works.sort_by(f64::total_cmp);
        works[1]
    }

    /// The work whose durations have this percentile, by bisection: more work takes longer.
    fn work_at(&self, wanted: f64, percent: usize) -> f64 {
        let [mut low, mut high] = [0.0, 2.0 * wanted / self.calm.max(f64::MIN_POSITIVE)];
        for _ in 0..STEPS {
            let middle = f64::midpoint(low, high);
            let [found] = percentiles(&self.durations(middle), [percent]);
            *if found.0 < wanted { &mut low } else { &mut high } = middle;
        }
        f64::midpoint(low, high)
    }

    /// The interval that holds this quantile of a child's time in nine of ten timelines like this one: parts of it are drawn
    /// again. Another timeline differs from the mean of all as much as this one does, so the interval is wider than what is
    /// drawn by the square root of two.
    pub fn interval(&self, work: f64, quantile: Quantile) -> [Millis; 2] {
        let durations = self.durations(work);
        let middle = Latency::of(&durations).at(quantile);
        if durations.len() < BLOCKS {
            // They cannot tell how much they differ.
            return [1.0 / ROOMS[1], ROOMS[1]].map(|factor| Millis(factor * middle.0));
        }
        let mut random = rand::rngs::Xoshiro256PlusPlus::seed_from_u64(1);
        let length = durations.len().div_ceil(BLOCKS).max(1);
        let blocks: Vec<&[Millis]> = durations.chunks(length).collect();
        let mut drawn: Vec<Millis> = Vec::new();
        for _ in 0..DRAWS {
            let runs: Vec<Millis> =
                (0..blocks.len()).flat_map(|_| blocks[random.random_range(0..blocks.len())]).copied().collect();
            drawn.push(Latency::of(&runs).at(quantile));
        }
        percentiles(&drawn, [5, 95]).map(|end| {
            let ratio = end.0 / middle.0.max(f64::MIN_POSITIVE);
            Millis(middle.0 * ratio.powf(std::f64::consts::SQRT_2))
        })
    }

    /// How many times as long as usual a run takes in a bad moment: the factor by which a limit should exceed the time of a
    /// child that shall keep it a moment later, from 1.08 to 1.3. 1.1 of few runs, which cannot tell.
    ///
    /// It compares the medians of parts of the timeline. They tell how fast the device is; [`Timeline::durations`] have what
    /// interrupts it.
    ///
    /// ```
    /// use nestling_core::latency::Timeline;
    /// use nestling_core::metrics::Millis;
    /// let steady = Timeline::new(vec![Millis(1.0); 200]);
    /// // A fifth of the time everything takes a quarter longer.
    /// let unsteady = Timeline::new((0..200).map(|run| Millis(if run < 40 { 1.25 } else { 1.0 })));
    /// assert_eq!([steady, unsteady].map(|timeline| timeline.room()), [1.08, 1.25]);
    /// ```
    pub fn room(&self) -> f64 {
        let runs: Vec<Millis> = (0..self.len()).map(|run| Millis(self.ends[run] - self.begin(run))).collect();
        if runs.len() < LEAST_RUNS {
            return UNKNOWN_ROOM;
        }
        let median = |part: &[Millis]| percentiles(part, [50])[0];
        let parts: Vec<Millis> = runs.chunks_exact(runs.len() / ROOM_PARTS).map(median).collect();
        let [usual, bad] = percentiles(&parts, [50, BAD_PERCENT]);
        (bad.0 / usual.0.max(f64::MIN_POSITIVE)).clamp(ROOMS[0], ROOMS[1])
    }

    fn begin(&self, run: usize) -> f64 {
        if run == 0 { 0.0 } else { self.ends[run - 1] }
    }

    /// The time of that much work, begun at each run that leaves enough of them.
    pub fn durations(&self, work: f64) -> Vec<Millis> {
        let begin = |run: usize| self.begin(run);
        if self.rested {
            let of = |run: f64| if work < 1.0 { work.max(0.0) * run } else { run + (work - 1.0) * self.calm };
            return (0..self.len()).map(|run| Millis(of(self.ends[run] - begin(run)))).collect();
        }
        let whole = work.max(0.0).floor() as usize;
        let part = work.max(0.0) - whole as f64;
        let last = self.len().saturating_sub(whole.saturating_add(1));
        // More work than half of the timeline would begin too rarely: it takes as long as its runs do on average.
        if 2 * whole > self.len() {
            let mean = self.duration().0 / self.len().max(1) as f64;
            return vec![Millis(work * mean)];
        }
        let end = |run: usize| begin(run) + part * (self.ends[run] - begin(run));
        (0..=last).filter(|_| !self.is_empty()).map(|run| Millis(end(run + whole) - begin(run))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Spread;
    use crate::statistics::mean_percent;
    use crate::supply::{Supply, percent_off};
    use proptest::prelude::*;

    /// The reference beside children of one to ten times its work, in rounds, on a device that is interrupted for a part
    /// of the time; then the children again: predicted works, and errors of p95 by replay and by one spread for all.
    struct Outcome {
        works: Vec<f64>,
        medians: Vec<f64>,
        replayed: Vec<f64>,
        pooled: Vec<f64>,
        covered: f64,
    }

    fn measured(duty: f64, reference: f64, seed: u64) -> Outcome {
        let mut device = Supply::new(duty, seed);
        let children: Vec<f64> = (1..=10).map(f64::from).collect();
        let mut line = Vec::new();
        let mut runs: Vec<Vec<Millis>> = vec![Vec::new(); children.len()];
        for _ in 0..16 {
            for (child, runs) in children.iter().zip(&mut runs) {
                line.extend(device.batch(reference, 15.0));
                runs.extend(device.batch(child * reference, 50.0));
            }
        }
        let timeline = Timeline::new(line.clone());
        let mut truth: Vec<Vec<Millis>> = vec![Vec::new(); children.len()];
        for _ in 0..40 {
            for (child, truth) in children.iter().zip(&mut truth) {
                truth.extend(device.batch(child * reference, 30.0));
            }
        }
        let spread = Spread::of(runs.iter().map(Vec::as_slice)).p95;
        let usual = Latency::of(&line).p50.0;
        let (mut outcome, mut inside) =
            (Outcome { works: vec![], medians: vec![], replayed: vec![], pooled: vec![], covered: 0.0 }, 0);
        for ((child, runs), truth) in children.iter().zip(&runs).zip(&truth) {
            let (work, truth) = (timeline.work_of(runs), Latency::of(truth));
            outcome.works.push(percent_off(work, *child));
            outcome.medians.push(percent_off(Latency::of(runs).p50.0 / usual, *child));
            outcome.replayed.push(percent_off(timeline.latency(work).p95.0, truth.p95.0));
            outcome.pooled.push(percent_off(Latency::of(runs).p50.0 * spread, truth.p95.0));
            let [low, high] = timeline.interval(work, Quantile::P95);
            inside += usize::from((low.0 * 0.97..=high.0 * 1.03).contains(&truth.p95.0));
        }
        outcome.covered = inside as f64 / children.len() as f64;
        outcome
    }

    /// The errors of a replay, beside those of medians and of one spread for all children.
    #[test]
    fn work_and_slow_runs_are_predicted_on_a_busy_device() {
        for (duty, most_work, most_p95) in [(0.0, 0.5, 2.0), (0.25, 1.0, 9.0), (0.5, 1.0, 5.0), (1.0, 1.5, 5.0)] {
            for reference in [0.3, 1.0] {
                let all: Vec<Outcome> = (0..8).map(|seed| measured(duty, reference, seed)).collect();
                let mean = |of: fn(&Outcome) -> &Vec<f64>| {
                    mean_percent(&all.iter().flat_map(of).map(|error| error.abs() / 100.0).collect::<Vec<_>>())
                };
                let covered = all.iter().map(|one| one.covered).sum::<f64>() / all.len() as f64;
                let (works, medians) = (mean(|one| &one.works), mean(|one| &one.medians));
                let (replayed, pooled) = (mean(|one| &one.replayed), mean(|one| &one.pooled));
                println!(
                    "busy {:3.0} %, reference {reference} ms: work {works:.1} % (medians {medians:.1}), p95 {replayed:.1} % \
                     (one spread {pooled:.1}), {:.0} % in their interval",
                    100.0 * duty,
                    100.0 * covered
                );
                assert!(works <= most_work && replayed <= most_p95, "busy {duty}, reference {reference}");
                assert!(duty < 0.25 || pooled > 1.5 * replayed, "busy {duty}: one spread would do");
            }
        }
    }

    /// A profile at a cadence: two batches of four runs with eight of the reference beside each, some of which wake up late.
    #[test]
    fn few_runs_at_a_cadence_tell_the_work_and_the_slow_runs() {
        for late in [0.15, 0.35] {
            let [rested, in_a_row, slow] = errors_at_a_cadence(late);
            println!("{late} of runs wake up late: work {rested:.1} % (as if in a row {in_a_row:.1}), p95 {slow:.1} %");
            assert!(rested < 3.0 && slow < 8.0, "{rested} {slow}");
            assert!(in_a_row > 2.0 * rested, "a row would do: {in_a_row}");
        }
    }

    /// Mean errors of the work by either kind of timeline, and of p95.
    fn errors_at_a_cadence(late: f64) -> [f64; 3] {
        let mut random = rand::rngs::Xoshiro256PlusPlus::seed_from_u64(5);
        let mut run = |work: f64| {
            let late = if random.random_bool(late) { random.random_range(3.0..5.0) } else { 0.0 };
            Millis(0.78 * work * random.random_range(0.98..1.02) + late)
        };
        let (mut rested, mut in_a_row, mut slow) = (Vec::new(), Vec::new(), Vec::new());
        for child in 0..200 {
            let work = 1.0 + f64::from(child % 20) / 5.0;
            let beside: Vec<Millis> = (0..16).map(|_| run(1.0)).collect();
            let runs: Vec<Millis> = (0..8).map(|_| run(work)).collect();
            let error = |timeline: Timeline| (timeline.work_of(&runs) / work - 1.0).abs();
            rested.push(error(Timeline::rested(beside.iter().copied())));
            in_a_row.push(error(Timeline::new(beside)));
            let [line, truth] = [1.0, work].map(|work| (0..200).map(|_| run(work)).collect::<Vec<_>>());
            slow.push((Timeline::rested(line).latency(work).p95.0 / Latency::of(&truth).p95.0 - 1.0).abs());
        }
        [rested, in_a_row, slow].map(|errors| mean_percent(&errors))
    }

    #[test]
    fn few_runs_give_no_more_than_they_hold() {
        let empty = Timeline::default();
        assert_eq!((empty.latency(3.0), empty.share(), empty.work_of(&[Millis(1.0)])), (Latency::of(&[]), 0.0, 1.0));
        assert_eq!(empty.interval(2.0, Quantile::P95), [Millis(0.0); 2]);
        let two = Timeline::new([Millis(1.0), Millis(3.0)]);
        // Too much work for two runs: their mean.
        assert_eq!(two.latency(10.0).p95, Millis(20.0));
        assert_eq!(two.work_of(&[]), 1.0);
    }

    proptest! {
        #[test]
        fn work_is_found_again(runs in prop::collection::vec(0.1f64..5.0, 40..200), work in 1.0f64..12.0) {
            let timeline = Timeline::new(runs.into_iter().map(Millis));
            let latency = timeline.latency(work);
            prop_assert!(latency.p50.0 > 0.0 && latency.p50.0 <= latency.p95.0);
            // Two works may have the same quantile.
            let found = timeline.work_of(&timeline.durations(work));
            prop_assert!(percent_off(found, work).abs() < 3.0, "{found} for {work}");
            let share = timeline.share();
            prop_assert!(share > 0.0 && share <= 1.0);
            let [low, high] = timeline.interval(work, Quantile::P95);
            prop_assert!(low.0 <= high.0 && low.0 > 0.0);
        }
    }
}
