//! The promises of the paper's method, each as a test of the trainer.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

use nestling_core::space::{
    Activation, Child, HeadSpace, Network, Operator, Role, SearchSpace, StageSpace, StemSpace, ValidatedSpace,
};
use nestling_tests::{all_pixels, every_option, made_up_batch, made_up_images, preprocessing, quick_config};
use nestling_train::calibrate::calibrate;
use nestling_train::data::Mix;
use nestling_train::evaluate::logits;
use nestling_train::model::{Norm, Parameters, Regularisation, Resizer, activate, forward, kernels};
use nestling_train::torch;
use nestling_train::train::{
    Balance, Batch, Beginning, Distillation, Optimiser, Schedule, StepOptions, TrainConfig, Trainer, TrainingData,
    UpdateRule, head_step, sandwich_step, step_children,
};
use rand::SeedableRng;
use tch::{Device, Kind, Tensor};

fn child(space: &ValidatedSpace, seed: u64) -> Network {
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    space.lower(&space.sample(&mut random)).unwrap()
}

/// Weights with nothing at zero, so that every path matters.
fn lively_weights(space: &ValidatedSpace) -> Vec<f32> {
    let mut values = Parameters::initial_values(space, 7);
    for parameter in &space.layout().parameters {
        if parameter.shape.len() == 1 {
            for (index, value) in values[parameter.range()].iter_mut().enumerate() {
                *value += 0.5 + 0.01 * index as f32;
            }
        }
    }
    values
}

/// The space that holds only `child`.
fn alone(space: &SearchSpace, child: &Child) -> ValidatedSpace {
    let single = SearchSpace {
        resolutions: vec![child.resolution],
        stem: StemSpace { widths: vec![child.stem_width], ..space.stem.clone() },
        stages: (space.stages.iter().zip(&child.stages))
            .map(|(stage, choice)| StageSpace {
                widths: vec![choice.width],
                depths: vec![choice.depth],
                kernels: vec![choice.kernel],
                expand_ratios: vec![choice.expand_ratio],
                ..stage.clone()
            })
            .collect(),
        head: (space.head.as_ref().zip(child.head_width))
            .map(|(head, width)| HeadSpace { widths: vec![width], ..head.clone() }),
        ..space.clone()
    };
    single.validated().unwrap()
}

/// Copies a child's slices out of the supernet's weights, element by element, without the trainer's narrowing.
fn copied_weights(space: &ValidatedSpace, values: &[f32], single: &ValidatedSpace) -> Vec<f32> {
    let (from, to) = (space.layout(), single.layout());
    let mut copied = vec![f32::NAN; to.len()];
    for parameter in &to.parameters {
        let source = from.parameters.iter().find(|source| source.name == parameter.name).unwrap();
        for (index, value) in copied[parameter.range()].iter_mut().enumerate() {
            let mut rest = index as u32;
            let mut place = Vec::new();
            for &size in parameter.shape.iter().rev() {
                place.push(rest % size);
                rest /= size;
            }
            place.reverse();
            let mut offset = 0;
            for (dimension, (&at, &size)) in place.iter().zip(&source.shape).enumerate() {
                let crop = if dimension >= 2 { (size - parameter.shape[dimension]) / 2 } else { 0 };
                offset = offset * size as usize + (at + crop) as usize;
            }
            *value = values[source.offset + offset];
        }
    }
    copied
}

#[test]
fn a_child_equals_a_stand_alone_net_with_copied_weights() {
    torch::initialise();
    [SearchSpace::fashion(), every_option()].into_iter().for_each(check_stand_alone);
}

