//! Every method of training through the `nestling` program, on made-up images: from training to bundle.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

use nestling_bundle::{Bundle, Trained};
use nestling_core::space::Child;
use nestling_tests::{nestling, write_made_up_dataset};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_made_up_dataset(folder.path(), 300, 60).unwrap();
        let text = "epochs = 2\nbatch_size = 32\nheld_out = 64\nprobe_calibration = 64\nprobe_images = 64\n";
        std::fs::write(folder.path().join("config.toml"), text).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, step: &str, run: &str) -> Command {
        let mut command = nestling();
        command.args([step, "--run"]).arg(self.path(run)).arg("--data").arg(self.0.path());
        command.stdin(Stdio::null());
        command
    }

    fn train(&self, run: &str, method: &str) -> Command {
        let mut command = self.command("train", run);
        command.arg("--config").arg(self.path("config.toml")).args(["--method", method]);
        command
    }

    fn search(&self, run: &str) -> Command {
        let mut search = self.command("search", run);
        search.args(["--fine", "2", "--random", "2", "--random-held-out", "2", "--calibration", "64", "--json"]);
        search
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

/// The code and the message of a command that fails.
fn fail(command: &mut Command) -> (String, String) {
    let output = command.arg("--json").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |key: &str| document["error"][key].as_str().unwrap().to_owned();
    (text("code"), text("message"))
}

#[test]
fn one_width_factor_ships_as_one_bundle_of_the_trained_widths() {
    let place = Place::new();
    succeed(&mut place.train("run", "universally-slimmable"));
    let searched = json(&mut place.search("run"));
    assert_eq!(searched["evaluated"], 10, "every width factor, and no other child");
    let bundle = place.path("run.nestling");
    succeed(place.command("pack", "run").arg("--output").arg(&bundle));
    let bundle = Bundle::open(&bundle).unwrap();
    let Trained::Only(widths) = &bundle.manifest().trained else { panic!("not all children were trained") };
    assert_eq!(widths.len(), 10);
    assert!(bundle.children().iter().all(|entry| widths.contains(&entry.child)));
    // The run keeps its method.
    succeed(place.command("train", "run").args(["--epochs", "3"]));
    let (code, message) = fail(place.command("train", "run").args(["--method", "auto_slim"]));
    assert_eq!(code, "train_other_config");
    assert!(message.contains("`method` is \"universally_slimmable\" in the run"), "{message}");
}

#[test]
fn a_switch_of_a_slimmable_network_ships_alone_and_needs_no_search() {
    let place = Place::new();
    succeed(&mut place.train("run", "slimmable"));
    assert!(fail(&mut place.command("pack", "run")).1.contains("--only"));
    assert!(fail(&mut place.command("search", "run")).1.contains("pack --only"));
    let bundle = place.path("smallest.nestling");
    let packed = json(place.command("pack", "run").args(["--only", "smallest", "--json", "--output"]).arg(&bundle));
    assert_eq!(packed["children"], 1);
    let bundle = Bundle::open(&bundle).unwrap();
    assert_eq!((bundle.children()[0].name.as_str(), bundle.space().smallest()), ("smallest", bundle.space().biggest()));
    let other = "r28 s8 w4-8-24 d2-2-3 k3-5-5 e2-4-4 h52";
    let (code, message) = fail(place.command("pack", "run").args(["--only", other]));
    assert_eq!(code, "not_a_switch", "{message}");
}

#[test]
fn a_network_is_slimmed_to_its_budget_and_trained_alone() {
    let place = Place::new();
    succeed(&mut place.train("wide", "auto_slim"));
    let slim = |budget: &str| {
        let mut slim = place.command("slim", "wide");
        slim.args(["--calibration", "32", "--budget-madds", budget]);
        slim
    };
    let slimmed = json(slim("2.6M").arg("--json"));
    assert!(slimmed["madds"].as_u64().unwrap() <= 2_600_000, "{slimmed}");
    assert!(!slimmed["steps"].as_array().unwrap().is_empty());
    assert_eq!(fail(&mut slim("1k")).0, "slim_budget");
    let space = place.path("wide/slimmed.toml");
    let mut train = place.command("train", "slim");
    succeed(train.arg("--config").arg(place.path("config.toml")).arg("--space").arg(space));
    let run = nestling_train::run_folder::RunFolder::open(&place.path("slim")).trained().unwrap();
    let alone = run.config.validate().unwrap();
    let child: Child = slimmed["child"].as_str().unwrap().parse().unwrap();
    assert_eq!((alone.smallest(), alone.biggest()), (child.clone(), child));
}

#[test]
fn a_once_for_all_child_is_searched_and_ships_alone() {
    let place = Place::new();
    succeed(&mut place.train("run", "once_for_all"));
    let searched = json(&mut place.search("run"));
    assert!(searched["evaluated"].as_u64().unwrap() > 4, "{searched}");
    assert!(fail(&mut place.command("pack", "run")).1.contains("--only"));
    let child = searched["children"][0]["child"].as_str().unwrap();
    let bundle = place.path("one.nestling");
    succeed(place.command("pack", "run").args(["--only", child, "--output"]).arg(&bundle));
    let bundle = Bundle::open(&bundle).unwrap();
    assert_eq!((bundle.children().len(), bundle.children()[0].child.to_string().as_str()), (1, child));
}
