use crate::search::coarse_grid;
use nestling_core::space::{Child, SpaceError, ValidatedSpace};
use serde::{Deserialize, Serialize};

/// A child with its name in tables: S, M, L or XL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedChild {
    /// The name.
    pub name: String,
    /// The child.
    pub child: Child,
}

/// The names of the four sizes, smallest first (BigNAS, table of main results).
const SIZES: [&str; 4] = ["S", "M", "L", "XL"];

/// Four children of a space: its smallest, its biggest, and between them those of the coarse grid whose multiply-adds are
/// nearest to equal steps on a logarithmic scale.
///
/// No accuracy decides, so that every seed and every variant has the same children.
///
/// # Errors
/// [`SpaceError`] as [`ValidatedSpace::lower`].
pub fn four_children(space: &ValidatedSpace) -> Result<Vec<NamedChild>, SpaceError> {
    let log_cost = |child: &Child| Ok((space.lower(child)?.cost().madds.0 as f64).ln());
    let (smallest, biggest) = (space.smallest(), space.biggest());
    let ends = [log_cost(&smallest)?, log_cost(&biggest)?];
    let mut grid = Vec::new();
    for child in coarse_grid(space) {
        grid.push((log_cost(&child)?, child));
    }
    let between = |step: f64| {
        let wanted = ends[0] + (ends[1] - ends[0]) * step / 3.0;
        let apart = |(cost, _): &&(f64, Child)| (cost - wanted).abs();
        grid.iter().min_by(|a, b| apart(a).total_cmp(&apart(b))).map_or_else(|| biggest.clone(), |one| one.1.clone())
    };
    let children = [smallest, between(1.0), between(2.0), biggest.clone()];
    Ok(SIZES.into_iter().zip(children).map(|(name, child)| NamedChild { name: name.to_owned(), child }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_core::space::SearchSpace;

    #[test]
    fn four_children_cost_equal_steps() {
        let space = SearchSpace::fashion().validated().unwrap();
        let children = four_children(&space).unwrap();
        let costs: Vec<f64> =
            children.iter().map(|one| space.lower(&one.child).unwrap().cost().madds.0 as f64).collect();
        let step = (costs[3] / costs[0]).powf(1.0 / 3.0);
        for pair in costs.windows(2) {
            assert!((0.7 * step..1.4 * step).contains(&(pair[1] / pair[0])), "{costs:?}");
        }
        assert_eq!((&children[0].child, &children[3].child), (&space.smallest(), &space.biggest()));
    }
}
