//! How well children are predicted that the fit has never seen, and how well simpler predictors do.

use nestling_core::latency::{LatencyModel, LatencyTable, Sample};
use nestling_core::metrics::Millis;
use nestling_core::statistics::{mean_percent, relative_error, spearman};
use nestling_core::tiles::Coverage;
use serde::{Deserialize, Serialize};

/// A predictor's errors over held-out children.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// Which predictor.
    pub predictor: String,
    /// Mean absolute error, in percent of the measured time.
    pub mape_percent: f64,
    /// Children predicted within 10 % of their measured time, in percent.
    pub within_10_percent: f64,
    /// Spearman's rank correlation of predicted and measured times.
    pub spearman: f64,
}

/// A predictor and its predictions, beside the children's measured times.
pub(crate) fn accuracy(predictor: impl Into<String>, predicted: &[f64], measured: &[f64]) -> Accuracy {
    let errors: Vec<f64> = predicted.iter().zip(measured).map(|(&a, &b)| relative_error(a, b)).collect();
    let within = errors.iter().filter(|error| **error <= 0.1).count();
    Accuracy {
        predictor: predictor.into(),
        mape_percent: mean_percent(&errors),
        within_10_percent: 100.0 * within as f64 / errors.len().max(1) as f64,
        spearman: spearman(predicted, measured),
    }
}

/// The measurements that the baselines are computed from.
pub(crate) struct Evidence<'a> {
    /// Informative children, the most telling first: all that a predictor may know.
    pub(crate) informative: &'a [Sample],
    /// Children to predict.
    pub(crate) held_out: &'a [Sample],
    /// The sum of each child's layer times, every layer timed alone.
    pub(crate) layer_sums: &'a [Millis],
    /// The device's.
    pub(crate) coverage: Coverage,
    /// Other devices'.
    pub(crate) tables: &'a [LatencyTable],
}

/// How many informative children the error is shown for.
pub(crate) const CURVE: [usize; 4] = [1, 3, 10, 30];

impl Evidence<'_> {
    fn measured(&self) -> Vec<f64> {
        self.held_out.iter().map(|sample| sample.time.0).collect()
    }

    fn of_fit(&self, predictor: impl Into<String>, fit: &LatencyModel) -> Accuracy {
        let predicted: Vec<f64> = self.held_out.iter().map(|sample| fit.predict(&sample.network).0).collect();
        accuracy(predictor, &predicted, &self.measured())
    }

    /// Simpler predictors, with the same informative children.
    pub(crate) fn baselines(&self) -> Vec<Accuracy> {
        let madds = |samples: &[Sample]| -> Vec<f64> {
            samples.iter().map(|sample| sample.network.cost().madds.millions()).collect()
        };
        let times: Vec<f64> = self.informative.iter().map(|sample| sample.time.0).collect();
        let (known, unseen) = (madds(self.informative), madds(self.held_out));
        let by_madds = |[constant, per_madd]: [f64; 2]| -> Vec<f64> {
            unseen.iter().map(|madds| constant + per_madd * madds).collect()
        };
        let sums: Vec<f64> = self.layer_sums.iter().map(|sum| sum.0).collect();
        let mut all = vec![
            accuracy("MAdds only", &by_madds(line(&known, &times, false)), &self.measured()),
            accuracy("MAdds and a constant", &by_madds(line(&known, &times, true)), &self.measured()),
            accuracy("sum of isolated layers", &sums, &self.measured()),
        ];
        for table in self.tables {
            let name = format!("table of {}", table.device);
            all.push(self.of_fit(format!("{name}, unscaled"), &table.model));
            all.push(self.of_fit(format!("{name}, one factor"), &table.model.scaled_to(self.informative)));
        }
        all
    }

    /// The error against the number of informative children: pairs of that number and the accuracy.
    /// Each starts from a prior for that number of children.
    pub(crate) fn curve(&self, prior: impl Fn(usize) -> LatencyModel) -> Vec<(usize, Accuracy)> {
        let mut counts = CURVE.map(|count| count.min(self.informative.len())).to_vec();
        counts.dedup();
        let at = |count: usize| {
            let fit = LatencyModel::fit(&self.informative[..count], &prior(count), self.coverage);
            (count, self.of_fit(format!("fit to {count}"), &fit))
        };
        counts.into_iter().map(at).collect()
    }
}

/// Constant and slope of the times over `x` with the least relative error, neither below zero.
fn line(x: &[f64], times: &[f64], with_constant: bool) -> [f64; 2] {
    // Normal equations of rows that should sum to one: 1 / time and x / time.
    let sums =
        |value: fn(f64, f64) -> f64| x.iter().zip(times).map(|(x, time)| value(1.0 / time, x / time)).sum::<f64>();
    let (aa, ab, bb) = (sums(|a, _| a * a), sums(|a, b| a * b), sums(|_, b| b * b));
    let (a, b) = (sums(|a, _| a), sums(|_, b| b));
    let determinant = aa * bb - ab * ab;
    let both = [(a * bb - b * ab) / determinant, (b * aa - a * ab) / determinant];
    if with_constant && both.iter().all(|part| part.is_finite() && *part >= 0.0) { both } else { [0.0, b / bb] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_constant_where_that_helps_and_none_below_zero() {
        let x = [1.0, 2.0, 5.0];
        let [constant, slope] = line(&x, &[5.0, 7.0, 13.0], true);
        assert!((constant - 3.0).abs() < 1e-9 && (slope - 2.0).abs() < 1e-9, "{constant} {slope}");
        let (_, without) = (line(&x, &[2.0, 4.0, 10.0], true), line(&x, &[2.0, 4.0, 10.0], false));
        assert!(without[0] == 0.0 && (without[1] - 2.0).abs() < 1e-9, "{without:?}");
        // It would be -1.
        assert_eq!(line(&x, &[1.0, 3.0, 9.0], true)[0], 0.0);
        assert_eq!(line(&[1.0], &[2.0], true), [0.0, 2.0]);
    }

    #[test]
    fn errors_are_of_the_measured_time() {
        let accuracy = accuracy("x", &[10.5, 19.0, 28.0], &[10.0, 20.0, 40.0]);
        assert!((accuracy.mape_percent - 40.0 / 3.0).abs() < 1e-9, "{accuracy:?}");
        assert!((accuracy.within_10_percent - 200.0 / 3.0).abs() < 1e-9);
        assert_eq!(accuracy.spearman, 1.0);
    }
}
