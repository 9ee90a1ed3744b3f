use crate::profile::{ChildTimes, DeviceProfile};
use nestling_core::latency::{Batches, LatencyTable, MAX_INFORMATIVE, Sample};
use nestling_core::metrics::Millis;
use nestling_core::space::{Child, ValidatedSpace};

/// A measured time is believed up to so many mean errors of the model away from its prediction.
const MAX_ERRORS: f64 = 3.0;
/// A measured time is always believed up to this distance from its prediction.
const MIN_BELIEVED_PERCENT: f64 = 15.0;
/// Most children that the model is fitted to.
const MAX_KNOWN: usize = 100;

impl DeviceProfile {
    /// A shipped child's median time. A measured time is better than a prediction, unless the two differ so much that
    /// something must have disturbed the device: a governor's ladder would lose every child that a disturbed time seems
    /// to beat.
    pub fn likely_time(&self, name: &str, predicted: Millis) -> Millis {
        let most = (MAX_ERRORS * self.table.residual_percent).max(MIN_BELIEVED_PERCENT);
        let likely = |times: &&ChildTimes| (100.0 * (times.measured_p50_ms.0 / predicted.0 - 1.0)).abs() <= most;
        self.child(name).filter(likely).map_or(predicted, |times| times.measured_p50_ms)
    }

