//! Whole runs of the `nestling` program on made-up images: from training to bundle, killed in the middle, on a full
//! disk.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

use nestling_bundle::Bundle;
use nestling_core::latency::{DeviceKey, LatencyModel, LatencyTable};
use nestling_core::metrics::Spread;
use nestling_core::space::SearchSpace;
use nestling_core::weights::WeightStorage;
use nestling_tests::{nestling, quick_config, write_made_up_dataset};
use nestling_train::data;
use nestling_train::train::{Checkpoint, TrainConfig};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(epochs: u32, training: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_made_up_dataset(folder.path(), training, 100).unwrap();
        let config = TrainConfig { epochs, ..quick_config() };
        // A part of the keys, as a user would write them.
        let text = format!(
            "epochs = {}\nbatch_size = {}\nheld_out = {}\nprobe_calibration = 64\nprobe_images = 64\n",
            config.epochs, config.batch_size, config.held_out
        );
        std::fs::write(folder.path().join("config.toml"), text).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, step: &str, run: &str) -> Command {
        let mut command = nestling();
        command.args([step, "--run"]).arg(self.path(run)).arg("--data").arg(self.folder.path());
        command.stdin(Stdio::null());
        command
    }

    fn train(&self, run: &str) -> Command {
        let mut command = self.command("train", run);
        command.arg("--config").arg(self.path("config.toml"));
        command
    }

    fn search_report(&self, run: &str) -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(self.path(run).join("search.json")).unwrap()).unwrap()
    }

    fn checkpoint(&self, run: &str) -> Checkpoint {
        Checkpoint::read(&self.path(run).join("checkpoint.safetensors")).unwrap()
    }
}

fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn json(command: &mut Command) -> serde_json::Value {
    serde_json::from_slice(&succeed(command).stdout).unwrap()
}

fn fail(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{command:?}\n{error}");
    assert!(error.contains("error: ") && !error.contains("panicked"), "{error}");
    error
}

/// The latency table of a made-up device.
fn table() -> LatencyTable {
    let text = str::to_owned;
    LatencyTable {
        device: DeviceKey {
            adapter: text("Made-up 1"),
            driver: text("1.0"),
            backend: text("vulkan"),
            precision: text("f32"),
            features: Vec::new(),
        },
        measured_at: 0,
        model: LatencyModel::nominal(),
        spread: Spread { p90: 1.0, p95: 1.0 },
        children: 3,
        residual_percent: 0.0,
    }
}

#[test]
fn train_search_pack_and_evaluate() {
    let place = Place::new(2, 500);
    succeed(&mut place.train("run"));
    let mut search = place.command("search", "run");
    search.args(["--fine", "4", "--random", "6", "--random-held-out", "4", "--children", "5", "--calibration", "100"]);
    let searched = json(search.arg("--json"));
    assert_eq!(searched["accuracy_predictor"]["held_out_children"], 4);
    let bundle = place.path("made-up.nestling");
    let mut pack = place.command("pack", "run");
    pack.args(["--calibration-images", "30", "--check-images", "1000", "--json", "--output"]);
    let packed = json(pack.arg(&bundle));
    let opened = Bundle::open(&bundle).unwrap();
    assert_eq!(packed["id"], opened.id().to_string());
    assert!(["smallest", "biggest"].iter().all(|name| opened.child(name).is_ok()));
    let predictor = opened.manifest().accuracy_predictor.as_ref().unwrap();
    assert_eq!(serde_json::to_value(predictor.prediction_error()).unwrap(), searched["accuracy_predictor"]);
    assert!((0.0..=100.0).contains(&predictor.predict(opened.space(), &opened.space().biggest())));
    check_images(&place, &opened);
    check_evaluation(&place, &bundle, &opened);
    check_search_under_limit(&place);
    check_older_search(&place);
    check_storages(&place, &opened);
    check_full_disk(&place, &bundle);
}

/// A device calibrates and checks any other child with the first calibration images and all held-out images there are.
fn check_images(place: &Place, bundle: &Bundle) {
    assert_eq!((bundle.calibration_images().len(), bundle.check_images().len()), (30, 64));
    let training = data::load_idx(Some(place.folder.path())).unwrap().training;
    let grey = |image: &nestling_core::image::Image<'_>| {
        (0..28 * 28).map(|at| image.value(at / 28, at % 28, 0, 1) as u8).collect::<Vec<_>>()
    };
    for (index, image) in bundle.calibration_images().enumerate() {
        assert_eq!(grey(&image), training.pixels(index).unwrap());
    }
    for (index, (image, label)) in bundle.check_images().enumerate() {
        let index = training.len() - 64 + index;
        assert_eq!((grey(&image), label), (training.pixels(index).unwrap(), usize::from(training.labels[index])));
    }
}

