//! Non-negative least squares over whole children: `T(child) = sum of count * coefficient`, the inference itself
//! included.

use crate::latency::{CostFeature, CostFeatures};
use crate::metrics::Millis;
use crate::space::Network;
use crate::statistics::robust_non_negative_least_squares;
use crate::tiles::Coverage;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The weight of a coefficient's prior over the weight of one child's time.
///
/// Measured on three software devices: a tenth still biases a fit of ten children, half of this changes no fit of
/// thirty, and fits of three children are equally good with all three values.
const TRUST_IN_PRIOR: f64 = 0.02;
/// No unit of a cost feature takes a quarter of an hour: a larger coefficient would only overflow.
const MAX_COEFFICIENT: f64 = 1e6;
/// The least part of its prior that a coefficient keeps: every child takes some time, whatever was measured.
const LEAST: f64 = 1e-3;

/// The time that one unit of a cost feature takes on a device.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coefficient {
    /// The cost feature.
    pub feature: CostFeature,
    /// Its coefficient.
    pub ms: Millis,
}

/// The coefficients of one device: they predict every child of the space.
///
/// Fitted to whole children that were timed from image to logits, in the relative error, every coefficient at least
/// zero; an outlier counts less. Few children cannot determine all coefficients: those are regularised towards a prior,
/// which may be another device's model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencyModel {
    /// One for each cost feature, in order.
    pub coefficients: Vec<Coefficient>,
    /// The ratio to its nominal coefficient, for a cost feature that has no coefficient here.
    pub scale: f64,
    /// How the device covers pixels; the coefficients assume it.
    pub coverage: Coverage,
}

/// A child that was timed whole.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The network that was timed.
    pub network: Network,
    /// Its median time.
    pub time: Millis,
}

impl Sample {
    /// A network's time.
    pub fn new(network: &Network, time: Millis) -> Self {
        Self { network: network.clone(), time }
    }
}

impl LatencyModel {
    /// A model of no particular device: only the proportions of its coefficients are meant to be right.
    pub fn nominal() -> Self {
        Self { coefficients: Vec::new(), scale: 1.0, coverage: Coverage::EXACT }
    }

    /// Predicted median time from image to logits.
    pub fn predict(&self, network: &Network) -> Millis {
        Millis(
            CostFeature::of(network, self.coverage)
                .into_iter()
                .map(|(feature, count)| count * self.coefficient(feature))
                .sum(),
        )
    }

    /// The coefficient of a cost feature, in ms for each unit.
    fn coefficient(&self, feature: CostFeature) -> f64 {
        match self.coefficients.binary_search_by_key(&feature, |coefficient| coefficient.feature) {
            Ok(index) => self.coefficients[index].ms.0,
            Err(_) => self.scale * feature.nominal_coefficient(),
        }
    }

