use nestling_core::latency::Moment;
use nestling_core::metrics::{Latency, Load, Millis};
use nestling_core::statistics::mean_percent;
use serde::{Deserialize, Serialize};

/// Predictions of children's times beside their true times, in one stretch of time: both meet the same interruptions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Foreseen {
    /// The load of the device.
    pub load: Load,
    /// Mean error of the medians, in percent.
    pub mape_p50: f64,
    /// Mean signed error of the medians, in percent: below zero, predictions are too fast.
    pub bias: f64,
    /// Mean error of p95, in percent.
    pub mape_p95: f64,
    /// Children whose true p95 lies in the interval that was given for it, in percent; nine of ten are meant to.
    pub coverage: f64,
    /// Mean difference of p95 between odd and even rounds of the truth, in percent: no prediction can be nearer.
    pub floor_p95: f64,
    /// Every child.
    pub children: Vec<ForeseenChild>,
}

/// A child's times, predicted and true.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForeseenChild {
    /// Its name.
    pub name: String,
    /// Predicted.
    pub predicted: Latency,
    /// The interval of p95 that goes with it.
    pub interval_p95: [Millis; 2],
    /// True.
    pub measured: Latency,
}

/// A child's undisturbed time by the profile's model, and its true runs in each round.
pub(super) struct TrueRuns {
    pub(super) name: String,
    pub(super) calm: Millis,
    pub(super) rounds: Vec<Vec<Millis>>,
}

impl Foreseen {
    /// The predictions of a moment's timeline, with the interval of p95 for an undisturbed time, beside the runs that were
    /// made in it.
    pub(super) fn of(moment: &Moment, interval: impl Fn(Millis) -> [Millis; 2], all: &[TrueRuns]) -> Self {
        let child = |one: &TrueRuns| ForeseenChild {
            name: one.name.clone(),
            predicted: moment.latency(one.calm),
            interval_p95: interval(one.calm),
            measured: Latency::of(&one.rounds.concat()),
        };
        let children: Vec<ForeseenChild> = all.iter().map(child).collect();
        let off = |predicted: Millis, truth: Millis| predicted.0 / truth.0.max(f64::MIN_POSITIVE) - 1.0;
        let mean = |of: &dyn Fn(&ForeseenChild) -> f64| mean_percent(&children.iter().map(of).collect::<Vec<_>>());
        let covers = |one: &ForeseenChild| {
            let [low, high] = one.interval_p95;
            f64::from((low.0..=high.0).contains(&one.measured.p95.0))
        };
        let halves = |one: &TrueRuns| {
            let half = |from: usize| one.rounds.iter().skip(from).step_by(2).flatten().copied().collect::<Vec<_>>();
            off(Latency::of(&half(0)).p95, Latency::of(&half(1)).p95).abs()
        };
        Self {
            load: moment.load(),
            mape_p50: mean(&|one| off(one.predicted.p50, one.measured.p50).abs()),
            bias: mean(&|one| off(one.predicted.p50, one.measured.p50)),
            mape_p95: mean(&|one| off(one.predicted.p95, one.measured.p95).abs()),
            coverage: mean(&covers),
            floor_p95: mean_percent(&all.iter().map(halves).collect::<Vec<_>>()),
            children,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_core::latency::Timeline;

    #[test]
    fn errors_are_those_of_the_figures() {
        let moment = Moment::new(Timeline::new(vec![Millis(1.0); 200]), Millis(1.0));
        let runs = |name: &str, calm: f64, time: f64| TrueRuns {
            name: name.to_owned(),
            calm: Millis(calm),
            rounds: vec![vec![Millis(time); 10]; 4],
        };
        // One is predicted exactly, the other a fifth too fast.
        let seen = Foreseen::of(&moment, |calm| [calm; 2], &[runs("exact", 2.0, 2.0), runs("too fast", 4.0, 5.0)]);
        assert!((seen.mape_p50 - 10.0).abs() < 1e-9 && (seen.bias + 10.0).abs() < 1e-9 && seen.mape_p95 > 9.9);
        assert_eq!((seen.coverage, seen.floor_p95, seen.load.share), (50.0, 0.0, 1.0));
    }
}
