use crate::device::Opened;
use crate::output::{Report, columns, row};
use crate::profile::MeasurementTime;
use crate::progress::Bar;
use crate::{device, profile};
use anyhow::Result;
use clap::ValueEnum;
use nestling::WholeSpaceOptions;
use nestling::block_on;
use nestling::{Runtime, RuntimeOptions};
use nestling_bundle::Bundle;
use nestling_core::choosing::Budget;
use nestling_core::metrics::{Millis, Quantile};
use nestling_lab::documents::{Choices, ChosenChild};
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
    pub fn run(&self, device: &device::Options) -> Result<Choices> {
        let opened = device.open_with(&self.bundle, RuntimeOptions::default(), self.measuring.profile())?;
        self.measuring.prepare(&opened)?;
        let Opened { runtime, bundle, .. } = opened;
        if self.whole_space {
            return self.in_whole_space(&runtime, &bundle);
        }
        let choices = match self.budget_ms.as_slice() {
            [] => runtime.choose_spread(TYPICAL, self.measuring.quantile())?,
            given => {
                let bar = Bar::new();
                let choose = |&ms: &f64| block_on(runtime.choose_async(self.measuring.budget(ms), Some(&bar.follow())));
                given.iter().map(choose).collect::<Result<_, _>>()?
            }
        };
        let budgets = choices.iter().map(ChosenChild::from).collect();
        Ok(Choices { device: runtime.device().clone(), budgets })
    }

    fn in_whole_space(&self, runtime: &Runtime, bundle: &Bundle) -> Result<Choices> {
        let budgets = match self.budget_ms.as_slice() {
            [] => runtime.typical_budgets(TYPICAL, self.measuring.quantile())?,
            given => given.iter().map(|&ms| self.measuring.budget(ms)).collect(),
        };
        let bar = Bar::new();
        let mut rows = Vec::with_capacity(budgets.len());
        for (turn, &budget) in budgets.iter().enumerate() {
            let show = bar.follow_turn(turn, budgets.len());
            let options = WholeSpaceOptions::default().progress(Some(&show));
            let choice = runtime.choose_in_whole_space(bundle, budget, &options)?;
            rows.push(ChosenChild::of_whole_space(&choice, runtime.space())?);
        }
        Ok(Choices { device: runtime.device().clone(), budgets: rows })
    }
}

impl Report for Choices {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}\n", self.device)?;
        let heads =
            ["budget", "child", "predicted ms", "p50 ms", "p90 ms", "top-1 %", "M MAdds", "k params", "switch us"];
        let mut rows = vec![row(heads)];
        for one in &self.budgets {
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
        for one in &self.budgets {
            writeln!(out, "  {} ({}): {}", one.name, one.child, one.why)?;
        }
        Ok(())
    }
}