/// The trainer's own evaluation of the written bundle agrees with the manifest.
fn check_evaluation(place: &Place, path: &Path, bundle: &Bundle) {
    let evaluated = json(nestling().arg("eval").arg(path).arg("--json").arg("--data").arg(place.folder.path()));
    let rows = evaluated["children"].as_array().unwrap();
    assert_eq!(rows.len(), bundle.children().len());
    for (entry, row) in bundle.children().iter().zip(rows) {
        assert_eq!(row["name"], entry.name);
        let difference = row["test_top1"].as_f64().unwrap() - entry.test.percent();
        assert!(difference.abs() <= 1.0, "{}: {difference} points", entry.name);
    }
}

/// The whole space under a limit: found children are evaluated, and the best ships if it beats the shipped ones.
fn check_search_under_limit(place: &Place) {
    let limited = place.path("limited");
    std::fs::create_dir(&limited).unwrap();
    for file in ["checkpoint.safetensors", "search.json"] {
        std::fs::copy(place.path("run").join(file), limited.join(file)).unwrap();
    }
    let under_limit = || {
        let mut search = place.command("search", "limited");
        json(search.args(["--budget-madds", "1.2M", "--top", "3", "--json"]))
    };
    let found = under_limit();
    let rows = found["children"].as_array().unwrap();
    let held_out: Vec<f64> = rows.iter().map(|row| row["held_out_top1"].as_f64().unwrap()).collect();
    assert!(held_out.len() == 3 && held_out.is_sorted_by(|a, b| a >= b), "{found}");
    assert!(rows.iter().all(|row| row["madds"].as_u64().unwrap() <= 1_200_000));
    let (before, grown) = (place.search_report("run"), place.search_report("limited"));
    let known = before["evaluated"].as_array().unwrap().len();
    assert!((known..=known + 3).contains(&grown["evaluated"].as_array().unwrap().len()));
    assert_eq!(found["ships_as"].is_null(), found["test_top1"].is_null());
    assert_ne!(found["ships_as"].is_null(), found["beaten_by"].is_null());
    assert_eq!(grown["kept_from_predictor"], before["kept_from_predictor"]);
    // Once more: nothing better.
    let again = under_limit();
    assert!(again["ships_as"].is_null() && again["children"][0] == found["children"][0], "{again}");
    assert_eq!(place.search_report("limited")["evaluated"], grown["evaluated"]);
    let path = place.path("with-found.nestling");
    let mut pack = place.command("pack", "limited");
    succeed(pack.args(["--calibration-images", "0", "--check-images", "0", "--output"]).arg(&path));
    let bundle = Bundle::open(&path).unwrap();
    assert_eq!(bundle.children().len(), grown["chosen"].as_array().unwrap().len());
    assert_eq!(bundle.child("found-1").is_ok(), found["ships_as"] == "found-1");
}

/// An older search without a predictor still packs, and its bundle has none.
fn check_older_search(place: &Place) {
    let older = place.path("older");
    std::fs::create_dir(&older).unwrap();
    std::fs::copy(place.path("run/checkpoint.safetensors"), older.join("checkpoint.safetensors")).unwrap();
    let mut report = place.search_report("run");
    for key in ["accuracy_predictor", "kept_from_predictor"] {
        report.as_object_mut().unwrap().remove(key).unwrap();
    }
    std::fs::write(older.join("search.json"), report.to_string()).unwrap();
    let path = place.path("without.nestling");
    let mut pack = place.command("pack", "older");
    let output = succeed(pack.args(["--calibration-images", "0", "--check-images", "0", "--output"]).arg(&path));
    assert!(String::from_utf8_lossy(&output.stderr).contains("run `nestling search` again to fit one"));
    let bundle = Bundle::open(&path).unwrap();
    assert!(bundle.manifest().accuracy_predictor.is_none() && bundle.images().is_none());
}

/// Stored smaller, the same children ship with statistics and accuracy of the rounded weights. The latency tables of
/// the replaced file are kept.
fn check_storages(place: &Place, opened: &Bundle) {
    let path = place.path("smaller.nestling");
    let tables = vec![table()];
    std::fs::write(&path, opened.with_latency_tables(tables.clone()).unwrap()).unwrap();
    for storage in [WeightStorage::F16, WeightStorage::Int8] {
        let mut pack = place.command("pack", "run");
        let packed = succeed(pack.args(["--weight-storage", &storage.to_string(), "--output"]).arg(&path));
        assert!(String::from_utf8_lossy(&packed.stdout).contains("1 latency tables kept"), "{packed:?}");
        let smaller = Bundle::open(&path).unwrap();
        assert_eq!(smaller.manifest().latency_tables, tables);
        assert_eq!(smaller.weight_storage(), storage);
        assert!(smaller.weight_bytes() * 4 < opened.weight_bytes() * if storage == WeightStorage::F16 { 3 } else { 2 });
        let names = |bundle: &Bundle| bundle.children().iter().map(|entry| entry.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&smaller), names(opened));
        assert!(smaller.calibrated()[0] != opened.calibrated()[0]);
    }
}

