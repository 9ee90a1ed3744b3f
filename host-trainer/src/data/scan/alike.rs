//! Pictures that look the same.

use crate::data::picture::Thumbnail;
use std::collections::BTreeMap;

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
/// The means of two thumbnails differ by no more than the thumbnails do. So only pictures whose means are close are
/// compared, and none is missed.
pub(super) fn alike(thumbnails: &[&Thumbnail]) -> Groups {
    let mut groups = Groups::new(thumbnails.len());
    let mut order: Vec<(f64, f64, usize)> =
        (thumbnails.iter().enumerate()).map(|(at, thumbnail)| (thumbnail.mean(), thumbnail.contrast(), at)).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| thumbnails[a.2].cmp(thumbnails[b.2])).then(a.2.cmp(&b.2)));
    // Equal ones lie side by side; one of them stands for all.
    let mut distinct: Vec<(f64, f64, usize)> = Vec::new();
    for one in order {
        match distinct.last() {
            Some(&(_, _, last)) if thumbnails[last] == thumbnails[one.2] => groups.join(last, one.2),
            _ => distinct.push(one),
        }
    }
    for (at, &(mean, contrast, one)) in distinct.iter().enumerate() {
        let tolerance = Thumbnail::tolerance(contrast);
        for &(other_mean, other_contrast, other) in &distinct[at + 1..] {
            if other_mean - mean > tolerance {
                break;
            }
            let most = tolerance.min(Thumbnail::tolerance(other_contrast));
            if thumbnails[one].is_within(thumbnails[other], most) {
                groups.join(one, other);
            }
        }
    }
    groups
}
