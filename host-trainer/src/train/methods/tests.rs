use super::once_for_all::Open;
use super::*;
use crate::model::{ExtraRole, Parameters};
use crate::train::resume::differences;
use nestling_core::space::Operator;
use tch::Device;

fn space_of(method: Method) -> ValidatedSpace {
    method.space(&SearchSpace::fashion()).validated().unwrap()
}

#[test]
fn a_method_is_found_by_its_name_and_another_name_lists_them() {
    for method in Method::ALL {
        assert_eq!(method.to_string().parse(), Ok(method));
        assert_eq!(method.name().replace('_', "-").parse(), Ok(method));
        let json = serde_json::to_string(&method).unwrap();
        assert_eq!(json, format!("\"{method}\""));
        assert_eq!(method.space(&space_of(method)), *space_of(method).definition(), "derived once");
    }
    assert!("ofa".parse::<Method>().unwrap_err().contains("once_for_all"));
}

/// A checkpoint of before the key was there.
#[test]
fn a_configuration_without_the_key_is_bignas() {
    let mut old = serde_json::to_value(TrainConfig::default()).unwrap();
    old.as_object_mut().unwrap().remove("method");
    let read: TrainConfig = serde_json::from_value(old).unwrap();
    assert!(differences(&read, &TrainConfig::default()).is_empty());
}

#[test]
fn a_space_that_does_not_suit_the_method_is_refused() {
    for method in Method::ALL {
        let applied = method.applied_to(TrainConfig::default());
        assert!(applied.validate().is_ok(), "{method}");
        let error = TrainConfig { space: SearchSpace::fashion(), ..applied.clone() }.validate();
        assert_eq!(error.is_ok(), method == Method::BigNas, "{method}");
    }
    let slimmable = Method::Slimmable.applied_to(TrainConfig::default());
    for wrong in [
        TrainConfig { average_decay: 0.9, ..slimmable.clone() },
        TrainConfig { patience: 2, ..slimmable.clone() },
        TrainConfig { join_epochs: 1.0, ..slimmable },
    ] {
        assert_eq!(wrong.validate().unwrap_err().code(), "train_config");
    }
}

