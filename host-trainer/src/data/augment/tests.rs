use super::*;
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn off() -> Augmentation {
    Augmentation { flip: false, shift: 0, ..Augmentation::default() }
}

/// Everything is on.
fn all(policy: Policy) -> Augmentation {
    Augmentation {
        crop: Some(RandomCrop::default()),
        flip: true,
        shift: 2,
        policy,
        policy_probability: 0.8,
        jitter: Jitter { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 },
        erase: 0.5,
    }
}

fn policies() -> [Policy; 5] {
    let rand = Policy::RandAugment(RandAugment { operations: 3, probability: 1.0, ..RandAugment::default() });
    [Policy::None, Policy::AutoAugment, Policy::AutoAugmentV0, rand, Policy::TrivialAugment]
}

fn image(side: u32, channels: u32) -> Vec<u8> {
    (0..side * side * channels).map(|at| (at.wrapping_mul(2_654_435_761) >> 20) as u8).collect()
}

fn view(augmenter: &Augmenter, pixels: &[u8], seed: u64) -> Vec<u8> {
    let mut out = Vec::new();
    augmenter.view(pixels, &mut ChaCha8Rng::seed_from_u64(seed), &mut out);
    out
}

proptest! {
    #[test]
    fn views_have_their_size_and_depend_on_the_generator_alone(
        seed: u64, side_in in 1u32..40, side_out in 1u32..40, colour: bool, policy in 0usize..5,
    ) {
        let channels = if colour { 3 } else { 1 };
        let augmenter = Augmenter::new(&all(policies()[policy]), side_in, side_out, channels);
        let pixels = image(side_in, channels);
        let first = view(&augmenter, &pixels, seed);
        prop_assert_eq!(first.len(), augmenter.view_bytes());
        let mut out = vec![1, 2, 3];
        augmenter.clone().view(&pixels, &mut ChaCha8Rng::seed_from_u64(seed), &mut out);
        prop_assert_eq!(&out[..3], [1, 2, 3]);
        prop_assert_eq!(&out[3..], first);
    }

    #[test]
    fn flip_and_shift_alone_are_the_old_path(seed: u64, flip: bool, shift in 0u8..4, colour: bool) {
        let channels = if colour { 3 } else { 1 };
        let (options, pixels) = (Augmentation { flip, shift, ..off() }, image(28, channels));
        let (mut random, mut expected) = (ChaCha8Rng::seed_from_u64(seed), Vec::new());
        flip_and_shift(&pixels, 28, &options, &mut random, &mut expected);
        prop_assert_eq!(view(&Augmenter::new(&options, 28, 28, channels), &pixels, seed), expected);
    }
}

#[test]
fn a_step_that_is_off_changes_nothing() {
    let pixels = image(32, 3);
    let whole = RandomCrop { min_scale: 1.0, max_scale: 1.0, min_ratio: 1.0, max_ratio: 1.0 };
    for policy in policies() {
        let options = Augmentation { policy, policy_probability: 0.0, crop: Some(whole), ..off() };
        assert_eq!(view(&Augmenter::new(&options, 32, 32, 3), &pixels, 1), pixels, "{policy:?}");
    }
    let resized = view(&Augmenter::new(&off(), 32, 20, 3), &pixels, 1);
    for seed in 2..10 {
        assert_eq!(view(&Augmenter::new(&off(), 32, 20, 3), &pixels, seed), resized);
    }
}

#[test]
fn views_of_one_epoch_differ_and_grey_images_stay_grey() {
    for policy in policies() {
        let augmenter = Augmenter::new(&all(policy), 40, 32, 3);
        let views: Vec<Vec<u8>> = (0..20).map(|seed| view(&augmenter, &image(40, 3), seed)).collect();
        assert!(views.windows(2).all(|pair| pair[0] != pair[1]), "{policy:?}");
        let grey: Vec<u8> = image(40, 1).into_iter().flat_map(|value| [value; 3]).collect();
        let augmenter = Augmenter::new(&Augmentation { erase: 0.0, ..all(policy) }, 40, 32, 3);
        for seed in 0..50 {
            for pixel in view(&augmenter, &grey, seed).chunks_exact(3) {
                // The edge that a shift leaves is black, the edge of a policy grey: both have no colour.
                assert!(pixel[0] == pixel[1] && pixel[1] == pixel[2], "{policy:?}, seed {seed}");
            }
        }
    }
}

