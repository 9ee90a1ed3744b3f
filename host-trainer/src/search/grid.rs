use nestling_core::space::{Child, ExpandRatio, SearchSpace, StageChoice};

/// Configurations of each axis, as in the paper.
const RESOLUTIONS: usize = 5;
const DEPTHS: usize = 4;
const WIDTHS: usize = 2;

/// The coarse grid (BigNAS, coarse selection): five resolutions, four depth, two width and four kernel configurations.
///
/// A configuration says one choice for every stage. Depths, from least to most in four steps; widths, all least or all
/// most, with stem, head and expand ratios; kernel sizes, smallest, largest in the late half of the stages, largest in
/// the early half, largest. Configurations that a space does not tell apart count once, so that there are at most 160
/// children, the smallest and the biggest among them.
pub fn coarse_grid(space: &SearchSpace) -> Vec<Child> {
    let (depths, widths, kernels) = (depths(space), widths(space), kernels(space));
    let mut children = Vec::new();
    for &resolution in &distinct(spread(RESOLUTIONS).map(|fraction| at(&space.resolutions, fraction))) {
        for depths in &depths {
            for widths in &widths {
                for kernels in &kernels {
                    children.push(child(resolution, depths, widths, kernels));
                }
            }
        }
    }
    children
}

/// At most `most` children of a grid, evenly over it; the first and the last always among them.
pub(super) fn thinned(grid: Vec<Child>, most: usize) -> Vec<Child> {
    let most = most.max(2);
    if grid.len() <= most {
        return grid;
    }
    let last = grid.len() - 1;
    (0..most).map(|step| grid[(step * last + (most - 1) / 2) / (most - 1)].clone()).collect()
}

/// A width configuration.
#[derive(PartialEq)]
struct Widths {
    stem: u32,
    stages: Vec<(u32, ExpandRatio)>,
    head: Option<u32>,
}

/// Positions in a list, from 0 (first) to 1 (last).
fn spread(count: usize) -> impl Iterator<Item = f64> {
    (0..count).map(move |step| step as f64 / (count - 1) as f64)
}

fn at<T: Copy>(list: &[T], fraction: f64) -> T {
    list[((list.len() - 1) as f64 * fraction).round() as usize]
}

/// Each of `all` once, in their order.
fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut kept = Vec::new();
    for one in all {
        if !kept.contains(&one) {
            kept.push(one);
        }
    }
    kept
}

fn depths(space: &SearchSpace) -> Vec<Vec<u32>> {
    distinct(spread(DEPTHS).map(|fraction| space.stages.iter().map(|stage| at(&stage.depths, fraction)).collect()))
}

fn widths(space: &SearchSpace) -> Vec<Widths> {
    distinct(spread(WIDTHS).map(|fraction| {
        Widths {
            stem: at(&space.stem.widths, fraction),
            stages: (space.stages.iter())
                .map(|stage| (at(&stage.widths, fraction), at(&stage.expand_ratios, fraction)))
                .collect(),
            head: space.head.as_ref().map(|head| at(&head.widths, fraction)),
        }
    }))
}

fn kernels(space: &SearchSpace) -> Vec<Vec<u32>> {
    let large: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];
    distinct(large.into_iter().map(|(early, late)| {
        (space.stages.iter().enumerate())
            .map(|(index, stage)| {
                let is_large = if 2 * index >= space.stages.len() { late } else { early };
                at(&stage.kernels, f64::from(u8::from(is_large)))
            })
            .collect()
    }))
}

fn child(resolution: u32, depths: &[u32], widths: &Widths, kernels: &[u32]) -> Child {
    let stages = (depths.iter().zip(kernels).zip(&widths.stages))
        .map(|((&depth, &kernel), &(width, expand_ratio))| StageChoice { width, depth, kernel, expand_ratio })
        .collect();
    Child { resolution, stem_width: widths.stem, stages, head_width: widths.head }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_core::space::Preset;
    use std::collections::HashSet;

    #[test]
    fn the_grid_is_that_of_the_paper_and_holds_the_ends() {
        for (name, count) in
            [("table1", 5 * 4 * 2 * 4), ("attentivenas", 4 * 4 * 2 * 4), ("fashion", 3 * 4 * 2 * 4), ("mnasnet-a1", 1)]
        {
            let space = Preset::find(name).unwrap().space().validated().unwrap();
            let grid = coarse_grid(&space);
            assert_eq!(grid.iter().collect::<HashSet<_>>().len(), count, "{name}");
            assert_eq!(grid.len(), count, "{name}");
            assert!(grid.iter().all(|child| space.check(child).is_ok()), "{name}");
            assert_eq!((grid.first(), grid.last()), (Some(&space.smallest()), Some(&space.biggest())), "{name}");
        }
        let table1 = SearchSpace::table1();
        assert_eq!(
            depths(&table1),
            [[1, 2, 2, 2, 2, 2, 1], [1, 2, 2, 3, 3, 3, 1], [2, 3, 3, 3, 5, 5, 2], [2, 3, 3, 4, 6, 6, 2]]
        );
        assert_eq!(kernels(&table1), [[3; 7], [3, 3, 3, 3, 5, 5, 5], [3, 3, 5, 5, 3, 3, 3], [3, 3, 5, 5, 5, 5, 5]]);
    }

    #[test]
    fn a_thinned_grid_holds_different_children_and_the_ends() {
        let grid = coarse_grid(&SearchSpace::fashion());
        for most in [2, 3, 54, 95] {
            let thin = thinned(grid.clone(), most);
            assert_eq!(thin.iter().collect::<HashSet<_>>().len(), most);
            assert_eq!((thin.first(), thin.last()), (grid.first(), grid.last()));
        }
        assert_eq!((thinned(grid.clone(), 96), thinned(grid.clone(), 0).len()), (grid, 2));
    }

    #[test]
    fn of_many_resolutions_five_are_taken() {
        let space = SearchSpace { resolutions: (4..20).map(|n| 8 * n).collect(), ..SearchSpace::fashion() };
        let taken: HashSet<u32> = coarse_grid(&space).iter().map(|child| child.resolution).collect();
        assert_eq!(taken, HashSet::from([32, 64, 96, 120, 152]));
    }
}