fn check_stand_alone(space: SearchSpace) {
    let space = space.validated().unwrap();
    let values = lively_weights(&space);
    let parameters = Parameters::from_values(&space, &values, Device::Cpu);
    let images = made_up_images(24, 5);
    let mut compared = 0;
    for seed in 0..100 {
        if compared == 6 {
            break;
        }
        let network = child(&space, seed);
        let single = alone(&space, &network.child);
        let own = Parameters::from_values(&single, &copied_weights(&space, &values, &single), Device::Cpu);
        // The stand-alone space has skips only where the supernet has: width and stride decide both.
        let own_network = single.lower(&network.child).unwrap();
        let skips = |network: &Network| network.layers.iter().map(|layer| layer.residual).collect::<Vec<_>>();
        if skips(&own_network) != skips(&network) {
            continue; // a first block whose widths happen to be equal: another net, by definition of the space
        }
        compared += 1;
        let resizer = Resizer::new(&space, &preprocessing(), 28, Device::Cpu);
        let input = resizer.resize(&resizer.upload(&all_pixels(&images)), network.child.resolution);
        let sliced = forward(&network, &parameters, &input, Norm::Batch, None);
        let copied = forward(&own_network, &own, &input, Norm::Batch, None);
        let error = (&sliced - &copied).abs().max().double_value(&[]) / sliced.abs().max().double_value(&[]);
        assert!(error < 1e-6, "{}: {error:e}", network.child);
    }
    assert_eq!(compared, 6);
}

fn batch(count: usize, resizer: &Resizer) -> Batch {
    made_up_batch(count, 11, resizer)
}

#[test]
fn weights_outside_every_sampled_child_get_exactly_zero_gradient() {
    torch::initialise();
    [SearchSpace::fashion(), every_option()].into_iter().for_each(check_zero_gradient);
}

fn check_zero_gradient(space: SearchSpace) {
    let space = space.validated().unwrap();
    let values = lively_weights(&space);
    let parameters = Parameters::from_values(&space, &values, Device::Cpu);
    let resizer = Resizer::new(&space, &preprocessing(), 28, Device::Cpu);
    // Two small children: much of the supernet is outside both.
    let children =
        [space.lower(&space.smallest()).unwrap(), space.lower(&Child { resolution: 24, ..space.smallest() }).unwrap()];
    let options = StepOptions { label_smoothing: 0.1, ..StepOptions::default() };
    sandwich_step(&parameters, &children, &resizer, &batch(16, &resizer), options);
    let gradient = parameters.gradient();
    let mut got = vec![0.0f32; values.len()];
    gradient.copy_data(&mut got, values.len());
    // Marks what the child reads by running the copy on indices instead of weights.
    let indices: Vec<f32> = (0..values.len()).map(|index| index as f32).collect();
    let single = alone(&space, &space.smallest());
    let mut inside = vec![false; values.len()];
    for index in copied_weights(&space, &indices, &single) {
        inside[index as usize] = true;
    }
    let count = inside.iter().filter(|&&inside| inside).count();
    assert!(count * 2 < values.len(), "the test needs weights outside");
    for (index, (gradient, inside)) in got.iter().zip(&inside).enumerate() {
        assert!(*inside || *gradient == 0.0, "weight {index} is outside and has gradient {gradient}");
    }
    let moved = got.iter().zip(&inside).filter(|(gradient, inside)| **inside && **gradient != 0.0).count();
    assert!(moved * 10 > count * 9, "only {moved} of {count} inside weights have a gradient");
}

#[test]
fn a_step_sums_the_gradients_of_its_children_and_matches_finite_differences() {
    torch::initialise();
    [SearchSpace::fashion(), every_option()].into_iter().for_each(check_slope);
}

