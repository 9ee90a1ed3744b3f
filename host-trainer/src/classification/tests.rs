use super::*;
use crate::evaluate::Answer;
use nestling_core::metrics::MAdds;
use nestling_core::space::{Cost, SearchSpace};
use proptest::prelude::*;

fn answer(truth: u16, class: u16, probability: f64) -> Answer {
    Answer { truth, class, probability, truth_probability: if truth == class { probability } else { 0.01 } }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|class| format!("c{class}")).collect()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

fn report(answers: Vec<Answer>, classes: usize) -> ClassificationReport {
    let space = SearchSpace::fashion().validated().unwrap();
    let cost: Cost = space.lower(&space.smallest()).unwrap().cost();
    let names = names(classes);
    let path = |index: usize| Some(format!("{index}.png"));
    let images = ClassifiedImages { data: "made-up", classes: &names, path: &path };
    let child = TestedChild { name: "smallest".to_owned(), child: space.smallest(), cost, answers };
    ClassificationReport::new(&images, &[child])
}

/// By hand, with z² = 3.841459: 8 of 10 has the centre (0.8 + 0.192073) / 1.384146 = 0.716740 and the half width
/// 1.959964 / 1.384146 * sqrt(0.016 + 0.009604) = 0.226577.
#[test]
fn wilsons_interval_is_that_of_the_hand() {
    let rate = Rate::of(8, 10).unwrap();
    assert!((rate.low - 49.016).abs() < 0.001 && (rate.high - 94.332).abs() < 0.001, "{rate:?}");
    // None of ten: from nothing to z² / (10 + z²).
    let none = Rate::of(0, 10).unwrap();
    assert!(none.low == 0.0 && (none.high - 27.754).abs() < 0.001, "{none:?}");
    assert_eq!(Rate::of(0, 0), None);
}

/// Two answers of 0.7 (bin 11 of 15), one right: |0.5 - 0.7| = 0.2. Two of 0.9 (bin 14), both right: 0.1. The mean over
/// four images: 0.15.
#[test]
fn the_calibration_error_is_that_of_the_hand() {
    let answers = [answer(0, 0, 0.7), answer(0, 1, 0.7), answer(1, 1, 0.9), answer(2, 2, 0.9)];
    let calibration = Calibration::new(&answers);
    assert!(close(calibration.expected_error_percent, 15.0), "{}", calibration.expected_error_percent);
    let filled: Vec<(usize, u32, u32)> = (calibration.bins.iter().enumerate())
        .filter(|(_, bin)| bin.images > 0)
        .map(|(at, bin)| (at, bin.images, bin.correct))
        .collect();
    assert_eq!(filled, [(10, 2, 1), (13, 2, 2)]);
    assert_eq!(Calibration::new(&[]).expected_error_percent, 0.0);
    // The edges belong to the bin below them; certainty to the last.
    let edges = Calibration::new(&[answer(0, 0, 1.0 / 15.0), answer(0, 0, 1.0), answer(0, 0, 0.0)]);
    assert_eq!((edges.bins[0].images, edges.bins[14].images), (2, 1));
}

/// Three images of class 0, of which one is taken for class 1; one of class 1, which is right; none of class 2.
#[test]
fn the_rates_of_classes_are_those_of_the_hand() {
    let report = report(vec![answer(0, 0, 0.6), answer(0, 0, 0.6), answer(0, 1, 0.8), answer(1, 1, 0.9)], 3);
    let child = &report.children[0];
    assert_eq!(child.confusion_matrix.as_ref().unwrap(), &[[2, 1, 0], [0, 1, 0], [0, 0, 0]]);
    let percent = |rate: Option<Rate>| rate.map(|rate| (rate.percent * 10.0).round() / 10.0);
    let rates: Vec<_> = (child.classes.iter())
        .map(|class| (percent(class.precision), percent(class.recall), class.f1_percent.map(f64::round)))
        .collect();
    assert_eq!(
        rates,
        [(Some(100.0), Some(66.7), Some(80.0)), (Some(50.0), Some(100.0), Some(67.0)), (None, None, None)]
    );
    // A class without images does not count.
    assert!(close(child.macro_accuracy_percent, (100.0 * 2.0 / 3.0 + 100.0) / 2.0));
    assert!(close(child.test_top1, 75.0) && child.madds > MAdds(0));
    assert_eq!(child.confused, [Confused { truth: "c0".to_owned(), answer: "c1".to_owned(), images: 1 }]);
    let mistake = &child.mistakes[0];
    assert_eq!((mistake.index, mistake.path.as_deref(), mistake.probability), (2, Some("2.png"), 0.8));
}

