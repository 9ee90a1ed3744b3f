//! Each method of training: a resumed run ends as one that was not stopped, and the device answers as the trainer does.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

use nestling::{Runtime, RuntimeOptions};
use nestling_bundle::{Bundle, Trained};
use nestling_core::image::{Image, Preprocessing};
use nestling_core::metrics::{Top1, most_probable};
use nestling_core::space::{CalibratedChild, Child, ValidatedSpace};
use nestling_core::weights::WeightStorage;
use nestling_tests::{made_up_images, preprocessing, quick_config};
use nestling_train::calibrate::calibrate;
use nestling_train::data::Dataset;
use nestling_train::evaluate::logits;
use nestling_train::model::{Extras, Parameters, Resizer};
use nestling_train::new_file::{Claim, NewFile};
use nestling_train::pack::{OneChild, PackOptions, pack, pack_specialised};
use nestling_train::parity::parity;
use nestling_train::ranks::Ranks;
use nestling_train::search::{Chosen, Evaluator, SearchReport};
use nestling_train::torch;
use nestling_train::train::{Beginning, Checkpoint, TrainConfig, Trainer, TrainingData, followed};
use nestling_train::train::{Method, Specialised, all_own_statistics, slimmable, specialised};
use std::path::Path;
use tch::Device;

/// Ten steps an epoch: a run of three epochs passes through every phase of progressive shrinking.
fn config(method: Method) -> TrainConfig {
    method.applied_to(TrainConfig { learning_rate: 0.1, dropout: 0.0, ..quick_config() })
}

fn trained(config: &TrainConfig, beginning: Beginning, images: &Dataset, until: u32) -> Checkpoint {
    let preprocessing = preprocessing();
    let data = TrainingData { images, held_out: None, preprocessing: &preprocessing, classes: None, split: None };
    let mut trainer = Trainer::new(config.clone(), beginning, &data, Device::Cpu).unwrap();
    while trainer.epochs_done() < until {
        trainer.epoch(|_| ()).unwrap();
    }
    trainer.checkpoint()
}

#[test]
fn a_resumed_run_of_every_method_ends_bit_equal_to_one_that_was_not_stopped() {
    torch::initialise();
    let images = made_up_images(400, 21);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    for method in Method::ALL {
        let config = config(method);
        let whole = trained(&config, Beginning::Random, &images, 3);
        // Once-for-all takes its teacher in the second epoch, and sorts its channels in the third.
        for stop in if method == Method::OnceForAll { 1..3 } else { 2..3 } {
            trained(&config, Beginning::Random, &images, stop).write(&path).unwrap();
            let run = Checkpoint::read(&path).unwrap();
            let resumed = trained(&config, Beginning::Run(Box::new(run)), &images, 3);
            for (name, whole, resumed) in [
                ("weights", Some(&whole.weights), Some(&resumed.weights)),
                ("momentum", Some(&whole.momentum), Some(&resumed.momentum)),
                ("average", Some(&whole.average), Some(&resumed.average)),
                ("teacher", whole.teacher.as_ref(), resumed.teacher.as_ref()),
                ("running statistics", whole.running.as_ref(), resumed.running.as_ref()),
            ] {
                let [whole, resumed] = [whole, resumed].map(|values| values.map(|values| bits(values)));
                assert!(whole == resumed, "{name} of {method} differ after {stop} epochs");
            }
        }
        assert_eq!(whole.teacher.is_some(), method == Method::OnceForAll);
        assert_eq!(whole.running.is_some(), method == Method::Slimmable);
        let space = config.validate().unwrap();
        let extras = method.extras(&space).unwrap();
        assert_eq!(whole.weights.len(), space.layout().len() + extras.len());
        // The parameters beyond the layout have moved.
        let start = extras.appended_to(&space, Parameters::initial_values(&space, config.seed));
        let moved = |range: std::ops::Range<usize>| whole.weights[range.clone()] != start[range];
        assert_eq!(moved(space.layout().len()..start.len()), !extras.is_empty(), "{method}");
        whole.write(&path).unwrap();
        assert_eq!(Checkpoint::read(&path).unwrap(), whole);
    }
}

/// A trained run and the images around it.
struct Run {
    checkpoint: Checkpoint,
    space: ValidatedSpace,
    extras: Extras,
    preprocessing: Preprocessing,
    calibration: Dataset,
    images: Dataset,
}