/// At the start every kernel that a transform makes is the centre of the larger one.
#[test]
fn kernel_transforms_start_as_the_centre_crop() {
    crate::torch::initialise();
    let mut base = SearchSpace::fashion();
    base.stages[2].kernels = vec![3, 5, 7];
    let space = Method::OnceForAll.space(&base).validated().unwrap();
    let extras = Method::OnceForAll.extras(&space).unwrap();
    let plain = Parameters::initial_values(&space, 3);
    let values = extras.appended_to(&space, plain.clone());
    let plain = Parameters::from_values(&space, &plain, Device::Cpu);
    let transformed = Parameters::with_extras(&space, &extras, &values, Device::Cpu);
    let mut compared = 0;
    for kernels in [0, 1, 2] {
        let mut child = space.biggest();
        for (choice, stage) in child.stages.iter_mut().zip(&space.stages) {
            choice.kernel = stage.kernels[kernels.min(stage.kernels.len() - 1)];
        }
        for layer in &space.lower(&child).unwrap().layers {
            if layer.shape.operator == Operator::Depthwise {
                assert_eq!(plain.weight(layer), transformed.weight(layer), "{}", layer.name);
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 3 * 7);
    // One of 5 to 3 for each block of stage 2, and one of 7 to 5 and of 5 to 3 for each of stage 3.
    let sizes: Vec<u32> = (extras.all().iter())
        .filter_map(|extra| match extra.role {
            ExtraRole::KernelTransform { kernel, .. } => Some(kernel),
            ExtraRole::PrivateNorm { .. } => None,
        })
        .collect();
    assert_eq!(sizes, [3, 3, 5, 3, 5, 3, 5, 3]);
}

/// A transform that is no identity makes the smaller kernel by its matrix, and every channel by the same one.
#[test]
fn a_transform_multiplies_the_centre() {
    crate::torch::initialise();
    let space = space_of(Method::OnceForAll);
    let extras = Method::OnceForAll.extras(&space).unwrap();
    let mut values = extras.appended_to(&space, Parameters::initial_values(&space, 3));
    let first = &extras.all()[0];
    // Every tap becomes the first tap of the centre, twice.
    for row in 0..9 {
        for column in 0..9 {
            values[first.offset + 9 * row + column] = if column == 0 { 2.0 } else { 0.0 };
        }
    }
    let parameters = Parameters::with_extras(&space, &extras, &values, Device::Cpu);
    let mut child = space.biggest();
    child.stages[1].kernel = 3;
    let network = space.lower(&child).unwrap();
    let layer = network.layers.iter().find(|layer| &*layer.name == "stage2.block1.depthwise").unwrap();
    let convolution = &space.layout().convolutions[layer.convolution.unwrap()];
    let full = &values[space.layout().parameters[convolution.weight].range()];
    let made = crate::model::values_of(&parameters.weight(layer).contiguous());
    for (channel, taps) in made.chunks(9).enumerate() {
        let tap = full[25 * channel + 6]; // row 1, column 1 of 5 x 5
        assert!(taps.iter().all(|value| (value - 2.0 * tap).abs() < 1e-6), "channel {channel}");
    }
}

#[test]
fn each_switch_has_batch_norm_of_its_own_and_shares_the_weights() {
    crate::torch::initialise();
    let space = space_of(Method::Slimmable);
    let switches = slimmable::switches(&space);
    assert_eq!((switches.len(), &switches[0], &switches[3]), (4, &space.smallest(), &space.biggest()));
    let extras = Method::Slimmable.extras(&space).unwrap();
    let networks: Vec<_> = switches.iter().map(|child| space.lower(child).unwrap()).collect();
    let private: usize = networks[..3].iter().map(|network| 2 * network.normalised_channels()).sum();
    assert_eq!(extras.len(), private);
    let values = extras.appended_to(&space, Parameters::initial_values(&space, 3));
    let parameters = Parameters::with_extras(&space, &extras, &values, Device::Cpu);
    for (index, network) in networks.iter().enumerate() {
        let own = parameters.for_child(&network.child);
        let stem = &network.layers[0];
        own.weight(stem).sum(tch::Kind::Float).backward();
        let (gamma, beta) = own.scale_and_shift(stem);
        assert_eq!(gamma.size(), [i64::from(stem.shape.output.channels)]);
        (gamma.sum(tch::Kind::Float) + beta.unwrap().sum(tch::Kind::Float)).backward();
        let gradient = crate::model::values_of(&parameters.gradient());
        let (of_layout, of_extras) = gradient.split_at(space.layout().len());
        let channels = stem.shape.output.channels as f32;
        let expected = networks[..=index.min(2)].iter().map(|one| 2.0 * one.layers[0].shape.output.channels as f32);
        assert_eq!(of_extras.iter().sum::<f32>(), expected.sum::<f32>(), "each switch moves its own");
        let stem_weight = &of_layout[space.layout().parameters[0].range()];
        assert_eq!(stem_weight[0], index as f32 + 1.0, "every switch moves the same weight");
        let shared: f32 = of_layout[space.layout().parameters[1].range()].iter().sum();
        assert_eq!(shared, if index == 3 { channels } else { 0.0 }, "the biggest alone has the layout's batch norm");
    }
}

#[test]
fn choices_open_one_after_the_other() {
    let space = space_of(Method::OnceForAll);
    let seen = |share: f64| {
        let children: Vec<Child> =
            (0..300).flat_map(|step| once_for_all::children(&space, 1, step, Open::after(share), 2)).collect();
        let count = |pick: &dyn Fn(&Child) -> u32| children.iter().map(pick).collect::<std::collections::BTreeSet<_>>().len();
        let stage = |child: &Child| child.stages[2];
        [
            children.len(),
            count(&|child| child.resolution),
            count(&|child| stage(child).kernel),
            count(&|child| stage(child).depth),
            count(&|child| stage(child).expand_ratio.hundredths()),
        ]
    };
    assert_eq!(seen(0.0), [300, 3, 1, 1, 1]);
    assert_eq!(seen(0.31), [300, 3, 2, 1, 1]);
    assert_eq!(seen(0.52), [600, 3, 2, 2, 1]);
    assert_eq!(seen(0.6), [600, 3, 2, 3, 1]);
    assert_eq!(seen(0.77), [600, 3, 2, 3, 2]);
    assert_eq!(seen(0.99), [600, 3, 2, 3, 3]);
    assert!(Open::after(0.3).is_full() && !Open::after(0.31).is_full());
}
