use super::DeviceError;
use nestling::bundle::{Bundle, ChildEntry};
use nestling::latency::{LatencyTable, Work, spearman};
use nestling::space::{Child, Network, SearchSpace, new_children};
use nestling::units::Millis;
use rand::SeedableRng;
use serde::Serialize;
use std::collections::HashSet;

/// Pairs of children shown for each pair of devices.
const REVERSALS: usize = 3;
/// Shares of the children that keep within a budget.
const SHARES: [f64; 5] = [0.1, 0.25, 0.5, 0.75, 0.9];

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
    /// One a device.
    pub taken: Vec<Taken>,
    /// Whether they do not all take the same child.
    pub differ: bool,
}

/// What one device takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Taken {
    /// The budget: the quantile of its own predicted times.
    pub budget_ms: Millis,
    /// Name of the most accurate shipped child that is predicted to keep it; none if every one is slower.
    pub child: Option<String>,
    /// The predicted time of that child.
    pub predicted_ms: Option<Millis>,
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
    let amounts: Vec<_> = networks.iter().map(Work::of).collect();
    let predict =
        |table: &LatencyTable| amounts.iter().map(|amounts| table.fit.predict_amounts(amounts).0).collect::<Vec<f64>>();
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
        shares: SHARES.iter().map(|&share| same_share(share, shipped, &times)).collect(),
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
fn same_share(share: f64, shipped: &[ChildEntry], times: &[Vec<f64>]) -> SameShare {
    let taken: Vec<Taken> = (times.iter())
        .map(|times| {
            let mut sorted = times.clone();
            sorted.sort_by(f64::total_cmp);
            let rank = (share * sorted.len() as f64).ceil() as usize;
            let budget = sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default();
            // As a device chooses: the most accurate, of equals the faster.
            let best =
                (shipped.iter().zip(times).filter(|(_, time)| **time <= budget)).max_by(|(a, slow), (b, fast)| {
                    a.held_out.top1_percent().total_cmp(&b.held_out.top1_percent()).then(fast.total_cmp(slow))
                });
            Taken {
                budget_ms: Millis(budget),
                child: best.map(|(entry, _)| entry.name.clone()),
                predicted_ms: best.map(|(_, time)| Millis(*time)),
            }
        })
        .collect();
    SameShare { percent: 100.0 * share, differ: taken.windows(2).any(|pair| pair[0].child != pair[1].child), taken }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::synthetic::table;
    use nestling::bundle::Measured;
    use std::collections::BTreeSet;

    fn shipped(space: &SearchSpace, choices: &[Child]) -> Vec<ChildEntry> {
        (choices.iter().zip(1u32..))
            .map(|(child, rank)| {
                let measured = Measured { correct: rank, images: 100 };
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
        slow.fit = even.fit.scaled(7.0);
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
        assert!(matches!(compared(&[]), Err(DeviceError::NoTables)));
    }

    #[test]
    fn a_device_takes_the_most_accurate_child_that_its_budget_allows() {
        let space = SearchSpace::fashion();
        let shipped = shipped(&space, &[space.smallest(), space.biggest()]);
        // Two children that ship and eight others; on the second device the more accurate one is fast.
        let times =
            [[1.0, 9.0], [2.0, 1.5]].map(|own| [&own[..], &[3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 11.0]].concat());
        let row = same_share(0.25, &shipped, &times);
        let taken: Vec<_> = row.taken.iter().map(|one| (one.child.as_deref(), one.budget_ms.0)).collect();
        assert_eq!(taken, [(Some("n1"), 4.0), (Some("n2"), 3.0)]);
        assert!(row.differ && !same_share(0.9, &shipped, &times).differ);
        assert_eq!(same_share(0.9, &shipped, &times).taken[0].child.as_deref(), Some("n2"));
        let none = same_share(0.1, &shipped, &[[5.0, 6.0, 1.0, 1.0, 1.0].to_vec()]);
        assert_eq!((none.taken[0].child.as_deref(), none.taken[0].predicted_ms), (None, None));
    }
}
