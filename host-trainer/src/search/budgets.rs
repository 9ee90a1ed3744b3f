//! The budgets S, M, L and XL of a space, in MAdds, parameters or milliseconds of one device.

use super::{Limit, SearchError};
use nestling_core::latency::LatencyTable;
use nestling_core::metrics::{MAdds, Millis, Params};
use nestling_core::space::ValidatedSpace;

/// Names of budgets, smallest first.
const NAMES: [&str; 6] = ["S", "M", "L", "XL", "XXL", "XXXL"];
/// Budgets that a space has unless others are given.
const DEFAULT_COUNT: usize = 4;

/// Whether a child of this name ships for a budget.
pub(super) fn is_child_name(name: &str) -> bool {
    NAMES.iter().any(|budget| budget.to_lowercase() == name)
}

/// The quantity that budgets bound.
#[derive(Clone, Copy, Debug)]
pub enum LimitKind<'a> {
    /// Multiply-adds.
    MAdds,
    /// Parameters.
    Params,
    /// Predicted median milliseconds on a device.
    Latency(&'a LatencyTable),
}

impl<'a> LimitKind<'a> {
    /// The limit at `most` MAdds, parameters or milliseconds; a part of a MAdd or parameter is cut off.
    pub fn at(self, most: f64) -> Limit<'a> {
        match self {
            Self::MAdds => Limit::MAdds(MAdds(most as u64)),
            Self::Params => Limit::Params(Params(most as u64)),
            Self::Latency(table) => Limit::Latency { table, most: Millis(most) },
        }
    }
}

/// A budget with its name: S, M, L or XL.
#[derive(Clone, Copy, Debug)]
pub struct NamedLimit<'a> {
    /// The name.
    pub name: &'static str,
    /// The most that a child may cost.
    pub limit: Limit<'a>,
}

impl NamedLimit<'_> {
    /// The name of the child that ships for it.
    pub fn child_name(&self) -> String {
        self.name.to_lowercase()
    }
}

/// S, M, L and XL of a space: the four steps that divide the way from the smallest child's cost to the biggest's into
/// five equal factors.
///
/// # Errors
/// [`SearchError::Space`] if the space cannot be lowered.
pub fn default_budgets<'a>(space: &ValidatedSpace, kind: LimitKind<'a>) -> Result<Vec<NamedLimit<'a>>, SearchError> {
    let unbounded = kind.at(f64::INFINITY);
    let [smallest, biggest] = [space.smallest(), space.biggest()].map(|child| space.lower(&child));
    let (least, most) = (unbounded.cost(&smallest?), unbounded.cost(&biggest?));
    let part = |step: usize| (most / least).powf(step as f64 / (DEFAULT_COUNT + 1) as f64);
    let limits = (1..=DEFAULT_COUNT).map(|step| kind.at(least * part(step)));
    Ok(NAMES.into_iter().zip(limits).map(|(name, limit)| NamedLimit { name, limit }).collect())
}

/// Names given budgets, smallest first: S, M, L, XL and so on.
///
/// # Errors
/// [`SearchError::Budgets`] if there are none, or more than six, or they do not rise.
pub fn given_budgets<'a>(kind: LimitKind<'a>, given: &[f64]) -> Result<Vec<NamedLimit<'a>>, SearchError> {
    let limits: Vec<Limit<'a>> = given.iter().map(|&most| kind.at(most)).collect();
    let fail = |problem: String| {
        let given: Vec<String> = limits.iter().map(|limit| limit.text(limit.most())).collect();
        Err(SearchError::Budgets { given: format!("[{}]", given.join(", ")), problem })
    };
    if given.is_empty() || given.len() > NAMES.len() {
        return fail(format!("give between 1 and {}", NAMES.len()));
    }
    // A budget that is no number does not rise either.
    if !limits.windows(2).all(|pair| pair[0].most() < pair[1].most()) || !limits.iter().all(|one| one.most() > 0.0) {
        return fail("give them above zero, in rising order".to_owned());
    }
    Ok(NAMES.into_iter().zip(limits).map(|(name, limit)| NamedLimit { name, limit }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::table;
    use nestling_core::space::SearchSpace;

    #[test]
    fn four_budgets_are_equal_factors_between_the_ends() {
        let space = SearchSpace::fashion().validated().unwrap();
        let table = table("a", 9.0);
        for kind in [LimitKind::MAdds, LimitKind::Params, LimitKind::Latency(&table)] {
            let budgets = default_budgets(&space, kind).unwrap();
            assert_eq!(budgets.iter().map(|budget| budget.name).collect::<Vec<_>>(), ["S", "M", "L", "XL"]);
            let cost = |child| budgets[0].limit.cost(&space.lower(&child).unwrap());
            let ends = [cost(space.smallest()), cost(space.biggest())];
            let costs: Vec<f64> = budgets.iter().map(|budget| budget.limit.most()).collect();
            let steps = [&ends[..1], &costs[..], &ends[1..]].concat();
            let factors: Vec<f64> = steps.windows(2).map(|pair| pair[1] / pair[0]).collect();
            assert!(factors.iter().all(|factor| (factor / factors[0] - 1.0).abs() < 1e-3), "{steps:?}");
        }
        assert_eq!(default_budgets(&space, LimitKind::MAdds).unwrap()[3].child_name(), "xl");
    }

    #[test]
    fn given_budgets_rise() {
        let budgets = given_budgets(LimitKind::Params, &[1e4, 2.5e4]).unwrap();
        assert_eq!((budgets[1].name, budgets[1].limit.most()), ("M", 25_000.0));
        for bad in [&[][..], &[2.0, 1.0], &[1.0, 1.0], &[0.5], &[f64::NAN], &[1.0; 7]] {
            let error = given_budgets(LimitKind::MAdds, bad).unwrap_err();
            assert_eq!(error.code(), "search_budgets", "{bad:?}");
        }
        let error = given_budgets(LimitKind::MAdds, &[2e6, 1e6]).unwrap_err().to_string();
        assert_eq!(error, "budgets are [2.00 M MAdds, 1.00 M MAdds]: give them above zero, in rising order");
    }
}
