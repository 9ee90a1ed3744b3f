use super::{Chosen, Evaluated, SearchReport};
use nestling_core::metrics::Top1;
use nestling_core::space::Child;

/// The outcome for the best child that was found under a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MergeOutcome {
    /// It ships from now on, under this name.
    Ships {
        /// The name.
        name: String,
    },
    /// This child ships already, costs no more than the limit and is as accurate, or is that very child.
    Beaten {
        /// The name.
        by: String,
    },
    /// Nothing was found.
    Nothing,
}

/// Merges children that were found under a limit and evaluated into the report of a search.
///
/// All of them become evaluated children. The best ships as `found-1`, `found-2` and so on, if it is more accurate on
/// validation images than every shipped child within the limit. `found` holds the best first. `test` evaluates the child
/// that ships, and no other, on the test images. The accuracy predictor does not change.
///
/// # Errors
/// The errors of `test`; the report is then unchanged.
pub fn merge_found<E>(
    search: &mut SearchReport,
    found: &[Evaluated],
    keeps_limit: impl Fn(&Child) -> bool,
    test: impl FnOnce(&Child) -> Result<Top1, E>,
) -> Result<MergeOutcome, E> {
    let Some(best) = found.first() else { return Ok(MergeOutcome::Nothing) };
    let beats = |chosen: &&Chosen| {
        search.evaluated.get(chosen.index).is_some_and(|one| {
            one.child == best.child || (one.held_out.correct >= best.held_out.correct && keeps_limit(&one.child))
        })
    };
    let outcome = match search.chosen.iter().find(beats) {
        Some(chosen) => MergeOutcome::Beaten { by: chosen.name.clone() },
        None => {
            let taken = |name: &String| search.chosen.iter().any(|chosen| chosen.name == *name);
            let mut names = (1..).map(|number| format!("found-{number}"));
            let Some(name) = names.find(|name| !taken(name)) else { return Ok(MergeOutcome::Nothing) };
            MergeOutcome::Ships { name }
        }
    };
    let test = if matches!(outcome, MergeOutcome::Ships { .. }) { Some(test(&best.child)?) } else { None };
    search.add(found);
    if let (MergeOutcome::Ships { name }, Some(test)) = (&outcome, test) {
        if let Some(index) = search.evaluated.iter().position(|known| known.child == best.child) {
            search.chosen.push(Chosen { name: name.clone(), index, test });
        }
        search.sort();
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_core::space::{SearchSpace, ValidatedSpace};
    use std::convert::Infallible;

    fn evaluated(space: &ValidatedSpace, child: Child, correct: u32) -> Evaluated {
        let cost = space.lower(&child).unwrap().cost();
        Evaluated { child, cost, held_out: Top1 { correct, images: 100 } }
    }

    #[test]
    fn the_best_ships_only_if_it_is_better_than_what_ships_within_the_limit() {
        let space = SearchSpace::fashion().validated().unwrap();
        let test = Top1 { correct: 5, images: 10 };
        let chosen = |name: &str, index| Chosen { name: name.into(), index, test };
        let mut search = SearchReport {
            calibration_images: 9,
            evaluated: vec![evaluated(&space, space.smallest(), 50), evaluated(&space, space.biggest(), 90)],
            kept_from_predictor: vec![0],
            accuracy_predictor: None,
            chosen: vec![chosen("smallest", 0), chosen("biggest", 1)],
            cpu_s: 0.0,
            wall_s: 0.0,
        };
        let [mut middle, mut other] = [space.smallest(), space.smallest()];
        middle.stages[2].kernel = *space.stages[2].kernels.last().unwrap();
        other.stages[1].kernel = *space.stages[1].kernels.last().unwrap();
        let found = [evaluated(&space, middle.clone(), 70), evaluated(&space, other.clone(), 60)];
        let tested = |_: &Child| Ok::<_, Infallible>(test);
        // Only the smallest keeps the limit: the new one is better than it.
        let small = |child: &Child| *child != space.biggest();
        let outcome = merge_found(&mut search, &found, small, tested).unwrap();
        assert_eq!(outcome, MergeOutcome::Ships { name: "found-1".into() });
        let names: Vec<&str> = search.chosen.iter().map(|chosen| chosen.name.as_str()).collect();
        assert_eq!((names, search.evaluated.len()), (vec!["smallest", "found-1", "biggest"], 4));
        assert_eq!(search.evaluated[search.chosen[1].index].child, middle);
        // Again: it ships already. Nothing is doubled, no test image looked at.
        let unseen = |_: &Child| -> Result<Top1, Infallible> { panic!("the test images stay unseen") };
        assert_eq!(
            merge_found(&mut search, &found, small, unseen).unwrap(),
            MergeOutcome::Beaten { by: "found-1".into() }
        );
        assert_eq!((search.chosen.len(), search.evaluated.len()), (3, 4));
        // The biggest keeps this limit and is more accurate.
        let worse = [evaluated(&space, other, 80)];
        assert_eq!(
            merge_found(&mut search, &worse, |_| true, unseen).unwrap(),
            MergeOutcome::Beaten { by: "biggest".into() }
        );
        assert_eq!(merge_found(&mut search, &[], |_| true, unseen).unwrap(), MergeOutcome::Nothing);
    }
}
