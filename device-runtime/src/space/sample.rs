use super::{Child, SearchSpace};
use rand::{Rng, RngExt};

impl SearchSpace {
    /// Draws every dimension uniformly and independently, as the sandwich rule does.
    pub fn sample(&self, random: &mut impl Rng) -> Child {
        self.choose(|count| random.random_range(0..count))
    }

    /// Draws every dimension anew with probability `rate`; keeps the rest.
    pub fn mutate(&self, child: &Child, rate: f64, random: &mut impl Rng) -> Child {
        let mut kept = self.indices(child).into_iter();
        self.choose(|count| {
            let old = kept.next().unwrap_or(0);
            if random.random_bool(rate) { random.random_range(0..count) } else { old }
        })
    }
}