impl Run {
    /// The trainer's logits of a child within its supernet.
    fn logits(&self, child: &Child, statistics: Option<&CalibratedChild>) -> Vec<Vec<f32>> {
        let network = self.space.lower(child).unwrap();
        let weights = self.checkpoint.shipped_weights();
        let parameters = Parameters::with_extras(&self.space, &self.extras, weights, Device::Cpu).for_child(child);
        let resizer = Resizer::new(&self.space, &self.preprocessing, 28, Device::Cpu);
        let calibrated = match statistics {
            Some(known) => CalibratedChild::new(&network, known.statistics().clone()).unwrap(),
            None => calibrate(&network, &parameters, &resizer, &self.calibration, 100).unwrap(),
        };
        let logits = logits(&calibrated, &network, &parameters, &resizer, &self.images, 100).unwrap();
        (0..self.images.len() as i64).map(|index| Vec::<f32>::try_from(logits.get(index)).unwrap()).collect()
    }

    fn evaluator<'a>(&'a self, space: &'a ValidatedSpace, weights: &'a [f32], extras: &'a Extras) -> Evaluator<'a> {
        let preprocessing = &self.preprocessing;
        let (calibration, images) = (&self.calibration, &self.images);
        let (known, workers, device, ranks) = (&[], 1, Device::Cpu, Ranks::just_one());
        Evaluator { space, weights, extras, known, preprocessing, calibration, images, workers, device, ranks }
    }

    fn options(&self, trained: Trained) -> PackOptions {
        PackOptions {
            labels: (0..10).map(|class| format!("class {class}")).collect(),
            provenance: "a test".into(),
            storage: WeightStorage::F32,
            calibration_images: 0,
            check_images: 0,
            trained,
            split: None,
            latency_tables: Vec::new(),
            golden: Vec::new(),
        }
    }

    /// A bundle of one child as a network of its own.
    fn pack_one(&self, network: &Specialised, path: &Path) -> Bundle {
        let none = Extras::default();
        let evaluator = self.evaluator(&network.space, &network.weights, &none);
        let calibrated = network.calibrated.clone();
        let one = OneChild { name: "child".into(), calibrated, test: &self.images };
        pack_specialised(&evaluator, one, self.options(Trained::WholeSpace), claim(path)).unwrap()
    }

    /// One bundle of all children.
    fn pack_all(&self, children: &[Child], path: &Path) -> Bundle {
        let evaluator = self.evaluator(&self.space, self.checkpoint.shipped_weights(), &self.extras);
        let evaluated = evaluator.evaluate(children, &|_| ()).unwrap();
        let test = Top1 { correct: 0, images: 0 };
        let report = SearchReport {
            calibration_images: self.calibration.len() as u32,
            chosen: (0..evaluated.len()).map(|index| Chosen { name: format!("child-{index}"), index, test }).collect(),
            evaluated,
            kept_from_predictor: Vec::new(),
            accuracy_predictor: None,
            cpu_s: 0.0,
            wall_s: 0.0,
        };
        let trained = self.checkpoint.config.method.trained(&self.space);
        pack(&evaluator, &report, self.options(trained), claim(path), &|_| ()).unwrap()
    }
}

fn claim(path: &Path) -> NewFile {
    NewFile::claim(Claim { path, inputs: &[], replace: true, activity: "a test" }, |_| true, |_| ()).unwrap()
}

/// Compares the device's answers of a bundle's child with the trainer's.
fn compare(bundle: &Bundle, index: usize, images: &Dataset, expected: &[Vec<f32>], what: &str) {
    let runtime = Runtime::open(bundle, &RuntimeOptions::default()).unwrap();
    let pixels: Vec<Vec<u8>> = images.batches(1).map(Result::unwrap).collect();
    let views: Vec<Image<'_>> = pixels.iter().map(|pixels| Image::grey8(28, 28, pixels).unwrap()).collect();
    let prepared = runtime.prepare(&bundle.calibrated()[index]).unwrap();
    let answers = runtime.supernet().infer_many(&prepared, &views).unwrap();
    assert_eq!(answers.len(), expected.len());
    let mut worst = 0.0f32;
    for (device, host) in answers.iter().zip(expected) {
        let largest = host.iter().fold(f32::MIN_POSITIVE, |most, logit| most.max(logit.abs()));
        for (device, host) in device.iter().zip(host) {
            let error = (device - host).abs() / largest;
            worst = if error.is_nan() { f32::INFINITY } else { worst.max(error) };
        }
        assert_eq!(most_probable(device), most_probable(host), "{what}: another class");
    }
    println!("{what}: relative error {worst:.1e}");
    assert!(worst <= 1e-3, "{what}: {worst:e}");
}