fn check_slope(space: SearchSpace) {
    let space = space.validated().unwrap();
    let values = lively_weights(&space);
    let resizer = Resizer::new(&space, &preprocessing(), 28, Device::Cpu);
    let batch = batch(16, &resizer);
    let children = step_children(&space, 3, 5, 2).unwrap();
    assert_eq!(children.len(), 4);
    assert_eq!((&children[0].child, &children[3].child), (&space.biggest(), &space.smallest()));
    let parameters = Parameters::from_values(&space, &values, Device::Cpu);
    let options = StepOptions { label_smoothing: 0.1, ..StepOptions::default() };
    let losses = sandwich_step(&parameters, &children, &resizer, &batch, options);
    let gradient = parameters.gradient();
    // Cross entropy of the biggest, then divergences from it, which are never negative.
    assert!(losses.len() == 4 && losses[0] > 0.1 && losses[1..].iter().all(|&loss| loss > -1e-5), "{losses:?}");

    // The summed loss with the teacher's soft labels held fixed, as inplace distillation has it.
    let soft = {
        let images = resizer.resize(&batch.images, children[0].child.resolution);
        forward(&children[0], &parameters, &images, Norm::Batch, None).detach().softmax(-1, Kind::Float)
    };
    let loss = |values: &[f32]| -> f64 {
        let parameters = Parameters::from_values(&space, values, Device::Cpu);
        let of = |network: &Network| {
            let images = resizer.resize(&batch.images, network.child.resolution);
            forward(network, &parameters, &images, Norm::Batch, None).to_kind(Kind::Double)
        };
        let hard =
            of(&children[0]).cross_entropy_loss(&batch.classes, None::<&Tensor>, tch::Reduction::Mean, -100, 0.1);
        let mut total = hard.double_value(&[]);
        for network in &children[1..] {
            total -= (&soft * of(network).log_softmax(-1, Kind::Double)).sum(Kind::Double).double_value(&[]) / 16.0;
        }
        total
    };
    // Along the gradient itself the loss changes fastest: the slope must be its squared length.
    let mut direction = vec![0.0f32; values.len()];
    gradient.copy_data(&mut direction, values.len());
    let squared: f64 = direction.iter().map(|&g| f64::from(g).powi(2)).sum();
    let step = 1e-3 / squared.sqrt();
    let moved = |sign: f64| -> Vec<f32> {
        values.iter().zip(&direction).map(|(&v, &g)| (f64::from(v) + sign * step * f64::from(g)) as f32).collect()
    };
    let slope = (loss(&moved(1.0)) - loss(&moved(-1.0))) / (2.0 * step);
    assert!((slope / squared - 1.0).abs() < 0.02, "slope {slope}, squared gradient {squared}");
}

