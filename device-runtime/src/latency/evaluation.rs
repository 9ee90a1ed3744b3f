//! How well children are predicted that the fit has never seen, and how well simpler predictors do.

use super::fit::{LatencyFit, Price, Sample};
use super::relative_error::{mean_percent, relative_error};
use super::table::LatencyTable;
use super::work::{Amounts, Work};
use crate::rank_correlation::spearman;
use crate::units::Millis;
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

/// What the baselines are made of.
pub(crate) struct Evidence<'a> {
    /// Informative children, the most telling first: all that a predictor may know.
    pub(crate) informative: &'a [Sample],
    /// Children to predict.
    pub(crate) held_out: &'a [Sample],
    /// Of each, the sum of its layers' times, each timed alone.
    pub(crate) layer_sums: &'a [Millis],
    /// Other devices'.
    pub(crate) tables: &'a [LatencyTable],
}

/// How many informative children the error is shown for.
pub(crate) const CURVE: [usize; 4] = [1, 3, 10, 30];

impl Evidence<'_> {
    fn measured(&self) -> Vec<f64> {
        self.held_out.iter().map(|sample| sample.time.0).collect()
    }

    fn of_fit(&self, predictor: impl Into<String>, fit: &LatencyFit) -> Accuracy {
        let predicted: Vec<f64> = self.held_out.iter().map(|sample| fit.predict_amounts(&sample.amounts).0).collect();
        accuracy(predictor, &predicted, &self.measured())
    }

    /// Simpler predictors, with the same informative children.
    pub(crate) fn baselines(&self) -> Vec<Accuracy> {
        let madds = |sample: &Sample| Sample { amounts: madds_only(&sample.amounts), ..sample.clone() };
        let informative: Vec<Sample> = self.informative.iter().map(madds).collect();
        let per_madd = LatencyFit { prices: vec![Price { work: TOTAL, ms: Millis(1.0) }], scale: 1.0 };
        let per_madd = per_madd.scaled_to(&informative);
        let predicted: Vec<f64> =
            self.held_out.iter().map(|sample| per_madd.predict_amounts(&madds(sample).amounts).0).collect();
        let sums: Vec<f64> = self.layer_sums.iter().map(|sum| sum.0).collect();
        let mut all = vec![
            accuracy("MAdds only", &predicted, &self.measured()),
            accuracy("sum of isolated layers", &sums, &self.measured()),
        ];
        for table in self.tables {
            let name = format!("table of {}", table.device);
            all.push(self.of_fit(format!("{name}, unscaled"), &table.fit));
            all.push(self.of_fit(format!("{name}, one factor"), &table.fit.scaled_to(self.informative)));
        }
        all
    }

    /// The error against the number of informative children: pairs of that number and the accuracy.
    pub(crate) fn curve(&self, prior: &LatencyFit) -> Vec<(usize, Accuracy)> {
        let mut counts = CURVE.map(|count| count.min(self.informative.len())).to_vec();
        counts.dedup();
        let at = |count: usize| {
            let fit = LatencyFit::fit(&self.informative[..count], prior);
            (count, self.of_fit(format!("fit to {count}"), &fit))
        };
        counts.into_iter().map(at).collect()
    }
}

/// All MAdds, whatever the layer.
const TOTAL: Work = Work::Inference;

fn madds_only(amounts: &Amounts) -> Amounts {
    let madds = |(work, amount): (&Work, &f64)| if matches!(work, Work::MegaMAdds(_)) { *amount } else { 0.0 };
    Amounts::from([(TOTAL, amounts.iter().map(madds).sum())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_of_the_measured_time() {
        let accuracy = accuracy("x", &[10.5, 19.0, 28.0], &[10.0, 20.0, 40.0]);
        assert!((accuracy.mape_percent - 40.0 / 3.0).abs() < 1e-9, "{accuracy:?}");
        assert!((accuracy.within_10_percent - 200.0 / 3.0).abs() < 1e-9);
        assert_eq!(accuracy.spearman, 1.0);
    }
}
