use super::{ExperimentError, Plan, Trainings, Watch};
use crate::calibrate::CalibrateError;
use crate::run_folder::write_json;
use crate::search::{Evaluated, Limit, LimitKind, Trials, coarse_to_fine, default_budgets};
use nestling_bundle::atomic_file::read_text;
use nestling_core::space::Child;
use serde::{Deserialize, Serialize};

/// A child with its name in tables: S, M, L or XL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedChild {
    /// The name.
    pub name: String,
    /// The child.
    pub child: Child,
}

/// Children that the fine grid evaluates under each budget.
const FINE: usize = 24;

/// Most bytes of the file of selected children.
const MAX_BYTES: u64 = 1 << 20;

/// S, M, L and XL of a plan's space: selected coarse to fine under four budgets of multiply-adds on the supernet of the
/// first seed, by accuracy on validation images. All seeds and variants have the same children.
///
/// Each costs more than the budget before its own: in a short training the smallest child, which learns in every step, may
/// be better than all others below a budget, and four children of one size would say nothing.
///
/// # Errors
/// As [`Trainings::measure`].
pub fn four_children(
    plan: &Plan,
    trainings: &Trainings<'_>,
    watch: &mut dyn Watch,
) -> Result<Vec<NamedChild>, ExperimentError> {
    let supernet = plan.supernet(1);
    let path = trainings.folder_of(&supernet).join("children.json");
    let known = read_text(&path, MAX_BYTES).ok().and_then(|text| serde_json::from_str::<Vec<NamedChild>>(&text).ok());
    if let Some(known) = known.filter(|known| known.iter().all(|one| plan.space.lower(&one.child).is_ok())) {
        return Ok(known);
    }
    let run = trainings.checkpoint(&supernet, watch)?;
    trainings.check_time()?;
    let budgets = default_budgets(&plan.space, LimitKind::MAdds)?;
    let limits: Vec<Limit<'_>> = budgets.iter().map(|budget| budget.limit).collect();
    let mut trials = Trials::default();
    trainings.with_evaluators(&supernet, &run, |validation, _| {
        let mut evaluate = |children: &[Child]| -> Result<Vec<Evaluated>, CalibrateError> {
            watch.evaluating(children.len());
            validation.evaluate(children, &|_| ())
        };
        Ok(coarse_to_fine(&plan.space, &limits, FINE, &mut trials, &mut evaluate)?)
    })?;
    let mut children = Vec::new();
    let mut above = 0.0;
    for budget in &budgets {
        let most = budget.limit.most();
        if let Some(best) = best_between(trials.evaluated(), above, most) {
            children.push(NamedChild { name: budget.name.to_owned(), child: best.child.clone() });
        }
        above = most;
    }
    write_json(&path, &children)?;
    Ok(children)
}

/// The most accurate child that costs more than `above` and at most `most` multiply-adds; of equals the cheapest.
fn best_between(evaluated: &[Evaluated], above: f64, most: f64) -> Option<&Evaluated> {
    let cost = |one: &Evaluated| one.cost.madds.0 as f64;
    let within = evaluated.iter().filter(|one| cost(one) > above && cost(one) <= most);
    within.max_by(|a, b| a.held_out.correct.cmp(&b.held_out.correct).then(b.cost.madds.cmp(&a.cost.madds)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_core::metrics::Top1;
    use nestling_core::space::SearchSpace;

    #[test]
    fn the_best_child_between_two_budgets_is_taken() {
        let space = SearchSpace::fashion().validated().unwrap();
        let of = |child: Child, correct| {
            let cost = space.lower(&child).unwrap().cost();
            Evaluated { child, cost, held_out: Top1 { correct, images: 100 } }
        };
        let middle = Child { resolution: 28, ..space.smallest() };
        let all = [of(space.smallest(), 90), of(middle.clone(), 80), of(space.biggest(), 85)];
        let cost = |at: usize| all[at].cost.madds.0 as f64;
        let best = |above, most| best_between(&all, above, most).map(|one| one.held_out.correct);
        assert_eq!((best(0.0, cost(0)), best(0.0, cost(2))), (Some(90), Some(90)));
        assert_eq!((best(cost(0), cost(1)), best(cost(1), cost(2)), best(cost(2), 1e12)), (Some(80), Some(85), None));
    }
}
