//! AutoSlim (Yu and Huang, "AutoSlim: Towards One-Shot Architecture Search for Channel Numbers", 2019).
//!
//! 1. A slimmable network is trained whose stages have independent widths and expand ratios: [`children`]. The paper's unit
//!    is the layer; here the layers of a stage share their width, as in every space of this crate.
//! 2. It is slimmed greedily: in each step the place is narrowed that costs least accuracy, until the network is within
//!    the budget: [`slim`].
//! 3. The slimmed network is trained from scratch, alone: in the space of
//!    [`single`](crate::transfer::single).

use super::widths::{elastic_ratios, has_channels_only, widths_only};
use crate::random::{Purpose, generator};
use nestling_core::metrics::MAdds;
use nestling_core::space::{Child, SearchSpace, SpaceError, ValidatedSpace};
use std::fmt;

/// The same network with the channels of every stage as choices: widths as [`widths_only`] has them, and expand ratios
/// of a half, three quarters and all. A space without other choices already stays as it is.
pub fn space(base: &SearchSpace) -> SearchSpace {
    if has_channels_only(base) {
        return base.clone();
    }
    let mut space = SearchSpace { name: format!("{}-channels", base.name), ..widths_only(base) };
    for stage in &mut space.stages {
        stage.expand_ratios = stage.expand_ratios.last().map(|&ratio| elastic_ratios(ratio)).unwrap_or_default();
    }
    space
}

/// The children of a step: the biggest, `random` ones whose stages draw their widths independently, the smallest.
pub fn children(space: &ValidatedSpace, seed: u64, step: u64, random: u32) -> Vec<Child> {
    let mut draw = generator(seed, Purpose::Children, step);
    let mut children = vec![space.biggest()];
    if space.smallest() != children[0] {
        children.extend((0..random).map(|_| space.sample(&mut draw)));
        children.push(space.smallest());
    }
    children
}

/// A place that can be narrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// The first convolution.
    Stem,
    /// The outputs of a stage, counted from 0.
    Width(usize),
    /// The expanded channels of a stage, counted from 0.
    ExpandRatio(usize),
    /// The head.
    Head,
}

/// Stages are counted from 1, as in the paper.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stem => f.write_str("stem"),
            Self::Width(stage) => write!(f, "width of stage {}", stage + 1),
            Self::ExpandRatio(stage) => write!(f, "expand ratio of stage {}", stage + 1),
            Self::Head => f.write_str("head"),
        }
    }
}

/// One step of slimming.
#[derive(Clone, Debug, PartialEq)]
pub struct Slimmed {
    /// The place that became narrower.
    pub place: Place,
    /// The network after the step.
    pub child: Child,
    /// Its cost.
    pub madds: MAdds,
    /// Its accuracy, in the unit of the evaluation.
    pub accuracy: f64,
}

/// The reason why a network cannot be slimmed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SlimError<E: std::error::Error + 'static> {
    /// Even the narrowest network costs more.
    #[error("the narrowest network costs {madds}, the budget is {budget}; give at least that")]
    Budget {
        /// Cost of the narrowest network.
        madds: MAdds,
        /// The budget.
        budget: MAdds,
    },
    /// A network is not one of the space.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// A network cannot be evaluated.
    #[error(transparent)]
    Evaluate(E),
}

impl<E: std::error::Error + 'static> SlimError<E> {
    /// A stable name of this kind of error, for programs; `evaluate` names that of an evaluation.
    pub fn code(&self, evaluate: impl FnOnce(&E) -> &'static str) -> &'static str {
        match self {
            Self::Budget { .. } => "slim_budget",
            Self::Space(error) => error.code(),
            Self::Evaluate(error) => evaluate(error),
        }
    }
}

/// Slims the biggest child until it costs at most `budget`.
///
/// In each step every place is narrowed by one choice, each alone. `evaluate` returns the accuracy of these networks on a
/// validation set, and the most accurate one stays; of equal ones the cheapest. Returns all steps, none if the biggest
/// child is within the budget. `progress` is called with each.
///
/// # Errors
/// [`SlimError::Budget`] if no child is within the budget, or the error of `evaluate`.
pub fn slim<E: std::error::Error + 'static>(
    space: &ValidatedSpace,
    budget: MAdds,
    mut evaluate: impl FnMut(&[Child]) -> Result<Vec<f64>, E>,
    mut progress: impl FnMut(&Slimmed),
) -> Result<Vec<Slimmed>, SlimError<E>> {
    let cost = |child: &Child| space.lower(child).map(|network| network.cost().madds);
    let mut child = space.biggest();
    let narrowest = std::iter::successors(Some(child.clone()), |child| Some(narrower(space, child).pop()?.1)).last();
    let least = cost(&narrowest.unwrap_or_else(|| child.clone()))?;
    if least > budget {
        return Err(SlimError::Budget { madds: least, budget });
    }
    let mut steps: Vec<Slimmed> = Vec::new();
    while cost(&child)? > budget {
        let (places, children): (Vec<Place>, Vec<Child>) = narrower(space, &child).into_iter().unzip();
        let accuracies = evaluate(&children).map_err(SlimError::Evaluate)?;
        let mut best: Option<Slimmed> = None;
        for ((place, child), accuracy) in places.into_iter().zip(children).zip(accuracies) {
            let one = Slimmed { place, madds: cost(&child)?, child, accuracy };
            let is_better =
                |best: &Slimmed| one.accuracy.total_cmp(&best.accuracy).then(best.madds.cmp(&one.madds)).is_gt();
            if best.as_ref().is_none_or(is_better) {
                best = Some(one);
            }
        }
        // The narrowest network is within the budget, so that there is a place to narrow.
        let Some(best) = best else { break };
        child.clone_from(&best.child);
        progress(&best);
        steps.push(best);
    }
    Ok(steps)
}

