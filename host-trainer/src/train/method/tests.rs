use super::once_for_all::{Open, Shrinking, Teacher, shrinking_step};
use super::slimmable::{RunningStatistics, slimmable_step};
use super::*;
use crate::model::{ExtraRole, Norm, Parameters, Regularisation, Resizer, forward, norm_tensors, values_of};
use crate::train::resume::differences;
use crate::train::{Batch, StepOptions};
use nestling_core::image::{Fit, Preprocessing};
use nestling_core::space::Operator;
use tch::{Device, Kind, Reduction, Tensor};

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
    let made = values_of(&parameters.weight(layer).contiguous());
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
        own.weight(stem).sum(Kind::Float).backward();
        let (gamma, beta) = own.scale_and_shift(stem);
        assert_eq!(gamma.size(), [i64::from(stem.shape.output.channels)]);
        (gamma.sum(Kind::Float) + beta.unwrap().sum(Kind::Float)).backward();
        let gradient = values_of(&parameters.gradient());
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
        let count =
            |pick: &dyn Fn(&Child) -> u32| children.iter().map(pick).collect::<std::collections::BTreeSet<_>>().len();
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

fn resizer(space: &ValidatedSpace) -> Resizer {
    let preprocessing =
        Preprocessing { means: vec![0.3], standard_deviations: vec![0.4], centre_fraction: 1.0, fit: Fit::Crop };
    Resizer::new(space, &preprocessing, 28, Device::Cpu)
}

/// Made-up images in two classes.
fn batch(count: i64) -> Batch {
    tch::manual_seed(4);
    Batch {
        images: Tensor::rand([count, 1, 28, 28], (Kind::Float, Device::Cpu)) * 255.0,
        classes: Tensor::arange(count, (Kind::Int64, Device::Cpu)).remainder(2),
        partners: None,
        regularisation: Regularisation::default(),
    }
}

/// Starting values with nothing at zero, so that every path matters.
fn lively(space: &ValidatedSpace, extras: &Extras) -> Vec<f32> {
    let mut values = extras.appended_to(space, Parameters::initial_values(space, 7));
    values.iter_mut().enumerate().for_each(|(index, value)| *value += 0.05 + (index % 7) as f32 * 0.01);
    values
}

/// With the statistics of the first batch a switch answers for this batch as it did while training.
#[test]
fn the_running_statistics_of_one_batch_are_those_that_normalised_it() {
    crate::torch::initialise();
    let space = space_of(Method::Slimmable);
    let extras = Method::Slimmable.extras(&space).unwrap();
    let parameters = Parameters::with_extras(&space, &extras, &lively(&space, &extras), Device::Cpu);
    let mut running = RunningStatistics::new(&space, None).unwrap().unwrap();
    let (resizer, batch) = (resizer(&space), batch(12));
    let switches = running.switches().clone();
    let (losses, statistics) = slimmable_step(&parameters, &switches, &resizer, &batch, StepOptions::default());
    assert!(losses.len() == 4 && losses[0] > 0.0 && losses[1..].iter().all(|&loss| loss > -1e-6), "{losses:?}");
    running.add(0, &statistics);
    for network in &*switches {
        let own = parameters.for_child(&network.child);
        let images = resizer.resize(&batch.images, network.child.resolution);
        let norms = norm_tensors(network, &running.of(&network.child).unwrap(), &images);
        let trained = forward(network, &own, &images, Norm::Batch, None);
        let alone = forward(network, &own, &images, Norm::Calibrated(&norms), None);
        let apart = (&trained - &alone).abs().max().double_value(&[]) / trained.abs().max().double_value(&[]);
        assert!(apart < 1e-4, "{}: {apart:e}", network.child);
    }
    // A later batch counts a tenth.
    let before = running.values().to_vec();
    running.add(100, &(statistics * 0.0));
    assert!(
        before.iter().zip(running.values()).all(|(before, after)| (0.9 * before - after).abs() <= 1e-6 * before.abs())
    );
    assert!(running.of(&Child { resolution: 20, ..space.biggest() }).is_none());
}

/// The gradient is that of the labels' loss and of the cross entropy with the fixed teacher's answers, added.
#[test]
fn a_child_learns_the_labels_and_the_teachers_answers() {
    crate::torch::initialise();
    let space = space_of(Method::OnceForAll);
    let extras = Method::OnceForAll.extras(&space).unwrap();
    let values = lively(&space, &extras);
    let child = Child { resolution: 28, ..space.smallest() };
    let (small, full) = (space.lower(&child).unwrap(), space.lower(&space.biggest()).unwrap());
    let (resizer, batch) = (resizer(&space), batch(12));
    let of_teacher: Vec<f32> = values[..space.layout().len()].iter().map(|value| value * 1.1).collect();
    let teacher = Parameters::from_values(&space, &of_teacher, Device::Cpu);
    let parameters = || Parameters::with_extras(&space, &extras, &values, Device::Cpu);
    let ours = parameters();
    let (children, teacher_of) = (std::slice::from_ref(&small), Teacher { network: &full, parameters: &teacher });
    let options = StepOptions { label_smoothing: 0.1, ..StepOptions::default() };
    let lesson = Shrinking { children, teacher: teacher_of };
    let losses = shrinking_step(&ours, lesson, &resizer, &batch, options);
    assert_eq!(values_of(&teacher.gradient().abs().max()), [0.0], "the teacher stays");

    let plain = parameters();
    let images = resizer.resize(&batch.images, 28);
    let answers = forward(&full, &teacher, &images, Norm::Batch, None).detach().softmax(-1, Kind::Float);
    let logits = forward(&small, &plain, &images, Norm::Batch, None);
    let labels = logits.cross_entropy_loss(&batch.classes, None::<&Tensor>, Reduction::Mean, -100, 0.1);
    let soft = -(answers * logits.log_softmax(-1, Kind::Float)).sum(Kind::Float) / 12.0;
    assert!(losses.len() == 2 && (losses[0] - labels.double_value(&[])).abs() < 1e-5, "{losses:?}");
    (labels + soft).backward();
    let (ours, plain) = (ours.gradient(), plain.gradient());
    let apart = (&ours - &plain).abs().max().double_value(&[]) / plain.abs().max().double_value(&[]);
    assert!(apart < 1e-4, "{apart:e}");
    let of_transforms = ours.narrow(0, space.layout().len() as i64, extras.len() as i64);
    assert!(of_transforms.abs().max().double_value(&[]) > 0.0, "transforms learn");
}
