//! Non-negative least squares over whole children: `T(child) = sum of amount * price`, the inference itself included.

use crate::latency::{Amounts, Work};
use crate::metrics::Millis;
use crate::space::Network;
use crate::statistics::robust_non_negative_least_squares;
use crate::tiles::Coverage;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How strongly a price is drawn to where it started from, over how strongly one child's time draws it.
///
/// Measured on three software devices: a tenth still draws a fit of ten children away from them, half of this changes no fit
/// of thirty, and three children are predicted from alike by all three.
const TRUST_IN_PRIOR: f64 = 0.02;
/// No unit of work takes a quarter of an hour: what says so would only overflow.
const DEAREST: f64 = 1e6;

/// What one unit of a sort of work costs on a device.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// The sort of work.
    pub work: Work,
    /// Its price.
    pub ms: Millis,
}

/// Prices of one device: they predict every child of the space.
///
/// Fitted to whole children that were timed from image to logits, in the relative error, every price at least zero; a child
/// whose time is unlike all others' counts less. Few
/// children cannot tell all prices: those are drawn to a prior's, which may be another device's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyFit {
    /// One a sort of work, in order.
    pub prices: Vec<Price>,
    /// What work that has no price here costs, over its nominal price.
    pub scale: f64,
    /// How the device covers pixels: what the prices are of.
    pub coverage: Coverage,
}

/// A child that was timed whole.
#[derive(Clone, Debug)]
pub struct Sample {
    /// What was timed.
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

impl LatencyFit {
    /// Of no device: right in its proportions, as far as that can be.
    pub fn nominal() -> Self {
        Self { prices: Vec::new(), scale: 1.0, coverage: Coverage::EXACT }
    }

    /// Predicted median time from image to logits.
    pub fn predict(&self, network: &Network) -> Millis {
        Millis(Work::of(network, self.coverage).into_iter().map(|(work, amount)| amount * self.price(work)).sum())
    }

    /// The price of one unit of a sort of work, in ms.
    fn price(&self, work: Work) -> f64 {
        match self.prices.binary_search_by_key(&work, |price| price.work) {
            Ok(index) => self.prices[index].ms.0,
            Err(_) => self.scale * work.nominal_price(),
        }
    }

    /// All prices times one factor.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let dearer = |price: &Price| Price { ms: Millis(price.ms.0 * factor), ..*price };
        Self { prices: self.prices.iter().map(dearer).collect(), scale: self.scale * factor, ..*self }
    }

    /// The same scaled by the one factor that fits the samples best, in the relative error.
    #[must_use]
    pub fn scaled_to(&self, samples: &[Sample]) -> Self {
        let ratios = || samples.iter().map(|sample| self.predict(&sample.network).0 / sample.time.0);
        let (sum, squares): (f64, f64) = (ratios().sum(), ratios().map(|ratio| ratio * ratio).sum());
        let factor = sum / squares;
        if factor.is_finite() && factor > 0.0 { self.scaled(factor) } else { self.clone() }
    }

    /// Fits prices to children that were timed, starting from a prior of any scale. `coverage` is the device's.
    ///
    /// Samples without a positive time say nothing and are passed over.
    pub fn fit(samples: &[Sample], prior: &Self, coverage: Coverage) -> Self {
        let samples: Vec<Sample> =
            samples.iter().filter(|sample| sample.time.0.is_finite() && sample.time.0 > 0.0).cloned().collect();
        let prior = prior.scaled_to(&samples);
        if samples.is_empty() {
            return prior;
        }
        let known = prior.prices.iter().map(|price| price.work);
        let amounts: Vec<Amounts> = samples.iter().map(|sample| Work::of(&sample.network, coverage)).collect();
        let seen = amounts.iter().flat_map(|amounts| amounts.keys().copied());
        let works: Vec<Work> = known.chain(seen).collect::<BTreeSet<_>>().into_iter().collect();
        // Relative: rows are divided by their times, so that each should sum to one.
        let rows: Vec<Vec<f64>> = (samples.iter().zip(&amounts))
            .map(|(sample, amounts)| {
                works.iter().map(|work| amounts.get(work).copied().unwrap_or(0.0) / sample.time.0).collect()
            })
            .collect();
        let start: Vec<f64> = works.iter().map(|&work| prior.price(work)).collect();
        let mean = |column: usize| rows.iter().map(|row| row[column]).sum::<f64>() / rows.len() as f64;
        // A price may leave its prior by a given share of the child's time at the same cost, whatever its unit.
        let trust: Vec<f64> = (0..works.len()).map(|column| TRUST_IN_PRIOR * mean(column).powi(2)).collect();
        let prices = robust_non_negative_least_squares(&rows, &start, &trust, DEAREST);
        let prices = works.into_iter().zip(prices).map(|(work, ms)| Price { work, ms: Millis(ms) }).collect();
        Self { prices, scale: prior.scale, coverage }
    }

