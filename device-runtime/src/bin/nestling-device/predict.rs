use crate::device::{self, Opened};
use crate::output::{Report, columns, row};
use crate::profile::{self, Effort};
use crate::progress::Bar;
use anyhow::{Context as _, Result};
use nestling::engine::TileChoice;
use nestling::latency::{Accuracy, DeviceKey, DeviceProfile, LatencyTable, Progress};
use nestling::runtime::{Evaluation, EvaluationOptions};
use serde::Serialize;
use std::io::{self, Write};
use std::path::PathBuf;

/// Measures how well this device predicts children that its profile has never seen.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  nestling-device predict fashion.nestling --children 100 --other phone.json --json")]
pub struct Options {
    /// The bundle.
    bundle: PathBuf,
    /// Random children to predict, beside those that ship.
    #[arg(long, default_value_t = 100, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    children: u32,
    /// How often each is timed, in turns.
    #[arg(long, default_value_t = 5, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Seed of the random children.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The device's profile: used if it is fresh, otherwise measured and written there.
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Profile of another device, to compare with; may be repeated.
    #[arg(long, value_name = "FILE")]
    other: Vec<PathBuf>,
    #[command(flatten)]
    effort: Effort,
}

#[derive(Serialize)]
pub struct Prediction {
    device: DeviceKey,
    space: String,
    informative: u32,
    #[serde(flatten)]
    evaluation: Evaluation,
}

impl Options {
    pub fn run(&self, device: &device::Options) -> Result<Prediction> {
        let mut tables: Vec<LatencyTable> = Vec::new();
        for path in &self.other {
            let profile = DeviceProfile::load(path).context("reading another device's profile")?;
            tables.push(profile.table);
        }
        let Opened { runtime, .. } =
            device.open_to_profile(&self.bundle, TileChoice::Vendor, self.profile.as_deref())?;
        profile::prepare(&runtime, self.profile.as_deref(), &self.effort)?;
        let bar = Bar::new();
        let show = |Progress { done, doing }: Progress| bar.show(done, doing);
        let options = EvaluationOptions {
            children: self.children as usize,
            rounds: self.rounds as usize,
            seed: self.seed,
            tables: &tables,
            progress: Some(&show),
            ..EvaluationOptions::default()
        };
        let evaluation = runtime.evaluate_prediction(&options)?;
        let informative = runtime.current_profile().map_or(0, |profile| profile.table.children);
        let space = runtime.space().name.clone();
        Ok(Prediction { device: runtime.device().clone(), space, informative, evaluation })
    }
}

impl Report for Prediction {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let evaluation = &self.evaluation;
        let (held_out, rounds) =
            (evaluation.children.len(), evaluation.children.first().map_or(0, |child| child.rounds_ms.len()));
        writeln!(out, "{}, space {}", self.device, self.space)?;
        writeln!(
            out,
            "{held_out} children that the fit to {} others has never seen, {rounds} rounds, which rank them alike by {:.3};
             the device now takes {:.2} times what it took while the profile was measured\n",
            self.informative, evaluation.repeatability, evaluation.pace
        )?;
        let mut rows = vec![row(["predictor", "MAPE %", "within 10 %", "Spearman"])];
        let line = |name: &str, accuracy: &Accuracy| {
            vec![
                name.to_owned(),
                format!("{:.1}", accuracy.mape_percent),
                format!("{:.1}", accuracy.within_10_percent),
                format!("{:.3}", accuracy.spearman),
            ]
        };
        rows.push(line("fit", &evaluation.fit));
        rows.extend(evaluation.baselines.iter().map(|one| line(&one.predictor, one)));
        for (curve, from) in [(&evaluation.curve, ""), (&evaluation.curve_from_nearest, ", from the nearest table")] {
            rows.extend(curve.iter().map(|(_, one)| line(&format!("{}{from}", one.predictor), one)));
        }
        columns(out, &rows)
    }
}
