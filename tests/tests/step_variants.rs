//! The steps that the experiments compare with the paper's: all children regularised, one child alone, children that are
//! given, and a trained teacher.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

use nestling_core::space::{Child, Network, Role, SearchSpace, ValidatedSpace};
use nestling_tests::{all_pixels, made_up_batch, made_up_images, preprocessing, quick_config};
use nestling_train::calibrate::calibrate;
use nestling_train::evaluate::logits;
use nestling_train::model::{Norm, Parameters, Resizer, forward};
use nestling_train::torch;
use nestling_train::train::{
    Batch, Beginning, Regularise, StepOptions, Teacher, TrainConfig, Trainer, TrainingData, sandwich_step,
};
use tch::{Device, Kind, Tensor};

const COUNT: usize = 16;

fn space() -> ValidatedSpace {
    torch::initialise();
    SearchSpace::fashion().validated().unwrap()
}

fn batch(resizer: &Resizer) -> Batch {
    made_up_batch(COUNT, 21, resizer)
}

fn values_of(tensor: &Tensor) -> Vec<f32> {
    let mut values = vec![0.0; tensor.numel()];
    tensor.copy_data(&mut values, tensor.numel());
    values
}

/// How many of `networks` read each weight: the gradient of the sum of their slices.
fn readers(space: &ValidatedSpace, values: &[f32], networks: &[Network]) -> Vec<f32> {
    let parameters = Parameters::from_values(space, values, Device::Cpu);
    for network in networks {
        for layer in network.layers.iter().filter(|layer| layer.convolution.is_some()) {
            parameters.weight(layer).sum(Kind::Float).backward();
        }
    }
    values_of(&parameters.gradient())
}

#[test]
fn regularising_all_children_adds_the_decay_of_each_childs_own_weights() {
    let space = space();
    let values = Parameters::initial_values(&space, 3);
    let resizer = Resizer::new(&space, &preprocessing(), 28, Device::Cpu);
    let middle = Child { resolution: 24, ..space.smallest() };
    let children = [space.biggest(), middle, space.smallest()].map(|child| space.lower(&child).unwrap());
    let gradient = |regularise| {
        let parameters = Parameters::from_values(&space, &values, Device::Cpu);
        let options = StepOptions { regularise, child_decay: 0.5, ..StepOptions::default() };
        sandwich_step(&parameters, &children, &resizer, &batch(&resizer), options);
        values_of(&parameters.gradient())
    };
    let (only, all) = (gradient(Regularise::Biggest), gradient(Regularise::All));
    let readers = readers(&space, &values, &children[1..]);
    assert!(readers.contains(&0.0) && readers.contains(&2.0));
    for (index, value) in values.iter().enumerate() {
        let expected = f64::from(0.5 * readers[index] * value);
        let got = f64::from(all[index]) - f64::from(only[index]);
        let allowed = 1e-4 * (1.0 + f64::from(only[index]).abs());
        assert!((got - expected).abs() < allowed, "weight {index}: {got} for {expected}");
    }
}

#[test]
fn dropout_acts_on_all_children_only_where_it_is_asked_to() {
    let space = space();
    let parameters = Parameters::from_values(&space, &Parameters::initial_values(&space, 3), Device::Cpu);
    let resizer = Resizer::new(&space, &preprocessing(), 28, Device::Cpu);
    let children = [space.biggest(), space.smallest()].map(|child| space.lower(&child).unwrap());
    let width = i64::from(children[0].classifier_inputs());
    let losses = |regularise, keeps: bool| {
        let mut batch = batch(&resizer);
        let mask = Tensor::full([COUNT as i64, width], f64::from(u8::from(keeps)), (Kind::Float, Device::Cpu));
        batch.regularisation.dropout = Some(mask);
        sandwich_step(&parameters, &children, &resizer, &batch, StepOptions { regularise, ..StepOptions::default() })
    };
    // Everything dropped, the answers are those of the bias: uniform.
    let [big, small] = losses(Regularise::Biggest, false)[..] else { panic!("two losses") };
    assert!((big - 10f64.ln()).abs() < 1e-4 && small > 1e-4, "{big} {small}");
    let [_, small] = losses(Regularise::All, false)[..] else { panic!("two losses") };
    assert!(small.abs() < 1e-6, "{small}");
    assert_eq!(losses(Regularise::Biggest, true)[1], losses(Regularise::All, true)[1]);
}