#[test]
fn half_of_the_views_are_mirrored() {
    let pixels = image(8, 3);
    let augmenter = Augmenter::new(&Augmentation { flip: true, ..off() }, 8, 8, 3);
    let mirrored = (0..2000).filter(|&seed| view(&augmenter, &pixels, seed) != pixels).count();
    assert!((900..1100).contains(&mirrored), "{mirrored}");
}

#[test]
fn jitter_draws_factors_evenly_and_from_both_sides() {
    let options = Augmentation { jitter: Jitter { brightness: 0.5, ..Jitter::default() }, ..off() };
    let augmenter = Augmenter::new(&options, 1, 1, 1);
    let factors: Vec<f64> = (0..2000).map(|seed| f64::from(view(&augmenter, &[100], seed)[0]) / 100.0).collect();
    assert!(factors.iter().all(|factor| (0.49..=1.5).contains(factor)));
    assert!((factors.iter().sum::<f64>() / 2000.0 - 1.0).abs() < 0.03);
    let low = factors.iter().filter(|&&factor| factor < 0.75).count();
    assert!((420..580).contains(&low), "{low} in the lowest quarter");
}

#[test]
fn each_strength_of_the_jitter_changes_its_own_quality() {
    let qualities = |pixel: &[u8]| {
        let (highest, lowest) = (*pixel.iter().max().unwrap(), *pixel.iter().min().unwrap());
        (highest, highest - lowest)
    };
    let pixels: Vec<u8> = [200u8, 40, 90].repeat(16);
    let strengths = |hue, saturation| Jitter { hue, saturation, ..Jitter::default() };
    for seed in 0..200 {
        let with = |jitter| view(&Augmenter::new(&Augmentation { jitter, ..off() }, 4, 4, 3), &pixels, seed);
        let turned = with(strengths(0.5, 0.0));
        let (highest, range) = qualities(&turned[..3]);
        assert!(highest == 200 && range.abs_diff(160) <= 2, "hue: {:?}", &turned[..3]);
        let (_, range) = qualities(&with(strengths(0.0, 0.2))[..3]);
        assert!((127..=193).contains(&range), "saturation: {range}");
    }
}

#[test]
fn erasing_replaces_a_rectangle_in_torchvisions_ranges() {
    let augmenter = Augmenter::new(&Augmentation { erase: 0.25, ..off() }, 64, 64, 1);
    // Noise is 0 in one byte of 256: the outermost others give the rectangle.
    let (pixels, mut erased, mut areas) = (vec![0; 64 * 64], 0, 0.0);
    for seed in 0..2000 {
        let view = view(&augmenter, &pixels, seed);
        let rows: Vec<usize> = (0..64).filter(|row| view[row * 64..][..64].iter().any(|&value| value > 0)).collect();
        let columns: Vec<usize> = (0..64).filter(|&column| (0..64).any(|row| view[row * 64 + column] > 0)).collect();
        if let (Some(first), Some(last), Some(left), Some(right)) =
            (rows.first(), rows.last(), columns.first(), columns.last())
        {
            let (height, width) = ((last - first + 1) as f64, (right - left + 1) as f64);
            let area = width * height / 4096.0;
            assert!((0.015..=0.34).contains(&area) && (0.27..=3.7).contains(&(width / height)), "{width} x {height}");
            let black = view.iter().filter(|&&value| value == 0).count() as f64;
            assert!(black - 4096.0 * (1.0 - area) < 30.0, "noise covers the rectangle");
            erased += 1;
            areas += area;
        }
    }
    assert!((420..580).contains(&erased), "{erased}");
    let mean = areas / f64::from(erased);
    assert!((0.15..0.19).contains(&mean), "mean area {mean}");
}