    /// All coefficients times one factor.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let scaled = |coefficient: &Coefficient| Coefficient { ms: Millis(coefficient.ms.0 * factor), ..*coefficient };
        Self { coefficients: self.coefficients.iter().map(scaled).collect(), scale: self.scale * factor, ..*self }
    }

    /// The same scaled by the one factor that fits the samples best, in the relative error.
    #[must_use]
    pub fn scaled_to(&self, samples: &[Sample]) -> Self {
        let ratios = || samples.iter().map(|sample| self.predict(&sample.network).0 / sample.time.0);
        let (sum, squares): (f64, f64) = (ratios().sum(), ratios().map(|ratio| ratio * ratio).sum());
        let factor = sum / squares;
        if factor.is_finite() && factor > 0.0 { self.scaled(factor) } else { self.clone() }
    }

    /// Fits coefficients to children that were timed, starting from a prior of any scale. `coverage` is the device's.
    ///
    /// Samples without a positive time are ignored.
    pub fn fit(samples: &[Sample], prior: &Self, coverage: Coverage) -> Self {
        let samples: Vec<Sample> =
            samples.iter().filter(|sample| sample.time.0.is_finite() && sample.time.0 > 0.0).cloned().collect();
        let prior = prior.scaled_to(&samples);
        if samples.is_empty() {
            return prior;
        }
        let known = prior.coefficients.iter().map(|coefficient| coefficient.feature);
        let counts: Vec<CostFeatures> =
            samples.iter().map(|sample| CostFeature::of(&sample.network, coverage)).collect();
        let seen = counts.iter().flat_map(|counts| counts.keys().copied());
        let mut features = BTreeSet::new();
        features.extend(known.chain(seen));
        let features: Vec<CostFeature> = features.into_iter().collect();
        // Relative: rows are divided by their times, so that each should sum to one.
        let rows: Vec<Vec<f64>> = (samples.iter().zip(&counts))
            .map(|(sample, counts)| {
                features.iter().map(|feature| counts.get(feature).copied().unwrap_or(0.0) / sample.time.0).collect()
            })
            .collect();
        let start: Vec<f64> = features.iter().map(|&feature| prior.coefficient(feature)).collect();
        let mean = |column: usize| rows.iter().map(|row| row[column]).sum::<f64>() / rows.len() as f64;
        // A coefficient may leave its prior by a given share of the child's time at the same cost, whatever its unit.
        let trust: Vec<f64> = (0..features.len()).map(|column| TRUST_IN_PRIOR * mean(column).powi(2)).collect();
        let coefficients = robust_non_negative_least_squares(&rows, &start, &trust, MAX_COEFFICIENT);
        let coefficients = features
            .into_iter()
            .zip(coefficients.into_iter().zip(start))
            .map(|(feature, (ms, start))| Coefficient {
                feature,
                ms: Millis(ms.max(LEAST * start).min(MAX_COEFFICIENT)),
            })
            .collect();
        Self { coefficients, scale: prior.scale, coverage }
    }

    /// Whether every coefficient is possible (finite, no more than a million ms and not negative, nor -0, which no fit
    /// gives), and coefficients are in the order of their feature, none twice. A cost feature without a coefficient
    /// has [`scale`](Self::scale) times its nominal one.
    pub fn is_sound(&self) -> bool {
        let sound = |number: f64| (0.0..=MAX_COEFFICIENT).contains(&number) && !number.is_sign_negative();
        sound(self.scale)
            && self.coverage.is_sound()
            && self.coefficients.iter().all(|coefficient| sound(coefficient.ms.0))
            && self.coefficients.windows(2).all(|pair| pair[0].feature < pair[1].feature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::informative_children;
    use crate::space::{SearchSpace, ValidatedSpace};
    use proptest::prelude::*;
    use rand::SeedableRng;

    /// A device whose coefficients are the nominal ones, each times its own factor.
    fn device(factor: impl Fn(usize) -> f64, space: &ValidatedSpace) -> LatencyModel {
        let counts = CostFeature::of(&space.lower(&space.biggest()).unwrap(), Coverage::EXACT);
        let coefficient = |(index, &feature): (usize, &CostFeature)| Coefficient {
            feature,
            ms: Millis(feature.nominal_coefficient() * factor(index)),
        };
        LatencyModel { coefficients: counts.keys().enumerate().map(coefficient).collect(), ..LatencyModel::nominal() }
    }

    fn samples(space: &ValidatedSpace, truth: &LatencyModel, count: usize) -> Vec<Sample> {
        (informative_children(space, count).iter())
            .map(|child| {
                let network = space.lower(child).unwrap();
                Sample::new(&network, truth.predict(&network))
            })
            .collect()
    }

    /// Mean relative error over random children.
    fn error(space: &ValidatedSpace, truth: &LatencyModel, fit: &LatencyModel) -> f64 {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(9);
        let errors = (0..100).map(|_| {
            let network = space.lower(&space.sample(&mut random)).unwrap();
            (fit.predict(&network).0 / truth.predict(&network).0 - 1.0).abs()
        });
        errors.sum::<f64>() / 100.0
    }

    #[test]
    fn thirty_children_tell_a_device_and_more_of_them_tell_it_better() {
        for space in [SearchSpace::fashion(), SearchSpace::table1()].map(|space| space.validated().unwrap()) {
            let truth = device(|index| [3.0, 0.5, 8.0, 1.0, 2.0][index % 5], &space);
            let errors = [1, 3, 10, 30].map(|count| {
                let fit = LatencyModel::fit(&samples(&space, &truth, count), &LatencyModel::nominal(), Coverage::EXACT);
                assert!(fit.is_sound());
                error(&space, &truth, &fit)
            });
            assert!(errors[3] < 0.02 && errors[3] < errors[1] && errors[1] < 0.25, "{}: {errors:?}", space.name);
        }
    }

    #[test]
    fn a_prior_of_a_similar_device_makes_three_children_enough() {
        let space = SearchSpace::fashion().validated().unwrap();
        let truth = device(|index| [3.0, 0.5, 8.0, 1.0, 2.0][index % 5], &space);
        let similar = device(|index| [3.3, 0.5, 7.5, 1.1, 2.0][index % 5] * 20.0, &space);
        let three = samples(&space, &truth, 3);
        let known = error(&space, &truth, &LatencyModel::fit(&three, &similar, Coverage::EXACT));
        let unknown = error(&space, &truth, &LatencyModel::fit(&three, &LatencyModel::nominal(), Coverage::EXACT));
        assert!(known < 0.05 && known < unknown, "{known}, {unknown}");
        assert!(error(&space, &truth, &similar) > 10.0 && error(&space, &truth, &similar.scaled_to(&three)) < 0.06);
    }

    #[test]
    fn one_child_that_was_disturbed_while_it_was_timed_sets_no_prices() {
        let space = SearchSpace::fashion().validated().unwrap();
        let truth = device(|index| [3.0, 0.5, 8.0, 1.0, 2.0][index % 5], &space);
        for (disturbed, factor) in [(25, 0.6), (4, 1.6)] {
            let mut samples = samples(&space, &truth, 30);
            samples[disturbed].time.0 *= factor;
            let error = error(&space, &truth, &LatencyModel::fit(&samples, &LatencyModel::nominal(), Coverage::EXACT));
            assert!(error < 0.02, "child {disturbed}: {error}");
        }
    }

    #[test]
    fn nothing_measured_leaves_the_prior() {
        let space = SearchSpace::fashion().validated().unwrap();
        let prior = device(|_| 2.0, &space);
        assert_eq!(LatencyModel::fit(&[], &prior, Coverage::EXACT), prior);
        let network = space.lower(&space.smallest()).unwrap();
        assert_eq!(LatencyModel::fit(&[Sample::new(&network, Millis(0.0))], &prior, Coverage::EXACT), prior);
    }

    #[test]
    fn a_very_slow_device_has_prices_that_its_own_profile_may_hold() {
        let space = SearchSpace::fashion().validated().unwrap();
        let truth = LatencyModel::nominal().scaled(1e5);
        let mut samples = samples(&space, &truth, 6);
        // No model explains all of them.
        (samples.iter_mut().zip([1.3, 0.8, 1.0, 0.7, 1.2, 1.1])).for_each(|(sample, factor)| sample.time.0 *= factor);
        assert!(samples.iter().all(|sample| sample.time.0 > 1000.0), "{samples:?}");
        let fit = LatencyModel::fit(&samples, &LatencyModel::nominal(), Coverage::EXACT);
        assert!(fit.is_sound(), "{fit:?}");
        for sample in &samples {
            let ratio = fit.predict(&sample.network).0 / sample.time.0;
            assert!((0.5..2.0).contains(&ratio), "{ratio}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_measured_prices_are_sound(times in prop::collection::vec(1e-3f64..1e4, 1..12)) {
            let space = SearchSpace::fashion().validated().unwrap();
            let samples: Vec<Sample> = informative_children(&space, times.len()).iter().zip(&times)
                .map(|(child, &time)| Sample::new(&space.lower(child).unwrap(), Millis(time)))
                .collect();
            let fit = LatencyModel::fit(&samples, &LatencyModel::nominal(), Coverage::EXACT);
            prop_assert!(fit.is_sound());
            let biggest = fit.predict(&space.lower(&space.biggest()).unwrap()).0;
            prop_assert!(biggest.is_finite() && biggest > 0.0);
        }
    }
}
