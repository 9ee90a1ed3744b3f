//! Pictures that look the same.

use crate::data::picture::Thumbnail;
use std::collections::{BTreeMap, HashMap};

/// Sets of numbers that are joined step by step.
#[derive(Debug)]
pub(super) struct Groups {
    /// A lower number of the same set, or the number itself.
    parents: Vec<usize>,
}

impl Groups {
    fn new(count: usize) -> Self {
        Self { parents: (0..count).collect() }
    }

    /// The smallest number of a set.
    pub(super) fn of(&self, mut number: usize) -> usize {
        while self.parents[number] != number {
            number = self.parents[number];
        }
        number
    }

    /// Makes one set of two.
    pub(super) fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.of(a), self.of(b));
        let (lower, higher) = (a.min(b), a.max(b));
        self.parents[higher] = lower;
    }

    /// The sets of more than one number.
    pub(super) fn sets(&self) -> Vec<Vec<usize>> {
        let mut sets: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for number in 0..self.parents.len() {
            sets.entry(self.of(number)).or_default().push(number);
        }
        sets.into_values().filter(|set| set.len() > 1).collect()
    }
}

/// Groups pictures that look the same.
///
/// Where thumbnails differ little, so do sums of their values with any signs. So only pictures in the same or in
/// neighbouring cells of four such sums are compared, and none is missed.
pub(super) fn alike(thumbnails: &[&Thumbnail]) -> Groups {
    let mut groups = Groups::new(thumbnails.len());
    // One of several equal ones stands for all.
    let mut firsts: HashMap<&Thumbnail, usize> = HashMap::new();
    let mut cells: HashMap<Cell, Vec<Looks>> = HashMap::new();
    for (at, thumbnail) in thumbnails.iter().enumerate() {
        let first = *firsts.entry(thumbnail).or_insert(at);
        if first != at {
            groups.join(first, at);
            continue;
        }
        let tolerance = Thumbnail::tolerance(thumbnail.contrast());
        let looks = Looks { at, tolerance, means: thumbnail.signed_means() };
        let cell = std::array::from_fn(|sum| (f64::from(looks.means[sum]) / Thumbnail::MAX_DIFFERENCE).floor() as i16);
        for other in neighbours(cell).filter_map(|cell| cells.get(&cell)).flatten() {
            let most = tolerance.min(other.tolerance);
            if looks.is_near(other, most) && thumbnail.is_within(thumbnails[other.at], most) {
                groups.join(at, other.at);
            }
        }
        cells.entry(cell).or_default().push(looks);
    }
    groups
}

/// Numbers of the first sums, in steps of the largest difference.
type Cell = [i16; 4];

/// A cell and those around it.
fn neighbours(cell: Cell) -> impl Iterator<Item = Cell> {
    (0..81).map(move |number| {
        let steps = [number / 27, number / 9 % 3, number / 3 % 3, number % 3];
        std::array::from_fn(|at| cell[at] + steps[at] - 1)
    })
}

/// The values that are compared first.
struct Looks {
    at: usize,
    tolerance: f64,
    means: [f32; 16],
}

impl Looks {
    /// Whether no sum tells two pictures apart.
    fn is_near(&self, other: &Self, most: f64) -> bool {
        // A bit more: the sums are rounded.
        let most = most as f32 + 1e-3;
        self.means.iter().zip(&other.means).all(|(a, b)| (a - b).abs() <= most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn thumbnails(values: impl IntoIterator<Item = u64>) -> Vec<Thumbnail> {
        values.into_iter().map(Thumbnail::made_up).collect()
    }

    #[test]
    fn equal_pictures_are_one_group_and_others_are_alone() {
        let all = thumbnails([1, 2, 1, 3, 2, 1]);
        let groups = alike(&all.iter().collect::<Vec<_>>());
        assert_eq!(groups.sets(), [vec![0, 2, 5], vec![1, 4]]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn no_pair_is_missed(seeds in prop::collection::vec(0u64..12, 2..30), noise in 0u8..6) {
            let all: Vec<Thumbnail> =
                seeds.iter().enumerate().map(|(at, &seed)| Thumbnail::made_up(seed).with_noise(at as u64, noise)).collect();
            let groups = alike(&all.iter().collect::<Vec<_>>());
            let mut expected = Groups::new(all.len());
            for a in 0..all.len() {
                for b in 0..a {
                    let most = Thumbnail::tolerance(all[a].contrast()).min(Thumbnail::tolerance(all[b].contrast()));
                    if all[a].is_within(&all[b], most) {
                        expected.join(a, b);
                    }
                }
            }
            prop_assert_eq!(groups.sets(), expected.sets());
        }
    }
}
