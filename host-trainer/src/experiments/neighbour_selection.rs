//! The child that each method selects under a budget, as its paper has it.

use super::ExperimentError;
use crate::calibrate::CalibrateError;
use crate::search::{Evaluate, Evaluated, Limit, SelectionTask, Trials, coarse_to_fine, evolution_on_a_predictor};
use crate::train::Method;
use crate::train::auto_slim::slim;
use nestling_bundle::Trained;
use nestling_core::metrics::MAdds;
use nestling_core::space::{Child, SpaceError, ValidatedSpace};

/// Children that once-for-all's predictor is fitted to.
const SAMPLES: usize = 96;
/// Children that are evaluated after the coarse grid, and after the predictor's fit.
const FINE: usize = 24;

/// The work that a method needs after training, for one budget.
pub(super) fn after_training(method: Method) -> &'static str {
    match method {
        Method::BigNas => "coarse-to-fine selection, calibration",
        Method::UniversallySlimmable => "calibration",
        Method::Slimmable => "nothing",
        Method::AutoSlim => "greedy slimming",
        Method::OnceForAll => "predictor, evolution, calibration",
    }
}

/// Whether the selection evaluates children. A uniform width follows from the cost alone.
pub(super) fn selects_by_evaluation(method: Method) -> bool {
    !matches!(method, Method::UniversallySlimmable | Method::Slimmable)
}

/// The child that a method selects within a budget.
pub(super) fn select(
    method: Method,
    space: &ValidatedSpace,
    budget: MAdds,
    seed: u64,
    evaluate: &mut dyn Evaluate,
) -> Result<Child, ExperimentError> {
    let (limit, mut trials) = (Limit::MAdds(budget), Trials::default());
    match method {
        Method::BigNas => Ok(coarse_to_fine(space, &[limit], FINE, &mut trials, evaluate)?.swap_remove(0).child),
        Method::OnceForAll => {
            let task = SelectionTask { space, limit, evaluations: FINE, seed };
            Ok(evolution_on_a_predictor(&task, SAMPLES, &mut trials, evaluate)?.child)
        }
        Method::AutoSlim => slimmed(space, budget, evaluate),
        Method::UniversallySlimmable | Method::Slimmable => Ok(widest(method, space, budget)?),
    }
}

/// The network that greedy slimming leaves; the narrowest where even that costs more.
fn slimmed(space: &ValidatedSpace, budget: MAdds, evaluate: &mut dyn Evaluate) -> Result<Child, ExperimentError> {
    if space.lower(&space.smallest())?.cost().madds >= budget {
        return Ok(space.smallest());
    }
    let accuracy = |children: &[Child]| -> Result<Vec<f64>, CalibrateError> {
        let percent = |one: Evaluated| one.held_out.percent();
        Ok(evaluate.evaluate(children)?.into_iter().map(percent).collect())
    };
    let steps = slim(space, budget, accuracy, |_| ())?;
    Ok(steps.last().map_or_else(|| space.biggest(), |step| step.child.clone()))
}

/// The widest of the children that a method trains; the smallest where even that costs more.
fn widest(method: Method, space: &ValidatedSpace, budget: MAdds) -> Result<Child, SpaceError> {
    let Trained::Only(children) = method.trained(space) else { return Ok(space.biggest()) };
    let mut widest = space.smallest();
    for child in children {
        if space.lower(&child)?.cost().madds <= budget {
            widest = child;
        }
    }
    Ok(widest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_core::metrics::Top1;
    use nestling_core::space::SearchSpace;

    #[test]
    fn every_method_keeps_the_budget_and_uses_it() {
        for method in Method::ALL {
            let space = method.space(&SearchSpace::fashion()).validated().unwrap();
            let cost = |child: &Child| space.lower(child).unwrap().cost();
            let mut evaluated = 0;
            let mut evaluate = |children: &[Child]| -> Result<Vec<Evaluated>, CalibrateError> {
                evaluated += children.len();
                // A child is as good as it is costly.
                let of = |child: &Child| {
                    let cost = cost(child);
                    let held_out = Top1 { correct: cost.madds.0 as u32, images: 10_000_000 };
                    Evaluated { child: child.clone(), cost, held_out }
                };
                Ok(children.iter().map(of).collect())
            };
            let budget = MAdds(1_380_000);
            let child = select(method, &space, budget, 1, &mut evaluate).unwrap();
            let used = cost(&child).madds.0 as f64 / budget.0 as f64;
            let least = if method == Method::Slimmable { 0.3 } else { 0.75 };
            assert!((least..=1.0).contains(&used), "{method}: {used}");
            assert_eq!(evaluated > 0, selects_by_evaluation(method), "{method}");
        }
    }
}
