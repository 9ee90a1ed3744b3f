//! Which pictures to train on, to choose with and to test with.
//!
//! The parts that a source gives stay. Where it gives no validation or test part, some of the training pictures become
//! one. A picture's side depends on a hash of its contents (or of its group's name) and the seed alone, so that other
//! pictures that are added move none. Groups, and pictures that look the same, stay together.

use super::dataset::Part;
use std::collections::BTreeMap;

/// A picture to be given to a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its class.
    pub class: u32,
    /// The part that the source gives.
    pub part: Option<Part>,
    /// The group that stays together.
    pub group: usize,
    /// Hash of the seed and of the contents or the name of the group.
    pub draw: u64,
}

/// Shares of the training pictures that become other parts where the source has none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// To choose with.
    pub held_out: f64,
    /// To test with.
    pub test: f64,
}

impl Default for Shares {
    fn default() -> Self {
        Self { held_out: 0.15, test: 0.15 }
    }
}

/// The part of each picture.
///
/// Each class is split on its own. With two groups it has one to choose with, with three one to test with. A group that
/// is larger than a part would be is trained on.
pub fn split(candidates: &[Candidate], shares: Shares) -> Vec<Part> {
    let has = |part| candidates.iter().any(|one| one.part == Some(part));
    let held_out = if has(Part::HeldOut) { 0.0 } else { shares.held_out };
    let test = if has(Part::Test) { 0.0 } else { shares.test };
    let is_pooled = |one: &&Candidate| one.part.is_none_or(|part| part == Part::Training);
    // The first picture of a group by its draw stands for all.
    let mut groups: BTreeMap<usize, Group> = BTreeMap::new();
    for one in candidates.iter().filter(is_pooled) {
        let group = groups.entry(one.group).or_insert(Group { first: (one.draw, one.class), size: 0 });
        group.first = group.first.min((one.draw, one.class));
        group.size += 1;
    }
    let mut classes: BTreeMap<u32, Vec<(Group, usize)>> = BTreeMap::new();
    for (number, group) in groups {
        classes.entry(group.first.1).or_default().push((group, number));
    }
    let mut parts: BTreeMap<usize, Part> = BTreeMap::new();
    for groups in classes.into_values() {
        parts.extend(split_class(groups, Shares { held_out, test }));
    }
    let part = |one: &Candidate| match one.part {
        Some(part @ (Part::HeldOut | Part::Test)) => part,
        Some(Part::Training) | None => parts[&one.group],
    };
    candidates.iter().map(part).collect()
}

/// Pictures that stay together.
#[derive(Clone, Copy)]
struct Group {
    /// Smallest draw, with its class.
    first: (u64, u32),
    size: usize,
}

