use super::SearchError;
use nestling_core::accuracy::AccuracyPredictor;
use nestling_core::choosing::{FoundChild, SearchBudget, search_under_limit};
use nestling_core::latency::{DeviceKey, LatencyTable};
use nestling_core::metrics::{MAdds, Millis};
use nestling_core::space::{Child, Network, SearchSpace};
use rand::SeedableRng;
use std::fmt;

/// The most that a child may cost.
#[derive(Clone, Copy, Debug)]
pub enum Limit<'a> {
    /// Predicted median time on a device.
    Latency {
        /// Latency table of the device.
        table: &'a LatencyTable,
        /// Upper bound of the time.
        most: Millis,
    },
    /// Multiply-accumulates.
    MAdds(MAdds),
}

impl Limit<'_> {
    /// Cost of a network, in milliseconds or MAdds.
    pub fn cost(&self, network: &Network) -> f64 {
        match self {
            Self::Latency { table, .. } => table.predict(network).0,
            Self::MAdds(_) => network.cost().madds.0 as f64,
        }
    }

    /// The most that a network may cost.
    pub fn most(&self) -> f64 {
        match self {
            Self::Latency { most, .. } => most.0,
            Self::MAdds(most) => most.0 as f64,
        }
    }

    /// Whether a child of the space keeps within it.
    pub fn allows(&self, space: &ValidatedSpace, child: &Child) -> bool {
        space.lower(child).is_ok_and(|network| self.cost(&network) <= self.most())
    }

    /// The device whose latency is limited; `None` for a limit in MAdds.
    pub fn device(&self) -> Option<&DeviceKey> {
        match self {
            Self::Latency { table, .. } => Some(&table.device),
            Self::MAdds(_) => None,
        }
    }

    /// A cost with its unit.
    pub fn text(&self, cost: f64) -> String {
        match self {
            Self::Latency { .. } => Millis(cost).to_string(),
            Self::MAdds(_) => format!("{} MAdds", MAdds(cost as u64)),
        }
    }
}

impl fmt::Display for Limit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(self.most()))?;
        match self.device() {
            Some(device) => write!(f, " on {device}"),
            None => Ok(()),
        }
    }
}

/// The `most` children of the space within a limit that are predicted to be most accurate, best first.
///
/// # Errors
/// [`SearchError::TooTight`] if every child costs more.
pub(super) fn most_accurate_within(
    space: &ValidatedSpace,
    predictor: &AccuracyPredictor,
    starts: &[Child],
    limit: &Limit<'_>,
    most: usize,
    seed: u64,
) -> Result<Vec<FoundChild>, SearchError> {
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let top1 = |child: &Child| predictor.predict(space, child);
    let budget = SearchBudget::default().max_results(most);
    let found =
        search_under_limit(space, starts, limit.most(), budget, |network| limit.cost(network), top1, &mut random);
    if found.is_empty() {
        let smallest = limit.text(limit.cost(&space.lower(&space.smallest())?));
        return Err(SearchError::TooTight { limit: limit.to_string(), smallest });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{predictor, table};

    #[test]
    fn every_child_that_is_found_keeps_the_limit() {
        let space = SearchSpace::fashion().validated().unwrap();
        let predictor = predictor(&space);
        let table = table("a", 60.0);
        let biggest = space.lower(&space.biggest()).unwrap();
        let latency = Limit::Latency { table: &table, most: Millis(0.3 * table.predict(&biggest).0) };
        let madds = Limit::MAdds(MAdds(biggest.cost().madds.0 / 3));
        for limit in [&latency, &madds] {
            let found = most_accurate_within(&space, &predictor, &[], limit, 8, 1).unwrap();
            assert_eq!(found.len(), 8);
            for one in &found {
                assert_eq!(one.cost, limit.cost(&space.lower(&one.child).unwrap()));
                assert!(one.cost <= limit.most());
            }
        }
        assert!(latency.to_string().contains("ms on a (driver, vulkan, f32)"), "{latency}");
        let tight = Limit::Latency { table: &table, most: Millis(0.01) };
        let error = most_accurate_within(&space, &predictor, &[], &tight, 8, 1).unwrap_err().to_string();
        assert!(error.contains("within 0.010 ms on a") && error.contains("give at least that"), "{error}");
    }
}
