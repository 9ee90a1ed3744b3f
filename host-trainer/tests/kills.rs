//! Processes that are killed while they write a run, and trainings that are killed at random steps.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

mod common;

use common::{Place, succeed};
use nestling_bundle::Bundle;
use nestling_torture::Campaign;
use nestling_torture::kills::{Moments, folder_of_writer, kill_writer, write_for_ever};
use nestling_train::export::{Format, export};
use nestling_train::run_folder::RunFolder;
use nestling_train::train::Checkpoint;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// The outputs of the writer: a run's checkpoint with its log, its flags, and a network in ONNX.
const NAMES: [&str; 3] = ["run", "begun", "child.onnx"];
/// Longer than all its writes take.
const BOUND: Duration = Duration::from_millis(40);

/// Writes the contents of this number into a folder with a trained run and a bundle.
fn save(folder: &Path, name: &str, number: u64) {
    let run = RunFolder::open(&folder.join("run"));
    match name {
        "run" => {
            let mut checkpoint = run.trained().unwrap();
            let last = run.epochs(u64::MAX).unwrap().pop().unwrap();
            checkpoint.step = number;
            checkpoint.weights.fill(number as f32);
            let epochs = [number - 1, number].map(|step| {
                let mut epoch = last.clone();
                epoch.step = step;
                epoch
            });
            run.save(&checkpoint, &epochs).unwrap();
        }
        "begun" => run.save_begun(&BTreeMap::from([("number".to_owned(), number.to_string())])).unwrap(),
        _ => {
            let bundle = Bundle::open(folder.join("my.nestling")).unwrap();
            export(&bundle, 0, Format::Onnx, &folder.join(name)).unwrap();
        }
    }
}

/// The number of each file that is there; that of a network is the length of its file.
fn load(folder: &Path, name: &str) -> Result<Option<u64>, String> {
    let run = RunFolder::open(&folder.join("run"));
    match name {
        "run" => {
            let checkpoint = run.trained().map_err(|error| error.to_string())?;
            let epochs = run.epochs(checkpoint.step).map_err(|error| error.to_string())?;
            let is_whole = checkpoint.weights.iter().all(|&weight| weight == checkpoint.step as f32);
            match epochs.last() {
                Some(last) if is_whole && last.step == checkpoint.step => Ok(Some(last.step)),
                last => Err(format!("step {}, whole: {is_whole}, last epoch {last:?}", checkpoint.step)),
            }
        }
        "begun" => {
            let flags = run.begun().map_err(|error| error.to_string())?;
            Ok(flags.get("number").map(|number| number.parse().unwrap()))
        }
        _ => Ok(std::fs::metadata(folder.join(name)).ok().map(|found| found.len())),
    }
}

#[test]
fn a_killed_process_leaves_a_whole_run() {
    if let Some(folder) = folder_of_writer() {
        let first = load(&folder, "run").unwrap().unwrap() + 1;
        write_for_ever(&NAMES, first, |name, number| save(&folder, name, number));
    }
    let mut campaign = Campaign::new("kills while checkpoints, logs and networks are written", 5, 500);
    let place = Place::new();
    let folder = place.path("");
    succeed(&mut place.train("run"));
    place.init("my.nestling");
    NAMES.iter().for_each(|name| save(&folder, name, 1));
    let length = load(&folder, "child.onnx").unwrap();
    let mut moments = Moments::new(campaign.seed(11));
    while let Some(kill) = campaign.next() {
        let before = NAMES.map(|name| load(&folder, name));
        let first = before[0].clone().unwrap().unwrap() + 1;
        let said = kill_writer("a_killed_process_leaves_a_whole_run", &folder, BOUND, &mut moments);
        for (name, before) in NAMES.iter().zip(before) {
            let now = load(&folder, name);
            let is_right = match said.get(*name) {
                _ if *name == "child.onnx" => now == Ok(length),
                Some(&done) => now == Ok(Some(done)) || now == Ok(Some(done + 1)),
                None => now == before || now == Ok(Some(first)),
            };
            if !is_right {
                campaign.fault(format!(
                    "kill {kill}: {name} is {now:?}; {:?} was done, {before:?} before",
                    said.get(*name)
                ));
            }
        }
    }
    let number = load(&folder, "run").unwrap().unwrap() + 1;
    NAMES.iter().for_each(|name| save(&folder, name, number));
    let names = [place.names(""), place.names("run")].concat();
    assert!(names.iter().all(|name| !name.contains(".tmp")), "the next write removes them: {names:?}");
    campaign.finish();
}

