//! Which pictures to train on, to validate with and to test with.
//!
//! The parts that a source gives stay. Where it gives no validation or test part, some of the training pictures become
//! one. Each class gives its share: its pictures are ranked by a hash of their contents (or of their group's name) and
//! the seed, and the first ones are tested with, the next ones validated with. Groups, and pictures that look the same,
//! stay together.
//!
//! A picture's rank never changes, but an added picture lengthens the list. Each picture that is added moves at most one
//! other over each of the two borders, and only within its class. Many added pictures move far fewer, because their
//! ranks are spread like the others: a hundred more in a class of a hundred move about five.

use super::dataset::Part;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shares {
    /// To validate with.
    pub held_out: f64,
    /// To test with; 0 tests with the validation part of the source.
    pub test: f64,
}

impl Default for Shares {
    fn default() -> Self {
        Self { held_out: 0.15, test: 0.15 }
    }
}

impl Shares {
    /// Tests with the validation part of a source that has no test part, as everybody does on ImageNet. A hundredth of
    /// the training pictures, 12,800 of ImageNet's, then validates.
    pub const VALIDATION_TESTS: Self = Self { held_out: 0.01, test: 0.0 };

    /// Whether a validation part without a test part beside it tests: no picture is drawn to test with.
    pub fn validation_tests(self) -> bool {
        self.test == 0.0
    }

    /// The shares for the parts that pictures are given: the usual ones where nothing could be tested with otherwise.
    pub fn for_parts(self, given: impl IntoIterator<Item = Option<Part>>) -> Self {
        let is_given = given.into_iter().any(|part| matches!(part, Some(Part::HeldOut | Part::Test)));
        if self.validation_tests() && !is_given { Self::default() } else { self }
    }

    /// The parts that the rule makes of given ones, before any is drawn.
    fn renamed(self, candidates: &[Candidate]) -> Vec<Candidate> {
        let tests = self.validation_tests() && candidates.iter().all(|one| one.part != Some(Part::Test));
        let part =
            |one: &Candidate| one.part.map(|part| if tests && part == Part::HeldOut { Part::Test } else { part });
        candidates.iter().map(|one| Candidate { part: part(one), ..*one }).collect()
    }
}

/// The rule by which a data set was split, so that it can be split in the same way again.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SplitRule {
    /// Seed of the ranks.
    pub seed: u64,
    /// Shares of the parts that the source lacks.
    pub shares: Shares,
}

/// The part of each picture.
///
/// Each class is split on its own, and a group belongs to the class that most of its pictures have. With two groups a
/// class has one to validate with, with three one to test with. A group that is larger than a part would be is trained
/// on, and so is one without which a class would have no training picture.
///
/// A share of 0 to test with draws none: the validation part tests, if the source has no test part.
pub fn split(candidates: &[Candidate], shares: Shares) -> Vec<Part> {
    let candidates = &shares.renamed(candidates)[..];
    let has = |part| candidates.iter().any(|one| one.part == Some(part));
    let held_out = if has(Part::HeldOut) { 0.0 } else { shares.held_out };
    let test = if has(Part::Test) { 0.0 } else { shares.test };
    let groups = pooled_groups(candidates);
    let mut classes: BTreeMap<u32, Vec<Ranked>> = BTreeMap::new();
    for (&number, group) in &groups {
        let ranked = Ranked { draw: group.draw, number, size: group.size() };
        classes.entry(group.largest_class()).or_default().push(ranked);
    }
    let mut parts: BTreeMap<usize, Part> = BTreeMap::new();
    for groups in classes.into_values() {
        parts.extend(split_class(groups, Shares { held_out, test }));
    }
    keep_every_class_trained(&groups, &mut parts);
    let part = |one: &Candidate| match one.part {
        Some(part @ (Part::HeldOut | Part::Test)) => part,
        Some(Part::Training) | None => parts[&one.group],
    };
    candidates.iter().map(part).collect()
}

/// Pictures that stay together.
#[derive(Default)]
struct Group {
    /// Smallest draw of its pictures.
    draw: u64,
    /// Number of its pictures of each class.
    classes: BTreeMap<u32, usize>,
}

impl Group {
    fn size(&self) -> usize {
        self.classes.values().sum()
    }

    /// The first of those that most of its pictures have.
    fn largest_class(&self) -> u32 {
        let largest = self.classes.iter().max_by_key(|&(&class, &count)| (count, std::cmp::Reverse(class)));
        largest.map_or(0, |(class, _)| *class)
    }
}

/// The groups of the pictures that a part may be drawn from, by their numbers.
fn pooled_groups(candidates: &[Candidate]) -> BTreeMap<usize, Group> {
    let mut groups: BTreeMap<usize, Group> = BTreeMap::new();
    for one in candidates.iter().filter(|one| one.part.is_none_or(|part| part == Part::Training)) {
        let group = groups.entry(one.group).or_insert(Group { draw: one.draw, ..Group::default() });
        group.draw = group.draw.min(one.draw);
        *group.classes.entry(one.class).or_default() += 1;
    }
    groups
}

