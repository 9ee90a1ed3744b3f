//! `cargo xtask demo`: trains, searches, packs, measures this device, chooses children and reports.
//!
//! Each step is a subcommand of one of the two programs, which can be run alone. The quick form has the same steps at a
//! smaller size, in a folder of its own.

use crate::programs::{Programs, json, write_json};
use crate::values::{list, number, word};
use crate::{process, setup, workspace};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Flags of `cargo xtask demo`.
#[derive(clap::Args, Default)]
pub struct Options {
    /// Remove the files of an earlier demo and train again
    #[arg(long)]
    fresh: bool,
    /// Passes over the training images; fewer take less time and give a lower accuracy [default: the trainer's]
    #[arg(long)]
    epochs: Option<u32>,
    /// The same steps in at most four minutes: 2 epochs and a smaller search, in target/demo-quick
    ///
    /// Its accuracies and times are not those of the full demo. It always starts anew.
    #[arg(long, conflicts_with_all = ["fresh", "epochs"])]
    quick: bool,
}

/// The size of a demo.
struct Form {
    /// `form` in `summary.json`.
    name: &'static str,
    /// Its folder under `target`.
    folder: &'static str,
    /// Said at the start and at the end, and a part of `summary.json`.
    note: Option<&'static str>,
    /// More arguments of `nestling train`.
    train: &'static [&'static str],
    /// More arguments of `nestling search`.
    search: &'static [&'static str],
    /// Seconds that `nestling-device profile` measures.
    profile_s: &'static str,
    /// Number of test images that each budget's child classifies on the device.
    classified: &'static str,
}

const FULL: Form =
    Form { name: "full", folder: "demo", note: None, train: &[], search: &[], profile_s: "10", classified: "2000" };

const QUICK: Form = Form {
    name: "quick",
    folder: "demo-quick",
    note: Some(
        "the quick form: 2 epochs in the place of 12 and a search of fewer children on fewer calibration images, so \
         accuracies are lower and less exact than those of the full demo (`cargo xtask demo`)",
    ),
    train: &["--epochs", "2"],
    search: &[
        "--coarse",
        "54",
        "--fine",
        "4",
        "--random",
        "12",
        "--random-held-out",
        "6",
        "--children",
        "5",
        "--calibration",
        "500",
    ],
    profile_s: "5",
    classified: "500",
};

/// Runs the demo.
pub fn run(options: &Options) -> Result<()> {
    step("set-up");
    setup::ensure()?;
    step("build");
    let programs = Programs::build()?;
    let started = Instant::now();
    let form = if options.quick { QUICK } else { FULL };
    form.say();
    let folder = workspace::target().join(form.folder);
    if (options.fresh || options.quick) && folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let demo = Demo { programs, folder, form };

    let (trained, searched) = demo.train(options)?;
    let profile = demo.profile()?;
    let tested = demo.self_test()?;
    let (chosen, switched) = demo.slice(&profile)?;
    let budgets = demo.classify(list(&chosen["budgets"]).to_vec())?;
    step("compare the device's logits with the trainer's");
    let parity = json(demo.programs.trainer(&["parity", &demo.bundle()]))?;

    let summary = json!({
        "form": demo.form.name,
        "note": demo.form.note,
        "train": trained["train"],
        "trained_on": trained["device"],
        "children": searched["children"],
        "device": chosen["device"],
        "self_test": verdict(&tested),
        "budgets": budgets,
        "switch": switched,
        "parity": parity,
        "wall_s_after_build": started.elapsed().as_secs_f64(),
    });
    write_json(&demo.folder.join("summary.json"), &summary)?;
    step("report");
    process::run(&mut demo.programs.trainer(&["report", "--demo", &demo.folder.to_string_lossy()]))?;
    print_summary(&summary, &demo.folder);
    demo.form.say();
    if summary["self_test"]["passed"] != true {
        bail!("this device does not answer as the trainer does: {}", word(&summary["self_test"]["problem"]));
    }
    Ok(())
}

