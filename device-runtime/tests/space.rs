//! The space, its children and their costs against the numbers of the literature and of the paper's own table.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

use nestling::space::{Child, Operator, Preset, SearchSpace, SpaceError, SqueezeExcite, SqueezeOf};
use proptest::prelude::*;
use rand::SeedableRng;

fn random_child(space: &SearchSpace, seed: u64) -> Child {
    space.sample(&mut rand_chacha::ChaCha8Rng::seed_from_u64(seed))
}

/// Parameters in millions and MAdds in millions at 192, 224, 256, 288 and 320 pixels.
type Golden = (f64, [f64; 5]);

fn check_golden(space: &SearchSpace, smallest: Golden, biggest: Golden) {
    for (child, (params, all_madds)) in [(space.smallest(), smallest), (space.biggest(), biggest)] {
        for (&resolution, madds) in space.resolutions.iter().zip(all_madds) {
            let cost = space.lower(&Child { resolution, ..child.clone() }).unwrap().cost();
            assert!((cost.madds.millions() - madds).abs() < 0.05, "{}: {} at {resolution}", space.name, cost.madds);
            assert!((cost.params as f64 / 1e6 - params).abs() < 0.0006, "{}: {} parameters", space.name, cost.params);
        }
    }
}

#[test]
fn table1_costs_what_the_paper_says() {
    let plain = ((3.392, [206.4, 280.5, 365.9, 462.8, 571.0]), (9.242, [663.8, 903.0, 1179.0, 1491.8, 1841.4]));
    check_golden(&SearchSpace::table1_without_squeeze(), plain.0, plain.1);
    check_golden(&SearchSpace::table1_relu6(), plain.0, plain.1);
    check_golden(
        &SearchSpace::table1(),
        (3.747, [206.7, 280.8, 366.3, 463.1, 571.4]),
        (10.893, [665.4, 904.6, 1180.6, 1493.4, 1843.0]),
    );
    let with_transitions = |mut space: SearchSpace| {
        space.stages.iter_mut().for_each(|stage| stage.transition_skips = true);
        space
    };
    check_golden(
        &with_transitions(SearchSpace::table1_without_squeeze()),
        (3.491, [217.3, 295.3, 385.3, 487.3, 601.3]),
        (9.366, [681.3, 926.8, 1210.0, 1531.1, 1889.9]),
    );
    let mut expanded = SearchSpace::table1();
    for squeeze in expanded.stages.iter_mut().filter_map(|stage| stage.squeeze_excite.as_mut()) {
        *squeeze = SqueezeExcite { of: SqueezeOf::Expanded, multiple_of: 8, ..SqueezeExcite::EFFICIENT_NET };
    }
    check_golden(
        &expanded,
        (5.498, [208.5, 282.6, 368.0, 464.9, 573.1]),
        (19.133, [673.7, 912.9, 1188.9, 1501.7, 1851.3]),
    );
}

#[test]
fn print_all() {
    for preset in Preset::ALL {
        let space = preset.space();
        for child in [space.smallest(), space.biggest()] {
            let cost = space.lower(&child).unwrap().cost();
            println!("{:28} {:8.3} {:8.1} {child}", preset.name, cost.params as f64 / 1e6, cost.madds.millions());
        }
    }
}

#[test]
fn the_biggest_child_reads_every_parameter() {
    for space in Preset::ALL.iter().map(Preset::space) {
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
        let mut transitions = SearchSpace::table1();
        transitions.stages.iter_mut().for_each(|stage| stage.transition_skips = true);
        for space in Preset::ALL.iter().map(Preset::space).chain([transitions]) {
            let layout = space.layout();
            let network = space.lower(&random_child(&space, seed)).unwrap();
            for (index, layer) in network.layers.iter().enumerate() {
                let reads = layer.input.map_or(network.input, |from| network.layers[from].shape.output);
                prop_assert_eq!(layer.shape.input, reads);
                prop_assert!([layer.input, layer.gate, layer.residual].iter().flatten().all(|&from| from < index));
                if let Some(gate) = layer.gate.map(|gate| network.layers[gate].shape.output) {
                    prop_assert_eq!((gate.channels, gate.pixels()), (layer.shape.input.channels, 1));
                }
                if let Some(residual) = layer.residual {
                    prop_assert_eq!(network.layers[residual].shape.output, layer.shape.output);
                }
                let Some(convolution) = layer.convolution.map(|index| &layout.convolutions[index]) else {
                    prop_assert!(matches!(layer.shape.operator, Operator::Pool | Operator::AveragePool));
                    continue;
                };
                prop_assert_eq!(&convolution.name, &layer.name);
                prop_assert_eq!(convolution.operator, layer.shape.operator);
                prop_assert!(layer.shape.output.channels <= convolution.outputs);
                prop_assert!(layer.shape.input.channels <= convolution.inputs);
                prop_assert!(layer.shape.kernel <= convolution.kernel);
                prop_assert_eq!(convolution.closes_skip, layer.residual.is_some());
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
