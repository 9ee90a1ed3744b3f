//! Universally slimmable networks (Yu and Huang, "Universally Slimmable Networks and Improved Training Techniques",
//! 2019, algorithm 1).
//!
//! One width factor scales the whole network. A step is the sandwich rule with inplace distillation, which BigNAS took
//! from here: [`sandwich_step`](crate::train::sandwich_step) executes lines 5 to 16. Batch norm is calibrated
//! afterwards.

use super::widths::{at_fraction, uniform_children};
use crate::random::{Purpose, generator};
use nestling_core::space::{Child, ValidatedSpace};
use rand::RngExt;

/// The children of a step: full width, `n - 2` random widths (line 9), the smallest width last (line 10).
pub fn children(space: &ValidatedSpace, seed: u64, step: u64, random: u32) -> Vec<Child> {
    let mut draw = generator(seed, Purpose::Children, step);
    let full = at_fraction(space, 1.0);
    let smallest = at_fraction(space, 0.0);
    if smallest == full {
        return vec![full]; // a network that is trained alone
    }
    let mut width_samples = vec![full];
    width_samples.extend((0..random).map(|_| at_fraction(space, draw.random::<f64>())));
    width_samples.push(smallest);
    width_samples
}

/// Every child that training may draw, the smallest first: one for each width factor that makes another network.
pub fn trained(space: &ValidatedSpace) -> Vec<Child> {
    uniform_children(space)
}

#[cfg(test)]
mod tests {
    use super::super::widths::widths_only;
    use super::*;
    use nestling_core::space::SearchSpace;

    #[test]
    fn a_step_has_the_full_and_the_smallest_width_and_random_ones_between() {
        let space = widths_only(&SearchSpace::fashion()).validated().unwrap();
        let trained = trained(&space);
        let mut drawn = std::collections::BTreeSet::new();
        for step in 0..200 {
            let children = children(&space, 3, step, 2);
            assert_eq!((children.len(), &children[0], &children[3]), (4, &space.biggest(), &space.smallest()));
            drawn.extend(children);
        }
        assert_eq!(drawn, trained.into_iter().collect(), "every width factor is drawn, and nothing else");
        let one = crate::transfer::alone(&space, &space.smallest()).unwrap();
        assert_eq!(children(&one, 3, 0, 2), [one.biggest()]);
    }
}
