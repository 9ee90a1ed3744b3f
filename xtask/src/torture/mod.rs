//! `cargo xtask torture`: tests that CI runs briefly, at their full length.

mod campaigns;
mod fuzz;
mod summary;

use crate::{process, setup, workspace};
use anyhow::{Context, Result, bail};
use campaigns::{CAMPAIGNS, Campaign, FUZZ};
use std::path::Path;

/// Flags of `cargo xtask torture`.
#[derive(clap::Args)]
pub struct Options {
    /// Only campaigns whose name contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// A factor of every count
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    scale: f64,
    /// Begins all random sequences: another number tests other cases
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u32,
    /// Run only those targets of the campaign `fuzz` whose name contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    target: String,
    /// Run only those targets of the campaign `fuzz` that a device reads: without libtorch and without a GPU
    #[arg(long)]
    device_only: bool,
    /// After `fuzz`, add the inputs that reached new code to tests/fuzz/corpus
    #[arg(long)]
    keep: bool,
    /// Print the names of the campaigns and end
    #[arg(long)]
    list: bool,
}

/// Runs the campaigns one after the other. All of them run, also after a fault.
pub fn run(options: &Options) -> Result<()> {
    let chosen: Vec<&Campaign> = CAMPAIGNS.iter().filter(|campaign| campaign.name.contains(&options.only)).collect();
    if chosen.is_empty() {
        bail!("no campaign is called `{}`: --list prints their names", options.only);
    }
    if options.list {
        chosen.iter().for_each(|campaign| println!("{:<16} {}", campaign.name, campaign.about));
        return Ok(());
    }
    setup::ensure()?;
    let folder = workspace::target().join("torture");
    let mut failed = Vec::new();
    for campaign in chosen {
        println!("\n==> {}: {}", campaign.name, campaign.about);
        let rows = folder.join("rows").join(campaign.name);
        prepare(&rows)?;
        if let Some(missing) = campaign.missing() {
            println!("<== {}: skipped, {missing}", campaign.name);
            summary::skipped(&rows, campaign.about, missing)?;
            summary::stamp(&rows, options.scale)?;
            summary::write(&folder)?;
            continue;
        }
        let outcome = match campaign.name {
            FUZZ => fuzz(&folder, &rows, options),
            _ => campaign.run(&rows, options),
        };
        if let Err(error) = outcome {
            println!("<== {}: {error:#}", campaign.name);
            failed.push(campaign.name);
        }
        summary::stamp(&rows, options.scale)?;
        // After each, so that a campaign that is stopped later loses nothing.
        summary::write(&folder)?;
    }
    println!("\n{}", summary::table(&folder)?);
    println!("written to {}", folder.join("summary.json").display());
    if failed.is_empty() { Ok(()) } else { bail!("faults in: {}", failed.join(", ")) }
}

fn fuzz(folder: &Path, rows: &Path, options: &Options) -> Result<()> {
    let fuzzer = fuzz::Fuzzer::build(folder, options.device_only)?;
    let outcome = fuzzer.run(rows, &options.target, options.scale, options.seed);
    if options.keep {
        fuzzer.keep(&options.target)?;
    }
    outcome
}

/// Leaves no row of an earlier run, which would look like one of this run.
fn prepare(rows: &Path) -> Result<()> {
    if rows.exists() {
        std::fs::remove_dir_all(rows).with_context(|| format!("cannot empty {}", rows.display()))?;
    }
    std::fs::create_dir_all(rows).with_context(|| format!("cannot make {}", rows.display()))
}

impl Campaign {
    /// Says what this machine lacks for it.
    fn missing(&self) -> Option<&'static str> {
        let is_there = || process::answer("cargo", &["+nightly", "miri", "--version"]).is_some();
        (self.name == "miri" && !is_there()).then_some("Miri is missing: rustup +nightly component add miri rust-src")
    }

    fn run(&self, rows: &Path, options: &Options) -> Result<()> {
        for test in self.tests {
            let arguments = [&["test", "--release"], *test, &["--", "--nocapture", "--include-ignored"]].concat();
            let mut command = workspace::cargo(&arguments);
            command.env("NESTLING_TORTURE_ROWS", rows);
            command.env("NESTLING_TORTURE_SCALE", options.scale.to_string());
            command.env("NESTLING_TORTURE_SEED", options.seed.to_string());
            process::run(&mut command)?;
        }
        let left = std::fs::read_dir(rows).with_context(|| format!("cannot read {}", rows.display()))?.count();
        if left == 0 { bail!("it counted nothing") } else { Ok(()) }
    }
}
