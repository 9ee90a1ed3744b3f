use super::operation::Operation;
use super::{Policy, RandAugment};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn draws(policy: Policy, count: usize) -> Vec<Vec<Operation>> {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    (0..count).map(|_| policy.draw(&mut random)).collect()
}

/// Number of operations that a pattern matches.
macro_rules! count {
    ($operations:expr, $pattern:pat $(if $guard:expr)?) => {
        $operations.iter().flatten().filter(|operation| matches!(operation, $pattern $(if $guard)?)).count()
    };
}

#[test]
fn auto_augment_draws_each_sub_policy_and_probability() {
    let drawn = draws(Policy::AutoAugment, 2500);
    // Rows with a rotation, 100 draws each: 0.6 + 0.8 + 0.2 + 0.8 + 0.4 + 0.8.
    let rotations = count!(drawn, Operation::Rotate(_));
    assert!((300..420).contains(&rotations), "{rotations}");
    let right = count!(drawn, Operation::Rotate(degrees) if *degrees > 0.0);
    assert!((rotations * 4 / 10..rotations * 6 / 10).contains(&right), "{right} of {rotations}");
    let equalised = count!(drawn, Operation::Equalise);
    assert!((1050..1270).contains(&equalised), "{equalised}");
    assert!(drawn.iter().all(|operations| operations.len() <= 2));
    // The paper's levels: 9 is 27 degrees, 8 keeps 7 bits, 0 leaves a tenth of the saturation.
    assert!(count!(drawn, Operation::Rotate(degrees) if (degrees.abs() - 27.0).abs() < 1e-9) > 0);
    assert!(count!(drawn, Operation::Posterise(7)) > 0 && count!(drawn, Operation::Posterise(..=5)) == 0);
    assert!(count!(drawn, Operation::Saturation(factor) if *factor == 0.1) > 0);
    assert!(count!(drawn, Operation::Solarise(128)) > 0);
}

#[test]
fn policy_v0_never_keeps_no_bit() {
    let drawn = draws(Policy::AutoAugmentV0, 2500);
    let posterised = count!(drawn, Operation::Posterise(_));
    assert!((85..160).contains(&posterised), "{posterised}");
    assert_eq!(count!(drawn, Operation::Posterise(1)) + count!(drawn, Operation::Posterise(2)), posterised);
    assert!(count!(drawn, Operation::TranslateY(share) if (share.abs() - 0.405).abs() < 1e-12) > 50);
    assert!(count!(drawn, Operation::SolariseAdd(77)) > 30 && count!(drawn, Operation::SolariseAdd(33)) > 50);
}

#[test]
fn rand_augment_draws_its_operations_evenly_around_its_magnitude() {
    let options = RandAugment { operations: 2, magnitude: 5.0, deviation: 1.0, probability: 0.5 };
    let drawn = draws(Policy::RandAugment(options), 3000);
    let total: usize = drawn.iter().map(Vec::len).sum();
    assert!((2850..3150).contains(&total), "{total}");
    for (name, found) in [
        ("auto-contrast", count!(drawn, Operation::AutoContrast)),
        ("invert", count!(drawn, Operation::Invert)),
        ("shear", count!(drawn, Operation::ShearX(_))),
        ("brightness", count!(drawn, Operation::Brightness(_))),
    ] {
        assert!((150..250).contains(&found), "{name}: {found}");
    }
    let angles: Vec<f64> = drawn
        .iter()
        .flatten()
        .filter_map(|operation| match operation {
            Operation::Rotate(degrees) => Some(degrees.abs() / 3.0),
            _ => None,
        })
        .collect();
    let mean = angles.iter().sum::<f64>() / angles.len() as f64;
    let deviation = (angles.iter().map(|angle| (angle - mean).powi(2)).sum::<f64>() / angles.len() as f64).sqrt();
    assert!((mean - 5.0).abs() < 0.3 && (deviation - 1.0).abs() < 0.2, "{mean}, {deviation}");
}

#[test]
fn rand_augment_grows_with_its_magnitude() {
    let at = |magnitude| RandAugment { operations: 1, magnitude, deviation: 0.0, probability: 1.0 };
    let none = draws(Policy::RandAugment(at(0.0)), 2000);
    let most = draws(Policy::RandAugment(at(10.0)), 2000);
    for operation in none.iter().flatten() {
        match operation {
            Operation::ShearX(amount)
            | Operation::ShearY(amount)
            | Operation::Rotate(amount)
            | Operation::TranslateX(amount)
            | Operation::TranslateY(amount) => assert_eq!(*amount, 0.0),
            Operation::Saturation(factor)
            | Operation::Contrast(factor)
            | Operation::Brightness(factor)
            | Operation::Sharpness(factor) => assert_eq!(*factor, 1.0),
            Operation::Solarise(threshold) => assert_eq!(*threshold, 256),
            Operation::SolariseAdd(amount) => assert_eq!(*amount, 0),
            Operation::Posterise(bits) => assert_eq!(*bits, 4), // as in timm
            Operation::AutoContrast | Operation::Equalise | Operation::Invert => {}
            Operation::Identity => panic!("timm has none"),
        }
    }
    assert!(count!(most, Operation::Posterise(1)) > 80);
    assert!(count!(most, Operation::Solarise(0)) > 80);
    assert!(count!(most, Operation::TranslateX(share) if share.abs() == 0.45) > 80);
    assert!(count!(most, Operation::Contrast(factor) if *factor == 1.9) > 30);
    assert!(count!(most, Operation::Contrast(factor) if *factor == 0.1) > 30);
}

#[test]
fn trivial_augment_draws_one_operation_of_any_level() {
    let drawn = draws(Policy::TrivialAugment, 4200);
    assert!(drawn.iter().all(|operations| operations.len() == 1));
    let shears = count!(drawn, Operation::ShearX(_));
    assert!((240..360).contains(&shears), "{shears}");
    assert!((240..360).contains(&count!(drawn, Operation::Identity)));
    assert_eq!(count!(drawn, Operation::Invert) + count!(drawn, Operation::SolariseAdd(_)), 0);
    let far = count!(drawn, Operation::ShearX(amount) if amount.abs() > 0.495);
    assert!((shears * 4 / 10..shears * 6 / 10).contains(&far), "{far} of {shears}");
    let angles = count!(drawn, Operation::Rotate(degrees) if degrees.abs() > 90.0);
    assert!((60..150).contains(&angles), "{angles}");
    assert_eq!(count!(drawn, Operation::Posterise(..=1)), 0);
    assert!(count!(drawn, Operation::Posterise(2)) > 0 && count!(drawn, Operation::Posterise(8)) > 0);
}
