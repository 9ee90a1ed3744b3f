use crate::device::Opened;
use crate::output::{Output, Report, columns, row};
use crate::profile::MeasurementTime;
use crate::progress::Bar;
use crate::stored_profile::{StoredProfile, prepare_to_choose};
use crate::{device, wrong_usage};
use anyhow::{Context as _, Result};
use clap::ValueEnum;
use nestling::WholeSpaceOptions;
use nestling::block_on;
use nestling::{Error, RuntimeOptions};
use nestling_core::choosing::Budget;
use nestling_core::metrics::{Load, Millis, Quantile};
use nestling_lab::documents::{Choices, ChosenChild, FailedBudget, Fault, Tried};
use std::convert::Infallible;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Chooses the most accurate child that keeps within each budget on this device.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  nestling-device choose fashion.nestling --budget-ms 8\n  nestling-device choose \
                        fashion.nestling --budget-ms 2,4,8 --quantile p50 --profile phone.json --json\n  nestling-device \
                        choose fashion.nestling --budget-ms 8 --whole-space")]
pub struct Options {
    /// The bundle.
    bundle: PathBuf,
    /// Milliseconds from image to logits; several with commas or by repeating. Three typical ones if not given.
    #[arg(long, value_delimiter = ',', value_name = "MS", allow_negative_numbers = true)]
    budget_ms: Vec<GivenBudget>,
    /// Search all children of the space, not only those that ship. A child that is clearly better is calibrated on the
    /// GPU and checked, with the bundle's images.
    #[arg(long)]
    whole_space: bool,
    #[command(flatten)]
    measuring: Measuring,
}

/// One of several budgets: a wrong one says nothing about the others.
#[derive(Clone)]
struct GivenBudget {
    text: String,
    /// NaN if the text is not a number.
    ms: f64,
}

impl FromStr for GivenBudget {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self { text: text.to_owned(), ms: text.trim().parse().unwrap_or(f64::NAN) })
    }
}

const NO_DURATION: &str = "not a duration: give milliseconds above zero, such as 8 or 2.5";

fn is_duration(ms: f64) -> bool {
    ms > 0.0 && ms.is_finite()
}

/// Parses the only budget; a wrong one is refused before anything is measured.
pub fn milliseconds(text: &str) -> Result<f64, &'static str> {
    text.trim().parse().ok().filter(|&ms| is_duration(ms)).ok_or(NO_DURATION)
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

    /// The profile to start from, in a file that is none of these inputs.
    pub fn stored_profile<'a>(&'a self, inputs: impl IntoIterator<Item = &'a Path>) -> Result<Option<StoredProfile>> {
        self.profile.as_deref().map(|path| StoredProfile::open(path, inputs)).transpose()
    }

    pub fn prepare(&self, opened: &Opened, stored: Option<StoredProfile>) -> Result<()> {
        prepare_to_choose(opened, stored, &self.measurement_time)
    }
}

impl Options {
    pub fn run(&self, device: &device::Options, output: &Output) -> Result<Choices> {
        if !self.budget_ms.is_empty() && !self.budget_ms.iter().any(|given| is_duration(given.ms)) {
            let all: Vec<&str> = self.budget_ms.iter().map(|given| &*given.text).collect();
            return Err(wrong_usage(format!(
                "invalid value '{}' for '--budget-ms <MS>': {NO_DURATION}",
                all.join(",")
            )));
        }
        let stored = self.measuring.stored_profile([&*self.bundle])?;
        let profile = stored.as_ref().and_then(StoredProfile::profile);
        let opened = device.open_with(&self.bundle, RuntimeOptions::default(), profile)?;
        self.measuring.prepare(&opened, stored)?;
        let Opened { runtime, bundle, .. } = opened;
        let bar = Bar::new();
        let budgets = if self.whole_space {
            let mut given = self.budget_ms.clone();
            if given.is_empty() {
                let typical = runtime.typical_budgets(TYPICAL, self.measuring.quantile())?;
                given =
                    typical.iter().map(|one| GivenBudget { text: one.limit.to_string(), ms: one.limit.0 }).collect();
            }
            self.try_each(&given, &bar, output, &|turn, budget| {
                let show = bar.follow_turn(turn, given.len());
                let options = WholeSpaceOptions::default().progress(Some(&show));
                let choice = runtime.choose_in_whole_space(&bundle, budget, &options)?;
                Ok(ChosenChild::of_whole_space(&choice, runtime.space())?)
            })
        } else if self.budget_ms.is_empty() {
            let choices = runtime.choose_spread(TYPICAL, self.measuring.quantile())?;
            choices.iter().map(|choice| Tried::Done(ChosenChild::from(choice))).collect()
        } else {
            self.try_each(&self.budget_ms, &bar, output, &|turn, budget| {
                let show = bar.follow_turn(turn, self.budget_ms.len());
                Ok(ChosenChild::from(&block_on(runtime.choose_async(budget, Some(&show)))?))
            })
        };
        Ok(Choices { device: runtime.device().clone(), budgets })
    }

    /// Chooses for each budget. One that is none, or cannot be kept, says nothing about the others.
    fn try_each(
        &self,
        all: &[GivenBudget],
        bar: &Bar,
        output: &Output,
        choose: &dyn Fn(usize, Budget) -> Result<ChosenChild>,
    ) -> Vec<Tried<ChosenChild, FailedBudget>> {
        let one = |turn: usize, given: &GivenBudget| {
            let budget = self.measuring.budget(given.ms);
            if is_duration(given.ms) {
                return choose(turn, budget);
            }
            let why = if given.ms.is_nan() { " is not a number" } else { "" };
            Err(Error::InvalidBudget { budget }).with_context(|| format!("--budget-ms `{}`{why}", given.text))
        };
        let tried = all.iter().enumerate().map(|(turn, given)| match one(turn, given) {
            Ok(chosen) => Tried::Done(chosen),
            Err(error) => Tried::Failed(FailedBudget {
                given: given.text.clone(),
                budget_ms: Some(Millis(given.ms)).filter(|ms| ms.0.is_finite()),
                quantile: self.measuring.quantile(),
                error: bar.pause(|| output.failed(&error)),
            }),
        });
        tried.collect()
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
                format!("{} {}", one.budget_ms, one.quantile),
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
            writeln!(out, "  {} ({}): {}; {}", one.name, one.child, one.sureness(), one.why)?;
        }
        // One piece of advice, by the busiest moment.
        let loads = chosen().map(|one| one.load).min_by(|a, b| a.share.total_cmp(&b.share));
        if let Some(advice) = loads.and_then(Load::advice) {
            writeln!(out, "\n{advice}")?;
        }
        Ok(())
    }
    fn failed(&self) -> Option<Fault> {
        let faults = self.budgets.iter().filter_map(Tried::failed).map(|failed| &failed.error);
        Fault::of_inputs(faults, self.budgets.len())
    }
}
