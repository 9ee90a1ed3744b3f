//! `cargo xtask test`: what CI checks, in the order in which it is cheapest to learn of a mistake.

use crate::{process, setup, workspace};
use anyhow::Result;
use std::time::{Duration, Instant};

/// Flags of `cargo xtask test`.
#[derive(clap::Args)]
pub struct Options {
    /// Also the slow tests (those marked `#[ignore]`), and the runtime built without its GPU code.
    #[arg(long)]
    full: bool,
}

/// Runs every check; the last lines are one a step and the result lines of `cargo test`.
pub fn run(options: &Options) -> Result<()> {
    let mut report = Report::default();
    let outcome = steps(options, &mut report);
    report.print();
    outcome?;
    println!("all passed in {:.0} s", report.total().as_secs_f64());
    Ok(())
}

fn steps(options: &Options, report: &mut Report) -> Result<()> {
    report.step("setup", || {
        setup::ensure()?;
        // Weights and photographs that are imported and classified, and what checks exported files.
        setup::photo()?;
        setup::onnx_python().map(drop)
    })?;
    report.step("format", || process::run(&mut workspace::cargo(&["fmt", "--all", "--check"])))?;
    report.step("clippy", || {
        let lint = ["clippy", "--workspace", "--all-targets", "--all-features", "--", "--deny", "warnings"];
        process::run(&mut workspace::cargo(&lint))
    })?;
    // Right after clippy: it reads the same metadata of the dependencies, so it compiles little.
    report.step("doc", || {
        let mut doc = workspace::cargo(&["doc", "--workspace", "--no-deps", "--all-features"]);
        process::run(doc.env("RUSTDOCFLAGS", "--deny warnings"))
    })?;
    if process::answer("cargo", &["deny", "--version"]).is_some() {
        report.step("licences", || {
            process::run(&mut workspace::cargo(&["deny", "--all-features", "check", "licenses"]))
        })?;
    } else {
        report.skip("licences", "cargo-deny is not installed: cargo install cargo-deny");
    }
    if options.full {
        report.step("no GPU", || {
            process::run(&mut workspace::cargo(&["check", "-p", "nestling", "--no-default-features"]))
        })?;
    }
    let mut results = Vec::new();
    let tested = report.step("tests", || {
        // All binaries even when one fails: one run then tells all.
        let mut test = workspace::cargo(&["test", "--workspace", "--all-features", "--no-fail-fast"]);
        if options.full {
            test.args(["--", "--include-ignored"]);
        }
        process::run_watched(&mut test, |line| {
            if line.starts_with("test result:") {
                results.push(line.to_owned());
            }
        })
    });
    report.results = results;
    tested
}

/// What ran so far and how it ended.
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
