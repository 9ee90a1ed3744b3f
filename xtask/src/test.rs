//! `cargo xtask test`: the checks of CI, the cheapest ones first.

use crate::{bindings, cross, gpu, kotlin, layers, package, process, release, setup, supply, wasm, web, workspace};
use anyhow::{Context, Result, bail};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

/// Flags of `cargo xtask test`.
#[derive(clap::Args)]
pub struct Options {
    /// Also the slow tests (those marked `#[ignore]`), a package of every crate that may be published, the arm64 library
    /// of the Kotlin package, `cargo xtask bindings`, `cross`, and dry runs of `release` and `gpu`
    #[arg(long)]
    full: bool,
}

/// Runs every check and prints the outcome of each step and the result lines of `cargo test` last.
pub fn run(options: &Options) -> Result<()> {
    let mut report = Report::default();
    let outcome = steps(options, &mut report);
    report.print();
    outcome?;
    println!("all passed in {:.0} s", report.total().as_secs_f64());
    Ok(())
}

/// Optional features that lavapipe has; no test of them may be skipped there.
const LAVAPIPE_FEATURES: &str = "f16,subgroups,timestamps,pipeline-cache";

fn steps(options: &Options, report: &mut Report) -> Result<()> {
    report.step("setup", prepare)?;
    if options.full {
        report.step("setup of slow tests", setup::typescript)?;
    }
    report.step("format", || process::run(&mut workspace::cargo(&["fmt", "--all", "--check"])))?;
    report.step("layers", || layers::run(&layers::Options::quick()))?;
    report.step("clippy", || {
        let lint = ["clippy", "--workspace", "--all-targets", "--all-features", "--", "--deny", "warnings"];
        process::run(&mut workspace::cargo(&lint))
    })?;
    // Right after clippy, whose metadata of the dependencies it reads too, so that it compiles little.
    report.step("doc", || {
        let mut doc = workspace::cargo(&["doc", "--workspace", "--no-deps", "--all-features"]);
        process::run(doc.env("RUSTDOCFLAGS", "--deny warnings"))
    })?;
    // The tests open it in a browser.
    report.step("web", || web::run(&web::Options::default()))?;
    report.step("supply", || {
        println!("{}", supply::check()?);
        supply::deny(&["bans", "licenses", "sources"])
    })?;
    report.skip("advisories", "they change without this repository: cargo xtask supply");
    let mut results = Vec::new();
    let tested = report.step("tests", || test(options, &mut results));
    report.results = results;
    tested?;
    if options.full { slow_steps(report) } else { Ok(()) }
}

fn prepare() -> Result<()> {
    setup::ensure()?;
    // Programs that the tests of the library for C run.
    setup::c_tools()?;
    // NumPy, Pillow and others, beside which the Python package is tested.
    setup::sdk_python()?;
    // The compiler and the JVM of the Kotlin package's tests.
    setup::kotlin()?;
    // The parser of the Swift package's tests.
    setup::swift_python()?;
    // The browser that runs the package for pages.
    setup::browser()?;
    // Weights and photographs that are imported and classified, and the checker of exported files.
    setup::photo()?;
    setup::onnx_python().map(drop)
}

fn slow_steps(report: &mut Report) -> Result<()> {
    // With the features that the package for pages leaves out.
    report.step("wasm", wasm::check)?;
    report.step("package", package::run)?;
    report.step("arm64", || kotlin::run(&kotlin::Options::arm64()))?;
    report.step("bindings", || bindings::run(&bindings::Options::default()))?;
    report.step("release", || release::run(&release::Options::dry_run()))?;
    report.step("cross", || cross::run(&cross::Options::default()))?;
    // The script that measures GPUs, on the processor: it must be ready when there is one.
    report.step("gpu script", || gpu::run(&gpu::Options::dry_run()))
}

/// Targets of `cargo test` that take about half of the time each. Most programs use one core, and a machine has two.
const HALVES: [&[&str]; 2] = [&["--lib", "--bins", "--test", "[a-g]*"], &["--test", "[h-z]*"]];

/// Runs all tests, the two halves side by side, and collects cargo's result lines.
fn test(options: &Options, results: &mut Vec<String>) -> Result<()> {
    let features =
        (std::env::var_os("NESTLING_REQUIRE").is_none() && setup::has_only_lavapipe()).then_some(LAVAPIPE_FEATURES);
    if let Some(features) = features {
        println!("lavapipe is the only adapter: NESTLING_REQUIRE={features}");
    }
    let cargo = |targets: &[&str]| {
        // A test binary that fails does not stop the others, so that one run shows every failure.
        let mut test = workspace::cargo(&["test", "--workspace", "--all-features", "--no-fail-fast"]);
        test.args(targets).envs(features.map(|features| ("NESTLING_REQUIRE", features)));
        test
    };
    let with_slow = |mut test: Command| {
        test.args(if options.full { &["--", "--include-ignored"][..] } else { &[] });
        test
    };
    process::run(&mut cargo(&["--no-run"]))?;
    let log = workspace::target().join("test-second-half.log");
    let mut collect = |line: &str| results.extend(line.starts_with("test result:").then(|| line.to_owned()));
    let [first, second] = HALVES.map(|targets| with_slow(cargo(targets)));
    let outcomes = thread::scope(|scope| {
        let (log, mut first, mut second) = (&log, first, second);
        let second = scope.spawn(move || process::run_into(&mut second, log));
        [
            process::run_watched(&mut first, &mut collect),
            second.join().unwrap_or_else(|_| bail!("the second half ended")),
        ]
    });
    let text = fs::read(&log).with_context(|| format!("cannot read {}", log.display()))?;
    let text = String::from_utf8_lossy(&text);
    println!("\n==> the second half, which ran meanwhile\n{text}");
    text.lines().for_each(&mut collect);
    let doc = process::run_watched(&mut with_slow(cargo(&["--doc"])), &mut collect);
    outcomes.into_iter().chain([doc]).collect()
}

/// The outcome of every step so far.
#[derive(Default)]
struct Report {
    steps: Vec<Step>,
    results: Vec<String>,
}

struct Step {
    name: &'static str,
    took: Duration,
    outcome: String,
}

impl Report {
    fn step(&mut self, name: &'static str, action: impl FnOnce() -> Result<()>) -> Result<()> {
        println!("\n==> {name}");
        let start = Instant::now();
        let result = action();
        let outcome = if result.is_ok() { "passed" } else { "FAILED" };
        let step = Step { name, took: start.elapsed(), outcome: outcome.to_owned() };
        println!("<== {name}: {outcome} in {:.1} s", step.took.as_secs_f64());
        self.steps.push(step);
        result
    }

    fn skip(&mut self, name: &'static str, why: &str) {
        self.steps.push(Step { name, took: Duration::ZERO, outcome: format!("skipped ({why})") });
    }

    fn total(&self) -> Duration {
        self.steps.iter().map(|step| step.took).sum()
    }

    fn print(&self) {
        println!("\nsummary");
        for Step { name, took, outcome } in &self.steps {
            println!("  {name:<10} {:>7.1} s  {outcome}", took.as_secs_f64());
        }
        for line in &self.results {
            println!("  {line}");
        }
    }
}
