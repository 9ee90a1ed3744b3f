//! One width factor for a whole network: the children and spaces of the slimmable methods.

use nestling_core::space::{Child, ExpandRatio, SearchSpace, StageChoice};

/// The smallest width, as a share of the biggest: the width range of the paper is `[0.25, 1.0]`.
const SMALLEST: f64 = 0.25;
/// Widths of a list, from the smallest to the biggest, in equal steps of an eighth.
const STEPS: u32 = 7;

/// The child whose every width stands at the same fraction of its list, from 0 (smallest) to 1 (biggest). Everything but
/// the widths is the biggest.
///
/// The lists of `space` must not be empty.
pub fn at_fraction(space: &SearchSpace, fraction: f64) -> Child {
    let width = |list: &[u32]| list[(fraction.clamp(0.0, 1.0) * (list.len() - 1) as f64).round() as usize];
    Child {
        resolution: last(&space.resolutions),
        stem_width: width(&space.stem.widths),
        stages: (space.stages.iter())
            .map(|stage| StageChoice {
                width: width(&stage.widths),
                depth: last(&stage.depths),
                kernel: last(&stage.kernels),
                expand_ratio: last(&stage.expand_ratios),
            })
            .collect(),
        head_width: space.head.as_ref().map(|head| width(&head.widths)),
    }
}

/// Every child of [`at_fraction`], once, the smallest first.
pub fn uniform_children(space: &SearchSpace) -> Vec<Child> {
    // A list of n widths takes its next one half way between two of its n - 1 steps.
    let mut edges: Vec<f64> = (lists(space).iter().map(|list| list.len() - 1))
        .flat_map(|steps| (0..steps).map(move |step| (step as f64 + 0.5) / steps as f64))
        .chain([0.0, 1.0])
        .collect();
    edges.sort_by(f64::total_cmp);
    let mut children: Vec<Child> =
        edges.windows(2).map(|edge| at_fraction(space, f64::midpoint(edge[0], edge[1]))).collect();
    children.dedup();
    children
}

/// Whether widths are the only choice.
pub fn has_widths_only(space: &SearchSpace) -> bool {
    has_channels_only(space) && space.stages.iter().all(|stage| stage.expand_ratios.len() == 1)
}

/// Whether widths and expand ratios are the only choices.
pub fn has_channels_only(space: &SearchSpace) -> bool {
    let mut stages = space.stages.iter();
    space.resolutions.len() == 1 && stages.all(|stage| stage.depths.len() == 1 && stage.kernels.len() == 1)
}

/// Half, three quarters and all of an expand ratio, above 1: at 1 a block has no expand convolution at all.
pub fn elastic_ratios(biggest: ExpandRatio) -> Vec<ExpandRatio> {
    let shares = [0.5, 0.75, 1.0].into_iter().filter_map(|share| ExpandRatio::new(biggest.value() * share));
    let ratios: Vec<ExpandRatio> = shares.filter(|ratio| *ratio > ExpandRatio::ONE).collect();
    if ratios.is_empty() { vec![biggest] } else { ratios }
}

/// The same network with widths as the only choice: from a quarter of the biggest, in steps of an eighth, rounded to
/// multiples of four channels; resolution, depths, kernel sizes and expand ratios are the biggest. A space that has no
/// other choice already stays as it is.
///
/// A layer becomes four channels wider where a child would otherwise have equal widths around a block that adds nothing:
/// alone, such a child would add its input.
pub fn widths_only(base: &SearchSpace) -> SearchSpace {
    if has_widths_only(base) {
        return base.clone();
    }
    let mut space = SearchSpace { name: format!("{}-widths", base.name), ..base.clone() };
    space.resolutions = vec![last(&base.resolutions)];
    space.stem.widths = range(last(&base.stem.widths));
    for stage in &mut space.stages {
        stage.widths = range(last(&stage.widths));
        stage.depths = vec![last(&stage.depths)];
        stage.kernels = vec![last(&stage.kernels)];
        stage.expand_ratios = vec![last(&stage.expand_ratios)];
    }
    if let Some(head) = &mut space.head {
        head.widths = range(last(&head.widths));
    }
    // From the last to the first, because a stage that becomes wider may meet the one before it.
    for index in (0..space.stages.len()).rev() {
        while space.stages[index].stride == 1 && meets_the_one_before(&space, index) {
            let before = match index.checked_sub(1) {
                None => &mut space.stem.widths,
                Some(before) => &mut space.stages[before].widths,
            };
            before.iter_mut().for_each(|width| *width += 4);
        }
    }
    space
}

/// Whether a child has a stage as wide as the layers before it.
fn meets_the_one_before(space: &SearchSpace, index: usize) -> bool {
    uniform_children(space).iter().any(|child| {
        let before = index.checked_sub(1).map_or(child.stem_width, |before| child.stages[before].width);
        before == child.stages[index].width
    })
}

/// All lists of widths.
fn lists(space: &SearchSpace) -> Vec<&[u32]> {
    let stages = space.stages.iter().map(|stage| &*stage.widths);
    stages.chain([&*space.stem.widths]).chain(space.head.as_ref().map(|head| &*head.widths)).collect()
}

/// The widths from a quarter of the biggest to the biggest.
fn range(biggest: u32) -> Vec<u32> {
    let step = (1.0 - SMALLEST) / f64::from(STEPS - 1);
    let shares = (0..STEPS).map(|index| SMALLEST + step * f64::from(index));
    let mut widths: Vec<u32> =
        shares.map(|share| ((f64::from(biggest) * share / 4.0).round() as u32 * 4).max(4)).collect();
    widths.dedup();
    widths
}

/// The largest choice of a list.
fn last<T: Copy>(list: &[T]) -> T {
    list[list.len() - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demos_network_has_the_papers_widths() {
        let space = widths_only(&SearchSpace::fashion());
        assert!(has_widths_only(&space) && widths_only(&space) == space);
        assert_eq!(space.stages[2].widths, [16, 24, 32, 40, 48, 56, 64]);
        assert_eq!(space.stages[0].widths, [4, 8, 12, 16]);
        // Its first block adds nothing, so that stem and stage differ in every child.
        assert_eq!(space.stem.widths, [8, 12, 16, 20]);
        let space = space.validated().unwrap();
        let children = uniform_children(&space);
        assert_eq!(
            (children.first(), children.last(), children.len()),
            (Some(&space.smallest()), Some(&space.biggest()), 10)
        );
        for child in &children {
            assert!(crate::transfer::alone(&space, child).is_ok(), "{child}");
        }
    }

    /// The costs of smallest and biggest are those of the demo's space within a fifth.
    #[test]
    fn the_demos_network_costs_what_the_demos_space_costs() {
        let fashion = SearchSpace::fashion().validated().unwrap();
        let widths = widths_only(&fashion).validated().unwrap();
        for pick in [nestling_core::space::ValidatedSpace::smallest, nestling_core::space::ValidatedSpace::biggest] {
            let [theirs, ours] =
                [&fashion, &widths].map(|space| space.lower(&pick(space)).unwrap().cost().madds.millions());
            assert!((ours / theirs - 1.0).abs() < 0.2, "{ours} for {theirs} million MAdds");
        }
    }
}
