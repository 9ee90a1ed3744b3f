use crate::space::{Child, ValidatedSpace};

/// The choices of a child as numbers, for searches that change a few of them.
///
/// A dimension is one list of the space. Their order is that in which a child is built: resolution, stem width, then
/// width, depth, kernel size and expand ratio of each stage, and the head width where there is a head.
impl ValidatedSpace {
    /// Number of choices of each dimension, each at least 1.
    pub fn choice_counts(&self) -> Vec<usize> {
        let mut counts = Vec::new();
        self.choose(|count| {
            counts.push(count);
            0
        });
        counts
    }

    /// Index of each choice of `child` in its list, smallest first; 0 where the space does not offer the choice.
    pub fn choice_indices(&self, child: &Child) -> Vec<usize> {
        self.indices(child)
    }

    /// The child with these indices. A missing index counts as 0, one beyond its list as the last.
    ///
    /// ```
    /// use nestling_core::space::SearchSpace;
    /// let space = SearchSpace::fashion().validated()?;
    /// let mut indices = space.choice_indices(&space.smallest());
    /// indices[0] = 2;
    /// assert_eq!(space.child_at(&indices).resolution, 28);
    /// # Ok::<(), nestling_core::space::SpaceError>(())
    /// ```
    pub fn child_at(&self, indices: &[usize]) -> Child {
        let mut indices = indices.iter().copied();
        self.choose(|count| indices.next().unwrap_or(0).min(count - 1))
    }
}

#[cfg(test)]
mod tests {
    use crate::space::Preset;
    use rand::SeedableRng;

    #[test]
    fn indices_and_children_are_the_same_thing() {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(6);
        for space in Preset::ALL.iter().map(|preset| preset.space().validated().unwrap()) {
            let counts = space.choice_counts();
            let last: Vec<usize> = counts.iter().map(|count| count - 1).collect();
            assert_eq!((space.child_at(&[]), space.child_at(&last)), (space.smallest(), space.biggest()));
            assert_eq!(space.child_at(&vec![usize::MAX; counts.len()]), space.biggest());
            for child in (0..20).map(|_| space.sample(&mut random)) {
                let indices = space.choice_indices(&child);
                assert!(
                    indices.len() == counts.len() && indices.iter().zip(&counts).all(|(index, count)| index < count)
                );
                assert_eq!(space.child_at(&indices), child);
            }
        }
    }
}
