use super::{Child, SearchSpace};
use rand::{Rng, RngExt};

impl SearchSpace {
    /// Draws every dimension uniformly and independently, as the sandwich rule does.
    pub fn sample(&self, random: &mut impl Rng) -> Child {
        self.choose(|list| list[random.random_range(0..list.len())])
    }

    /// Draws every dimension anew with probability `rate`; keeps the rest.
    pub fn mutate(&self, child: &Child, rate: f64, random: &mut impl Rng) -> Child {
        let mut kept = vec![child.resolution, child.stem_width];
        kept.extend(child.stages.iter().flat_map(|stage| [stage.width, stage.depth, stage.kernel, stage.expand_ratio]));
        kept.push(child.head_width);
        let mut kept = kept.into_iter();
        self.choose(|list| {
            let old = kept.next().unwrap_or(list[0]);
            if random.random_bool(rate) { list[random.random_range(0..list.len())] } else { old }
        })
    }
}