/// Trains for two epochs; returns the weights before and after.
fn train(config: TrainConfig, teacher: Option<Teacher>) -> [Vec<f32>; 2] {
    let (images, held_out) = (made_up_images(96, 21), made_up_images(32, 22));
    let data = TrainingData {
        images: &images,
        held_out: Some(&held_out),
        preprocessing: &preprocessing(),
        classes: None,
        split: None,
    };
    let mut trainer = Trainer::new(config, Beginning::Random, &data, Device::Cpu).unwrap();
    teacher.into_iter().for_each(|teacher| trainer.learn_from(teacher).unwrap());
    let before = trainer.checkpoint().weights;
    trainer.epoch(|_| {}).unwrap();
    trainer.epoch(|_| {}).unwrap();
    [before, trainer.checkpoint().weights]
}

fn config(space: &ValidatedSpace) -> TrainConfig {
    TrainConfig { weight_decay: 0.0, space: space.definition().clone(), ..quick_config() }
}

#[test]
fn only_one_child_moves_the_weights_that_it_reads_and_no_others() {
    let space = space();
    let child = space.smallest();
    let [before, after] = train(TrainConfig { only: Some(child.clone()), ..config(&space) }, None);
    let readers = readers(&space, &before, &[space.lower(&child).unwrap()]);
    let mut moved = 0;
    for parameter in space.layout().parameters.iter().filter(|parameter| parameter.role == Role::Weight) {
        for index in parameter.range() {
            assert!(readers[index] > 0.0 || before[index] == after[index], "{} moved", parameter.name);
            moved += usize::from(before[index] != after[index]);
        }
    }
    assert!(moved > 1000, "{moved}");
    // It starts as a network of its own: with the variance of its own fan-out, not of the supernet's.
    let network = space.lower(&child).unwrap();
    let layer = network.layers.iter().find(|layer| layer.shape.kernel == 1 && layer.norm_epsilon.is_some()).unwrap();
    let parameters = Parameters::from_values(&space, &before, Device::Cpu);
    let variance = parameters.weight(layer).detach().square().mean(Kind::Double).double_value(&[]);
    let expected = 2.0 / f64::from(layer.shape.output.channels);
    assert!((0.6..1.6).contains(&(variance / expected)), "{variance} for {expected}");
}

#[test]
fn given_children_take_the_place_of_random_ones() {
    let space = space();
    let given = Child { resolution: 24, ..space.smallest() };
    let sandwich = train(config(&space), None);
    let pair = train(TrainConfig { step_children: vec![given.clone()], ..config(&space) }, None);
    assert_eq!(sandwich[0], pair[0]);
    assert_ne!(sandwich[1], pair[1]);
    let stranger = Child { resolution: 23, ..given };
    for config in [
        TrainConfig { step_children: vec![stranger.clone()], ..config(&space) },
        TrainConfig { only: Some(stranger.clone()), ..config(&space) },
    ] {
        assert_eq!(config.validate().unwrap_err().code(), "train_config");
    }
}

#[test]
fn a_child_learns_its_teachers_answers_and_not_the_labels() {
    let space = space();
    let images = made_up_images(96, 21);
    let resizer = Resizer::new(&space, &preprocessing(), 28, Device::Cpu);
    // The teacher knows one class for all: its bias says so.
    let mut weights = Parameters::initial_values(&space, 5);
    let bias = space.layout().convolutions.last().unwrap().scale_or_bias;
    weights[space.layout().parameters[bias].range()][7] = 50.0;
    let parameters = Parameters::from_values(&space, &weights, Device::Cpu);
    let network = space.lower(&space.biggest()).unwrap();
    let child = calibrate(&network, &parameters, &resizer, &images, 32).unwrap();
    let teacher = Teacher { space: space.clone(), weights, child };
    let student = space.smallest();
    let only = TrainConfig { only: Some(student.clone()), average_decay: 0.0, ..config(&space) };
    let answers = |weights: &[f32]| {
        let parameters = Parameters::from_values(&space, weights, Device::Cpu);
        let network = space.lower(&student).unwrap();
        let child = calibrate(&network, &parameters, &resizer, &images, 32).unwrap();
        let found = logits(&child, &network, &parameters, &resizer, &images, 32).unwrap().argmax(-1, false);
        (0..96).filter(|&image| found.int64_value(&[image]) == 7).count()
    };
    assert_eq!(answers(&train(only.clone(), Some(teacher))[1]), 96);
    assert!(answers(&train(only, None)[1]) < 90);
    let inputs = resizer.resize(&resizer.upload(&all_pixels(&images)), network.child.resolution);
    let sure = forward(&network, &parameters, &inputs, Norm::Batch, None).softmax(-1, Kind::Float);
    assert!(sure.select(1, 7).min().double_value(&[]) > 0.99);
}
