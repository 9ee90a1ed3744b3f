//! `latency`: the latency tables of a bundle.

use super::compare_table::table;
use super::new_file::tell_waiting;
use super::{bar, open_bundle, print, reserve, say, shown};
use anyhow::Result;
use clap::{Args, Subcommand};
use nestling_core::latency::DeviceKey;
use nestling_core::names::printable;
use nestling_page::markup::utc_date;
use nestling_train::fleet::{AddOutcome, AddRequest, AddedProfile, add_profiles, compare, list};
use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;

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

/// Adds device profiles to the bundle, so that other devices start from them and `search --device` can use them.
///
/// A device has one table, the newest by its own clock: a warning says where an older one is left out, and --replace
/// takes it all the same. A profile must have been measured with this version's kernels and with this
/// bundle's space, weights and children. Tables that were added meanwhile do not matter, and the profiles on the
/// devices stay valid. Several processes may add to one bundle at the same time.
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
    /// Take a profile with an earlier date than that of the bundle's table: a clock may have been wrong. Also replace
    /// whatever --output holds
    #[arg(long)]
    replace: bool,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Add {
    fn run(self) -> Result<()> {
        let output = self.output.as_ref().unwrap_or(&self.bundle);
        reserve(output, self.json);
        let request = AddRequest { bundle: &self.bundle, profiles: &self.profiles, output, replace: self.replace };
        let (added, written) = add_profiles(request, tell_waiting)?;
        added.iter().for_each(warn_of_loss);
        let tables = written.manifest().latency_tables.len();
        let document = json!({
            "bundle": shown(output),
            "id": written.id().to_string(),
            "network": written.network_id().to_string(),
            "profiles": added,
            "tables": tables,
        });
        print(self.json, &document, || {
            let mut text = String::new();
            for one in &added {
                let outcome = match one.outcome {
                    AddOutcome::Added => "added".to_owned(),
                    AddOutcome::Replaced { measured_at } => format!("replaces that of {}", utc_date(measured_at)),
                    AddOutcome::KeptNewer { measured_at } => {
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

/// A table that is newer may be left out because a clock was wrong, here or there.
fn warn_of_loss(added: &AddedProfile) {
    if let AddOutcome::KeptNewer { measured_at } = added.outcome {
        say(&format!(
            "warning: {} was left out: it is dated {}, but the bundle has a table of {} dated {}; if a clock was wrong, \
             add it with --replace",
            added.profile.display(),
            utc_date(added.measured_at),
            added.device,
            utc_date(measured_at)
        ));
    }
}

/// Lists the devices of a bundle, with predicted times.
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
        let rows = list(&open_bundle(&self.bundle)?);
        print(self.json, &json!({ "devices": rows }), || {
            if rows.is_empty() {
                return "no latency tables; add device profiles with `nestling latency add`".to_owned();
            }
            let longest = |fact: fn(&DeviceKey) -> &str, least: usize| {
                rows.iter().map(|row| fact(&row.device).chars().count()).fold(least, usize::max)
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
                let shown = |fact: &str| printable(fact).into_owned();
                let _ = writeln!(
                    text,
                    "{:width$}  {:precision$}  {}  {:>8}  {:>6.1} %  {:>7.2}  {:>10}  {:>10}  {}, {}; {}",
                    shown(&device.adapter),
                    shown(&device.precision),
                    row.date,
                    row.children,
                    row.residual_percent,
                    row.spread_p95,
                    row.smallest_ms.to_string(),
                    row.biggest_ms.to_string(),
                    shown(&device.backend),
                    shown(&device.driver),
                    shown(&features),
                );
            }
            text
        })
    }
}

/// Compares the devices of a bundle by their predicted times: how differently they order children, and the child that
/// each takes for the same budgets.
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
        let bundle = open_bundle(&self.bundle)?;
        let bar = bar(1, "compare");
        let comparison = compare(&bundle, self.children as usize, self.seed, &|done, total| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        })?;
        bar.finish_and_clear();
        print(self.json, &comparison, || table(&comparison))
    }
}