/// A disk that takes no more than 20 KiB: the error is typed and the good bundle stays.
fn check_full_disk(place: &Place, bundle: &Path) {
    let before = std::fs::read(bundle).unwrap();
    let mut limited = Command::new("bash");
    let program = nestling().get_program().to_owned();
    limited.args(["-c", "trap '' XFSZ; ulimit -f 20; exec \"$@\"", "bash"]).arg(program);
    limited.args(["pack", "--run"]).arg(place.path("run")).arg("--data").arg(place.folder.path());
    let error = fail(limited.arg("--output").arg(bundle));
    assert!(error.contains("cannot write") && error.contains("older file of that name is untouched"), "{error}");
    assert_eq!(std::fs::read(bundle).unwrap(), before);
    let is_temporary = |path: PathBuf| path.extension().is_some_and(|extension| extension == "tmp");
    let mut left = std::fs::read_dir(place.folder.path()).unwrap().map(|entry| entry.unwrap().path());
    assert!(!left.any(is_temporary));
}

#[test]
fn a_killed_run_goes_on_and_ends_bit_equal() {
    let place = Place::new(3, 2000);
    succeed(&mut place.train("whole"));
    let mut child = place.train("killed").stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    // Killed after the first checkpoint, somewhere in a later epoch.
    let started = Instant::now();
    while !place.path("killed").join("checkpoint.safetensors").exists() {
        assert!(started.elapsed() < Duration::from_secs(240), "no checkpoint after four minutes");
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(150));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        place.checkpoint("killed").step < place.checkpoint("whole").step,
        "it was killed too late to show anything"
    );
    succeed(&mut place.train("killed"));
    let (whole, killed) = (place.checkpoint("whole"), place.checkpoint("killed"));
    assert_eq!(whole.step, killed.step);
    assert!(whole.weights == killed.weights && whole.momentum == killed.momentum && whole.average == killed.average);
}

#[test]
fn errors_say_what_to_do() {
    let place = Place::new(1, 500);
    let error = fail(&mut place.command("search", "none"));
    assert!(error.contains("run `nestling train` first"), "{error}");
    let error = fail(nestling().args(["train", "--run"]).arg(place.path("run")).args(["--data", "/nowhere"]));
    assert!(error.contains("cannot read /nowhere") && error.contains("check the path"), "{error}");
    std::fs::write(place.path("config.toml"), "epochz = 3").unwrap();
    let error = fail(&mut place.train("run"));
    assert!(error.contains("epochz"), "{error}");
    std::fs::write(place.path("config.toml"), "batch_size = 33").unwrap();
    let error = fail(&mut place.train("run"));
    assert!(error.contains("`batch_size` is 33; it must be a multiple of `workers`"), "{error}");
    std::fs::write(place.path("train-labels-idx1-ubyte"), [0, 0, 8, 1]).unwrap();
    std::fs::write(place.path("config.toml"), "").unwrap();
    let error = fail(&mut place.train("run"));
    assert!(error.contains("cannot read") && error.contains("train-labels-idx1-ubyte"), "{error}");
    // A bundle for colour images: refused before libtorch sees a wrong shape.
    let space = SearchSpace { name: "colour".into(), input_channels: 3, classes: 5, ..SearchSpace::fashion() };
    std::fs::write(place.path("colour.toml"), toml::to_string(&space).unwrap()).unwrap();
    let bundle = place.path("colour.nestling");
    succeed(nestling().args(["init", "--space"]).arg(place.path("colour.toml")).arg("--output").arg(&bundle));
    let place = Place::new(1, 500);
    for command in ["eval", "parity"] {
        let error = fail(nestling().arg(command).arg(&bundle).arg("--data").arg(place.folder.path()));
        assert!(error.contains("the images are grey") && error.contains("3 input channels"), "{error}");
    }
    std::fs::write(place.path("config.toml"), "held_out = 500\nbatch_size = 32").unwrap();
    let error = fail(&mut place.train("run"));
    assert!(error.contains("500 training images leave none to train on after 500 for validation"), "{error}");
    let error = fail(nestling().arg("eval").arg(Path::new("/nowhere/none.nestling")));
    assert!(error.contains("cannot open bundle"), "{error}");
}