    /// Whether every price is possible (finite, no more than a million ms and not negative, nor -0, which no fit gives), and
    /// prices are in the order of their work, none twice. Work without a price costs [`scale`](Self::scale) times its nominal one.
    pub fn is_sound(&self) -> bool {
        let sound = |number: f64| (0.0..=DEAREST).contains(&number) && !number.is_sign_negative();
        sound(self.scale)
            && self.coverage.is_sound()
            && self.prices.iter().all(|price| sound(price.ms.0))
            && self.prices.windows(2).all(|pair| pair[0].work < pair[1].work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::informative_children;
    use crate::space::SearchSpace;
    use proptest::prelude::*;
    use rand::SeedableRng;

    /// A device whose prices are the nominal ones, each times its own factor.
    fn device(factor: impl Fn(usize) -> f64, space: &SearchSpace) -> LatencyFit {
        let amounts = Work::of(&space.lower(&space.biggest()).unwrap(), Coverage::EXACT);
        let price = |(index, &work): (usize, &Work)| Price { work, ms: Millis(work.nominal_price() * factor(index)) };
        LatencyFit { prices: amounts.keys().enumerate().map(price).collect(), ..LatencyFit::nominal() }
    }

    fn samples(space: &SearchSpace, truth: &LatencyFit, count: usize) -> Vec<Sample> {
        (informative_children(space, count).iter())
            .map(|child| {
                let network = space.lower(child).unwrap();
                Sample::new(&network, truth.predict(&network))
            })
            .collect()
    }

    /// Mean relative error over random children.
    fn error(space: &SearchSpace, truth: &LatencyFit, fit: &LatencyFit) -> f64 {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(9);
        let errors = (0..100).map(|_| {
            let network = space.lower(&space.sample(&mut random)).unwrap();
            (fit.predict(&network).0 / truth.predict(&network).0 - 1.0).abs()
        });
        errors.sum::<f64>() / 100.0
    }

    #[test]
    fn thirty_children_tell_a_device_and_more_of_them_tell_it_better() {
        for space in [SearchSpace::fashion(), SearchSpace::table1()] {
            let truth = device(|index| [3.0, 0.5, 8.0, 1.0, 2.0][index % 5], &space);
            let errors = [1, 3, 10, 30].map(|count| {
                let fit = LatencyFit::fit(&samples(&space, &truth, count), &LatencyFit::nominal(), Coverage::EXACT);
                assert!(fit.is_sound());
                error(&space, &truth, &fit)
            });
            assert!(errors[3] < 0.02 && errors[3] < errors[1] && errors[1] < 0.25, "{}: {errors:?}", space.name);
        }
    }

    #[test]
    fn a_prior_of_a_similar_device_makes_three_children_enough() {
        let space = SearchSpace::fashion();
        let truth = device(|index| [3.0, 0.5, 8.0, 1.0, 2.0][index % 5], &space);
        let similar = device(|index| [3.3, 0.5, 7.5, 1.1, 2.0][index % 5] * 20.0, &space);
        let three = samples(&space, &truth, 3);
        let known = error(&space, &truth, &LatencyFit::fit(&three, &similar, Coverage::EXACT));
        let unknown = error(&space, &truth, &LatencyFit::fit(&three, &LatencyFit::nominal(), Coverage::EXACT));
        assert!(known < 0.05 && known < unknown, "{known}, {unknown}");
        assert!(error(&space, &truth, &similar) > 10.0 && error(&space, &truth, &similar.scaled_to(&three)) < 0.06);
    }

    #[test]
    fn one_child_that_was_disturbed_while_it_was_timed_sets_no_prices() {
        let space = SearchSpace::fashion();
        let truth = device(|index| [3.0, 0.5, 8.0, 1.0, 2.0][index % 5], &space);
        for (disturbed, factor) in [(25, 0.6), (4, 1.6)] {
            let mut samples = samples(&space, &truth, 30);
            samples[disturbed].time.0 *= factor;
            let error = error(&space, &truth, &LatencyFit::fit(&samples, &LatencyFit::nominal(), Coverage::EXACT));
            assert!(error < 0.02, "child {disturbed}: {error}");
        }
    }

    #[test]
    fn nothing_measured_leaves_the_prior() {
        let space = SearchSpace::fashion();
        let prior = device(|_| 2.0, &space);
        assert_eq!(LatencyFit::fit(&[], &prior, Coverage::EXACT), prior);
        let network = space.lower(&space.smallest()).unwrap();
        assert_eq!(LatencyFit::fit(&[Sample::new(&network, Millis(0.0))], &prior, Coverage::EXACT), prior);
    }

    #[test]
    fn a_very_slow_device_has_prices_that_its_own_profile_may_hold() {
        let space = SearchSpace::fashion();
        let times = [5436.27, 7697.57, 7041.09, 3039.8, 7388.6, 8837.57];
        let samples: Vec<Sample> = (informative_children(&space, times.len()).iter().zip(times))
            .map(|(child, time)| Sample::new(&space.lower(child).unwrap(), Millis(time)))
            .collect();
        let fit = LatencyFit::fit(&samples, &LatencyFit::nominal(), Coverage::EXACT);
        assert!(fit.is_sound(), "{fit:?}");
        for sample in &samples {
            let ratio = fit.predict(&sample.network).0 / sample.time.0;
            assert!((0.5..2.0).contains(&ratio), "{ratio}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_measured_prices_are_sound(times in prop::collection::vec(1e-3f64..1e4, 1..12)) {
            let space = SearchSpace::fashion();
            let samples: Vec<Sample> = informative_children(&space, times.len()).iter().zip(&times)
                .map(|(child, &time)| Sample::new(&space.lower(child).unwrap(), Millis(time)))
                .collect();
            let fit = LatencyFit::fit(&samples, &LatencyFit::nominal(), Coverage::EXACT);
            prop_assert!(fit.is_sound());
            let biggest = fit.predict(&space.lower(&space.biggest()).unwrap()).0;
            prop_assert!(biggest.is_finite() && biggest > 0.0);
        }
    }
}
