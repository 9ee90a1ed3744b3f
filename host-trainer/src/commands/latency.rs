//! `latency`: what a bundle knows of devices.

use super::{bar, print};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use nestling_bundle::Bundle;
use nestling_core::latency::DeviceKey;
use nestling_core::metrics::Millis;
use nestling_page::markup::utc_date;
use nestling_train::fleet::{Comparison, Outcome, add_profiles, compare, list};
use serde_json::json;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Adds device profiles to a bundle, lists its devices, compares them.
#[derive(Args, Debug)]
pub struct Latency {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Add(Add),
    List(List),
    Compare(Compare),
}

impl Latency {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        match self.command {
            Command::Add(command) => command.run(),
            Command::List(command) => command.run(),
            Command::Compare(command) => command.run(),
        }
    }
}

fn open(path: &Path) -> Result<Bundle> {
    Bundle::open(path).with_context(|| format!("cannot use {}", path.display()))
}

/// Puts what devices measured into the bundle, so that other devices start from it and `search --device` can use it.
///
/// A device has one table: the newest. A profile must have been measured by this version with this bundle's space, weights and
/// children; tables that were added meanwhile do not matter, and profiles that devices keep stay fresh.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  nestling-device profile my.nestling --out phone.json    # on the phone\n  nestling latency \
                  add my.nestling phone.json tablet.json"
)]
struct Add {
    /// Bundle to add to
    bundle: PathBuf,
    /// Files that `nestling-device profile` wrote
    #[arg(required = true)]
    profiles: Vec<PathBuf>,
    /// File to write [default: the bundle itself, replaced whole]
    #[arg(long)]
    output: Option<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Add {
    fn run(self) -> Result<()> {
        let output = self.output.as_ref().unwrap_or(&self.bundle);
        let added = add_profiles(&self.bundle, &self.profiles, output)?;
        let written = open(output)?;
        let tables = written.manifest().latency_tables.len();
        let document = json!({
            "bundle": output,
            "id": written.id().to_string(),
            "network": written.network_id().to_string(),
            "profiles": added,
            "tables": tables,
        });
        print(self.json, &document, || {
            let mut text = String::new();
            for one in &added {
                let outcome = match one.outcome {
                    Outcome::Added => "added".to_owned(),
                    Outcome::Replaced { measured_at } => format!("replaces that of {}", utc_date(measured_at)),
                    Outcome::KeptNewer { measured_at } => {
                        format!("left out: the bundle keeps a newer one of {}", utc_date(measured_at))
                    }
                };
                let _ = writeln!(text, "{}, measured {}: {outcome}", one.device, utc_date(one.measured_at));
            }
            let _ = writeln!(text, "{}: {tables} latency tables", output.display());
            text
        })
    }
}

/// Lists the devices of a bundle, and what it predicts for them.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  nestling latency list my.nestling")]
struct List {
    /// Bundle with latency tables
    bundle: PathBuf,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl List {
    fn run(self) -> Result<()> {
        let rows = list(&open(&self.bundle)?);
        print(self.json, &json!({ "devices": rows }), || {
            if rows.is_empty() {
                return "no latency tables; add device profiles with `nestling latency add`".to_owned();
            }
            let longest = |of: fn(&DeviceKey) -> &str, least: usize| {
                rows.iter().map(|row| of(&row.device).chars().count()).fold(least, usize::max)
            };
            let width = longest(|device| &device.adapter, "adapter".len());
            let precision = longest(|device| &device.precision, "precision".len());
            let mut text = format!(
                "{:width$}  {:precision$}  measured    children  residual  p95/p50    smallest     biggest  backend, driver; \
                 features\n",
                "adapter", "precision"
            );
            for row in &rows {
                let device = &row.device;
                let features = if device.features.is_empty() { "none".to_owned() } else { device.features.join(", ") };
                let _ = writeln!(
                    text,
                    "{:width$}  {:precision$}  {}  {:>8}  {:>6.1} %  {:>7.2}  {:>10}  {:>10}  {}, {}; {features}",
                    device.adapter,
                    device.precision,
                    row.date,
                    row.children,
                    row.residual_percent,
                    row.spread_p95,
                    row.smallest_ms.to_string(),
                    row.biggest_ms.to_string(),
                    device.backend,
                    device.driver,
                );
            }
            text
        })
    }
}

/// Shows where the devices of a bundle order children differently, by their predicted times, and what each takes for the same
/// budgets.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  nestling latency compare my.nestling --children 500")]
struct Compare {
    /// Bundle with latency tables
    bundle: PathBuf,
    /// Random children beside those that ship
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(0..=2000))]
    children: u32,
    /// Seed of the random children
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Compare {
    fn run(self) -> Result<()> {
        let bundle = open(&self.bundle)?;
        let bar = bar(1, "compare");
        let comparison = compare(&bundle, self.children as usize, self.seed, &|done, total| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        })?;
        bar.finish_and_clear();
        print(self.json, &comparison, || table(&comparison))
    }
}