impl Form {
    fn say(&self) {
        if let Some(note) = self.note {
            println!("\nThis is {note}.");
        }
    }
}

struct Demo {
    programs: Programs,
    folder: PathBuf,
    form: Form,
}

impl Demo {
    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    fn bundle(&self) -> String {
        self.path("fashion.nestling")
    }

    /// Trains, searches and packs; returns the documents of training and search.
    fn train(&self, options: &Options) -> Result<(Value, Value)> {
        let (programs, run) = (&self.programs, self.path("run"));
        step("train one supernet (sandwich rule, inplace distillation)");
        let mut train = programs.trainer(&["train", "--run", &run]);
        train.args(self.form.train);
        if let Some(epochs) = options.epochs {
            train.args(["--epochs", &epochs.to_string()]);
        }
        let trained = json(train)?;
        step("search: calibrate and evaluate a grid of children on held-out images");
        let mut search = programs.trainer(&["search", "--run", &run]);
        search.args(self.form.search);
        let searched = json(search)?;
        step("pack the bundle");
        json(programs.trainer(&["pack", "--run", &run, "--output", &self.bundle(), "--replace"]))?;
        Ok((trained, searched))
    }

    /// Measures the device; returns the path of its profile.
    fn profile(&self) -> Result<String> {
        step("measure this device");
        let (bundle, profile) = (self.bundle(), self.path("device-profile.json"));
        let arguments = ["profile", &bundle, "--seconds", self.form.profile_s, "--out", &profile];
        write_json(&self.folder.join("profile.json"), &json(self.programs.device(&arguments))?)?;
        Ok(profile)
    }

    /// Compares the device's answers for the golden pictures with the trainer's. A wrong answer is no error here: the
    /// summary tells it first.
    fn self_test(&self) -> Result<Value> {
        step("self-test: golden pictures on this device and in the trainer");
        let mut test = self.programs.device(&["self-test", &self.bundle()]);
        let tested = process::document(test.arg("--json"))?;
        write_json(&self.folder.join("self-test.json"), &tested)?;
        Ok(tested)
    }

    /// Chooses children and switches between them; returns the choices and the switches.
    fn slice(&self, profile: &str) -> Result<(Value, Value)> {
        let (programs, bundle) = (&self.programs, self.bundle());
        step("slice a child for each of three budgets");
        let chosen = json(programs.device(&["choose", &bundle, "--profile", profile]))?;
        step("switch 1,000 times and count the bytes and buffers that move");
        let switched = json(programs.device(&["switch", &bundle]))?;
        Ok((chosen, switched))
    }

    /// Adds the accuracy on this device to each budget's child.
    fn classify(&self, mut budgets: Vec<Value>) -> Result<Vec<Value>> {
        step("classify test images with each chosen child on the device");
        let images = setup::dataset_file("t10k-images-idx3-ubyte")?;
        let labels = setup::dataset_file("t10k-labels-idx1-ubyte")?;
        if budgets.is_empty() {
            bail!("no budget could be kept on this device; is the machine busy?");
        }
        let file = |index: usize| self.folder.join(format!("classified-{index}.json"));
        // An earlier demo may have had more budgets.
        (0..).find(|&index| std::fs::remove_file(file(index)).is_err());
        for (index, budget) in budgets.iter_mut().enumerate() {
            let (bundle, child) = (self.bundle(), word(&budget["name"]).to_owned());
            let arguments = ["classify", &bundle, "--child", &child, "--images", &images, "--labels", &labels];
            let mut classify = self.programs.device(&arguments);
            classify.args(["--limit", self.form.classified]);
            let classified = json(classify)?;
            budget["device_top1"] = classified["top1"].clone();
            write_json(&file(index), &classified)?;
        }
        Ok(budgets)
    }
}

