use super::budgets::is_child_name;
use super::{Chosen, Evaluated, SearchReport};
use nestling_core::metrics::Top1;
use nestling_core::space::Child;
use std::collections::{BTreeMap, BTreeSet};

/// Names that a child keeps when it is selected for a budget.
const ENDS: [&str; 2] = ["smallest", "biggest"];

/// Ships the children that were selected for budgets; returns the name under which each ships.
///
/// `selected` holds a name (`s`, `m`, `l`, `xl`) and a child for each budget, the smallest budget first. They and all
/// `evaluated` children become children of the report. Children that shipped for earlier budgets are replaced. A selected
/// child that ships already, for example on the Pareto front, is renamed; `smallest` and `biggest` keep their names, and a
/// child that is selected twice has the name of the smaller budget. `test` evaluates on the test images only children
/// that did not ship before. The accuracy predictor does not change.
///
/// # Errors
/// The errors of `test`; the report is then unchanged.
pub fn ship_selected<E>(
    search: &mut SearchReport,
    evaluated: &[Evaluated],
    selected: &[(String, Evaluated)],
    test: impl FnOnce(&[Child]) -> Result<Vec<Top1>, E>,
) -> Result<Vec<String>, E> {
    let mut changed = search.clone();
    changed.add(evaluated.iter().chain(selected.iter().map(|(_, one)| one)));
    let find = |one: &Evaluated| changed.evaluated.iter().position(|known| known.child == one.child);
    let selected: Vec<(&str, usize)> =
        selected.iter().filter_map(|(name, one)| Some((name.as_str(), find(one)?))).collect();
    let mut tests: BTreeMap<usize, Top1> = changed.chosen.iter().map(|chosen| (chosen.index, chosen.test)).collect();
    let untested: BTreeSet<usize> =
        selected.iter().map(|(_, index)| *index).filter(|index| !tests.contains_key(index)).collect();
    if !untested.is_empty() {
        let children: Vec<Child> = untested.iter().map(|&index| changed.evaluated[index].child.clone()).collect();
        tests.extend(untested.into_iter().zip(test(&children)?));
    }
    changed.chosen.retain(|chosen| !is_child_name(&chosen.name));
    let names =
        selected.into_iter().map(|(name, index)| name_child(&mut changed.chosen, name, index, &tests)).collect();
    changed.sort();
    *search = changed;
    Ok(names)
}

/// Names a selected child among those that ship, and adds it if it is not one of them; returns its name.
fn name_child(chosen: &mut Vec<Chosen>, name: &str, index: usize, tests: &BTreeMap<usize, Top1>) -> String {
    match chosen.iter_mut().find(|known| known.index == index) {
        Some(known) => {
            if !ENDS.contains(&known.name.as_str()) && !is_child_name(&known.name) {
                known.name = name.to_owned();
            }
            known.name.clone()
        }
        None => {
            let test = tests.get(&index).copied().unwrap_or(Top1 { correct: 0, images: 0 });
            chosen.push(Chosen { name: name.to_owned(), index, test });
            name.to_owned()
        }
    }
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

    fn names(search: &SearchReport) -> Vec<&str> {
        search.chosen.iter().map(|chosen| chosen.name.as_str()).collect()
    }

    #[test]
    fn selected_children_ship_once_under_the_name_of_their_budget() {
        let space = SearchSpace::fashion().validated().unwrap();
        let (counts, before) = (space.choice_counts(), Top1 { correct: 5, images: 10 });
        let child = |dimension: usize| {
            let mut indices = vec![0; counts.len()];
            indices[dimension] = counts[dimension] - 1;
            evaluated(&space, space.child_at(&indices), 60 + dimension as u32)
        };
        let ends = [evaluated(&space, space.smallest(), 50), child(7), evaluated(&space, space.biggest(), 90)];
        let chosen = |name: &str, index| Chosen { name: name.into(), index, test: before };
        let mut search = SearchReport {
            calibration_images: 9,
            evaluated: ends.to_vec(),
            kept_from_predictor: vec![0],
            accuracy_predictor: None,
            chosen: vec![chosen("smallest", 0), chosen("pareto-1", 1), chosen("biggest", 2)],
            cpu_s: 0.0,
            wall_s: 0.0,
        };
        let after = Top1 { correct: 7, images: 10 };
        let select = |all: &[(&str, &Evaluated)]| -> Vec<(String, Evaluated)> {
            all.iter().map(|(name, one)| ((*name).to_owned(), (*one).clone())).collect()
        };
        // The front's child is renamed, the new one is tested, a child for two budgets ships once.
        let (new, other) = (child(0), child(1));
        let selected = select(&[("s", &ends[0]), ("m", &ends[1]), ("l", &new), ("xl", &new)]);
        let shipped = ship_selected(&mut search, &[new.clone(), other.clone()], &selected, |children| {
            assert_eq!(children, std::slice::from_ref(&new.child));
            Ok::<_, Infallible>(vec![after])
        });
        assert_eq!(shipped.unwrap(), ["smallest", "m", "l", "l"]);
        assert_eq!((search.evaluated.len(), search.kept_from_predictor.as_slice()), (5, &[0][..]));
        assert!(["smallest", "m", "l", "biggest"].iter().all(|name| search.named(name).is_some()), "{search:?}");
        assert_eq!((search.named("l").unwrap().test, search.named("m").unwrap().test), (after, before));
        assert!(search.shipped().map(|(_, one)| one.cost.madds).is_sorted());
        // Other budgets replace these. A failed test changes nothing.
        let same = search.clone();
        let selected = select(&[("s", &other)]);
        assert_eq!(ship_selected(&mut search, &[], &selected, |_| Err("no images")), Err("no images"));
        assert_eq!(search, same);
        ship_selected(&mut search, &[], &selected, |_| Ok::<_, Infallible>(vec![after])).unwrap();
        assert_eq!(names(&search), ["smallest", "s", "biggest"]);
    }
}