/// A group of a class; the derived order is the rank.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ranked {
    draw: u64,
    number: usize,
    size: usize,
}

/// The parts of a class's groups: those of the first ranks are tested with, the next ones validated with.
fn split_class(mut groups: Vec<Ranked>, shares: Shares) -> Vec<(usize, Part)> {
    let pictures: usize = groups.iter().map(|group| group.size).sum();
    let least = [shares.held_out, shares.test].into_iter().filter(|share| *share > 0.0).fold(1.0, f64::min);
    let is_large = |group: &Ranked| group.size > 1 && group.size as f64 > least * pictures as f64;
    groups.sort_unstable_by_key(|group| (is_large(group), *group));
    let small = groups.iter().take_while(|group| !is_large(group));
    // A group lies before a border if its middle picture does: of single pictures the number is rounded.
    let middles: Vec<f64> = small
        .scan(0, |before, group| {
            *before += group.size;
            Some(*before as f64 - group.size as f64 / 2.0)
        })
        .collect();
    let below = |share: f64| middles.partition_point(|&middle| middle < share * pictures as f64);
    let (test, both) = (below(shares.test), below(shares.test + shares.held_out));
    let [test, held_out] = at_least_one([test, both - test], groups.len(), shares);
    let part = |at: usize| match at {
        _ if at < test => Part::Test,
        _ if at < test + held_out => Part::HeldOut,
        _ => Part::Training,
    };
    groups.iter().enumerate().map(|(at, group)| (group.number, part(at))).collect()
}

/// Numbers of groups to test and to validate with, of `count` groups. Small classes have one of each that they can
/// have; the rest, one at least, is trained on.
fn at_least_one([mut test, mut held_out]: [usize; 2], count: usize, shares: Shares) -> [usize; 2] {
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
    [test, held_out]
}

