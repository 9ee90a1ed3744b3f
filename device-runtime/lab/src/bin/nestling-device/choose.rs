use crate::device::Opened;
use crate::output::{Report, columns, row};
use crate::profile::Effort;
use crate::progress::Bar;
use crate::{device, profile};
use anyhow::Result;
use clap::ValueEnum;
use nestling::Progress;
use nestling::session::{WholeSpaceChoice, WholeSpaceOptions};
use nestling::{Runtime, RuntimeOptions};
use nestling_bundle::Bundle;
use nestling_core::choosing::{Budget, Choice};
use nestling_core::latency::DeviceKey;
use nestling_core::metrics::{Millis, Quantile};
use nestling_core::space::SearchSpace;
use serde::Serialize;
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
    /// Search all children of the space, not only those that ship: one that is surely better is calibrated on the GPU, and
    /// checked, with the bundle's images.
    #[arg(long)]
    whole_space: bool,
    #[command(flatten)]
    measuring: Measuring,
}

/// A budget, refused before anything is measured.
pub fn milliseconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(ms) if ms > 0.0 && f64::is_finite(ms) => Ok(ms),
        _ => Err("no duration: give milliseconds above zero, such as 8 or 2.5".to_owned()),
    }
}

/// Budgets if none is given.
const TYPICAL: usize = 3;

/// How a budget is meant, and what is known of the device.
#[derive(clap::Args)]
pub struct Measuring {
    /// Which runs must keep within the budget: half of them, nine of ten, or nineteen of twenty.
    #[arg(long, value_enum, default_value = "p90")]
    quantile: Runs,
    /// The device's profile: used if it is fresh, otherwise measured and written there. With neither this nor --seconds,
    /// three children are measured where the bundle has other devices' latency tables.
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    #[command(flatten)]
    effort: Effort,
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
        profile::prepare_to_choose(opened, self.profile.as_deref(), &self.effort)
    }
}

#[derive(Serialize)]
pub struct Choices {
    device: DeviceKey,
    budgets: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    budget_ms: f64,
    quantile: Quantile,
    name: String,
    child: String,
    predicted_ms: f64,
    measured_p50_ms: f64,
    measured_p90_ms: f64,
    measured_p95_ms: f64,
    top1: Option<f64>,
    held_out_top1: Option<f64>,
    madds: u64,
    params: u64,
    switch_us: f64,
    why: String,
    /// Where the whole space was searched: the child that took the shipped one's place, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    adopted: Option<AdoptedRow>,
}

#[derive(Serialize)]
struct AdoptedRow {
    shipped: String,
    predicted_top1: f64,
    expected_gain_points: f64,
    check_top1: f64,
    check_top1_of_shipped: f64,
    check_images: u32,
}

/// What stands for the name of a child that does not ship.
const UNSHIPPED: &str = "(unshipped)";

impl Row {
    fn of_whole_space(choice: &WholeSpaceChoice, space: &SearchSpace) -> Result<Self> {
        let shipped = Self { why: choice.why().to_owned(), ..Self::from(choice.shipped()) };
        let Some(adopted) = choice.adopted() else { return Ok(shipped) };
        let cost = space.lower(choice.child())?.cost();
        Ok(Self {
            name: UNSHIPPED.to_owned(),
            child: choice.child().to_string(),
            predicted_ms: adopted.predicted.0,
            measured_p50_ms: adopted.measured.p50.0,
            measured_p90_ms: adopted.measured.p90.0,
            measured_p95_ms: adopted.measured.p95.0,
            // Known of no image that the trainer saw.
            top1: None,
            held_out_top1: None,
            madds: cost.madds.0,
            params: cost.params,
            adopted: Some(AdoptedRow {
                shipped: shipped.name.clone(),
                predicted_top1: adopted.predicted_top1,
                expected_gain_points: adopted.expected_gain,
                check_top1: adopted.check.percent(),
                check_top1_of_shipped: adopted.check_of_shipped.percent(),
                check_images: adopted.check.images,
            }),
            ..shipped
        })
    }
}

impl From<&Choice> for Row {
    fn from(choice: &Choice) -> Self {
        let (budget, entry, measured) = (choice.budget(), choice.entry(), choice.measured());
        Self {
            budget_ms: budget.limit.0,
            quantile: budget.quantile,
            name: entry.name.clone(),
            child: entry.child.to_string(),
            predicted_ms: choice.predicted().0,
            measured_p50_ms: measured.p50.0,
            measured_p90_ms: measured.p90.0,
            measured_p95_ms: measured.p95.0,
            top1: entry.test.known_percent(),
            held_out_top1: entry.held_out.known_percent(),
            madds: entry.cost.madds.0,
            params: entry.cost.params,
            switch_us: Millis::from(choice.switched_in()).micros(),
            why: choice.why().to_owned(),
            adopted: None,
        }
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
            given => given.iter().map(|&ms| runtime.choose(self.measuring.budget(ms))).collect::<Result<_, _>>()?,
        };
        let budgets = choices.iter().map(Row::from).collect();
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
            let show = |Progress { fraction, phase }: Progress| {
                bar.show((turn as f64 + fraction) / budgets.len() as f64, phase);
            };
            let options = WholeSpaceOptions { progress: Some(&show), ..WholeSpaceOptions::default() };
            let choice = runtime.choose_in_whole_space(bundle, budget, &options)?;
            rows.push(Row::of_whole_space(&choice, runtime.space())?);
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
                format!("{:.3} ms {}", one.budget_ms, one.quantile),
                one.name.clone(),
                format!("{:.3}", one.predicted_ms),
                format!("{:.3}", one.measured_p50_ms),
                format!("{:.3}", one.measured_p90_ms),
                one.top1.map_or("unmeasured".to_owned(), |top1| format!("{top1:.2}")),
                format!("{:.2}", one.madds as f64 / 1e6),
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
