use super::*;
use crate::metrics::Top1;
use crate::space::{Child, SearchSpace, ValidatedSpace};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Different children, drawn uniformly.
fn children(space: &ValidatedSpace, count: usize, seed: u64) -> Vec<Child> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut children = std::collections::BTreeSet::new();
    for _ in 0..50 * count {
        if children.len() < count {
            children.insert(space.sample(&mut random));
        }
    }
    // Not in their order: what is held out must not be a corner of the space.
    let mut children: Vec<Child> = children.into_iter().collect();
    children.sort_by_key(|child| {
        child.to_string().bytes().fold(7u32, |hash, byte| hash.wrapping_mul(31) + u32::from(byte))
    });
    children
}

/// A measurement on a million images, so that rounding to whole images is not noise.
fn measured(percent: f64) -> Top1 {
    Top1 { correct: (1e4 * percent).round() as u32, images: 1_000_000 }
}

/// Accuracy that saturates with size, with a hump in the resolution and deeper stages that profit from wider ones.
fn truth(child: &Child) -> f64 {
    let capacity: f64 =
        child.stages.iter().map(|stage| 0.2 * (f64::from(stage.width) * f64::from(stage.depth)).ln()).sum();
    let kernels: f64 = child.stages.iter().map(|stage| 0.03 * f64::from(stage.kernel)).sum();
    let resolution =
        0.3 * (f64::from(child.resolution) / 10.0).ln() - 0.4 * (f64::from(child.resolution) / 250.0).ln().powi(2);
    100.0 / (1.0 + (-(capacity + kernels + resolution - 1.5)).exp())
}

fn with_truth(children: &[Child]) -> Vec<(Child, Top1)> {
    children.iter().map(|child| (child.clone(), measured(truth(child)))).collect()
}

#[test]
fn a_known_accuracy_is_predicted_for_children_that_were_not_seen() {
    for space in [SearchSpace::fashion(), SearchSpace::table1()].map(|space| space.validated().unwrap()) {
        let all = children(&space, 350, 3);
        let (fitted, held_out) = all.split_at(300);
        let predictor = AccuracyPredictor::fit(&space, &with_truth(fitted), &with_truth(held_out)).unwrap();
        let facts = predictor.prediction_error();
        assert_eq!((facts.fitted_children, facts.held_out_children), (300, 50));
        assert!(facts.mean_absolute_error < 0.1 && facts.spearman > 0.99, "{}: {facts}", space.name);
        for child in held_out {
            let error = predictor.predict(&space, child) - truth(child);
            assert!(error.abs() <= facts.root_mean_square_error * 50f64.sqrt() + 1e-6);
        }
    }
}

#[test]
fn noise_is_not_learned() {
    let space = SearchSpace::fashion().validated().unwrap();
    let noisy = |children: &[Child]| -> Vec<(Child, Top1)> {
        let jitter = |index: usize| ((index * 7919) % 101) as f64 / 50.0 - 1.0;
        children.iter().enumerate().map(|(index, child)| (child.clone(), measured(80.0 + jitter(index)))).collect()
    };
    let all = children(&space, 150, 5);
    let predictor = AccuracyPredictor::fit(&space, &noisy(&all[..100]), &noisy(&all[100..])).unwrap();
    // The best that can be known is the mean of all: off by half a point on average.
    assert!(predictor.prediction_error().mean_absolute_error < 0.7, "{}", predictor.prediction_error());
}

#[test]
fn what_cannot_be_fitted_is_named() {
    let space = SearchSpace::fashion().validated().unwrap();
    let all = with_truth(&children(&space, 20, 1));
    let message =
        |fitted: &[_], held_out: &[_]| AccuracyPredictor::fit(&space, fitted, held_out).unwrap_err().to_string();
    let (fitted, held_out) = all.split_at(12);
    assert!(AccuracyPredictor::fit(&space, fitted, held_out).is_ok());
    assert!(
        message(&fitted[..9], held_out).contains("9 evaluated children are too few"),
        "{}",
        message(&fitted[..9], held_out)
    );
    assert!(message(fitted, &[]).contains("no child is held out"));
    assert!(message(fitted, &fitted[3..4]).contains("both fitted and held out"));
    for wrong in [Top1 { correct: 0, images: 0 }, Top1 { correct: 3, images: 2 }] {
        assert!(message(fitted, &[(held_out[0].0.clone(), wrong)]).contains("evaluate it again"));
    }
    let foreign = SearchSpace::table1().validated().unwrap().smallest();
    assert!(message(fitted, &[(foreign, measured(1.0))]).contains("is not in search space `fashion`"));
}