#[test]
fn own_kernels_give_libtorchs_results_and_gradients() {
    torch::initialise();
    tch::manual_seed(3);
    let last = |shape: [i64; 4]| {
        let x = Tensor::randn([shape[0], shape[2], shape[3], shape[1]], (Kind::Float, Device::Cpu));
        (x + 0.3).permute([0, 3, 1, 2])
    };
    let close = |ours: &Tensor, theirs: &Tensor, what: &str| {
        let scale = theirs.abs().max().double_value(&[]).max(1e-3);
        let error = (ours - theirs).abs().max().double_value(&[]) / scale;
        assert!(error < 2e-5, "{what}: relative error {error:e}");
    };
    for (channels, kernel, stride) in [(12i64, 3i64, 1u32), (40, 5, 1), (64, 5, 2), (20, 7, 2), (36, 3, 2)] {
        let input = last([3, channels, 9, 7]).set_requires_grad(true);
        let weight = Tensor::randn([channels, 1, kernel, kernel], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let padding = (kernel - 1) / 2;
        let ours = kernels::depthwise(&input, &weight, stride, padding);
        let theirs = input.conv2d(&weight, None::<&Tensor>, i64::from(stride), padding, 1, channels);
        close(&ours, &theirs, "depthwise");
        let outer = ours.detach().randn_like();
        let grads = |output: &Tensor| {
            Tensor::run_backward(&[(output * &outer).sum(Kind::Float)], &[&input, &weight], true, false)
        };
        for (ours, theirs) in grads(&ours).iter().zip(&grads(&theirs)) {
            close(ours, theirs, &format!("depthwise gradient, {channels} channels, kernel {kernel}, stride {stride}"));
        }
    }
    let alone = Activation::ALL.map(|activation| (activation, false));
    for (activation, added) in alone.into_iter().chain([(Activation::Identity, true)]) {
        for channels in [4i64, 12, 40, 192] {
            let input = last([5, channels, 6, 5]).set_requires_grad(true);
            let residual = last([5, channels, 6, 5]).set_requires_grad(true);
            let gamma = (Tensor::rand([channels], (Kind::Float, Device::Cpu)) * 4.0).detach().set_requires_grad(true);
            let beta = Tensor::randn([channels], (Kind::Float, Device::Cpu)).set_requires_grad(true);
            let ours = kernels::norm(&input, &gamma, &beta, added.then_some(&residual), activation, 1e-5);
            let none = None::<&Tensor>;
            let mut theirs = input.batch_norm(Some(&gamma), Some(&beta), none, none, true, 0.0, 1e-5, false);
            if added {
                theirs += &residual;
            }
            let theirs = activate(theirs, activation);
            close(&ours, &theirs, "batch norm");
            let outer = ours.detach().randn_like();
            let mut leaves = vec![&input, &gamma, &beta];
            leaves.extend(added.then_some(&residual));
            let grads =
                |output: &Tensor| Tensor::run_backward(&[(output * &outer).sum(Kind::Float)], &leaves, true, false);
            for (ours, theirs) in grads(&ours).iter().zip(&grads(&theirs)) {
                close(ours, theirs, &format!("gradient of batch norm with {activation:?}, {channels} channels"));
            }
        }
    }
}

#[test]
fn zero_gamma_makes_every_skip_block_start_as_the_identity() {
    let space = SearchSpace::fashion().validated().unwrap();
    let (layout, values) = (space.layout(), Parameters::initial_values(&space, 1));
    let mut zeroed = 0;
    for convolution in layout.convolutions.iter().filter(|convolution| convolution.operator != Operator::Linear) {
        let gamma = &values[layout.parameters[convolution.scale_or_bias].range()];
        let expected = if convolution.closes_skip { 0.0 } else { 1.0 };
        assert!(gamma.iter().all(|&value| value == expected), "{}", convolution.name);
        zeroed += usize::from(convolution.closes_skip);
    }
    assert_eq!(zeroed, 4, "one block of stages 1 and 2, two of stage 3");
}

#[test]
fn calibration_does_not_depend_on_batch_size() {
    torch::initialise();
    let space = SearchSpace::fashion().validated().unwrap();
    let parameters = Parameters::from_values(&space, &lively_weights(&space), Device::Cpu);
    let resizer = Resizer::new(&space, &preprocessing(), 28, Device::Cpu);
    let images = made_up_images(150, 9);
    for seed in 0..3 {
        let network = child(&space, seed);
        let whole = calibrate(&network, &parameters, &resizer, &images, 150).unwrap();
        for batch in [1, 7, 64] {
            let parts = calibrate(&network, &parameters, &resizer, &images, batch).unwrap();
            let pairs = [
                (&whole.statistics().means, &parts.statistics().means),
                (&whole.statistics().variances, &parts.statistics().variances),
            ];
            for (whole, parts) in pairs {
                for (a, b) in whole.iter().zip(parts) {
                    assert!((a - b).abs() <= 2e-5 * a.abs().max(1.0), "batch {batch}: {a} and {b}");
                }
            }
        }
        // And one training batch of all images has the same statistics.
        let input = resizer.resize(&resizer.upload(&all_pixels(&images)), network.child.resolution);
        let trained = forward(&network, &parameters, &input, Norm::Batch, None);
        let shipped = logits(&whole, &network, &parameters, &resizer, &images, 50).unwrap();
        let error = (&trained - &shipped).abs().max().double_value(&[]) / trained.abs().max().double_value(&[]);
        assert!(error < 1e-4, "{error:e}");
    }
}

#[test]
fn a_resumed_run_ends_bit_equal_to_one_that_was_not_stopped() {
    torch::initialise();
    let images = made_up_images(400, 21);
    let finish = |mut trainer: Trainer, until: u32| {
        while trainer.epochs_done() < until {
            trainer.epoch(|_| ()).unwrap();
        }
        trainer.checkpoint()
    };
    let preprocessing = preprocessing();
    let data =
        TrainingData { images: &images, held_out: None, preprocessing: &preprocessing, classes: None, split: None };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    let other_rules = TrainConfig {
        optimiser: UpdateRule::Rmsprop,
        learning_rate: 0.01,
        body_rate: 0.5,
        head_epochs: 1,
        schedule: Schedule::Cosine,
        max_gradient_norm: 1.0,
        stochastic_depth: 0.2,
        join_epochs: 1.0,
        distillation: Distillation::AlphaDivergence,
        balance: Balance::Sampling,
        mix: Mix { mixup: 0.2, cutmix: 1.0, ..Mix::default() },
        ..quick_config()
    };
    let weighted =
        TrainConfig { optimiser: UpdateRule::Adamw, learning_rate: 1e-3, balance: Balance::Weights, ..quick_config() };
    for config in [quick_config(), other_rules, weighted] {
        let start = |beginning| {
            let mut trainer = Trainer::new(config.clone(), beginning, &data, Device::Cpu).unwrap();
            if trainer.head_steps() > 0 {
                trainer.train_head(|_| ()).unwrap();
            }
            trainer
        };
        let whole = finish(start(Beginning::Random), 3);
        finish(start(Beginning::Random), 1).write(&path).unwrap();
        let run = nestling_train::train::Checkpoint::read(&path).unwrap();
        let resumed = finish(start(Beginning::Run(Box::new(run))), 3);
        assert_eq!(whole.step, resumed.step);
        assert!(bits(&whole.weights) == bits(&resumed.weights), "weights differ: {config:?}");
        assert!(bits(&whole.momentum) == bits(&resumed.momentum), "momentum differs: {config:?}");
        assert!(bits(&whole.average) == bits(&resumed.average), "averaged weights differ: {config:?}");
        assert!(whole.square == resumed.square, "mean squares differ: {config:?}");
    }
    // Every truncation of the file is an error, none a panic.
    let bytes = std::fs::read(&path).unwrap();
    for length in (0..bytes.len()).step_by(997) {
        std::fs::write(&path, &bytes[..length]).unwrap();
        assert!(nestling_train::train::Checkpoint::read(&path).is_err(), "accepted {length} bytes");
    }
}

#[test]
fn only_the_biggest_child_is_regularised() {
    torch::initialise();
    let space = SearchSpace::fashion().validated().unwrap();
    let values = lively_weights(&space);
    // Weight decay: once a step on weights, whatever the number of children; never on batch norm or bias.
    let config = TrainConfig { momentum: 0.5, weight_decay: 0.1, ..quick_config() };
    let parameters = Parameters::from_values(&space, &values, Device::Cpu);
    let mut optimiser = Optimiser::new(UpdateRule::Sgd, parameters.flat(), parameters.decay_mask(), None);
    optimiser.update(parameters.flat(), &parameters.flat().zeros_like(), 0.2, &config, 0);
    let after = parameters.values();
    for parameter in &space.layout().parameters {
        let factor = if parameter.role == Role::Weight { 1.0 - 0.2 * 0.1 * 1.5 } else { 1.0 };
        for (before, after) in values[parameter.range()].iter().zip(&after[parameter.range()]) {
            assert!((before * factor - after).abs() < 1e-6, "{}: {before} became {after}", parameter.name);
        }
    }
    // Dropout: a mask that drops everything stops the biggest child's gradient before the classifier, and no other's.
    let resizer = Resizer::new(&space, &preprocessing(), 28, Device::Cpu);
    let stem_gradient = |children: &[Network]| {
        let parameters = Parameters::from_values(&space, &values, Device::Cpu);
        let mut batch = batch(8, &resizer);
        let width = i64::from(space.lower(&space.biggest()).unwrap().classifier_inputs());
        batch.regularisation.dropout = Some(Tensor::zeros([8, width], (Kind::Float, Device::Cpu)));
        sandwich_step(
            &parameters,
            children,
            &resizer,
            &batch,
            StepOptions { label_smoothing: 0.1, ..StepOptions::default() },
        );
        parameters.gradient().narrow(0, 0, 9).abs().max().double_value(&[])
    };
    let (biggest, smallest) = (space.lower(&space.biggest()).unwrap(), space.lower(&space.smallest()).unwrap());
    assert_eq!(stem_gradient(std::slice::from_ref(&biggest)), 0.0);
    assert!(stem_gradient(&[biggest, smallest]) > 0.0);
}

/// A block that is left out passes its input on, and has no gradient.
#[test]
fn stochastic_depth_leaves_out_whole_blocks_of_single_images() {
    torch::initialise();
    let space = SearchSpace::fashion().validated().unwrap();
    let network = space.lower(&space.biggest()).unwrap();
    let parameters = Parameters::from_values(&space, &lively_weights(&space), Device::Cpu);
    let resizer = Resizer::new(&space, &preprocessing(), 28, Device::Cpu);
    let images = resizer.resize(&batch(4, &resizer).images, network.child.resolution);
    let blocks = network.layers.iter().filter(|layer| layer.residual.is_some()).count();
    assert!(blocks > 1);
    let logits = |values: [f32; 4]| {
        let mask = Tensor::from_slice(&values).view([4, 1, 1, 1]);
        let depth = (0..blocks).map(|_| mask.shallow_clone()).collect();
        let random = Regularisation { depth, ..Regularisation::default() };
        forward(&network, &parameters, &images, Norm::Batch, Some(&random))
    };
    let plain = forward(&network, &parameters, &images, Norm::Batch, None);
    let apart = |a: &Tensor, b: &Tensor| (a - b).abs().max().double_value(&[]);
    assert!(apart(&logits([1.0; 4]), &plain) < 1e-4);
    assert!(apart(&logits([1.0, 0.0, 1.0, 1.0]), &plain) > 1e-3);
    // All are left out: the projections that close them have no gradient.
    logits([0.0; 4]).sum(Kind::Float).backward();
    let gradient = parameters.gradient();
    for convolution in space.layout().convolutions.iter().filter(|convolution| convolution.closes_skip) {
        let range = space.layout().parameters[convolution.scale_or_bias].range();
        let part = gradient.narrow(0, range.start as i64, range.len() as i64);
        assert_eq!(part.abs().max().double_value(&[]), 0.0, "{}", convolution.name);
    }
}

#[test]
fn the_head_alone_learns_in_its_phase() {
    torch::initialise();
    let space = SearchSpace::fashion().validated().unwrap();
    let biggest = space.lower(&space.biggest()).unwrap();
    let parameters = Parameters::from_values(&space, &lively_weights(&space), Device::Cpu);
    let resizer = Resizer::new(&space, &preprocessing(), 28, Device::Cpu);
    let options = StepOptions { label_smoothing: 0.1, ..StepOptions::default() };
    let head = head_step(&parameters, &biggest, &resizer, &batch(8, &resizer), options);
    let of_head = parameters.gradient();
    let whole = Parameters::from_values(&space, &parameters.values(), Device::Cpu);
    let all = sandwich_step(&whole, std::slice::from_ref(&biggest), &resizer, &batch(8, &resizer), options);
    assert!((head[0] - all[0]).abs() < 1e-5, "{head:?} {all:?}");
    let classifier = space.layout().convolutions.last().unwrap();
    let start = space.layout().parameters[classifier.weight].offset as i64;
    let (body, rest) = (of_head.narrow(0, 0, start), of_head.size()[0] - start);
    assert_eq!(body.abs().max().double_value(&[]), 0.0);
    let apart = (of_head.narrow(0, start, rest) - whole.gradient().narrow(0, start, rest)).abs().max();
    assert!(apart.double_value(&[]) < 1e-5 && of_head.abs().max().double_value(&[]) > 1e-3);
}