/// The parts of a class's groups: those with the smallest draws are tested with, the next ones chosen with.
fn split_class(mut groups: Vec<(Group, usize)>, shares: Shares) -> Vec<(usize, Part)> {
    let pictures: usize = groups.iter().map(|(group, _)| group.size).sum();
    let least = [shares.held_out, shares.test].into_iter().filter(|share| *share > 0.0).fold(1.0, f64::min);
    let is_large = |group: &Group| group.size > 1 && group.size as f64 > least * pictures as f64;
    groups.sort_unstable_by_key(|(group, number)| (is_large(group), group.first, *number));
    let small = groups.iter().take_while(|(group, _)| !is_large(group));
    let draws: Vec<f64> = small.map(|(group, _)| group.first.0 as f64 / 2f64.powi(64)).collect();
    let below = |share: f64| draws.partition_point(|&draw| draw < share);
    let (mut test, mut held_out) = (below(shares.test), below(shares.test + shares.held_out));
    held_out -= test;
    // Small classes have one of each that they can have; the rest, one at least, is trained on.
    let count = groups.len();
    if shares.test > 0.0 && test == 0 && count > 2 {
        test = 1;
        held_out = held_out.saturating_sub(1);
    }
    if shares.held_out > 0.0 && held_out == 0 && count > 1 {
        held_out = 1;
    }
    while test + held_out >= count && test + held_out > 0 {
        let other = if test > held_out || count == 2 && test > 0 { &mut test } else { &mut held_out };
        *other -= 1;
    }
    let part = |at: usize| match at {
        _ if at < test => Part::Test,
        _ if at < test + held_out => Part::HeldOut,
        _ => Part::Training,
    };
    groups.iter().enumerate().map(|(at, (_, number))| (*number, part(at))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use xxhash_rust::xxh3::xxh3_64_with_seed;

    fn candidate(number: usize, class: u32, seed: u64) -> Candidate {
        let draw = xxh3_64_with_seed(&number.to_le_bytes(), seed);
        Candidate { class, part: None, group: number, draw }
    }

    fn many(count: usize, classes: u32, seed: u64) -> Vec<Candidate> {
        (0..count).map(|number| candidate(number, number as u32 % classes, seed)).collect()
    }

    fn count(parts: &[Part], part: Part) -> usize {
        parts.iter().filter(|&&one| one == part).count()
    }

    #[test]
    fn every_class_gives_about_its_shares() {
        let candidates = many(4000, 4, 7);
        let parts = split(&candidates, Shares::default());
        for class in 0..4 {
            let own: Vec<Part> =
                candidates.iter().zip(&parts).filter(|(one, _)| one.class == class).map(|(_, part)| *part).collect();
            for part in [Part::HeldOut, Part::Test] {
                assert!((100..200).contains(&count(&own, part)), "{class} {part}: {}", count(&own, part));
            }
        }
        assert_ne!(parts, split(&many(4000, 4, 8), Shares::default()), "another seed is another split");
    }

    #[test]
    fn added_pictures_move_none() {
        let before = split(&many(400, 4, 3), Shares::default());
        let after = split(&many(900, 4, 3), Shares::default());
        assert_eq!(before, after[..400]);
    }

    #[test]
    fn given_parts_stay_and_the_others_come_from_training() {
        let mut candidates = many(300, 3, 1);
        for (number, one) in candidates.iter_mut().enumerate() {
            one.part = (number % 3 == 0).then_some(Part::Test).or((number % 3 == 1).then_some(Part::Training));
        }
        let parts = split(&candidates, Shares::default());
        for (one, part) in candidates.iter().zip(&parts) {
            assert_eq!(*part == Part::Test, one.part == Some(Part::Test));
        }
        assert!((15..60).contains(&count(&parts, Part::HeldOut)));
    }

    #[test]
    fn small_classes_are_trained_first_then_chosen_with_then_tested() {
        for seed in 0..200 {
            for (groups, expected) in [(1, [1, 0, 0]), (2, [1, 1, 0]), (3, [1, 1, 1])] {
                let parts = split(&many(groups, 1, seed), Shares::default());
                assert_eq!(Part::ALL.map(|part| count(&parts, part)), expected, "{groups} groups, seed {seed}");
            }
        }
    }

    #[test]
    fn a_group_that_is_larger_than_a_part_is_trained_on() {
        for seed in 0..50 {
            let mut candidates = many(300, 1, seed);
            // A series of a hundred drawings of one kind.
            candidates[..100].iter_mut().for_each(|one| one.group = 0);
            let parts = split(&candidates, Shares::default());
            assert!(parts[..100].iter().all(|part| *part == Part::Training));
            assert!(count(&parts, Part::Test) > 10 && count(&parts, Part::HeldOut) > 10);
            // Two series: one of them is chosen with, because nothing else can be.
            let two: Vec<Candidate> =
                (0..100).map(|at| Candidate { group: at % 2, ..candidate(at, 0, seed) }).collect();
            assert_eq!(Part::ALL.map(|part| count(&split(&two, Shares::default()), part)), [50, 50, 0]);
        }
    }

    proptest! {
        #[test]
        fn groups_stay_together_and_no_class_is_without_training(
            groups in prop::collection::vec(0usize..30, 1..80), classes in 1u32..4, seed: u64
        ) {
            let candidates: Vec<Candidate> = groups
                .iter()
                .enumerate()
                .map(|(number, &group)| Candidate { group, ..candidate(number, group as u32 % classes, seed) })
                .collect();
            let parts = split(&candidates, Shares::default());
            for (a, one) in candidates.iter().zip(&parts) {
                for (b, other) in candidates.iter().zip(&parts) {
                    prop_assert!(a.group != b.group || one == other);
                }
                let mut own = candidates.iter().zip(&parts).filter(|(b, _)| b.class == a.class);
                prop_assert!(own.any(|(_, part)| *part == Part::Training));
            }
        }
    }
}
