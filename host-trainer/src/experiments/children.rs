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
/// # Errors
/// [`ExperimentError::NotDone`] if they are to be read and were never selected; others as of a training.
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
    let budgets = default_budgets(&plan.space, LimitKind::MAdds)?;
    let limits: Vec<Limit<'_>> = budgets.iter().map(|budget| budget.limit).collect();
    let found = trainings.with_evaluators(&supernet, &run, |validation, _| {
        let mut evaluate = |children: &[Child]| -> Result<Vec<Evaluated>, CalibrateError> {
            watch.evaluating(children.len());
            validation.evaluate(children, &|_| ())
        };
        Ok(coarse_to_fine(&plan.space, &limits, FINE, &mut Trials::default(), &mut evaluate)?)
    })?;
    let children: Vec<NamedChild> = (budgets.iter().zip(found))
        .map(|(budget, found)| NamedChild { name: budget.name.to_owned(), child: found.child })
        .collect();
    write_json(&path, &children)?;
    Ok(children)
}
