//! The log, as a page.

use std::fmt::Write as _;
use std::time::Duration;

/// The steps that were done, without a path of this machine.
#[derive(Default)]
pub struct Log {
    facts: Vec<(String, String)>,
    steps: Vec<String>,
}

impl Log {
    /// Adds a fact, once.
    pub fn fact(&mut self, name: &str, value: &str) {
        if !self.facts.iter().any(|(known, _)| known == name) {
            self.facts.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Adds a step and prints it.
    pub fn step(&mut self, name: &str, took: Duration, outcome: &str) {
        let row = format!("| {name} | {:.0} s | {outcome} |", took.as_secs_f64());
        eprintln!("{row}");
        self.steps.push(row);
    }

    /// The page.
    pub fn text(&self) -> String {
        let mut text = String::from(
            "# Other devices\n\n\
             Written by `cargo xtask cross --log` on x86-64 Linux. The program `nestling-device` for arm64 Linux runs by\n\
             emulation with Mesa's software driver for arm64, and its answers are compared with those of this machine. An\n\
             error is the largest difference of a logit over the largest logit of its picture; both are logarithms of\n\
             probabilities around their mean. It may be 1e-3. Times of an emulated machine say nothing of a real one, and\n\
             what was built before is not built again.\n\n\
             Android and iOS are type-checked only: no library for them was linked, and no phone has run one.\n\n",
        );
        for (name, value) in &self.facts {
            let _ = writeln!(text, "* {name}: {value}");
        }
        text.push_str("\n| step | time | outcome |\n| --- | --- | --- |\n");
        for step in &self.steps {
            let _ = writeln!(text, "{step}");
        }
        text
    }
}
