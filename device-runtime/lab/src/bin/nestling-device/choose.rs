use crate::device::Opened;
use crate::output::{Output, Report, columns, row};
use crate::profile::MeasurementTime;
use crate::progress::Bar;
use crate::{device, profile};
use anyhow::Result;
use clap::ValueEnum;
use nestling::WholeSpaceOptions;
use nestling::block_on;
use nestling::{Runtime, RuntimeOptions};
use nestling_core::choosing::Budget;
use nestling_core::metrics::{Millis, Quantile};
use nestling_lab::documents::{Choices, ChosenChild, FailedBudget, Fault, Tried};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Chooses the most accurate child that keeps within each budget on this device.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  nestling-device choose fashion.nestling --budget-ms 8\n  nestling-device choose \
                        fashion.nestling --budget-ms 2,4,8 --quantile p50 --profile phone.json --json\n  nestling-device \
                        choose fashion.nestling --budget-ms 8 --whole-space")]
pub struct Options {
    /// The bundle.
    bundle: PathBuf,
    /// Milliseconds from image to logits; several with commas or by repeating. Three typical ones if not given.
    #[arg(long, value_delimiter = ',', value_name = "MS", value_parser = milliseconds, allow_negative_numbers = true)]
    budget_ms: Vec<f64>,
    /// Search all children of the space, not only those that ship. A child that is clearly better is calibrated on the
    /// GPU and checked, with the bundle's images.
    #[arg(long)]
    whole_space: bool,
    #[command(flatten)]
    measuring: Measuring,
}

/// Parses a budget; a wrong one is refused before anything is measured.
pub fn milliseconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(ms) if ms > 0.0 && f64::is_finite(ms) => Ok(ms),
        _ => Err("not a duration: give milliseconds above zero, such as 8 or 2.5".to_owned()),
    }
}

/// Budgets if none is given.
const TYPICAL: usize = 3;

/// The quantile of a budget, and the profile of the device.
#[derive(clap::Args)]
pub struct Measuring {
    /// Which runs must keep within the budget: half of them, nine of ten, or nineteen of twenty.
    #[arg(long, value_enum, default_value = "p90")]
    quantile: Runs,
    /// The device's profile: used if it is fresh, otherwise measured and written there. With neither this nor
    /// --seconds, three children are measured where the bundle has other devices' latency tables.
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    #[command(flatten)]
    measurement_time: MeasurementTime,
}

#[derive(Clone, Copy, ValueEnum)]
enum Runs {
    P50,
    P90,
    P95,
}

impl Measuring {
    pub fn quantile(&self) -> Quantile {
        match self.quantile {
            Runs::P50 => Quantile::P50,
            Runs::P90 => Quantile::P90,
            Runs::P95 => Quantile::P95,
        }
    }

    pub fn budget(&self, ms: f64) -> Budget {
        Budget { limit: Millis(ms), quantile: self.quantile() }
    }

    /// The profile to start from.
    pub fn profile(&self) -> Option<&Path> {
        self.profile.as_deref()
    }

    pub fn prepare(&self, opened: &Opened) -> Result<()> {
        profile::prepare_to_choose(opened, self.profile.as_deref(), &self.measurement_time)
    }
}

impl Options {
    pub fn run(&self, device: &device::Options, output: Output) -> Result<Choices> {
        let opened = device.open_with(&self.bundle, RuntimeOptions::default(), self.measuring.profile())?;
        self.measuring.prepare(&opened)?;
        let Opened { runtime, bundle, .. } = opened;
        let given: Vec<Budget> = self.budget_ms.iter().map(|&ms| self.measuring.budget(ms)).collect();
        let bar = Bar::new();
        let try_each = |budgets: &[Budget], choose: &dyn Fn(usize, Budget) -> Result<ChosenChild>| {
            // A budget that cannot be kept says nothing about the others.
            let tried = budgets.iter().enumerate().map(|(turn, &budget)| match choose(turn, budget) {
                Ok(chosen) => Tried::Done(chosen),
                Err(error) => Tried::Failed(FailedBudget {
                    budget_ms: budget.limit,
                    quantile: budget.quantile,
                    error: bar.pause(|| output.failed(&error)),
                }),
            });
            tried.collect()
        };
        let budgets = if self.whole_space {
            let given = if given.is_empty() { self.typical_budgets(&runtime)? } else { given };
            try_each(&given, &|turn, budget| {
                let show = bar.follow_turn(turn, given.len());
                let options = WholeSpaceOptions::default().progress(Some(&show));
                let choice = runtime.choose_in_whole_space(&bundle, budget, &options)?;
                Ok(ChosenChild::of_whole_space(&choice, runtime.space())?)
            })
        } else if given.is_empty() {
            let choices = runtime.choose_spread(TYPICAL, self.measuring.quantile())?;
            choices.iter().map(|choice| Tried::Done(ChosenChild::from(choice))).collect()
        } else {
            try_each(&given, &|turn, budget| {
                let show = bar.follow_turn(turn, given.len());
                Ok(ChosenChild::from(&block_on(runtime.choose_async(budget, Some(&show)))?))
            })
        };
        Ok(Choices { device: runtime.device().clone(), budgets })
    }

    fn typical_budgets(&self, runtime: &Runtime) -> Result<Vec<Budget>> {
        Ok(runtime.typical_budgets(TYPICAL, self.measuring.quantile())?)
    }
}

impl Report for Choices {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let chosen = || self.budgets.iter().filter_map(Tried::done);
        if chosen().next().is_none() {
            return Ok(());
        }
        writeln!(out, "{}\n", self.device)?;
        let heads =
            ["budget", "child", "predicted ms", "p50 ms", "p90 ms", "top-1 %", "M MAdds", "k params", "switch us"];
        let mut rows = vec![row(heads)];
        for one in chosen() {
            rows.push(vec![
                format!("{:.3} ms {}", one.budget_ms.0, one.quantile),
                one.name.clone(),
                format!("{:.3}", one.predicted_ms.0),
                format!("{:.3}", one.measured_p50_ms.0),
                format!("{:.3}", one.measured_p90_ms.0),
                one.top1.map_or("unmeasured".to_owned(), |top1| format!("{top1:.2}")),
                format!("{:.2}", one.madds.millions()),
                format!("{:.1}", one.params as f64 / 1e3),
                format!("{:.1}", one.switch_us),
            ]);
        }
        columns(out, &rows)?;
        writeln!(out)?;
        for one in chosen() {
            writeln!(out, "  {} ({}): {}", one.name, one.child, one.why)?;
        }
        Ok(())
    }
    fn failed(&self) -> Option<Fault> {
        let faults = self.budgets.iter().filter_map(Tried::failed).map(|failed| &failed.error);
        Fault::of_inputs(faults, self.budgets.len())
    }
}
