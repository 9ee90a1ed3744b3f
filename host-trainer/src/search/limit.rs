use super::{Evaluated, SearchError};
use crate::fleet::find_device;
use nestling_bundle::Bundle;
use nestling_core::accuracy::AccuracyPredictor;
use nestling_core::choosing::{FoundChild, SearchBudget, search_under_limit};
use nestling_core::latency::{DeviceKey, LatencyTable};
use nestling_core::metrics::{MAdds, Millis, Params};
use nestling_core::space::{Child, Network, ValidatedSpace};
use rand::SeedableRng;
use std::fmt;
use std::path::Path;

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
    /// Parameters.
    Params(Params),
}

impl Limit<'_> {
    /// Cost of a network, in milliseconds, MAdds or parameters.
    pub fn cost(&self, network: &Network) -> f64 {
        match self {
            Self::Latency { table, .. } => table.predict(network).0,
            Self::MAdds(_) => network.cost().madds.0 as f64,
            Self::Params(_) => network.cost().params as f64,
        }
    }

    /// Cost of an evaluated child of the space; infinite if it is none.
    pub fn cost_of(&self, space: &ValidatedSpace, evaluated: &Evaluated) -> f64 {
        match self {
            Self::Latency { .. } => space.lower(&evaluated.child).map_or(f64::INFINITY, |network| self.cost(&network)),
            Self::MAdds(_) => evaluated.cost.madds.0 as f64,
            Self::Params(_) => evaluated.cost.params as f64,
        }
    }

    /// The most that a network may cost.
    pub fn most(&self) -> f64 {
        match self {
            Self::Latency { most, .. } => most.0,
            Self::MAdds(most) => most.0 as f64,
            Self::Params(most) => most.0 as f64,
        }
    }

    /// Whether a child of the space keeps within it.
    pub fn allows(&self, space: &ValidatedSpace, child: &Child) -> bool {
        space.lower(child).is_ok_and(|network| self.cost(&network) <= self.most())
    }

    /// Checks that the smallest child keeps within it.
    ///
    /// # Errors
    /// [`SearchError::TooTight`] if not.
    pub fn check(&self, space: &ValidatedSpace) -> Result<(), SearchError> {
        if self.allows(space, &space.smallest()) { Ok(()) } else { Err(self.too_tight(space)) }
    }

    /// The error of a space in which every child costs more.
    pub(super) fn too_tight(&self, space: &ValidatedSpace) -> SearchError {
        match space.lower(&space.smallest()) {
            Ok(smallest) => {
                SearchError::TooTight { limit: self.to_string(), smallest: self.text(self.cost(&smallest)) }
            }
            Err(error) => error.into(),
        }
    }

    /// The device whose latency is limited; `None` for another limit.
    pub fn device(&self) -> Option<&DeviceKey> {
        match self {
            Self::Latency { table, .. } => Some(&table.device),
            Self::MAdds(_) | Self::Params(_) => None,
        }
    }

    /// The unit of its costs: `ms`, `madds` or `params`.
    pub fn unit(&self) -> &'static str {
        match self {
            Self::Latency { .. } => "ms",
            Self::MAdds(_) => "madds",
            Self::Params(_) => "params",
        }
    }

    /// A cost with its unit.
    pub fn text(&self, cost: f64) -> String {
        match self {
            Self::Latency { .. } => Millis(cost).to_string(),
            Self::MAdds(_) => format!("{} MAdds", MAdds(cost as u64)),
            Self::Params(_) => format!("{} parameters", Params(cost as u64)),
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

/// The latency table of a device of a bundle, by a name as [`find_device`] takes it.
///
/// # Errors
/// [`SearchError::NoBundle`] without a bundle, [`SearchError::Device`] if it does not know the device.
pub fn latency_table<'a>(bundle: Option<(&Path, &'a Bundle)>, device: &str) -> Result<&'a LatencyTable, SearchError> {
    let Some((path, bundle)) = bundle else {
        return Err(SearchError::NoBundle { device: device.to_owned() });
    };
    find_device(&bundle.manifest().latency_tables, device)
        .map_err(|source| SearchError::Device { bundle: path.to_owned(), source: Box::new(source) })
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
        return Err(limit.too_tight(space));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{predictor, table};
    use nestling_core::space::SearchSpace;

    #[test]
    fn every_child_that_is_found_keeps_the_limit() {
        let space = SearchSpace::fashion().validated().unwrap();
        let predictor = predictor(&space);
        let table = table("a", 60.0);
        let biggest = space.lower(&space.biggest()).unwrap();
        let latency = Limit::Latency { table: &table, most: Millis(0.3 * table.predict(&biggest).0) };
        let madds = Limit::MAdds(MAdds(biggest.cost().madds.0 / 3));
        let params = Limit::Params(Params(biggest.cost().params / 2));
        for limit in [&latency, &madds, &params] {
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