/// Trains on a group of each class that would have no training picture: classes share groups, so that another class
/// may have given all of them away.
fn keep_every_class_trained(groups: &BTreeMap<usize, Group>, parts: &mut BTreeMap<usize, Part>) {
    let mut of_class: BTreeMap<u32, Vec<(u64, usize)>> = BTreeMap::new();
    for (&number, group) in groups {
        group.classes.keys().for_each(|class| of_class.entry(*class).or_default().push((group.draw, number)));
    }
    let mut trained: BTreeSet<u32> = BTreeSet::new();
    let is_trained = |number: &usize, parts: &BTreeMap<usize, Part>| parts[number] == Part::Training;
    for (number, group) in groups {
        if is_trained(number, parts) {
            trained.extend(group.classes.keys());
        }
    }
    for (class, members) in of_class {
        // The last rank is the furthest from the borders.
        if let (false, Some((_, number))) = (trained.contains(&class), members.iter().max()) {
            parts.insert(*number, Part::Training);
            trained.extend(groups[number].classes.keys());
        }
    }
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

    /// The number of pictures of a class in each part.
    fn counts(candidates: &[Candidate], parts: &[Part], class: u32) -> [usize; 3] {
        let own: Vec<Part> =
            candidates.iter().zip(parts).filter(|(one, _)| one.class == class).map(|(_, part)| *part).collect();
        Part::ALL.map(|part| count(&own, part))
    }

    #[test]
    fn every_class_gives_exactly_its_shares() {
        for seed in 0..50 {
            // Classes of 400, 20 and 7 pictures.
            let sizes = [400, 20, 7];
            let classes = (0..3).flat_map(|class| std::iter::repeat_n(class, sizes[class as usize]));
            let candidates: Vec<Candidate> =
                classes.enumerate().map(|(number, class)| candidate(number, class, seed)).collect();
            let parts = split(&candidates, Shares::default());
            let found = [0, 1, 2].map(|class| counts(&candidates, &parts, class));
            assert_eq!(found, [[280, 60, 60], [14, 3, 3], [5, 1, 1]], "seed {seed}");
        }
        assert_ne!(split(&many(400, 4, 7), Shares::default()), split(&many(400, 4, 8), Shares::default()));
    }

    #[test]
    fn a_part_from_three_pictures_on_has_one_of_each_class() {
        for size in 3..60 {
            let candidates = many(size, 1, size as u64);
            let [training, held_out, test] = counts(&candidates, &split(&candidates, Shares::default()), 0);
            assert!(training > 0 && held_out > 0 && test > 0, "{size}: {training}, {held_out}, {test}");
            let ideal = 0.15 * size as f64;
            assert!((test as f64 - ideal).abs() <= 0.5_f64.max(1.0 - ideal) + 1e-9, "{size}: {test}");
            let most = 0.5_f64.max(2.0 - 2.0 * ideal) + 1e-9;
            assert!(((test + held_out) as f64 - 2.0 * ideal).abs() <= most, "{size}: {test} + {held_out}");
        }
    }

    #[test]
    fn an_added_picture_moves_at_most_one_over_each_border_and_none_of_another_class() {
        for seed in 0..8 {
            let all = many(300, 2, seed);
            let mut before = split(&all[..40], Shares::default());
            for size in 41..=300 {
                let after = split(&all[..size], Shares::default());
                let crossed = |border: Part| {
                    let side = |part: &Part| *part >= border;
                    before.iter().zip(&after).filter(|(a, b)| side(a) != side(b)).count()
                };
                assert!(crossed(Part::HeldOut) <= 1 && crossed(Part::Test) <= 1, "seed {seed}, {size} pictures");
                let moved = before.iter().zip(&after).zip(&all).filter(|((a, b), _)| a != b);
                let added = all[size - 1].class;
                assert!(moved.into_iter().all(|(_, one)| one.class == added), "seed {seed}, {size} pictures");
                before = after;
            }
        }
    }

    #[test]
    fn many_added_pictures_move_few() {
        let moved = |seed: u64| {
            let all = many(200, 1, seed);
            let (before, after) = (split(&all[..100], Shares::default()), split(&all, Shares::default()));
            before.iter().zip(&after).filter(|(a, b)| a != b).count()
        };
        let total: usize = (0..200).map(moved).sum();
        assert!((4..=9).contains(&(total / 200)), "{} of 100 on average", total as f64 / 200.0);
    }

    #[test]
    fn given_parts_stay_and_the_others_come_from_training() {
        let mut candidates = many(300, 3, 1);
        for (number, one) in candidates.iter_mut().enumerate() {
            one.part = (number % 2 == 0).then_some(Part::Test).or((number % 4 == 1).then_some(Part::Training));
        }
        let parts = split(&candidates, Shares::default());
        for (one, part) in candidates.iter().zip(&parts) {
            assert_eq!(*part == Part::Test, one.part == Some(Part::Test));
        }
        // 15 % of the fifty of each class that may be drawn.
        for class in 0..3 {
            assert!((7..=8).contains(&counts(&candidates, &parts, class)[Part::HeldOut as usize]));
        }
    }

    #[test]
    fn a_validation_part_tests_if_asked_and_a_hundredth_of_training_validates() {
        let shares = Shares::VALIDATION_TESTS;
        let mut candidates = many(2600, 2, 5);
        for (number, one) in candidates.iter_mut().enumerate() {
            one.part = Some(if number < 100 { Part::HeldOut } else { Part::Training });
        }
        let parts = split(&candidates, shares);
        assert!(parts[..100].iter().all(|part| *part == Part::Test));
        for class in 0..2 {
            // 12.5 of 1250, rounded by the middle of the picture.
            let [training, held_out, test] = counts(&candidates, &parts, class);
            assert_eq!((training + held_out, test), (1250, 50));
            assert!((12..=13).contains(&held_out), "{held_out}");
        }
        // With a test part of its own, a source keeps both.
        candidates[100].part = Some(Part::Test);
        let parts = split(&candidates, shares);
        assert!(parts[..100].iter().all(|part| *part == Part::HeldOut));
        assert_eq!(Part::ALL.map(|part| count(&parts, part)), [2499, 100, 1]);
    }

    #[test]
    fn without_any_part_to_test_with_the_usual_shares_are_drawn() {
        let shares = Shares::VALIDATION_TESTS;
        let [training, held_out, test] = Part::ALL.map(Some);
        assert_eq!(shares.for_parts([None, training]), Shares::default());
        for given in [held_out, test] {
            assert_eq!(shares.for_parts([training, given]), shares);
        }
        assert_eq!(Shares::default().for_parts([held_out]), Shares::default());
    }

    #[test]
    fn small_classes_are_trained_first_then_validated_with_then_tested() {
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
            assert_eq!(Part::ALL.map(|part| count(&parts, part)), [210, 45, 45]);
            // Two series: one of them is validated with, because nothing else can be.
            let two: Vec<Candidate> =
                (0..100).map(|at| Candidate { group: at % 2, ..candidate(at, 0, seed) }).collect();
            assert_eq!(Part::ALL.map(|part| count(&split(&two, Shares::default()), part)), [50, 50, 0]);
        }
    }

    #[test]
    fn a_group_counts_for_its_largest_class() {
        for seed in 0..50 {
            // Pairs that look the same; those of class 0 have a third picture of class 1.
            let mut candidates: Vec<Candidate> =
                (0..200).map(|at| Candidate { group: at / 2, ..candidate(at, at as u32 / 100, seed) }).collect();
            candidates.extend((0..50).map(|group| Candidate { group, ..candidate(200 + group, 1, seed) }));
            let parts = split(&candidates, Shares::default());
            // 15 % of 150 pictures in threes, and of 100 in pairs.
            let found = [counts(&candidates[..200], &parts, 0), counts(&candidates[..200], &parts, 1)];
            for [_, held_out, test] in found {
                assert!([14, 16].contains(&held_out) && [14, 16].contains(&test), "seed {seed}: {found:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn groups_stay_together_and_no_class_is_without_training(
            groups in prop::collection::vec((0usize..30, 0u32..6), 1..80), seed: u64
        ) {
            let of = |(number, &(group, class)): (usize, &(usize, u32))| Candidate { group, ..candidate(number, class, seed) };
            let candidates: Vec<Candidate> = groups.iter().enumerate().map(of).collect();
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
