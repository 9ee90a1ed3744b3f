//! Where sharing pays: sliced children beside the same networks trained alone, over the number of images, epochs, and
//! the size of the smallest child.

use super::from_scratch::{ALONE, SLICED, trained_alone};
use super::{Measurement, Plan, Setting};
use nestling_core::space::SearchSpace;

/// Images and epochs of each setting. Many images get few epochs, so that no training takes an hour.
const SIZES: [(u32, u32); 7] =
    [(2000, 10), (2000, 40), (6000, 10), (6000, 40), (20_000, 10), (20_000, 20), (55_000, 10)];

/// The settings in which the space with a larger smallest child is tried too.
const WITH_LARGER_SMALLEST: [(u32, u32); 2] = [(6000, 40), (20_000, 10)];

pub(super) fn settings(base: &Setting) -> Vec<Setting> {
    let of = |(images, epochs), space: SearchSpace| {
        let mut setting = Setting { images, epochs, ..base.clone() };
        setting.recipe.space = space;
        setting
    };
    let space = &base.recipe.space;
    let all = SIZES.into_iter().map(|size| of(size, space.clone()));
    all.chain(WITH_LARGER_SMALLEST.into_iter().map(|size| of(size, larger_smallest(space)))).collect()
}

/// The space without the lower half of its choices: its smallest child is a middle one.
fn larger_smallest(space: &SearchSpace) -> SearchSpace {
    fn upper<T>(list: &mut Vec<T>) {
        list.drain(..list.len() / 2);
    }
    let mut space = space.clone();
    space.name = format!("{}-upper-half", space.name);
    upper(&mut space.resolutions);
    upper(&mut space.stem.widths);
    for stage in &mut space.stages {
        upper(&mut stage.widths);
        upper(&mut stage.depths);
        upper(&mut stage.kernels);
        upper(&mut stage.expand_ratios);
    }
    space.head.iter_mut().for_each(|head| upper(&mut head.widths));
    space
}

pub(super) fn measurements(plan: &Plan, seed: u64) -> Vec<Measurement> {
    let mut all = plan.of(SLICED, &plan.supernet(seed), &plan.ends());
    for child in &plan.ends() {
        all.extend(plan.of(ALONE, &trained_alone(plan, seed, child), [child]));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_a_plan_and_the_smallest_child_grows() {
        let plans: Vec<Plan> =
            settings(&Setting::fashion(6000, 20)).into_iter().map(|setting| Plan::new(setting).unwrap()).collect();
        let smallest = |plan: &Plan| plan.space.lower(&plan.space.smallest()).unwrap().cost().madds;
        assert!(smallest(&plans[8]) > smallest(&plans[0]));
        assert_eq!(plans[0].space.biggest(), plans[8].space.biggest());
    }
}
