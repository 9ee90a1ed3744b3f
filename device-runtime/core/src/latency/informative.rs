use crate::latency::{CostFeature, CostFeatures};
use crate::space::{Child, ValidatedSpace};
use crate::tiles::Coverage;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use std::collections::BTreeSet;

/// Most children that are worth timing: see docs/latency.md.
pub const MAX_INFORMATIVE: usize = 30;
/// Number of random children among which the informative ones are chosen.
const CANDIDATES: usize = 300;
/// The same every time: two devices measure the same children.
const SEED: u64 = 0x4e45_5354;
/// The prior precision of every coefficient before any measurement: it keeps the first steps defined.
const RIDGE: f64 = 1e-3;

/// Children whose times determine a device's coefficients best, the most informative first; at most `count`, fewer if
/// the space has no more.
///
/// One of medium cost comes first (a single time must determine the scale), then the biggest and the smallest, then
/// always the one of some hundred random children that leaves least uncertainty (D-optimal design, greedily): its cost
/// features are least like those measured before it.
pub fn informative_children(space: &ValidatedSpace, count: usize) -> Vec<Child> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(SEED);
    let mut children: BTreeSet<String> = BTreeSet::new();
    let mut candidates: Vec<(Child, CostFeatures)> = Vec::new();
    let drawn = (0..CANDIDATES).map(|_| space.sample(&mut random));
    for child in [space.smallest(), space.biggest()].into_iter().chain(drawn) {
        if !children.insert(child.to_string()) {
            continue;
        }
        if let Ok(network) = space.lower(&child) {
            candidates.push((child, CostFeature::of(&network, Coverage::EXACT)));
        }
    }
    let features: Vec<CostFeature> = {
        let mut all = BTreeSet::new();
        all.extend(candidates.iter().flat_map(|(_, counts)| counts.keys().copied()));
        all.into_iter().collect()
    };
    // Each cost feature in units of its root mean square: all are equally worth knowing.
    let mut rows: Vec<Vec<f64>> = (candidates.iter())
        .map(|(_, counts)| features.iter().map(|feature| counts.get(feature).copied().unwrap_or(0.0)).collect())
        .collect();
    for column in 0..features.len() {
        let scale = (rows.iter().map(|row| row[column].powi(2)).sum::<f64>() / rows.len() as f64).sqrt();
        rows.iter_mut().for_each(|row| row[column] /= scale.max(f64::MIN_POSITIVE));
    }
    let total = |row: &[f64]| row.iter().sum::<f64>();
    let middle = {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by(|&a, &b| total(&rows[a]).total_cmp(&total(&rows[b])));
        order.get(order.len() / 2).copied()
    };
    let mut design = Design::new(features.len());
    let mut chosen: Vec<usize> = Vec::new();
    for index in middle.into_iter().chain([1, 0]).filter(|&index| index < rows.len()) {
        if !chosen.contains(&index) {
            chosen.push(index);
            design.add(&rows[index]);
        }
    }
    while chosen.len() < count.min(rows.len()) {
        let unseen = (0..rows.len()).filter(|index| !chosen.contains(index));
        let told = |&a: &usize, &b: &usize| design.uncertainty(&rows[a]).total_cmp(&design.uncertainty(&rows[b]));
        let Some(next) = unseen.max_by(told) else { break };
        chosen.push(next);
        design.add(&rows[next]);
    }
    chosen.truncate(count);
    chosen.into_iter().map(|index| candidates[index].0.clone()).collect()
}

/// The inverse of a design's information matrix, kept up to date (Sherman and Morrison).
struct Design(Vec<Vec<f64>>);

impl Design {
    fn new(size: usize) -> Self {
        let row = |index: usize| (0..size).map(|column| if column == index { 1.0 / RIDGE } else { 0.0 }).collect();
        Self((0..size).map(row).collect())
    }

    fn times(&self, row: &[f64]) -> Vec<f64> {
        self.0.iter().map(|line| line.iter().zip(row).map(|(a, b)| a * b).sum()).collect()
    }

    /// The variance of the prediction of a row.
    fn uncertainty(&self, row: &[f64]) -> f64 {
        self.times(row).iter().zip(row).map(|(a, b)| a * b).sum()
    }

    fn add(&mut self, row: &[f64]) {
        let product = self.times(row);
        let denominator = 1.0 + product.iter().zip(row).map(|(a, b)| a * b).sum::<f64>();
        for (line, &a) in self.0.iter_mut().zip(&product) {
            for (value, &b) in line.iter_mut().zip(&product) {
                *value -= a * b / denominator;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Preset, SearchSpace};

    #[test]
    fn informative_children_are_distinct_the_same_every_time_and_span_the_space() {
        for space in Preset::ALL.iter().map(|preset| preset.space().validated().unwrap()) {
            let children = informative_children(&space, MAX_INFORMATIVE);
            assert_eq!(children, informative_children(&space, MAX_INFORMATIVE));
            let distinct: BTreeSet<String> = children.iter().map(ToString::to_string).collect();
            assert!(distinct.len() == children.len() && (1..=MAX_INFORMATIVE).contains(&children.len()));
            if children.len() >= 3 {
                assert!(children[..3].contains(&space.smallest()) && children[..3].contains(&space.biggest()));
            }
            assert_eq!(children[..1], informative_children(&space, 1));
        }
    }

    #[test]
    fn they_tell_more_than_random_ones() {
        let space = SearchSpace::table1().validated().unwrap();
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut told = |children: Vec<Child>| {
            let feature = |child: &Child| CostFeature::of(&space.lower(child).unwrap(), Coverage::EXACT);
            let counts: Vec<CostFeatures> = children.iter().map(feature).collect();
            let features: BTreeSet<CostFeature> = counts.iter().flat_map(|counts| counts.keys().copied()).collect();
            let row = |counts: &CostFeatures| -> Vec<f64> {
                features.iter().map(|feature| counts.get(feature).copied().unwrap_or(0.0)).collect()
            };
            let mut design = Design::new(features.len());
            counts.iter().for_each(|counts| design.add(&row(counts)));
            let unseen = (0..50).map(|_| design.uncertainty(&row(&feature(&space.sample(&mut random)))));
            unseen.sum::<f64>()
        };
        let informative = told(informative_children(&space, 12));
        let mut other = Xoshiro256PlusPlus::seed_from_u64(2);
        let drawn = told((0..12).map(|_| space.sample(&mut other)).collect());
        assert!(informative < drawn, "{informative} {drawn}");
    }
}
