use super::FleetError;
use nestling_bundle::Bundle;
use nestling_core::latency::LatencyTable;
use nestling_core::metrics::Millis;
use nestling_core::space::{Child, ChildEntry, Network, ValidatedSpace, new_children};
use nestling_core::statistics::spearman;
use rand::SeedableRng;
use serde::Serialize;
use std::collections::HashSet;

/// Pairs of children that are listed for each pair of devices.
const REVERSALS: usize = 3;
/// Step between two shares of the children that keep a budget, in percent.
const SHARES_PERCENT: usize = 5;
/// Number of budgets that are the same for all devices.
const BUDGETS: usize = 7;

/// How differently the devices of a bundle order children. A device is the number of its table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The devices.
    pub devices: Vec<String>,
    /// Number of predicted children: those that ship, and random ones.
    pub children: usize,
    /// Rank correlation of each two devices.
    pub correlations: Vec<Correlation>,
    /// Rank correlation of each device's times with MAdds.
    pub with_madds: Vec<f64>,
    /// Pairs of children that two devices order most differently; no child twice for the same devices.
    pub reversals: Vec<Reversal>,
    /// Shipped children that each device takes when the same share of all children keeps its budget.
    pub shares: Vec<SameShare>,
    /// Shipped children that each device takes for the same budget in milliseconds, from the fastest device's fastest
    /// child to the slowest device's slowest.
    pub budgets: Vec<SameBudget>,
}

/// Rank correlation of two devices.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Correlation {
    /// The devices.
    pub devices: [usize; 2],
    /// Spearman's rank correlation of their predicted times.
    pub spearman: f64,
}

/// Two children of which one device runs the first faster, and the other the second.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reversal {
    /// The devices.
    pub devices: [usize; 2],
    /// The children: names of those that ship, choices of others.
    pub children: [String; 2],
    /// On each device, the predicted time of each child.
    pub predicted_ms: [[Millis; 2]; 2],
}

/// The children that devices take when the same share of all children keeps each device's budget.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SameShare {
    /// Share of the children that keep within the budget, in percent.
    pub percent: f64,
    /// Budget of each device: a quantile of its own predicted times.
    pub budgets_ms: Vec<Millis>,
    /// The child that each device takes; `None` where every shipped child is slower.
    pub taken: Vec<Option<Taken>>,
    /// Whether two devices take different children.
    pub differ: bool,
}

/// The children that devices take for one budget in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SameBudget {
    /// The budget.
    pub budget_ms: Millis,
    /// The child that each device takes; `None` where every shipped child is slower.
    pub taken: Vec<Option<Taken>>,
    /// Whether two devices take different children.
    pub differ: bool,
}

/// The most accurate shipped child that is predicted to keep a budget on one device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Taken {
    /// Its name.
    pub child: String,
    /// Its predicted median time.
    pub predicted_ms: Millis,
}

/// Compares the devices of a bundle over its children and `random` others.
///
/// `progress` is called with the number of pairs of devices done and to do.
///
/// # Errors
/// [`FleetError::NoTables`] if the bundle has no latency table.
pub fn compare(
    bundle: &Bundle,
    random: usize,
    seed: u64,
    progress: &dyn Fn(usize, usize),
) -> Result<Comparison, FleetError> {
    let (names, networks) = children(bundle.space(), bundle.children(), random, seed);
    compare_of(bundle.children(), &bundle.manifest().latency_tables, &names, &networks, progress)
}

/// `networks` begin with those of the shipped children.
fn compare_of(
    shipped: &[ChildEntry],
    tables: &[LatencyTable],
    names: &[String],
    networks: &[Network],
    progress: &dyn Fn(usize, usize),
) -> Result<Comparison, FleetError> {
    if tables.is_empty() {
        return Err(FleetError::NoTables);
    }
    let predict = |table: &LatencyTable| networks.iter().map(|network| table.predict(network).0).collect::<Vec<f64>>();
    let times: Vec<Vec<f64>> = tables.iter().map(predict).collect();
    let madds: Vec<f64> = networks.iter().map(|network| network.cost().madds.millions()).collect();
    let pairs: Vec<[usize; 2]> = (0..tables.len()).flat_map(|a| (a + 1..tables.len()).map(move |b| [a, b])).collect();
    let correlation =
        |&devices: &[usize; 2]| Correlation { devices, spearman: spearman(&times[devices[0]], &times[devices[1]]) };
    let mut reversals = Vec::new();
    for (done, &devices) in pairs.iter().enumerate() {
        progress(done, pairs.len());
        reversals.extend(reversals_of(devices, &times, names));
    }
    Ok(Comparison {
        devices: tables.iter().map(|table| table.device.to_string()).collect(),
        children: networks.len(),
        correlations: pairs.iter().map(correlation).collect(),
        with_madds: times.iter().map(|times| spearman(times, &madds)).collect(),
        reversals,
        shares: (SHARES_PERCENT..100)
            .step_by(SHARES_PERCENT)
            .map(|percent| same_share(percent as f64, shipped, &times))
            .collect(),
        budgets: same_budgets(shipped, &times),
    })
}