/// Smallest, middle and biggest child of every method, packed as the method ships.
#[test]
fn the_device_answers_as_the_trainer_for_every_method() {
    torch::initialise();
    let folder = tempfile::tempdir().unwrap();
    let images = made_up_images(400, 21);
    for method in Method::ALL {
        let config = config(method);
        let space = config.validate().unwrap();
        let extras = method.extras(&space).unwrap();
        let checkpoint = trained(&config, Beginning::Random, &images, 3);
        let children: Vec<Child> = followed(&space, method).into_iter().map(|(_, child)| child).collect();
        assert_eq!(children.len(), 3, "{method}");
        let (calibration, images) = (made_up_images(128, 5), made_up_images(32, 6));
        let preprocessing = preprocessing();
        let run = Run { checkpoint, space, extras, preprocessing, calibration, images };
        if method.ships_alone() {
            for child in &children {
                let network = specialised(&run.checkpoint, child).unwrap();
                assert_eq!(network.calibrated.is_some(), method == Method::Slimmable);
                let expected = run.logits(child, network.calibrated.as_ref());
                let bundle = run.pack_one(&network, &folder.path().join("one.nestling"));
                assert!(bundle.manifest().trained.covers(child));
                compare(&bundle, 0, &run.images, &expected, &format!("{method}, {child}"));
            }
            // A bundle of one child is compared as every other.
            let network = specialised(&run.checkpoint, &children[0]).unwrap();
            let bundle = run.pack_one(&network, &folder.path().join("one.nestling"));
            let report = parity(&bundle, 0, &run.calibration, &run.images, |_, _| ()).unwrap();
            assert!(report.children == 1 && report.max_relative_error <= 1e-3, "{report:?}");
        } else {
            let bundle = run.pack_all(&children, &folder.path().join("all.nestling"));
            for (index, entry) in bundle.children().iter().enumerate() {
                let expected = run.logits(&entry.child, None);
                assert!(bundle.manifest().trained.covers(&entry.child));
                compare(&bundle, index, &run.images, &expected, &format!("{method}, {}", entry.child));
            }
        }
    }
}

#[test]
fn a_child_that_a_method_does_not_train_does_not_ship_alone() {
    torch::initialise();
    let checkpoint = trained(&config(Method::Slimmable), Beginning::Random, &made_up_images(400, 21), 1);
    let space = checkpoint.config.validate().unwrap();
    let other = Child { stem_width: space.stem.widths[1], ..space.biggest() };
    assert_eq!(specialised(&checkpoint, &other).unwrap_err().code(), "not_a_switch");
    let none = Checkpoint { running: None, ..checkpoint };
    assert_eq!(specialised(&none, &space.biggest()).unwrap_err().code(), "no_statistics");
}

#[test]
fn a_slimmable_run_is_evaluated_with_the_statistics_that_it_accumulated() {
    torch::initialise();
    let checkpoint = trained(&config(Method::Slimmable), Beginning::Random, &made_up_images(400, 21), 1);
    let space = checkpoint.config.validate().unwrap();
    let extras = Method::Slimmable.extras(&space).unwrap();
    let known = all_own_statistics(&checkpoint).unwrap();
    let children: Vec<Child> = known.iter().map(|one| one.child().clone()).collect();
    assert_eq!(children, slimmable::switches(&space));
    let (preprocessing, images) = (preprocessing(), made_up_images(32, 6));
    let evaluator = |known| Evaluator {
        space: &space,
        weights: checkpoint.shipped_weights(),
        extras: &extras,
        known,
        preprocessing: &preprocessing,
        calibration: &images,
        images: &images,
        workers: 1,
        device: Device::Cpu,
        ranks: Ranks::just_one(),
    };
    let statistics = |known| {
        let found = evaluator(known).calibrate_and_evaluate(&children, &|_| ()).unwrap();
        found.into_iter().map(|(child, _)| child).collect::<Vec<_>>()
    };
    assert_eq!(statistics(&known), known);
    assert_ne!(statistics(&[]), known);
}