fn any_answers() -> impl Strategy<Value = Vec<Answer>> {
    prop::collection::vec((0u16..6, 0u16..6, 0f64..=1.0), 0..200)
        .prop_map(|all| all.into_iter().map(|(truth, class, probability)| answer(truth, class, probability)).collect())
}

proptest! {
    #[test]
    fn every_share_can_be_computed_again_from_the_matrix(answers in any_answers()) {
        let child = report(answers.clone(), 6).children.remove(0);
        let matrix = child.confusion_matrix.unwrap();
        for truth in 0..6u16 {
            for class in 0..6u16 {
                let counted = answers.iter().filter(|one| (one.truth, one.class) == (truth, class)).count();
                prop_assert_eq!(matrix[usize::from(truth)][usize::from(class)] as usize, counted);
            }
        }
        for (class, rates) in child.classes.iter().enumerate() {
            let (row, column) = (matrix[class].iter().sum(), matrix.iter().map(|row| row[class]).sum::<u32>());
            prop_assert_eq!((rates.images, rates.answers, rates.correct), (row, column, matrix[class][class]));
            if let (Some(precision), Some(recall), Some(f1)) = (rates.precision, rates.recall, rates.f1_percent) {
                let (p, r) = (precision.percent, recall.percent);
                let harmonic = if p + r > 0.0 { 2.0 * p * r / (p + r) } else { 0.0 };
                prop_assert!(close(f1, harmonic));
            }
        }
        let diagonal: u32 = (0..6).map(|class| matrix[class][class]).sum();
        prop_assert_eq!((child.correct, child.images as usize), (diagonal, answers.len()));
        let confused: u32 = child.confused.iter().map(|pair| pair.images).sum();
        prop_assert_eq!(confused, child.images - diagonal);
        prop_assert!(child.confused.is_sorted_by(|a, b| a.images >= b.images));
    }

    #[test]
    fn the_calibration_error_is_that_of_the_definition(answers in any_answers()) {
        let mut expected = 0.0;
        for bin in 0..15 {
            let (low, high) = (f64::from(bin) / 15.0, f64::from(bin + 1) / 15.0);
            let inside: Vec<&Answer> = (answers.iter())
                .filter(|one| (one.probability > low || bin == 0) && one.probability <= high)
                .collect();
            let count = inside.len().max(1) as f64;
            let right = inside.iter().filter(|one| one.class == one.truth).count() as f64 / count;
            let mean = inside.iter().map(|one| one.probability).sum::<f64>() / count;
            expected += inside.len() as f64 / answers.len().max(1) as f64 * (right - mean).abs();
        }
        let calibration = Calibration::new(&answers);
        prop_assert!(close(calibration.expected_error_percent, 100.0 * expected));
        prop_assert_eq!(calibration.bins.iter().map(|bin| bin.images as usize).sum::<usize>(), answers.len());
    }

    /// The ends of Wilson's interval are the shares from which the observed one is z standard errors away.
    #[test]
    fn the_ends_of_an_interval_solve_wilsons_equation(hits in 0u32..500, misses in 0u32..500) {
        prop_assume!(hits + misses > 0);
        let rate = Rate::of(hits, hits + misses).unwrap();
        let (count, share) = (f64::from(hits + misses), f64::from(hits) / f64::from(hits + misses));
        for end in [rate.low / 100.0, rate.high / 100.0] {
            let distance = (share - end).powi(2) * count;
            prop_assert!((distance - 3.841_458_820_694_124 * end * (1.0 - end)).abs() < 1e-9 * count);
        }
        prop_assert!(rate.low <= rate.percent && rate.percent <= rate.high);
        prop_assert!(0.0 <= rate.low && rate.high <= 100.0);
    }

    #[test]
    fn the_worst_mistakes_are_wrong_and_the_most_confident(answers in any_answers()) {
        let mistakes = report(answers.clone(), 6).children.remove(0).mistakes;
        let mut wrong: Vec<f64> =
            answers.iter().filter(|one| one.class != one.truth).map(|one| one.probability).collect();
        wrong.sort_by(|a, b| b.total_cmp(a));
        wrong.truncate(50);
        prop_assert_eq!(mistakes.iter().map(|one| one.probability).collect::<Vec<_>>(), wrong);
        for mistake in &mistakes {
            let answer = answers[mistake.index];
            prop_assert_eq!(&mistake.truth, &format!("c{}", answer.truth));
            prop_assert_eq!(&mistake.answer, &format!("c{}", answer.class));
            prop_assert_ne!(&mistake.truth, &mistake.answer);
        }
    }
}