/// The network with each place narrowed by one choice, where there is a smaller one.
fn narrower(space: &ValidatedSpace, child: &Child) -> Vec<(Place, Child)> {
    fn smaller<T: Copy + PartialEq>(list: &[T], now: T) -> Option<T> {
        list.iter().position(|&one| one == now)?.checked_sub(1).map(|index| list[index])
    }
    let changed = |change: &dyn Fn(&mut Child)| {
        let mut child = child.clone();
        change(&mut child);
        child
    };
    let mut all = Vec::new();
    if let Some(width) = smaller(&space.stem.widths, child.stem_width) {
        all.push((Place::Stem, changed(&|child| child.stem_width = width)));
    }
    for (index, (stage, choice)) in space.stages.iter().zip(&child.stages).enumerate() {
        if let Some(width) = smaller(&stage.widths, choice.width) {
            all.push((Place::Width(index), changed(&|child| child.stages[index].width = width)));
        }
        if let Some(ratio) = smaller(&stage.expand_ratios, choice.expand_ratio) {
            all.push((Place::ExpandRatio(index), changed(&|child| child.stages[index].expand_ratio = ratio)));
        }
    }
    if let (Some(head), Some(now)) = (&space.head, child.head_width)
        && let Some(width) = smaller(&head.widths, now)
    {
        all.push((Place::Head, changed(&|child| child.head_width = Some(width))));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    fn demo() -> ValidatedSpace {
        space(&SearchSpace::fashion()).validated().unwrap()
    }

    fn indices(child: &Child, space: &ValidatedSpace) -> Vec<usize> {
        fn at<T: PartialEq>(list: &[T], one: &T) -> usize {
            list.iter().position(|known| known == one).unwrap()
        }
        let mut all = vec![at(&space.stem.widths, &child.stem_width)];
        for (stage, choice) in space.stages.iter().zip(&child.stages) {
            all.extend([at(&stage.widths, &choice.width), at(&stage.expand_ratios, &choice.expand_ratio)]);
        }
        all.push(at(&space.head.as_ref().unwrap().widths, &child.head_width.unwrap()));
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Holds for every evaluation.
        #[test]
        fn the_result_is_within_the_budget_and_each_step_narrows_one_place(share in 0.0f64..1.2, seed in any::<u64>()) {
            let space = demo();
            let cost = |child: &Child| space.lower(child).unwrap().cost().madds;
            let (least, most) = (cost(&space.smallest()), cost(&space.biggest()));
            let budget = MAdds(least.0 + (share * (most.0 - least.0) as f64) as u64);
            let made_up = |child: &Child| {
                let text = format!("{seed}{child}");
                text.bytes().fold(7u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte))) as f64
            };
            let evaluate = |children: &[Child]| Ok::<_, Infallible>(children.iter().map(made_up).collect());
            let mut shown = 0;
            let steps = slim(&space, budget, evaluate, |_| shown += 1).unwrap();
            prop_assert_eq!(shown, steps.len());
            let mut before = space.biggest();
            for step in &steps {
                prop_assert!(cost(&before) > budget, "a step that was not needed");
                let narrowed: Vec<usize> = indices(&before, &space).into_iter().zip(indices(&step.child, &space))
                    .map(|(before, after)| before - after).collect();
                prop_assert_eq!(narrowed.iter().sum::<usize>(), 1, "{:?}", narrowed);
                prop_assert_eq!(step.madds, cost(&step.child));
                before = step.child.clone();
            }
            prop_assert!(cost(&before) <= budget);
        }
    }

    #[test]
    fn the_place_that_costs_least_accuracy_is_narrowed() {
        let space = demo();
        // Only the head does not matter.
        let accuracy = |child: &Child| {
            let widths: u32 = child.stem_width + child.stages.iter().map(|stage| stage.width).sum::<u32>();
            f64::from(widths) + child.stages.iter().map(|stage| stage.expand_ratio.value()).sum::<f64>()
        };
        let evaluate = |children: &[Child]| Ok::<_, Infallible>(children.iter().map(accuracy).collect());
        let budget = MAdds(space.lower(&space.biggest()).unwrap().cost().madds.0 - 100_000);
        let steps = slim(&space, budget, evaluate, |_| ()).unwrap();
        assert!(!steps.is_empty() && steps.iter().all(|step| step.place == Place::Head), "{steps:?}");
    }

    #[test]
    fn a_budget_below_every_network_is_refused_before_anything_is_evaluated() {
        let evaluate = |_: &[Child]| -> Result<Vec<f64>, Infallible> { panic!("nothing to evaluate") };
        let error = slim(&demo(), MAdds(1000), evaluate, |_| ()).unwrap_err();
        assert_eq!(error.code(|never| match *never {}), "slim_budget");
        assert!(error.to_string().contains("narrowest network costs"), "{error}");
    }
}