    /// This profile with more children that were timed whole. The model is fitted to them too, all corrected to the
    /// profile's speed. The new time of a child replaces its older one.
    pub fn refined(&self, space: &ValidatedSpace, tables: &[LatencyTable], timed: &[(Child, Batches)]) -> Self {
        let mut refined = self.clone();
        let known = &mut refined.informative;
        known.retain(|old| timed.iter().all(|(child, _)| *child != old.child));
        // Predictions follow below, for all.
        let times = |(child, batches): &(Child, Batches)| {
            ChildTimes::new(None, child.clone(), Millis::default(), batches, self.reference_ms)
        };
        known.extend(timed.iter().map(times));
        // The newest time of a shipped child counts.
        for (child, batches) in timed {
            if let Some(old) = refined.children.iter_mut().find(|old| old.child == *child) {
                *old = ChildTimes { name: old.name.clone(), ..times(&(child.clone(), batches.clone())) };
            }
        }
        // The most informative children come first and stay, and so do the newest.
        while known.len() > MAX_KNOWN {
            known.remove(MAX_INFORMATIVE);
        }
        let sample = |times: &ChildTimes| Some(Sample::new(&space.lower(&times.child).ok()?, times.calm()));
        let samples: Vec<Sample> = known.iter().filter_map(sample).collect();
        refined.table.fit_to(&samples, tables);
        let (fit, moment) = (&refined.table.model, self.moment());
        for times in refined.informative.iter_mut().chain(&mut refined.children) {
            if let Ok(network) = space.lower(&times.child) {
                times.predicted_ms = moment.latency(fit.predict(&network)).p50;
            }
        }
        refined
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::file;
    use nestling_core::latency::{Clock, DeviceKey};
    use nestling_core::latency::{LatencyModel, Moment, Timeline, informative_children};
    use nestling_core::metrics::{Quantile, Spread};
    use nestling_core::space::SearchSpace;
    use nestling_core::tiles::Tiles;
    use rand::SeedableRng;

    /// Children of the demo's space that all take what is nominal, times a factor.
    fn profile(space: &ValidatedSpace, factor: f64) -> DeviceProfile {
        let device = DeviceKey {
            adapter: "a".to_owned(),
            driver: "d".to_owned(),
            backend: "b".to_owned(),
            precision: "f32".to_owned(),
            features: Vec::new(),
        };
        let fit = LatencyModel::nominal().scaled(factor);
        let times = |child: &Child, name: Option<&str>| {
            let time = fit.predict(&space.lower(child).unwrap());
            ChildTimes::new(name, child.clone(), time, &batches(Millis(1.0), time), Millis(1.0))
        };
        let informative = informative_children(space, 5).iter().map(|child| times(child, None)).collect();
        let children = vec![times(&space.smallest(), Some("smallest")), times(&space.biggest(), Some("biggest"))];
        let spread = Spread { p90: 1.0, p95: 1.0 };
        DeviceProfile {
            format: file::FORMAT,
            nestling: String::new(),
            kernels: String::new(),
            tiles: Tiles::new([nestling_core::tiles::TileVariant::ONE; 3]),
            network: String::new(),
            image_side: 28,
            reference_ms: Millis(1.0),
            timeline_ms: Vec::new(),
            conditions: None,
            table: LatencyTable { device, measured_at: 0, model: fit, spread, children: 5, residual_percent: 0.0 },
            informative,
            children,
            clock: Clock::Wall,
            clock_note: None,
            layers: Vec::new(),
            replaced: Vec::new(),
        }
    }

    fn batches(reference: Millis, time: Millis) -> Batches {
        let mut batches = Batches::default();
        batches.push(vec![reference; 8], vec![time; 3]);
        batches
    }

    #[test]
    fn an_interval_is_as_wide_as_the_predictions_of_the_profile_are_wrong() {
        let space = SearchSpace::fashion().validated().unwrap();
        let mut profile = profile(&space, 1.0);
        let steady = Timeline::new(vec![Millis(1.0); 200]);
        let (moment, calm) = (Moment::new(steady, Millis(1.0)), Millis(5.0));
        let width = |profile: &DeviceProfile| {
            let [low, high] = profile.interval(&moment, calm, Quantile::P95);
            high.0 / low.0
        };
        // A tenth to both sides of few shipped children, though each is predicted exactly: the model was fitted to some.
        assert!((width(&profile) - 1.21).abs() < 1e-6, "{}", width(&profile));
        profile.informative.iter_mut().chain(&mut profile.children).for_each(|one| one.predicted_ms.0 *= 1.2);
        assert!((width(&profile) - 1.44).abs() < 1e-6, "{}", width(&profile));
        // Many were measured, and are right.
        profile.informative.iter_mut().for_each(|one| one.predicted_ms = one.measured_p50_ms);
        profile.children = vec![profile.informative[0].clone(); 10];
        assert!((width(&profile) - 1.0).abs() < 1e-6, "{}", width(&profile));
    }

    #[test]
    fn times_of_a_slow_moment_are_corrected_to_the_profiles_speed() {
        let space = SearchSpace::fashion().validated().unwrap();
        let old = profile(&space, 1.0);
        // Everything takes three times as long, the reference too.
        let time = |child: &Child, factor: f64| Millis(factor * old.table.predict(&space.lower(child).unwrap()).0);
        let timed: Vec<(Child, Batches)> =
            [space.biggest(), space.sample(&mut rand_chacha::ChaCha8Rng::seed_from_u64(7))]
                .into_iter()
                .map(|child| (child.clone(), batches(Millis(3.0), time(&child, 3.0))))
                .collect();
        let new = old.refined(&space, &[], &timed);
        assert_eq!((new.informative.len(), new.table.children), (6, 6), "the biggest was known, the other was not");
        assert!(new.table.residual_percent < 1.0, "{}", new.table.residual_percent);
        let biggest = new.child("biggest").unwrap();
        assert!((biggest.measured_p50_ms.0 / time(&space.biggest(), 1.0).0 - 1.0).abs() < 1e-9);
        assert_eq!(biggest.runs_ms, [time(&space.biggest(), 3.0); 3], "as they were");
        assert!(new.informative.iter().chain(&new.children).all(|times| times.residual_percent().abs() < 1.0));
    }

    #[test]
    fn a_disturbed_time_is_not_believed() {
        let mut profile = profile(&SearchSpace::fashion().validated().unwrap(), 1.0);
        let predicted = profile.children[0].predicted_ms;
        profile.children[0].measured_p50_ms.0 *= 1.1;
        assert_eq!(profile.likely_time("smallest", predicted).0, 1.1 * predicted.0);
        profile.children[0].measured_p50_ms.0 *= 2.0;
        assert_eq!(profile.likely_time("smallest", predicted), predicted);
        assert_eq!(profile.likely_time("unknown", predicted), predicted);
    }
}
