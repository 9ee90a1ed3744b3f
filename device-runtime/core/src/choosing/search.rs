//! The search of a whole space under a limit, as a pure function: an evolution of children, which costs microseconds a
//! child because cost and accuracy are predicted.

use crate::space::{Child, Network, ValidatedSpace};
use rand::{Rng, RngExt};
use std::collections::HashSet;

/// A child that keeps within the limit.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundChild {
    /// The child.
    pub child: Child,
    /// Its predicted cost, in the unit of the limit.
    pub cost: f64,
    /// Its predicted top-1 accuracy in percent.
    pub top1: f64,
}

/// The number of children that a search evaluates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SearchBudget {
    /// Children that are evaluated.
    pub children: usize,
    /// The largest number of children that are returned.
    pub max_results: usize,
}

impl SearchBudget {
    crate::setters! { children: usize, max_results: usize }
}

impl Default for SearchBudget {
    fn default() -> Self {
        Self { children: 4000, max_results: 32 }
    }
}

/// Share of the children that are drawn at random before any is changed.
const DRAWN: f64 = 0.25;
/// Parents of a generation.
const PARENTS: usize = 24;
/// Children of a generation.
const GENERATION: usize = 96;
/// The probability that a dimension is drawn again.
const RATES: [f64; 3] = [0.05, 0.15, 0.4];
/// The number of generations without a new child after which a search ends.
const MAX_REPEATS: usize = 20;

/// Children of a space with `cost` at most `limit`, the most accurate first, of equals the cheapest first.
///
/// `starts` are evaluated first; children that the space does not offer are passed over.
///
/// ```
/// use nestling_core::choosing::{SearchBudget, search_under_limit};
/// use nestling_core::space::{Child, Network, SearchSpace};
/// use rand::SeedableRng;
///
/// let space = SearchSpace::fashion().validated()?;
/// let madds = |network: &Network| network.cost().madds.millions();
/// // Any accuracy predictor: here, larger images are better.
/// let top1 = |child: &Child| f64::from(child.resolution);
/// let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let found = search_under_limit(&space, &[], 1.0, SearchBudget::default(), madds, top1, &mut random);
/// assert!(found[0].cost <= 1.0);
/// # Ok::<(), nestling_core::space::SpaceError>(())
/// ```
pub fn search_under_limit(
    space: &ValidatedSpace,
    starts: &[Child],
    limit: f64,
    budget: SearchBudget,
    mut cost: impl FnMut(&Network) -> f64,
    mut top1: impl FnMut(&Child) -> f64,
    random: &mut impl Rng,
) -> Vec<FoundChild> {
    let mut seen: HashSet<Child> = HashSet::new();
    let mut found: Vec<FoundChild> = Vec::new();
    let mut look = |child: Child, found: &mut Vec<FoundChild>| {
        if seen.contains(&child) {
            return false;
        }
        if let Ok(network) = space.lower(&child) {
            let cost = cost(&network);
            if cost <= limit {
                found.push(FoundChild { top1: top1(&child), cost, child: child.clone() });
            }
        }
        seen.insert(child)
    };
    let order = |a: &FoundChild, b: &FoundChild| b.top1.total_cmp(&a.top1).then(a.cost.total_cmp(&b.cost));
    let mut looked = 0;
    for child in starts.iter().cloned().chain([space.smallest(), space.biggest()]) {
        looked += usize::from(look(child, &mut found));
    }
    for _ in 0..(DRAWN * budget.children as f64) as usize {
        looked += usize::from(look(space.sample(random), &mut found));
    }
    let mut repeats = 0;
    while looked < budget.children && repeats < MAX_REPEATS && !found.is_empty() {
        found.sort_by(order);
        let parents: Vec<Child> = found.iter().take(PARENTS).map(|one| one.child.clone()).collect();
        let before = looked;
        for _ in 0..GENERATION.min(budget.children - looked) {
            let parent = &parents[random.random_range(0..parents.len())];
            let rate = RATES[random.random_range(0..RATES.len())];
            looked += usize::from(look(space.mutate(parent, rate, random), &mut found));
        }
        // A small space is soon seen whole.
        repeats = if looked == before { repeats + 1 } else { 0 };
    }
    found.sort_by(order);
    found.truncate(budget.max_results);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::SearchSpace;
    use rand::SeedableRng;

    /// Accuracy that grows with everything, less and less.
    fn top1(space: &ValidatedSpace) -> impl Fn(&Child) -> f64 + '_ {
        |child| 80.0 + space.lower(child).unwrap().cost().params as f64 / 1e5 + f64::from(child.resolution).ln()
    }

    #[test]
    fn nothing_found_breaks_the_limit_and_random_search_does_no_better() {
        for space in [SearchSpace::fashion(), SearchSpace::table1()].map(|space| space.validated().unwrap()) {
            let madds = |network: &Network| network.cost().madds.millions();
            let biggest = madds(&space.lower(&space.biggest()).unwrap());
            for share in [0.2, 0.5, 0.9] {
                let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(3);
                let limit = share * biggest;
                let found =
                    search_under_limit(&space, &[], limit, SearchBudget::default(), madds, top1(&space), &mut random);
                assert!(found.iter().all(|one| one.cost <= limit) && found.len() <= 32);
                assert!(found.windows(2).all(|pair| pair[0].top1 >= pair[1].top1));
                let drawn = (0..SearchBudget::default().children)
                    .map(|_| space.sample(&mut random))
                    .filter(|child| madds(&space.lower(child).unwrap()) <= limit)
                    .map(|child| top1(&space)(&child))
                    .fold(0.0, f64::max);
                assert!(found[0].top1 >= drawn, "{}, {share}: {} {drawn}", space.name, found[0].top1);
            }
        }
    }

    #[test]
    fn a_limit_below_the_smallest_finds_nothing() {
        let space = SearchSpace::fashion().validated().unwrap();
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        let none = search_under_limit(&space, &[], 0.0, SearchBudget::default(), |_| 1.0, |_| 90.0, &mut random);
        assert!(none.is_empty());
    }

    #[test]
    fn whoever_starts_is_found_unless_others_are_better() {
        let space = SearchSpace::fashion().validated().unwrap();
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        let start = space.sample(&mut random);
        let accuracy = |child: &Child| if *child == start { 99.0 } else { 90.0 };
        let found = search_under_limit(
            &space,
            std::slice::from_ref(&start),
            1.0,
            SearchBudget::default(),
            |_| 1.0,
            accuracy,
            &mut random,
        );
        assert_eq!(found[0].child, start);
    }
}
