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
        let two: Vec<Candidate> = (0..100).map(|at| Candidate { group: at % 2, ..candidate(at, 0, seed) }).collect();
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
