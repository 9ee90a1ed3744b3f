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
mod tests;
