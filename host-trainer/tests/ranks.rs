//! Several processes that train one run: equal to one process, ended together, continued by any number.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

mod common;

use common::{Place, fail, json, succeed};
use nestling_torture::Campaign;
use nestling_torture::kills::Moments;
use nestling_train::train::Checkpoint;
use serde_json::Value;
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Keys of configurations with a state or random numbers of their own.
const CONFIGURATIONS: [&str; 6] = [
    "",
    "patience = 30\nhead_epochs = 1\ndropout = 0.3\nmix = { mixup = 0.2 }\n",
    "optimiser = \"rmsprop\"\nlearning_rate = 0.01\n",
    "method = \"once_for_all\"\n",
    "method = \"slimmable\"\n",
    "balance = \"sampling\"\nregularise = \"all\"\nmax_gradient_norm = 1.0\n",
];
/// Longest time in which the other ranks may end, once one was killed. The connection tells them at once.
const END: Duration = Duration::from_secs(20);

fn checkpoint(place: &Place, run: &str) -> Checkpoint {
    Checkpoint::read(&place.path(run).join("checkpoint.safetensors")).unwrap()
}

/// Everything but times.
fn assert_same_run(place: &Place, one: &str, other: &str) {
    let [mut first, second] = [one, other].map(|run| checkpoint(place, run));
    (first.cpu_s, first.wall_s) = (second.cpu_s, second.wall_s);
    assert!(first.step > 0 && first == second, "{one} and {other} differ");
    let epochs = |run: &str| {
        let text = std::fs::read_to_string(place.path(run).join("train.jsonl")).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|line| line["probes"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(epochs(one), epochs(other), "the curves of {one} and {other}");
}

fn configure(place: &Place, keys: &str) {
    let path = place.path("config.toml");
    let shared = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, [keys, &*shared].concat()).unwrap();
}

#[test]
fn two_processes_of_one_worker_train_as_one_process_of_two() {
    for keys in CONFIGURATIONS {
        let place = Place::new();
        configure(&place, keys);
        succeed(place.train("one").args(["--epochs", "2"]));
        let output = succeed(place.train("two").args(["--epochs", "2", "--processes", "2"]));
        assert_same_run(&place, "one", "two");
        let lines = String::from_utf8(output.stderr).unwrap();
        assert_eq!(lines.matches("training 2 processes").count(), 1, "one process speaks: {lines}");
    }
}

/// A step of one batch of all images, by 1, 2 and 4 processes.
#[test]
fn a_step_of_any_number_of_processes_is_within_1e_6() {
    let place = Place::new();
    configure(&place, "workers = 4\naverage_decay = 0.0\n");
    let text = std::fs::read_to_string(place.path("config.toml")).unwrap().replace("batch_size = 8", "batch_size = 32");
    std::fs::write(place.path("config.toml"), text).unwrap();
    let weights = |run: &str, processes: &str| {
        succeed(place.train(run).args(["--epochs", "1", "--processes", processes]));
        let found = checkpoint(&place, run);
        assert_eq!(found.step, 1);
        found.weights
    };
    let one = weights("1", "1");
    let largest = one.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    for processes in ["2", "4"] {
        let other = weights(processes, processes);
        let apart = one.iter().zip(&other).fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
        println!("{processes} processes: {:.1e} of the largest weight", apart / largest);
        assert!(apart <= 1e-6 * largest, "{processes} processes: {apart}");
    }
}

#[test]
fn search_and_evaluation_have_the_same_result_for_any_number_of_processes() {
    let place = Place::new();
    succeed(&mut place.train("run"));
    let search = |processes: &str| {
        let mut search = place.step("search", "run");
        search.args(["--fine", "1", "--random", "1", "--random-held-out", "0", "--calibration", "8"]);
        succeed(search.args(["--processes", processes]));
        let text = std::fs::read_to_string(place.path("run/search.json")).unwrap();
        let mut found: Value = serde_json::from_str(&text).unwrap();
        (found["cpu_s"], found["wall_s"]) = (Value::Null, Value::Null);
        found
    };
    let one = search("1");
    assert!(one["evaluated"].as_array().unwrap().len() > 1);
    assert_eq!(one, search("2"));
    succeed(place.step("pack", "run").args(["--golden-pictures", "1"]).arg("--output").arg(place.path("my.nestling")));
    let evaluate = |processes: &str| {
        let mut evaluate = common::nestling(["eval", "--processes", processes]);
        json(evaluate.arg(place.path("my.nestling")).arg("--data").arg(place.path("data")))
    };
    assert_eq!(evaluate("1"), evaluate("3"));
}

#[test]
fn workers_that_cannot_be_divided_are_refused_by_one_message() {
    let place = Place::new();
    let message = fail(place.train("run").args(["--workers", "2", "--processes", "4"]));
    assert!(message.contains("`workers` is 2; 4 processes need a multiple of 4"), "{message}");
    assert_eq!(message.matches("error: ").count(), 1, "{message}");
}

/// Two processes by torchrun's variables, without `--processes`.
fn by_hand(place: &Place, run: &str, data: [&str; 2]) -> [Output; 2] {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let processes = [0, 1].map(|rank: usize| {
        let mut command = common::nestling(["train", "--json", "--epochs", "2", "--run"]);
        command.arg(place.path(run)).arg("--data").arg(place.path(data[rank]));
        command.arg("--config").arg(place.path("config.toml"));
        command.env("RANK", rank.to_string()).env("LOCAL_RANK", rank.to_string());
        command.env("WORLD_SIZE", "2").env("MASTER_ADDR", "127.0.0.1").env("MASTER_PORT", &port);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    });
    processes.map(|process| process.wait_with_output().unwrap())
}

#[test]
fn torchruns_variables_join_processes_too() {
    let place = Place::new();
    succeed(place.train("one").args(["--epochs", "2"]));
    let [first, second] = by_hand(&place, "two", ["data", "data"]);
    let text = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(first.status.success() && second.status.success(), "{}{}", text(&first), text(&second));
    assert!(second.stdout.is_empty() && second.stderr.is_empty(), "{}", text(&second));
    assert_same_run(&place, "one", "two");
}

#[test]
fn a_process_with_other_images_ends_all_and_both_say_why() {
    let place = Place::new();
    common::write_data(&place.path("other"), 9);
    let [first, second] = by_hand(&place, "run", ["data", "other"]);
    let code = |output: &Output| {
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        document["error"]["code"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(code(&first), "ranks_elsewhere");
    let said = String::from_utf8_lossy(&first.stderr).into_owned();
    assert!(said.contains("rank 1: the run was trained on other images"), "{said}");
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("trained on other images"), "{said}");
}

/// A training of two processes, in the background.
struct Training(Child);

impl Training {
    fn start(place: &Place, run: &str, epochs: &str) -> Self {
        let mut train = place.train(run);
        train.args(["--json", "--processes", "2", "--epochs", epochs]);
        Self(train.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// The process of a rank, once it trains or has ended.
    fn rank(&self, rank: u32) -> Option<u32> {
        let started = Instant::now();
        while started.elapsed() < END {
            let found = ranks_of(self.0.id()).into_iter().find(|(number, _)| *number == rank);
            if let Some((_, process)) = found {
                return Some(process);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        None
    }
}

/// Rank and process number of the children of a process, as the kernel lists them.
fn ranks_of(parent: u32) -> Vec<(u32, u32)> {
    let children = format!("/proc/{parent}/task/{parent}/children");
    let children = std::fs::read_to_string(children).unwrap_or_default();
    let rank_of = |process: &str| {
        let environment = std::fs::read(format!("/proc/{process}/environ")).ok()?;
        let text = String::from_utf8_lossy(&environment).into_owned();
        let rank = text.split('\0').find_map(|variable| variable.strip_prefix("RANK="))?.parse().ok()?;
        Some((rank, process.parse().ok()?))
    };
    children.split_whitespace().filter_map(rank_of).collect()
}

fn kill(process: u32) {
    succeed(Command::new("kill").args(["-KILL", &process.to_string()]));
}

fn is_alive(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    status.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
}

/// Waits for the first checkpoint.
fn wait_until_begun(place: &Place, run: &str) {
    let started = Instant::now();
    while !place.path(run).join("checkpoint.safetensors").exists() {
        assert!(started.elapsed() < 3 * END, "no checkpoint");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_killed_rank_ends_the_others_with_one_message() {
    let place = Place::new();
    for rank in [0, 1] {
        let run = format!("run-{rank}");
        let training = Training::start(&place, &run, "100000");
        wait_until_begun(&place, &run);
        let ranks = ranks_of(training.0.id());
        kill(training.rank(rank).unwrap());
        let killed = Instant::now();
        let output = training.0.wait_with_output().unwrap();
        assert!(killed.elapsed() < END, "{:?}", killed.elapsed());
        println!("rank {rank} killed: all ended after {:.2} s", killed.elapsed().as_secs_f64());
        assert!(ranks.len() == 2 && ranks.iter().all(|&(_, process)| !is_alive(process)), "{ranks:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        let expected = format!("error: rank {rank} of 2 was killed by signal 9; the others were ended");
        assert!(said.contains(&expected) && said.matches("error: ").count() == 1, "{said}");
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["error"]["code"], "ranks_process");
    }
}

#[test]
fn ranks_end_with_the_process_that_started_them() {
    let place = Place::new();
    let mut training = Training::start(&place, "run", "100000");
    wait_until_begun(&place, "run");
    let ranks = ranks_of(training.0.id());
    training.0.kill().unwrap();
    training.0.wait().unwrap();
    let killed = Instant::now();
    while ranks.iter().any(|&(_, process)| is_alive(process)) {
        assert!(killed.elapsed() < END, "{ranks:?} still run");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(ranks.len(), 2);
}

/// A run of two ranks, one of which was killed at a random moment, ends as one that was not: by two processes, or one.
#[test]
fn a_run_goes_on_bit_equal_after_a_rank_was_killed() {
    const EPOCHS: &str = "12";
    let mut campaign = Campaign::new("kills of one of two ranks", 2, 50);
    let place = Place::new();
    let started = Instant::now();
    succeed(place.train("whole").args(["--epochs", EPOCHS, "--processes", "2"]));
    let bound = started.elapsed();
    let mut moments = Moments::new(campaign.seed(17));
    while let Some(turn) = campaign.next() {
        let run = format!("killed-{turn}");
        let mut training = Training::start(&place, &run, EPOCHS);
        std::thread::sleep(moments.below(bound));
        let rank = ranks_of(training.0.id()).into_iter().find(|&(rank, _)| u64::from(rank) == turn % 2);
        if let Some((_, process)) = rank {
            // It may have ended in this moment.
            let _ = Command::new("kill").args(["-KILL", &process.to_string()]).output();
        }
        training.0.wait().unwrap();
        let processes = ["2", "1"][turn as usize / 2 % 2];
        succeed(place.train(&run).args(["--epochs", EPOCHS, "--processes", processes]));
        assert_same_run(&place, "whole", &run);
    }
    campaign.finish();
}
