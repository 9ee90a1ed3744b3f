//! `cargo xtask test`: the checks of CI, the cheapest ones first.

use crate::{gpu, kotlin, layers, package, process, setup, wasm, web, workspace};
use anyhow::Result;
use std::time::{Duration, Instant};

/// Flags of `cargo xtask test`.
#[derive(clap::Args)]
pub struct Options {
    /// Also the slow tests (those marked `#[ignore]`), a package of every crate that may be published, the arm64 library
    /// of the Kotlin package, and a dry run of `cargo xtask gpu`
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
    report.step("setup", || {
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
    })?;
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
    if process::answer("cargo", &["deny", "--version"]).is_some() {
        let check = ["deny", "--all-features", "check", "licenses"];
        report.step("licences", || process::run(&mut workspace::cargo(&check)))?;
    } else {
        report.skip("licences", "cargo-deny is not installed: cargo install cargo-deny");
    }
    let mut results = Vec::new();
    let tested = report.step("tests", || test(options, &mut results));
    report.results = results;
    tested?;
    if options.full {
        // With the features that the package for pages leaves out.
        report.step("wasm", wasm::check)?;
        report.step("package", package::run)?;
        report.step("arm64", || kotlin::run(&kotlin::Options::arm64()))?;
        // The script that measures GPUs, on the processor: it must be ready when there is one.
        report.step("gpu script", || gpu::run(&gpu::Options::dry_run()))?;
    }
    Ok(())
}

/// Runs all tests and collects cargo's result lines.
fn test(options: &Options, results: &mut Vec<String>) -> Result<()> {
    // A test binary that fails does not stop the others, so that one run shows every failure.
    let mut test = workspace::cargo(&["test", "--workspace", "--all-features", "--no-fail-fast"]);
    if options.full {
        test.args(["--", "--include-ignored"]);
    }
    if std::env::var_os("NESTLING_REQUIRE").is_none() && setup::has_only_lavapipe() {
        println!("lavapipe is the only adapter: NESTLING_REQUIRE={LAVAPIPE_FEATURES}");
        test.env("NESTLING_REQUIRE", LAVAPIPE_FEATURES);
    }
    process::run_watched(&mut test, |line| {
        if line.starts_with("test result:") {
            results.push(line.to_owned());
        }
    })
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
