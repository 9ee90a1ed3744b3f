use crate::space::{Child, ValidatedSpace};
use rand::{Rng, RngExt};
use std::collections::HashSet;

/// Draws for each child that must be new: a small space may have no more.
const TRIES: usize = 50;

/// At most `count` children from `draw` that are not known yet; they are known afterwards. `draw` is given the number
/// of its earlier calls.
pub fn new_children(count: usize, known: &mut HashSet<Child>, mut draw: impl FnMut(usize) -> Child) -> Vec<Child> {
    let mut children = Vec::new();
    for attempt in 0..TRIES * count {
        if children.len() == count {
            break;
        }
        let child = draw(attempt);
        if known.insert(child.clone()) {
            children.push(child);
        }
    }
    children
}

impl ValidatedSpace {
    /// Draws every dimension uniformly and independently, as the sandwich rule does.
    pub fn sample(&self, random: &mut impl Rng) -> Child {
        self.choose(|count| random.random_range(0..count))
    }

    /// Draws every dimension again with probability `rate`; keeps the rest.
    pub fn mutate(&self, child: &Child, rate: f64, random: &mut impl Rng) -> Child {
        let mut kept = self.indices(child).into_iter();
        self.choose(|count| {
            let old = kept.next().unwrap_or(0);
            if random.random_bool(rate) { random.random_range(0..count) } else { old }
        })
    }
}