/// Width of a column that says what a device takes.
const TAKEN: usize = 24;

fn table(comparison: &Comparison) -> String {
    let Comparison { devices, children, correlations, with_madds, reversals, shares, budgets } = comparison;
    let mut text = String::new();
    for (index, device) in devices.iter().enumerate() {
        let _ = writeln!(text, "[{}] {device}", index + 1);
    }
    let _ = write!(text, "\nSpearman over {children} children\n{:>6}", "");
    let numbers = |text: &mut String, width: usize| {
        for index in 0..devices.len() {
            let _ = write!(text, "  {:>width$}", format!("[{}]", index + 1));
        }
    };
    numbers(&mut text, 6);
    text.push('\n');
    for a in 0..devices.len() {
        let _ = write!(text, "{:>6}", format!("[{}]", a + 1));
        for b in 0..devices.len() {
            let between = correlations.iter().find(|one| one.devices == [a.min(b), a.max(b)]);
            let _ = write!(text, "  {:>6.3}", between.map_or(1.0, |one| one.spearman));
        }
        text.push('\n');
    }
    let _ = write!(text, "{:>6}", "MAdds");
    for spearman in with_madds {
        let _ = write!(text, "  {spearman:>6.3}");
    }
    text.push('\n');
    if !reversals.is_empty() {
        text.push_str("\nchildren that two devices order most differently\n");
    }
    for one in reversals {
        let [[a1, a2], [b1, b2]] = one.predicted_ms;
        let [a, b] = one.devices.map(|device| device + 1);
        let ms = |ms: Millis| format!("{:.3}", ms.0);
        let _ = writeln!(text, "[{a}] {} < {} ms, [{b}] {} > {} ms", ms(a1), ms(a2), ms(b1), ms(b2));
        let [first, second] = &one.children;
        let _ = writeln!(text, "      {first}\n      {second}");
    }
    let heads = |text: &mut String, what: &str| {
        let _ = write!(text, "\nwhat each device takes of the children that ship, {what}\n{:>10}", "");
        numbers(text, TAKEN);
        text.push('\n');
    };
    let end = |text: &mut String, differ: bool| text.push_str(if differ { "  differ\n" } else { "\n" });
    heads(&mut text, "where so many of all children keep its budget");
    for row in shares {
        let _ = write!(text, "{:>8} %", row.percent);
        for (taken, budget) in row.taken.iter().zip(&row.budgets_ms) {
            let child = taken.as_ref().map_or("-", |taken| &taken.child);
            let _ = write!(text, "  {:>TAKEN$}", format!("{child} in {budget}"));
        }
        end(&mut text, row.differ);
    }
    heads(&mut text, "for the same budget");
    for row in budgets {
        let _ = write!(text, "{:>10}", row.budget_ms.to_string());
        for taken in &row.taken {
            let child = taken.as_ref().map(|taken| format!("{} in {}", taken.child, taken.predicted_ms));
            let _ = write!(text, "  {:>TAKEN$}", child.as_deref().unwrap_or("-"));
        }
        end(&mut text, row.differ);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_train::fleet::{SameBudget, Taken};

    #[test]
    fn a_device_without_a_child_for_a_budget_shows_a_dash() {
        let taken = |name: &str| Some(Taken { child: name.into(), predicted_ms: Millis(1.5) });
        let comparison = Comparison {
            devices: vec!["A".into(), "B".into(), "C".into()],
            children: 2,
            correlations: Vec::new(),
            with_madds: vec![1.0; 3],
            reversals: Vec::new(),
            shares: Vec::new(),
            budgets: vec![SameBudget {
                budget_ms: Millis(2.0),
                taken: vec![taken("pareto-1"), None, taken("pareto-2")],
                differ: true,
            }],
        };
        let text = table(&comparison);
        let words: Vec<&str> = text.lines().last().unwrap().split_whitespace().collect();
        assert_eq!(
            words,
            "2.000 ms pareto-1 in 1.500 ms - pareto-2 in 1.500 ms differ".split(' ').collect::<Vec<_>>(),
            "{text}"
        );
    }
}