/// Keys of configurations whose state differs: momentum alone, a best epoch, a second moment, a teacher, statistics of
/// each width.
const CONFIGURATIONS: [&str; 5] = [
    "",
    "patience = 30\n",
    "optimiser = \"rmsprop\"\nlearning_rate = 0.01\n",
    "method = \"once_for_all\"\n",
    "method = \"slimmable\"\n",
];
/// Passes of a training, of four steps each.
const EPOCHS: &str = "16";
/// Steps of a training.
const STEPS: u64 = 64;
/// Kills of one training.
const KILLS: u64 = 4;

/// A run that was killed at any moments and continued is the same as one that was not, to the bit.
#[test]
fn a_training_that_is_killed_at_random_steps_ends_bit_equal() {
    let mut campaign = Campaign::new("kills of trainings that go on", 2, 100);
    let place = Place::new();
    let shared = std::fs::read_to_string(place.path("config.toml")).unwrap();
    let mut moments = Moments::new(campaign.seed(13));
    let (mut round, mut stopped_at, mut bounds) = (0, Vec::new(), Vec::new());
    let mut next = campaign.next();
    while next.is_some() {
        let kind = round % CONFIGURATIONS.len();
        std::fs::write(place.path("config.toml"), [CONFIGURATIONS[kind], &*shared].concat()).unwrap();
        let (whole, killed) = (format!("whole-{kind}"), format!("killed-{round}"));
        if bounds.len() == kind {
            let started = Instant::now();
            succeed(place.train(&whole).args(["--epochs", EPOCHS]));
            bounds.push(started.elapsed());
        }
        for _ in 0..KILLS {
            let Some(step) = next.and_then(|_| kill(&place, &killed, moments.below(bounds[kind]))) else { break };
            stopped_at.push(step);
            next = campaign.next();
        }
        succeed(place.train(&killed).args(["--epochs", EPOCHS]));
        if let Err(difference) = compare(&place, &whole, &killed) {
            campaign.fault(format!("round {round}, `{}`: {difference}", CONFIGURATIONS[kind].trim()));
        }
        round += 1;
    }
    println!("{round} trainings, killed with a checkpoint of step (of {STEPS}): {stopped_at:?}");
    campaign.finish();
}

/// Starts or continues a training and kills it after a time. The step that it goes on from; none if all was done.
fn kill(place: &Place, run: &str, after: Duration) -> Option<u64> {
    let mut training = place.train(run);
    training.args(["--epochs", EPOCHS]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut process = training.spawn().unwrap();
    std::thread::sleep(after);
    let is_alive = process.try_wait().unwrap().is_none();
    process.kill().unwrap();
    process.wait().unwrap();
    let is_begun = place.path(run).join("checkpoint.safetensors").exists();
    let step = if is_begun { checkpoint(place, run).step } else { 0 };
    (is_alive && step < STEPS).then_some(step)
}

fn checkpoint(place: &Place, run: &str) -> Checkpoint {
    Checkpoint::read(&place.path(run).join("checkpoint.safetensors")).unwrap()
}

/// Everything but times.
fn compare(place: &Place, whole: &str, killed: &str) -> Result<(), String> {
    let [mut one, other] = [whole, killed].map(|run| checkpoint(place, run));
    (one.cpu_s, one.wall_s) = (other.cpu_s, other.wall_s);
    if one != other || one.step != STEPS {
        return Err(format!("the checkpoints differ, at steps {} and {}", one.step, other.step));
    }
    let log = |run: &str| -> Vec<_> {
        let epochs = RunFolder::open(&place.path(run)).epochs(u64::MAX).unwrap();
        epochs.into_iter().map(|epoch| (epoch.epoch, epoch.step, epoch.biggest_loss.to_bits(), epoch.probes)).collect()
    };
    if log(whole) != log(killed) {
        return Err("the logs differ".to_owned());
    }
    let [events, others] = [whole, killed].map(|run| {
        let path = place.path(run).join("events.out.tfevents.nestling");
        std::fs::metadata(path).unwrap().len()
    });
    let names = place.names(killed);
    let is_clean = names.iter().all(|name| !name.contains(".tmp") && !name.contains("lock"));
    match () {
        () if events != others => Err(format!("TensorBoard's events have {events} and {others} bytes")),
        () if !is_clean => Err(format!("files stay behind: {names:?}")),
        () => Ok(()),
    }
}
