use super::Evaluated;
use nestling_core::space::ValidatedSpace;

/// Indices of the children that no child with fewer or equal MAdds equals or beats, fewest MAdds first.
pub fn pareto_front(all: &[Evaluated]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|&index| (all[index].cost.madds, std::cmp::Reverse(all[index].held_out.correct)));
    let mut best = None;
    order.retain(|&index| {
        let correct = all[index].held_out.correct;
        let better = best.is_none_or(|best| correct > best);
        if better {
            best = Some(correct);
        }
        better
    });
    order
}

/// Chooses and names the children that ship: the front, thinned to at most `most` children, with `smallest` and
/// `biggest` always among them.
///
/// Returns pairs of a name and an index into `all`, fewest MAdds first.
pub fn name_shipped(space: &ValidatedSpace, all: &[Evaluated], most: usize) -> Vec<(String, usize)> {
    let front = pareto_front(all);
    let extremes = [("smallest", space.smallest()), ("biggest", space.biggest())];
    let find = |child| all.iter().position(|evaluated| &evaluated.child == child);
    let mut chosen: Vec<(String, usize)> =
        extremes.iter().filter_map(|(name, child)| Some(((*name).to_owned(), find(child)?))).collect();
    let between: Vec<usize> =
        front.into_iter().filter(|index| !chosen.iter().any(|(_, taken)| taken == index)).collect();
    let keep = most.saturating_sub(chosen.len()).min(between.len());
    for rank in 0..keep {
        // Evenly over the front, its most accurate child always among them.
        let index = between[((rank + 1) * between.len()).div_ceil(keep) - 1];
        chosen.push((String::new(), index));
    }
    chosen.sort_by_key(|(_, index)| all[*index].cost.madds);
    let mut number = 0;
    for (name, _) in chosen.iter_mut().filter(|(name, _)| name.is_empty()) {
        number += 1;
        *name = format!("pareto-{number}");
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::coarse_grid;
    use nestling_core::metrics::Top1;
    use nestling_core::space::SearchSpace;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_on_the_front_is_beaten_and_everything_off_it_is(hits in prop::collection::vec(0u32..100, 96)) {
            let space = SearchSpace::fashion().validated().unwrap();
            let all: Vec<Evaluated> = (coarse_grid(&space).into_iter().zip(&hits))
                .map(|(child, &correct)| {
                    let cost = space.lower(&child).unwrap().cost();
                    Evaluated { child, cost, held_out: Top1 { correct, images: 100 } }
                })
                .collect();
            let front = pareto_front(&all);
            let beats = |a: &Evaluated, b: &Evaluated| {
                a.cost.madds <= b.cost.madds && a.held_out.correct >= b.held_out.correct
                    && (a.cost.madds < b.cost.madds || a.held_out.correct > b.held_out.correct)
            };
            for (index, evaluated) in all.iter().enumerate() {
                let beaten = all.iter().any(|other| beats(other, evaluated));
                if front.contains(&index) {
                    prop_assert!(!beaten);
                } else {
                    prop_assert!(front.iter().any(|&other| all[other].cost.madds <= evaluated.cost.madds
                        && all[other].held_out.correct >= evaluated.held_out.correct));
                }
            }
            let names = name_shipped(&space, &all, 8);
            prop_assert!(names.len() <= 8 && names.windows(2).all(|p| all[p[0].1].cost.madds <= all[p[1].1].cost.madds));
            prop_assert!(["smallest", "biggest"].iter().all(|name| names.iter().any(|(found, _)| found == name)));
        }
    }
}