/// The reversals of two devices, the clearest first.
fn reversals_of(devices: [usize; 2], times: &[Vec<f64>], names: &[String]) -> Vec<Reversal> {
    let on = devices.map(|device| &times[device][..]);
    let reversal = |children: [usize; 2]| Reversal {
        devices,
        predicted_ms: on.map(|times| children.map(|child| Millis(times[child]))),
        children: children.map(|child| names[child].clone()),
    };
    reversed(on[0], on[1]).into_iter().map(reversal).collect()
}

/// The shipped children in their order, then random ones, all different.
fn children(space: &ValidatedSpace, shipped: &[ChildEntry], random: usize, seed: u64) -> (Vec<String>, Vec<Network>) {
    let mut generator = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let mut known: HashSet<Child> = shipped.iter().map(|entry| entry.child.clone()).collect();
    let drawn = new_children(random, &mut known, |_| space.sample(&mut generator));
    let named = drawn.into_iter().map(|child| (child.to_string(), child));
    let all = shipped.iter().map(|entry| (entry.name.clone(), entry.child.clone())).chain(named);
    // All lie in the space: shipped children were verified, the others were drawn from it.
    all.filter_map(|(name, child)| Some((name, space.lower(&child).ok()?))).unzip()
}

/// Pairs of children whose first is faster on `a` and slower on `b`, the clearest first.
///
/// A pair is clear if both devices tell it well apart: the smaller of the two ratios counts.
fn reversed(a: &[f64], b: &[f64]) -> Vec<[usize; 2]> {
    let mut free: Vec<usize> = (0..a.len()).collect();
    let mut taken = Vec::new();
    while taken.len() < REVERSALS {
        let clear = |[first, second]: [usize; 2]| (a[second] / a[first]).min(b[first] / b[second]);
        let pairs = free.iter().flat_map(|&first| free.iter().map(move |&second| [first, second]));
        let clearest = pairs.max_by(|&x, &y| clear(x).total_cmp(&clear(y)));
        let Some(pair) = clearest.filter(|&pair| clear(pair) > 1.0) else { break };
        free.retain(|child| !pair.contains(child));
        taken.push(pair);
    }
    taken
}

/// The `times` of each device begin with those of the shipped children.
fn same_share(percent: f64, shipped: &[ChildEntry], times: &[Vec<f64>]) -> SameShare {
    let budget = |times: &Vec<f64>| {
        let mut sorted = times.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (percent * sorted.len() as f64 / 100.0).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    };
    let budgets: Vec<f64> = times.iter().map(budget).collect();
    let taken: Vec<_> = times.iter().zip(&budgets).map(|(times, &budget)| take(shipped, times, budget)).collect();
    let budgets_ms = budgets.into_iter().map(Millis).collect();
    SameShare { percent, budgets_ms, differ: differ(&taken), taken }
}

/// Budgets at equal ratios. For the smallest only the fastest device has a child; for the largest every device has its
/// best.
fn same_budgets(shipped: &[ChildEntry], times: &[Vec<f64>]) -> Vec<SameBudget> {
    let of_shipped = || times.iter().flat_map(|times| &times[..shipped.len()]).copied();
    // At least a microsecond: made-up times may be zero, and a ratio needs a positive number.
    let least = of_shipped().fold(f64::INFINITY, f64::min).max(1e-3);
    let most = of_shipped().fold(least, f64::max);
    let at = |place: usize| match place + 1 {
        // Exact, without the rounding of a power.
        BUDGETS => most,
        _ => least * (most / least).powf(place as f64 / (BUDGETS - 1) as f64),
    };
    let row = |place: usize| {
        let budget = at(place);
        let taken: Vec<_> = times.iter().map(|times| take(shipped, times, budget)).collect();
        SameBudget { budget_ms: Millis(budget), differ: differ(&taken), taken }
    };
    (0..BUDGETS).map(row).collect()
}

/// The child that a device would choose: the most accurate that keeps the budget, of equals the faster.
fn take(shipped: &[ChildEntry], times: &[f64], budget: f64) -> Option<Taken> {
    let accuracy = |entry: &ChildEntry| entry.held_out.percent();
    let best = (shipped.iter().zip(times).filter(|(_, time)| **time <= budget))
        .max_by(|(a, slow), (b, fast)| accuracy(a).total_cmp(&accuracy(b)).then(fast.total_cmp(slow)));
    best.map(|(entry, &time)| Taken { child: entry.name.clone(), predicted_ms: Millis(time) })
}

