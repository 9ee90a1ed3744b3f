//! The space, its children and their costs against the numbers of the literature and of the paper's own table.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

use nestling::space::{Child, Operator, SearchSpace, SpaceError};
use proptest::prelude::*;
use rand::SeedableRng;

fn random_child(space: &SearchSpace, seed: u64) -> Child {
    space.sample(&mut rand_chacha::ChaCha8Rng::seed_from_u64(seed))
}

#[test]
fn table1_costs_what_the_paper_says() {
    let space = SearchSpace::table1();
    let expected =
        [(192, 206.4, 663.8), (224, 280.5, 903.0), (256, 365.9, 1179.0), (288, 462.8, 1491.8), (320, 571.0, 1841.4)];
    for (resolution, smallest, biggest) in expected {
        for (child, params, madds) in [(space.smallest(), 3.392, smallest), (space.biggest(), 9.242, biggest)] {
            let cost = space.lower(&Child { resolution, ..child }).unwrap().cost();
            assert!((cost.madds.millions() - madds).abs() < 0.05, "{} MAdds at {resolution}", cost.madds);
            assert!((cost.params as f64 / 1e6 - params).abs() < 0.0005, "{} parameters", cost.params);
        }
    }
}

#[test]
fn the_biggest_child_reads_every_parameter() {
    for space in [SearchSpace::table1(), SearchSpace::fashion()] {
        let cost = space.lower(&space.biggest()).unwrap().cost();
        assert_eq!(cost.params, space.layout().len() as u64, "{}", space.name);
    }
}

#[test]
fn a_choice_that_the_space_lacks_is_named() {
    let space = SearchSpace::fashion();
    let mut child = space.smallest();
    child.stages[1].kernel = 7;
    let message = space.lower(&child).unwrap_err().to_string();
    assert!(message.contains("kernel size of stage 2 is 7, choose one of [3, 5]"), "{message}");
    assert!(space.parse_child("r28 s16").unwrap_err().to_string().contains("`w...` is missing"));
}

#[test]
fn a_malformed_space_is_refused() {
    type Damage = fn(&mut SearchSpace);
    let damages: [(&str, Damage); 8] = [
        ("stem.widths", |s| s.stem.widths = vec![0]),
        ("stages[0].widths", |s| s.stages[0].widths = vec![10]),
        ("stages[1].kernels", |s| s.stages[1].kernels = vec![4]),
        ("stages[2].depths", |s| s.stages[2].depths = vec![]),
        ("resolutions", |s| s.resolutions = vec![32, 28]),
        ("norm_epsilon", |s| s.norm_epsilon = f32::NAN),
        ("input_channels", |s| s.input_channels = 2),
        ("the supernet", |s| s.stages[0].widths = vec![16_384]),
    ];
    for (place, damage) in damages {
        let mut space = SearchSpace::fashion();
        damage(&mut space);
        match space.validate() {
            Err(SpaceError::Invalid { place: found, .. }) => assert_eq!(found, place),
            other => panic!("{place}: {other:?}"),
        }
    }
}

proptest! {
    #[test]
    fn a_child_survives_printing(seed: u64) {
        let space = SearchSpace::table1();
        let child = random_child(&space, seed);
        prop_assert_eq!(space.parse_child(&child.to_string()).unwrap(), child);
    }

    #[test]
    fn slices_stay_inside_the_shared_tensors(seed: u64) {
        for space in [SearchSpace::fashion(), SearchSpace::table1()] {
            let layout = space.layout();
            let network = space.lower(&random_child(&space, seed)).unwrap();
            let mut channels = network.input.channels;
            for layer in &network.layers {
                prop_assert_eq!(layer.shape.input.channels, channels);
                channels = layer.shape.output.channels;
                let Some(convolution) = layer.convolution.map(|index| &layout.convolutions[index]) else {
                    prop_assert_eq!(layer.shape.operator, Operator::Pool);
                    continue;
                };
                prop_assert_eq!(&convolution.name, &layer.name);
                prop_assert!(channels <= convolution.outputs && layer.shape.input.channels <= convolution.inputs);
                prop_assert!(layer.shape.kernel <= convolution.kernel);
                if let Some(residual) = layer.residual {
                    prop_assert!(convolution.closes_skip);
                    prop_assert_eq!(network.layers[residual].shape.output, layer.shape.output);
                }
            }
        }
    }

    #[test]
    fn every_child_costs_between_smallest_and_biggest(seed: u64) {
        let space = SearchSpace::table1();
        let cost = |child: &Child| space.lower(child).unwrap().cost();
        let (small, some, big) = (cost(&space.smallest()), cost(&random_child(&space, seed)), cost(&space.biggest()));
        prop_assert!(small.madds <= some.madds && some.madds <= big.madds);
        prop_assert!(small.params <= some.params && some.params <= big.params);
    }
}
