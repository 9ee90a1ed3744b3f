//! From a folder of pictures to answers on the device, with the programs as a user runs them.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

use nestling::{Runtime, RuntimeOptions};
use nestling_bundle::Bundle;
use nestling_core::metrics::most_probable;
use nestling_pictures::Picture;
use nestling_tests::nestling;
use nestling_tests::pictures::{CLASSES, write_pictures};
use nestling_train::train::Checkpoint;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn json(command: &mut Command) -> Value {
    serde_json::from_slice(&succeed(command.arg("--json")).stdout).unwrap()
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_pictures(&folder.path().join("pictures"), 60);
        let text = "epochs = 6\nbatch_size = 16\nwarmup_epochs = 1.0\naverage_decay = 0.9\nprobe_calibration = 64\n\
                    probe_images = 64\n[augmentation]\nflip = true\ncrop = { min_scale = 0.5, max_scale = 1.0 }\n";
        std::fs::write(folder.path().join("config.toml"), text).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, step: &str, run: &str) -> Command {
        let mut command = nestling();
        command.args([step, "--run"]).arg(self.path(run));
        command.arg("--data").arg(self.path("pictures")).arg("--cache").arg(self.path("cache"));
        command
    }

    fn train(&self, run: &str) -> Command {
        let mut command = self.command("train", run);
        command.arg("--config").arg(self.path("config.toml"));
        command
    }

    fn pack(&self, run: &str, bundle: &str) -> Bundle {
        let mut search = self.command("search", run);
        search.args([
            "--fine",
            "2",
            "--random",
            "4",
            "--random-held-out",
            "2",
            "--children",
            "3",
            "--calibration",
            "60",
        ]);
        succeed(&mut search);
        let bundle = self.path(bundle);
        succeed(self.command("pack", run).args(["--calibration-images", "30", "--output"]).arg(&bundle));
        Bundle::open(&bundle).unwrap()
    }
}

#[test]
fn a_folder_of_pictures_becomes_a_bundle_whose_device_answers_rightly() {
    let place = Place::new();
    let trained = json(place.train("run").args(["--recipe", "fashion", "--space", "fashion"]));
    let last = trained["epochs"].as_array().unwrap().last().unwrap().clone();
    let bundle = place.pack("run", "own.nestling");
    assert_eq!((bundle.space().input_channels, bundle.space().classes), (3, 3));
    assert_eq!(bundle.manifest().labels, CLASSES.map(|(class, _)| class));
    let biggest = bundle.children().iter().find(|child| child.name == "biggest").unwrap();
    assert!(biggest.held_out.percent() > 80.0, "{} %: {last}", biggest.held_out.percent());

    // The device names the class of nearly every picture.
    let runtime = Runtime::open(&bundle, &RuntimeOptions::default()).unwrap();
    let child = runtime.prepared("biggest").unwrap();
    let (mut right, mut images) = (0, 0);
    for (number, (class, _)) in CLASSES.into_iter().enumerate() {
        for index in 0..20 {
            let picture = Picture::open(place.path("pictures").join(class).join(format!("{index}.png"))).unwrap();
            let logits = runtime.supernet().infer_many(child, &[picture.image()]).unwrap();
            (right, images) = (right + usize::from(most_probable(&logits[0]) == Some(number)), images + 1);
        }
    }
    assert!(right > 48, "{right} of {images}");

    // A second run reads no original, and starts from the bundle with other classes.
    std::fs::rename(place.path("pictures").join("sky"), place.path("pictures").join("a sky")).unwrap();
    let mut from = place.train("from");
    from.arg("--from").arg(place.path("own.nestling")).args(["--epochs", "1"]);
    let started = json(&mut from);
    let smallest = &started["epochs"][0]["probes"][0]["held_out"];
    assert!(smallest["correct"].as_f64().unwrap() / smallest["images"].as_f64().unwrap() > 0.5, "{smallest}");
    let bundle = place.pack("from", "from.nestling");
    assert_eq!(bundle.manifest().labels, ["2 leaves", "10 bricks", "a sky"]);
    // The same command goes on; only a new run can be given other values.
    let mut again = place.train("from");
    json(again.arg("--from").arg(place.path("own.nestling")).args(["--epochs", "1"]));
    let refused = place.train("from").args(["--space", "fashion"]).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(1) && said.contains("has begun"), "{said}");
}

/// The same weights to the bit and the same bundle to the byte, whether the run was killed or not, and with originals
/// that are decoded at every use.
#[test]
fn runs_over_pictures_are_repeatable() {
    let place = Place::new();
    let train = |run: &str, more: &[&str]| {
        let mut command = place.train(run);
        if !place.path(run).exists() {
            command.args(["--recipe", "fashion", "--space", "fashion"]);
        }
        succeed(command.args(["--epochs", "2"]).args(more));
        Checkpoint::read(&place.path(run).join("checkpoint.safetensors")).unwrap()
    };
    let whole = train("whole", &[]);
    let is_same = |other: &Checkpoint| (&whole.weights, &whole.average) == (&other.weights, &other.average);
    assert!(is_same(&train("again", &[])), "the same seed gives other weights");
    assert!(is_same(&train("streamed", &["--cache-budget", "0"])), "decoding at every use gives other weights");
    for (run, more) in [("killed", &[][..]), ("killed-streamed", &["--cache-budget", "0"])] {
        let mut command = place.train(run);
        command.args(["--recipe", "fashion", "--space", "fashion", "--epochs", "2"]).args(more);
        kill_after_an_epoch(&mut command, &place.path(run));
        assert!(
            !is_same(&Checkpoint::read(&place.path(run).join("checkpoint.safetensors")).unwrap()),
            "killed too late"
        );
        assert!(is_same(&train(run, more)), "a killed run ends with other weights: {run}");
    }
    let bundle = |run: &str| {
        place.pack(run, &format!("{run}.nestling"));
        std::fs::read(place.path(&format!("{run}.nestling"))).unwrap()
    };
    let whole = bundle("whole");
    for run in ["again", "streamed", "killed-streamed"] {
        assert!(bundle(run) == whole, "{run} has another bundle");
    }
}

/// Starts a training and kills it in its second epoch.
fn kill_after_an_epoch(command: &mut Command, run: &Path) {
    let mut process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while !run.join("checkpoint.safetensors").exists() {
        assert!(started.elapsed() < Duration::from_secs(240), "no checkpoint after four minutes");
        std::thread::sleep(Duration::from_millis(2));
    }
    process.kill().unwrap();
    process.wait().unwrap();
}