#[test]
fn numbers_that_no_fit_gives_are_refused() {
    let space = SearchSpace::fashion().validated().unwrap();
    let all = with_truth(&children(&space, 30, 1));
    let predictor = AccuracyPredictor::fit(&space, &all[..20], &all[20..]).unwrap();
    predictor.check(&space).unwrap();
    let error = predictor.check(&SearchSpace::table1().validated().unwrap()).unwrap_err().to_string();
    assert!(error.contains("coefficients where the space has") && error.contains("AccuracyPredictor::fit"), "{error}");
    let good = serde_json::to_value(&predictor).unwrap();
    let damages: [(&str, serde_json::Value); 6] = [
        ("/constant", serde_json::json!(1e7)),
        ("/coefficients/3", serde_json::json!(-1e300)),
        ("/prediction_error/spearman", serde_json::json!(1.5)),
        ("/prediction_error/mean_absolute_error", serde_json::json!(-0.1)),
        ("/prediction_error/root_mean_square_error", serde_json::json!(101)),
        ("/prediction_error/held_out_children", serde_json::json!(0)),
    ];
    for (place, number) in damages {
        let mut bad = good.clone();
        *bad.pointer_mut(place).unwrap() = number;
        let bad: AccuracyPredictor = serde_json::from_value(bad).unwrap();
        assert!(matches!(bad.check(&space), Err(PredictorError::Unsound { .. })), "{place}");
    }
    let mut bytes = postcard::to_stdvec(&predictor).unwrap();
    bytes[..8].copy_from_slice(&f64::NAN.to_le_bytes());
    let bad: AccuracyPredictor = postcard::from_bytes(&bytes).unwrap();
    assert!(bad.check(&space).unwrap_err().to_string().contains("NaN as a coefficient"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, ..ProptestConfig::default() })]

    #[test]
    fn whatever_was_measured_predictions_are_percentages_and_survive_the_file(
        seed in 0u64..1000, count in 12usize..40, hits in prop::collection::vec(0u32..=20, 40), preset in 0usize..3
    ) {
        let space = [SearchSpace::fashion, SearchSpace::table1, SearchSpace::table1_relu6][preset]().validated().unwrap();
        let all: Vec<(Child, Top1)> = (children(&space, count, seed).into_iter().zip(hits))
            .map(|(child, correct)| (child, Top1 { correct, images: 20 }))
            .collect();
        let (fitted, held_out) = all.split_at(count - 2);
        let predictor = AccuracyPredictor::fit(&space, fitted, held_out).unwrap();
        predictor.check(&space).unwrap();
        let text = serde_json::to_string(&predictor).unwrap();
        prop_assert_eq!(&serde_json::from_str::<AccuracyPredictor>(&text).unwrap(), &predictor);
        let bytes = postcard::to_stdvec(&predictor).unwrap();
        prop_assert_eq!(&postcard::from_bytes::<AccuracyPredictor>(&bytes).unwrap(), &predictor);
        let others = children(&space, 20, seed + 1).into_iter().chain([space.smallest(), space.biggest()]);
        for child in others {
            let percent = predictor.predict(&space, &child);
            prop_assert!((0.0..=100.0).contains(&percent), "{child}: {percent}");
        }
        // A child of another space gives a meaningless accuracy, but a valid one.
        let foreign = SearchSpace::fashion().validated().unwrap().biggest();
        prop_assert!((0.0..=100.0).contains(&predictor.predict(&space, &foreign)));
    }
}