/// Whether two devices take different children; a device without a child does not count.
fn differ(taken: &[Option<Taken>]) -> bool {
    let mut children = taken.iter().flatten().map(|taken| &taken.child);
    let first = children.next();
    children.any(|child| Some(child) != first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::table;
    use nestling_core::metrics::Top1;
    use nestling_core::space::SearchSpace;
    use std::collections::BTreeSet;

    fn shipped(space: &ValidatedSpace, choices: &[Child]) -> Vec<ChildEntry> {
        (choices.iter().zip(1u32..))
            .map(|(child, rank)| {
                let measured = Top1 { correct: rank, images: 100 };
                let cost = space.lower(child).unwrap().cost();
                ChildEntry { name: format!("n{rank}"), child: child.clone(), cost, held_out: measured, test: measured }
            })
            .collect()
    }

    #[test]
    fn a_device_agrees_with_itself_at_any_speed_and_not_with_one_of_other_coefficients() {
        let space = SearchSpace::fashion().validated().unwrap();
        let shipped = shipped(&space, &[space.smallest(), space.biggest()]);
        let even = table("even", 1.0);
        let mut slow = table("slow", 1.0);
        slow.model = even.model.scaled(7.0);
        let tables = [even, slow, table("slow depthwise", 60.0)];
        let (names, networks) = children(&space, &shipped, 100, 1);
        let compared = |tables: &[LatencyTable]| compare_of(&shipped, tables, &names, &networks, &|_, _| ());
        let comparison = compared(&tables).unwrap();
        assert_eq!((comparison.children, comparison.correlations.len()), (102, 3));
        let between = |a, b| comparison.correlations.iter().find(|one| one.devices == [a, b]).unwrap().spearman;
        assert!(between(0, 1) > 0.9999 && between(0, 2) < 0.97, "{comparison:?}");
        assert!(comparison.with_madds[0] > comparison.with_madds[2]);
        let of = |devices| comparison.reversals.iter().filter(move |one| one.devices == devices).collect::<Vec<_>>();
        // Rounding may turn a pair of equals.
        assert!(of([0, 1]).iter().all(|one| one.predicted_ms[0][1].0 / one.predicted_ms[0][0].0 < 1.0 + 1e-9));
        let reversals = of([0, 2]);
        assert_eq!(reversals.len(), 3);
        for one in &reversals {
            let [first, second] = one.predicted_ms;
            assert!(first[0].0 < first[1].0 && second[0].0 > second[1].0, "{one:?}");
        }
        let different: BTreeSet<&String> = reversals.iter().flat_map(|one| &one.children).collect();
        assert_eq!(different.len(), 6);
        assert_eq!(children(&space, &shipped, 100, 1).0, names);
        let percents: Vec<f64> = comparison.shares.iter().map(|row| row.percent).collect();
        assert_eq!((percents.len(), percents[0], percents[5], percents[18]), (19, 5.0, 30.0, 95.0));
        assert!(matches!(compared(&[]), Err(FleetError::NoTables)));
    }

    #[test]
    fn a_device_takes_the_most_accurate_child_that_its_budget_allows() {
        let space = SearchSpace::fashion().validated().unwrap();
        let shipped = shipped(&space, &[space.smallest(), space.biggest()]);
        // Two children that ship and eight others; on the second device the more accurate one is fast.
        let times =
            [[1.0, 9.0], [2.0, 1.5]].map(|own| [&own[..], &[3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 11.0]].concat());
        let row = same_share(25.0, &shipped, &times);
        let names = |taken: &[Option<Taken>]| -> Vec<Option<String>> {
            taken.iter().map(|one| one.as_ref().map(|taken| taken.child.clone())).collect()
        };
        let [n1, n2] = ["n1", "n2"].map(|name| Some(name.to_owned()));
        assert_eq!((names(&row.taken), row.budgets_ms), (vec![n1.clone(), n2.clone()], vec![Millis(4.0), Millis(3.0)]));
        assert!(row.differ && !same_share(90.0, &shipped, &times).differ);
        assert_eq!(names(&same_share(90.0, &shipped, &times).taken), [n2.clone(), n2.clone()]);
        assert_eq!(same_share(10.0, &shipped, &[[5.0, 6.0, 1.0, 1.0, 1.0].to_vec()]).taken, [None]);

        // In milliseconds: from 1, which only the first device has a child for, to 9.
        let budgets = same_budgets(&shipped, &times);
        assert_eq!((budgets.len(), budgets[0].budget_ms, budgets[6].budget_ms), (7, Millis(1.0), Millis(9.0)));
        let ratio = |place: usize| budgets[place + 1].budget_ms.0 / budgets[place].budget_ms.0;
        assert!((0..6).all(|place| (ratio(place) - 9f64.powf(1.0 / 6.0)).abs() < 1e-9), "{budgets:?}");
        assert_eq!((names(&budgets[0].taken), budgets[0].differ), (vec![n1.clone(), None], false));
        // A device without a child does not count.
        let taken = |names: [Option<&str>; 3]| {
            names.map(|name| name.map(|name| Taken { child: name.to_owned(), predicted_ms: Millis(1.0) }))
        };
        assert!(differ(&taken([Some("n1"), None, Some("n2")])));
        assert!(!differ(&taken([None, Some("n1"), Some("n1")])) && !differ(&taken([None; 3])));
        // 3 ms: the devices rank the two differently, and so take different ones.
        assert_eq!((names(&budgets[3].taken), budgets[3].differ), (vec![n1, n2.clone()], true));
        assert_eq!((names(&budgets[6].taken), budgets[6].differ), (vec![n2.clone(), n2], false));
    }
}