/// The outcome of a self-test, without its single answers.
fn verdict(tested: &Value) -> Value {
    let answers = list(&tested["answers"]);
    let relative = answers.iter().map(|answer| number(&answer["relative"])).fold(0.0, f64::max);
    json!({
        "passed": tested["wrong"] == 0 && !answers.is_empty() && tested["error"].is_null(),
        "answers": answers.len(),
        "wrong": tested["wrong"],
        "max_relative_error": relative,
        "tolerance": tested["tolerance"],
        "problem": tested["error"]["message"],
    })
}

fn step(name: &str) {
    println!("\n== {name}");
}

fn print_summary(summary: &Value, folder: &Path) {
    let train = &summary["train"];
    println!("\ntrained {} images in {:.0} CPU-seconds", train["images"], number(&train["cpu_s"]));
    let is_end = |child: &&Value| ["smallest", "biggest"].contains(&word(&child["name"]));
    for child in list(&summary["children"]).iter().filter(is_end) {
        println!("  {:9} {:6.2} % of 10,000 test images", word(&child["name"]), number(&child["test_top1"]));
    }
    let device = &summary["device"];
    println!("on {} ({}, {}):", word(&device["adapter"]), word(&device["backend"]), word(&device["precision"]));
    println!("  budget     child       predicted  p50        p90        top-1    MAdds     params    switch");
    list(&summary["budgets"]).iter().for_each(print_budget);
    let switch = &summary["switch"];
    println!(
        "{} switches: {} bytes of weights, {} buffers, {} bind groups, {} pipelines",
        switch["switches"], switch["weight_bytes"], switch["buffers"], switch["bind_groups"], switch["pipelines"]
    );
    let parity = &summary["parity"];
    println!(
        "device against trainer: largest relative error {:.1e}, same class for {:.3} %",
        number(&parity["max_relative_error"]),
        100.0 * number(&parity["top1_agreement"])
    );
    let test = &summary["self_test"];
    let passed = if test["passed"] == true { "passed" } else { "FAILED" };
    println!("self-test {passed}: {} of {} answers are wrong", test["wrong"], test["answers"]);
    println!("after the build it took {:.0} s", number(&summary["wall_s_after_build"]));
    println!("\nsummary  {}\nreport   {}", folder.join("summary.json").display(), folder.join("report.html").display());
}

fn print_budget(budget: &Value) {
    println!(
        "  {:7.2} ms {:11} {:7.2} ms {:7.2} ms {:7.2} ms {:6.2} % {:7.2} M {:8} {:6.1} us",
        number(&budget["budget_ms"]),
        word(&budget["name"]),
        number(&budget["predicted_ms"]),
        number(&budget["measured_p50_ms"]),
        number(&budget["measured_p90_ms"]),
        number(&budget["top1"]),
        number(&budget["madds"]) / 1e6,
        budget["params"],
        number(&budget["switch_us"]),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tested(wrong: u32, relative: f64, error: &Value) -> Value {
        json!({
            "tolerance": 1e-3,
            "wrong": wrong,
            "answers": [{"relative": 1e-6}, {"relative": relative}],
            "error": error,
        })
    }

    #[test]
    fn a_self_test_passes_only_with_answers_of_which_none_is_wrong() {
        let passed = verdict(&tested(0, 2e-6, &Value::Null));
        assert_eq!((&passed["passed"], &passed["answers"]), (&json!(true), &json!(2)));
        assert_eq!(passed["max_relative_error"], 2e-6);
        let wrong = verdict(&tested(1, 0.5, &json!({"code": "self_test_wrong", "message": "1 of 2"})));
        assert_eq!((&wrong["passed"], &wrong["problem"]), (&json!(false), &json!("1 of 2")));
        for nothing in [json!({"error": {"message": "no device"}}), json!({"answers": [], "wrong": 0})] {
            assert_eq!(verdict(&nothing)["passed"], false, "{nothing}");
        }
    }

    #[test]
    fn the_quick_form_has_its_own_folder_and_says_so() {
        assert_ne!(FULL.folder, QUICK.folder);
        assert!(FULL.note.is_none() && QUICK.note.is_some_and(|note| note.contains("quick")));
    }
}
