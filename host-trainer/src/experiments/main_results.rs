//! Children at four budgets beside fixed networks of the same cost (BigNAS, main results).
//!
//! The fixed networks are published families, scaled to the data: their first stages, down to the size at which the
//! space's stages end, with one width factor. Each is as wide as the child's multiply-adds allow, and is trained alone
//! from labels.

use super::from_scratch::SLICED;
use super::{ExperimentError, Measurement, NamedChild, Plan, Training};
use crate::train::TrainConfig;
use nestling_core::metrics::MAdds;
use nestling_core::space::{Preset, SearchSpace, SpaceError, StageSpace, StemSpace, ValidatedSpace};

/// The families: name of a preset, and how a table calls it.
const FAMILIES: [(&str, &str); 2] =
    [("mobilenet-v2-1.0x", "scaled MobileNetV2"), ("efficientnet-b0", "scaled EfficientNet-B0")];

/// The width factors that are tried, in percent.
const PERCENTS: std::ops::RangeInclusive<u32> = 20..=400;

pub(super) fn measurements(plan: &Plan, seed: u64) -> Result<Vec<Measurement>, ExperimentError> {
    let mut all = plan.of(SLICED, &plan.supernet(seed), &plan.children);
    for (preset, name) in FAMILIES {
        let Some(family) = Preset::find(preset).map(Preset::space) else { continue };
        for child in &plan.children {
            let budget = plan.space.lower(&child.child)?.cost().madds;
            let Some(network) = widest_within(&family, &plan.space, budget)? else { continue };
            let fixed = NamedChild { name: child.name.clone(), child: network.biggest() };
            let config = TrainConfig { space: network.definition().clone(), ..plan.setting.config(seed) };
            let training = Training::new(&format!("{preset}-{}", child.name), config);
            all.extend(plan.of(name, &training, [&fixed]));
        }
    }
    Ok(all)
}

/// The widest network of a family that costs no more than `budget`; none if even the narrowest costs more.
fn widest_within(
    family: &SearchSpace,
    space: &ValidatedSpace,
    budget: MAdds,
) -> Result<Option<ValidatedSpace>, SpaceError> {
    let mut widest = None;
    for percent in PERCENTS {
        let network = scaled(family, space, percent).validated()?;
        if network.lower(&network.biggest())?.cost().madds > budget {
            break;
        }
        widest = Some(network);
    }
    Ok(widest)
}

/// A published network for the images of a space.
fn scaled(family: &SearchSpace, space: &SearchSpace, percent: u32) -> SearchSpace {
    let scale = |width: u32| ((width * percent + 400) / 800 * 8).max(8);
    let total = |stages: &[StageSpace]| stages.iter().map(|stage| stage.stride).product::<u32>();
    let most = total(&space.stages);
    let kept = (0..=family.stages.len()).rev().find(|&count| total(&family.stages[..count]) <= most).unwrap_or(0);
    let mut network = family.clone();
    network.name = format!("{} for {}, {percent} % wide", family.name, space.name);
    (network.input_channels, network.classes) = (space.input_channels, space.classes);
    network.resolutions = space.resolutions.iter().max().into_iter().copied().collect();
    network.stem = StemSpace { widths: vec![scale(family.stem.widths[0])], ..space.stem.clone() };
    network.stages.truncate(kept);
    for stage in &mut network.stages {
        stage.widths = vec![scale(stage.widths[0])];
    }
    if let (Some(head), Some(own)) = (&mut network.head, &space.head) {
        head.widths = vec![scale(own.widths[0])];
    }
    network
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_networks_cost_nearly_the_budget_and_never_more() {
        let space = SearchSpace::fashion().validated().unwrap();
        for (preset, _) in FAMILIES {
            let family = Preset::find(preset).unwrap().space();
            for millions in [0.5, 1.0, 3.0] {
                let budget = MAdds((millions * 1e6) as u64);
                let network = widest_within(&family, &space, budget).unwrap().unwrap();
                let cost = network.lower(&network.biggest()).unwrap().cost().madds;
                assert!(cost <= budget && cost.0 as f64 > 0.6 * budget.0 as f64, "{preset}: {cost} of {budget}");
            }
        }
    }
}
