use super::Timeline;
use crate::metrics::{Latency, Load, Millis, Quantile};

/// Steps of bisection.
const STEPS: usize = 40;

/// The speed of a device at a moment: runs of its reference now, beside the time that the reference takes undisturbed in
/// the device's profile.
///
/// The profile's model says how long a child takes while nothing interrupts it, which is a property of the device. A
/// moment says how long that takes now.
///
/// ```
/// use nestling_core::latency::{Moment, Timeline};
/// use nestling_core::metrics::Millis;
/// // The clock is at half of its speed, and nothing interrupts it.
/// let moment = Moment::new(Timeline::new(vec![Millis(2.0); 100]), Millis(1.0));
/// assert_eq!((moment.latency(Millis(3.0)).p95, moment.drift(), moment.load().share), (Millis(6.0), 2.0, 1.0));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    timeline: Timeline,
    reference: Millis,
}

impl Moment {
    /// `reference` is the undisturbed time of the reference in the profile; it must be above zero.
    pub fn new(timeline: Timeline, reference: Millis) -> Self {
        Self { timeline, reference }
    }

    /// The reference's runs.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// How much longer undisturbed work takes than in the profile, by clocks and heat.
    pub fn drift(&self) -> f64 {
        self.timeline.calm().0 / self.reference.0
    }

    /// The part of the time that is ours; the rest goes to other programs, or to waits.
    pub fn load(&self) -> Load {
        Load { share: self.timeline.share() }
    }

    /// Quantiles now of a child that takes `calm` undisturbed.
    pub fn latency(&self, calm: Millis) -> Latency {
        self.timeline.latency(calm.0 / self.reference.0)
    }

    /// The times of that child, wherever it begins.
    pub fn times(&self, calm: Millis) -> Vec<Millis> {
        self.timeline.durations(calm.0 / self.reference.0)
    }

    /// The interval that holds a quantile of that child's times in nine of ten moments like this one.
    pub fn interval(&self, calm: Millis, quantile: Quantile) -> [Millis; 2] {
        self.timeline.interval(calm.0 / self.reference.0, quantile)
    }

    /// The longest undisturbed time of a child that keeps within `limit` at `quantile` now.
    pub fn most_calm_within(&self, limit: Millis, quantile: Quantile) -> Millis {
        let [mut low, mut high] = [0.0, limit.0 * (self.reference.0 / self.timeline.calm().0.max(f64::MIN_POSITIVE))];
        for _ in 0..STEPS {
            let middle = f64::midpoint(low, high);
            let keeps = self.latency(Millis(middle)).at(quantile).0 <= limit.0;
            *if keeps { &mut low } else { &mut high } = middle;
        }
        Millis(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_child_within_a_limit_keeps_it_and_a_longer_one_does_not() {
        let runs = (0..400).map(|run| Millis(if run % 7 == 6 { 4.0 } else { 2.0 }));
        let moment = Moment::new(Timeline::new(runs), Millis(1.0));
        for limit in [5.0, 12.0, 30.0] {
            let calm = moment.most_calm_within(Millis(limit), Quantile::P95);
            assert!(moment.latency(calm).p95.0 <= limit);
            assert!(moment.latency(Millis(1.05 * calm.0)).p95.0 > limit, "{calm}");
            assert!(calm.0 < limit / moment.drift());
        }
    }
}
