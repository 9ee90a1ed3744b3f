use super::DeviceError;
use nestling_bundle::Bundle;
use nestling_core::latency::LatencyTable;
use nestling_core::metrics::Millis;
use nestling_core::space::{Child, ChildEntry, Network, SearchSpace, new_children};
use nestling_core::statistics::spearman;
use rand::SeedableRng;
use serde::Serialize;
use std::collections::HashSet;

/// Pairs of children shown for each pair of devices.
const REVERSALS: usize = 3;
/// From one share of the children that keep within a budget to the next.
const SHARES_PERCENT: usize = 5;
/// Budgets that all devices get alike.
const BUDGETS: usize = 7;

/// Where the devices of a bundle order children differently. Devices are numbers: the order of their tables.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The devices.
    pub devices: Vec<String>,
    /// Children that were predicted: those that ship, and random ones.
    pub children: usize,
    /// Of each two devices.
    pub correlations: Vec<Correlation>,
    /// Of each device with the order by MAdds.
    pub with_madds: Vec<f64>,
    /// For each two devices, the pairs of children that they order most differently; no child twice.
    pub reversals: Vec<Reversal>,
    /// What each device would take of the children that ship, for budgets that are equal shares of its own times.
    pub shares: Vec<SameShare>,
    /// The same for budgets that are equal in milliseconds, from the fastest device's fastest child to the slowest device's
    /// slowest.
    pub budgets: Vec<SameBudget>,
}

/// How alike two devices order children.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Correlation {
    /// Which devices.
    pub devices: [usize; 2],
    /// Spearman's rank correlation of their predicted times.
    pub spearman: f64,
}

/// Two children of which one device runs the first faster, and the other the second.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reversal {
    /// Which devices.
    pub devices: [usize; 2],
    /// The children: names of those that ship, choices of others.
    pub children: [String; 2],
    /// On each device, the predicted time of each child.
    pub predicted_ms: [[Millis; 2]; 2],
}

/// What each device takes for a budget that the same share of all children keeps.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SameShare {
    /// Share of the children that keep within the budget, in percent.
    pub percent: f64,
    /// Of each device the budget: the quantile of its own predicted times.
    pub budgets_ms: Vec<Millis>,
    /// Of each device what it takes; none where every child that ships is slower.
    pub taken: Vec<Option<Taken>>,
    /// Whether those that take one do not all take the same.
    pub differ: bool,
}

/// What each device takes for one budget.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SameBudget {
    /// The budget.
    pub budget_ms: Millis,
    /// Of each device what it takes; none where every child that ships is slower.
    pub taken: Vec<Option<Taken>>,
    /// Whether those that take one do not all take the same.
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

/// Compares the devices of a bundle over its children and `random` others. `progress` hears of pairs of devices: how many
/// are done, of how many.
///
/// # Errors
/// [`DeviceError::NoTables`] if the bundle knows no device.
pub fn compare(
    bundle: &Bundle,
    random: usize,
    seed: u64,
    progress: &dyn Fn(usize, usize),
) -> Result<Comparison, DeviceError> {
    let (names, networks) = children(bundle.space(), bundle.children(), random, seed);
    compare_of(bundle.children(), &bundle.manifest().latency_tables, &names, &networks, progress)
}

/// `networks` begin with those of the children that ship.
fn compare_of(
    shipped: &[ChildEntry],
    tables: &[LatencyTable],
    names: &[String],
    networks: &[Network],
    progress: &dyn Fn(usize, usize),
) -> Result<Comparison, DeviceError> {
    if tables.is_empty() {
        return Err(DeviceError::NoTables);
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
        let on = devices.map(|device| &times[device][..]);
        reversals.extend(reversed(on[0], on[1]).into_iter().map(|children| Reversal {
            devices,
            predicted_ms: on.map(|times| children.map(|child| Millis(times[child]))),
            children: children.map(|child| names[child].clone()),
        }));
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

/// The children that ship, in their order, then random ones, all different.
fn children(space: &SearchSpace, shipped: &[ChildEntry], random: usize, seed: u64) -> (Vec<String>, Vec<Network>) {
    let mut generator = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let mut known: HashSet<Child> = shipped.iter().map(|entry| entry.child.clone()).collect();
    let drawn = new_children(random, &mut known, |_| space.sample(&mut generator));
    let named = drawn.into_iter().map(|child| (child.to_string(), child));
    let all = shipped.iter().map(|entry| (entry.name.clone(), entry.child.clone())).chain(named);
    // All lie in the space: those that ship were verified, others were drawn from it.
    all.filter_map(|(name, child)| Some((name, space.lower(&child).ok()?))).unzip()
}

/// Pairs of children of which the first is faster on `a` and slower on `b`, the clearest first. Clear is a pair that both
/// devices tell well apart: what counts is the smaller of the two ratios.
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

/// `times` of each device begin with those of the children that ship.
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

/// Evenly spread in ratio: at the least only the fastest device has a child, at the most every device has its best.
fn same_budgets(shipped: &[ChildEntry], times: &[Vec<f64>]) -> Vec<SameBudget> {
    let of_shipped = || times.iter().flat_map(|times| &times[..shipped.len()]).copied();
    // A microsecond, where prices are made up: a ratio needs a number above zero.
    let least = of_shipped().fold(f64::INFINITY, f64::min).max(1e-3);
    let most = of_shipped().fold(least, f64::max);
    let at = |place: usize| match place + 1 {
        // Not off by a rounding.
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

/// As a device chooses: the most accurate that keeps the budget, of equals the faster.
fn take(shipped: &[ChildEntry], times: &[f64], budget: f64) -> Option<Taken> {
    let accuracy = |entry: &ChildEntry| entry.held_out.percent();
    let best = (shipped.iter().zip(times).filter(|(_, time)| **time <= budget))
        .max_by(|(a, slow), (b, fast)| accuracy(a).total_cmp(&accuracy(b)).then(fast.total_cmp(slow)));
    best.map(|(entry, &time)| Taken { child: entry.name.clone(), predicted_ms: Millis(time) })
}

/// A device that is too slow for a budget ranks nothing.
fn differ(taken: &[Option<Taken>]) -> bool {
    let mut children = taken.iter().flatten().map(|taken| &taken.child);
    let first = children.next();
    children.any(|child| Some(child) != first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::synthetic::table;
    use nestling_core::metrics::Top1;
    use std::collections::BTreeSet;

    fn shipped(space: &SearchSpace, choices: &[Child]) -> Vec<ChildEntry> {
        (choices.iter().zip(1u32..))
            .map(|(child, rank)| {
                let measured = Top1 { correct: rank, images: 100 };
                let cost = space.lower(child).unwrap().cost();
                ChildEntry { name: format!("n{rank}"), child: child.clone(), cost, held_out: measured, test: measured }
            })
            .collect()
    }

    #[test]
    fn a_device_agrees_with_itself_at_any_speed_and_not_with_one_of_other_prices() {
        let space = SearchSpace::fashion();
        let shipped = shipped(&space, &[space.smallest(), space.biggest()]);
        let even = table("even", 1.0);
        let mut slow = table("slow", 1.0);
        slow.model = even.model.scaled(7.0);
        let tables = [even, slow, table("depthwise is dear", 60.0)];
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
        assert!(matches!(compared(&[]), Err(DeviceError::NoTables)));
    }

    #[test]
    fn a_device_takes_the_most_accurate_child_that_its_budget_allows() {
        let space = SearchSpace::fashion();
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
        // A device without a child says nothing of the others'.
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
