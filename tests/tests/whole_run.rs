//! Whole runs of the `nestling` program on made-up images: from training to bundle, killed in the middle, on a full disk.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

use nestling::WeightStorage;
use nestling::bundle::Bundle;
use nestling_tests::{nestling, quick_config, write_made_up_dataset};
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
        // The file is what a user would write: a part of the keys.
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

    fn checkpoint(&self, run: &str) -> Checkpoint {
        Checkpoint::read(&self.path(run).join("checkpoint.safetensors")).unwrap()
    }
}

fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn fail(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{command:?}\n{error}");
    assert!(error.contains("error: ") && !error.contains("panicked"), "{error}");
    error
}

#[test]
fn train_search_pack_and_evaluate() {
    let place = Place::new(2, 500);
    succeed(&mut place.train("run"));
    succeed(place.command("search", "run").args(["--fine", "4", "--children", "5", "--calibration", "100"]));
    let bundle = place.path("made-up.nestling");
    let packed = succeed(place.command("pack", "run").arg("--output").arg(&bundle).arg("--json"));
    let packed: serde_json::Value = serde_json::from_slice(&packed.stdout).unwrap();
    let opened = Bundle::open(&bundle).unwrap();
    assert_eq!(packed["id"], opened.id().to_string());
    assert!(["smallest", "biggest"].iter().all(|name| opened.child_index(name).is_ok()));
    // The trainer's own evaluation of the written bundle is what the manifest says.
    let evaluated = succeed(nestling().arg("eval").arg(&bundle).arg("--json").arg("--data").arg(place.folder.path()));
    let evaluated: serde_json::Value = serde_json::from_slice(&evaluated.stdout).unwrap();
    for (entry, row) in opened.children().iter().zip(evaluated["children"].as_array().unwrap()) {
        assert_eq!(row["name"], entry.name);
        let difference = row["test_top1"].as_f64().unwrap() - entry.test.top1_percent();
        assert!(difference.abs() <= 1.0, "{}: {difference} points", entry.name);
    }
    // Stored smaller, the same children ship with statistics and accuracy of the rounded weights.
    for storage in [WeightStorage::F16, WeightStorage::Int8] {
        let smaller = place.path("smaller.nestling");
        let mut pack = place.command("pack", "run");
        succeed(pack.args(["--weight-storage", &storage.to_string(), "--output"]).arg(&smaller));
        let smaller = Bundle::open(&smaller).unwrap();
        assert_eq!(smaller.weight_storage(), storage);
        assert!(smaller.weight_bytes() * 4 < opened.weight_bytes() * if storage == WeightStorage::F16 { 3 } else { 2 });
        let names = |bundle: &Bundle| bundle.children().iter().map(|entry| entry.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&smaller), names(&opened));
        assert!(smaller.calibrated(0).unwrap() != opened.calibrated(0).unwrap());
    }
    // A disk that takes no more than 20 KiB: the error is typed and the good bundle stays.
    let before = std::fs::read(&bundle).unwrap();
    let mut limited = Command::new("bash");
    let program = nestling().get_program().to_owned();
    limited.args(["-c", "trap '' XFSZ; ulimit -f 20; exec \"$@\"", "bash"]).arg(program);
    limited.args(["pack", "--run"]).arg(place.path("run")).arg("--data").arg(place.folder.path());
    let error = fail(limited.arg("--output").arg(&bundle));
    assert!(error.contains("cannot write") && error.contains("older file of that name is untouched"), "{error}");
    assert_eq!(std::fs::read(&bundle).unwrap(), before);
    assert!(
        !std::fs::read_dir(place.folder.path())
            .unwrap()
            .any(|entry| { entry.unwrap().path().extension().is_some_and(|extension| extension == "tmp") })
    );
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
    assert!(error.contains("Fashion-MNIST not found") && error.contains("--data"), "{error}");
    std::fs::write(place.path("config.toml"), "epochz = 3").unwrap();
    let error = fail(&mut place.train("run"));
    assert!(error.contains("epochz"), "{error}");
    std::fs::write(place.path("config.toml"), "batch_size = 33").unwrap();
    let error = fail(&mut place.train("run"));
    assert!(error.contains("`batch_size` is 33; a multiple of the workers"), "{error}");
    std::fs::write(place.path("train-labels-idx1-ubyte"), [0, 0, 8, 1]).unwrap();
    std::fs::write(place.path("config.toml"), "").unwrap();
    let error = fail(&mut place.train("run"));
    assert!(error.contains("cannot read") && error.contains("train-labels-idx1-ubyte"), "{error}");
    let error = fail(nestling().arg("eval").arg(Path::new("/nowhere/none.nestling")));
    assert!(error.contains("cannot open bundle"), "{error}");
}
