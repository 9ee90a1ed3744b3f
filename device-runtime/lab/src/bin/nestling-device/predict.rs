use crate::device;
use crate::device::Opened;
use crate::output::{Report, columns, row};
use crate::profile::MeasurementTime;
use crate::progress::Bar;
use crate::stored_profile::{StoredProfile, prepare};
use anyhow::{Context as _, Result};
use nestling::TileChoice;
use nestling::low_level::kernels_fingerprint;
use nestling_bundle::{DeviceProfile, ProfileError};
use nestling_core::latency::{DeviceKey, LatencyTable};
use nestling_lab::evaluation::{Accuracy, Evaluation, EvaluationOptions, evaluate_prediction};
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
    /// Profile of another device, measured with this bundle, to compare with; may be repeated.
    #[arg(long, value_name = "FILE")]
    other: Vec<PathBuf>,
    #[command(flatten)]
    measurement_time: MeasurementTime,
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
        let others: Vec<DeviceProfile> = (self.other.iter())
            .map(|path| DeviceProfile::load(path).context("reading another device's profile"))
            .collect::<Result<_>>()?;
        let inputs = || self.other.iter().chain([&self.bundle]).map(PathBuf::as_path);
        let stored = self.profile.as_deref().map(|path| StoredProfile::open(path, inputs())).transpose()?;
        let profile = stored.as_ref().and_then(StoredProfile::profile);
        let Opened { runtime, bundle, .. } = device.open_to_profile(&self.bundle, TileChoice::Vendor, profile)?;
        let image_side = runtime.probe_image().width();
        let mut tables: Vec<LatencyTable> = Vec::with_capacity(others.len());
        for (path, other) in self.other.iter().zip(others) {
            let stale = other.staleness_for_network(bundle.network_id(), kernels_fingerprint());
            if let Some(stale) = stale.or_else(|| other.staleness_for_images(image_side)) {
                let remedy = format!(
                    "cannot compare with {}; measure again on {} with `nestling-device profile {} --image-side \
                     {image_side} --out FILE`",
                    path.display(),
                    other.device(),
                    self.bundle.display()
                );
                return Err(ProfileError::Stale(stale)).context(remedy);
            }
            tables.push(other.table);
        }
        prepare(&runtime, stored, &self.measurement_time)?;
        let bar = Bar::new();
        let show = bar.follow_lab();
        let options = EvaluationOptions {
            children: self.children as usize,
            rounds: self.rounds as usize,
            seed: self.seed,
            tables: &tables,
            progress: Some(&show),
            ..EvaluationOptions::default()
        };
        let evaluation = evaluate_prediction(&runtime, &options)?;
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
        let alike = evaluation.repeatability.map_or("-".to_owned(), |alike| format!("{alike:.3}"));
        writeln!(out, "{}, space {}", self.device, self.space)?;
        writeln!(
            out,
            "{held_out} children that the fit to {} others has never seen, {rounds} rounds, rank correlation of the rounds \
             {alike}; the device now takes {:.2} times what it took while the profile was measured\n",
            self.informative, evaluation.drift
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
