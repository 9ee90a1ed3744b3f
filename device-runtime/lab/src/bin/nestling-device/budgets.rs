use crate::choose::Measuring;
use crate::device;
use crate::device::Opened;
use crate::output::{Report, columns, row};
use crate::pixels::Idx;
use crate::progress::Bar;
use crate::stored_profile::StoredProfile;
use anyhow::{Context as _, Result, ensure};
use nestling::RuntimeOptions;
use nestling_core::image::Image;
use nestling_core::latency::DeviceKey;
use nestling_lab::audit::{AuditedAdoption, ChoiceAudit, ChoiceAuditOptions, Foreseen, audit_choices};
use serde::Serialize;
use std::io::{self, Write};
use std::path::PathBuf;

/// Chooses children for many budgets, checks that they keep them, and compares them with an oracle's choices.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  nestling-device budgets fashion.nestling --budgets 200 --whole-space 20 --images \
                        t10k-images-idx3-ubyte.gz --labels t10k-labels-idx1-ubyte.gz")]
pub struct Options {
    /// The bundle.
    bundle: PathBuf,
    /// Budgets for the shipped children, spread over their times.
    #[arg(long, default_value_t = 200, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    budgets: u32,
    /// Budgets for the whole space; each takes seconds.
    #[arg(long, default_value_t = 0, value_name = "COUNT", requires = "images")]
    whole_space: u32,
    /// Test images in IDX format, gzip or plain: they measure the accuracy of children that do not ship.
    #[arg(long, value_name = "FILE", requires_all = ["labels", "whole_space"])]
    images: Option<PathBuf>,
    /// Their classes.
    #[arg(long, value_name = "FILE", requires = "images")]
    labels: Option<PathBuf>,
    /// Only the first test images.
    #[arg(long, requires = "images", value_name = "COUNT")]
    limit: Option<usize>,
    /// Seed of all random numbers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    measuring: Measuring,
}

#[derive(Serialize)]
pub struct Budgets {
    device: DeviceKey,
    #[serde(flatten)]
    audit: ChoiceAudit,
    whole_space_summary: Option<WholeSpace>,
}

#[derive(Serialize)]
struct WholeSpace {
    budgets: usize,
    refused: usize,
    adopted: usize,
    kept_percent: f64,
    mean_gain_points: f64,
    worst_gain_points: f64,
}

impl WholeSpace {
    fn of(audit: &ChoiceAudit) -> Option<Self> {
        let all = &audit.whole_space;
        let count = |wanted: fn(&AuditedAdoption) -> bool| all.iter().filter(|one| wanted(one)).count();
        let gains = || all.iter().map(|one| one.gain_points);
        let kept = count(|one| one.again_ms.is_some_and(|ms| ms.0 <= one.budget_ms.0));
        (!all.is_empty()).then(|| Self {
            budgets: all.len(),
            refused: count(|one| one.shipped.is_none()),
            adopted: count(|one| one.adopted.is_some()),
            kept_percent: 100.0 * kept as f64 / all.len() as f64,
            mean_gain_points: gains().sum::<f64>() / all.len() as f64,
            worst_gain_points: gains().fold(f64::INFINITY, f64::min),
        })
    }
}

impl Options {
    pub fn run(&self, device: &device::Options) -> Result<Budgets> {
        let data = match &self.images {
            Some(images) => Some(Idx::open(images, self.labels.as_deref(), self.limit)?),
            None => None,
        };
        let inputs = [Some(&self.bundle), self.images.as_ref(), self.labels.as_ref()];
        let stored = self.measuring.stored_profile(inputs.into_iter().flatten().map(PathBuf::as_path))?;
        let profile = stored.as_ref().and_then(StoredProfile::profile);
        let opened = device.open_with(&self.bundle, RuntimeOptions::default(), profile)?;
        self.measuring.prepare(&opened, stored)?;
        let Opened { runtime, bundle, .. } = opened;
        let mut test: Vec<(Image<'_>, usize)> = Vec::new();
        for (index, (class, image)) in
            data.as_ref().map_or_else(|| Ok(Vec::new()), Idx::images)?.into_iter().enumerate()
        {
            let class = class.context("test images need --labels")?;
            ensure!(class < runtime.labels().len(), "image {index} has class {class}, which the bundle does not know");
            test.push((image, class));
        }
        let bar = Bar::new();
        let show = bar.follow_lab();
        let audit = audit_choices(
            &runtime,
            &bundle,
            &ChoiceAuditOptions {
                budgets: self.budgets as usize,
                whole_space_budgets: self.whole_space as usize,
                quantile: self.measuring.quantile(),
                test: &test,
                seed: self.seed,
                progress: Some(&show),
                ..ChoiceAuditOptions::default()
            },
        )?;
        let whole_space_summary = WholeSpace::of(&audit);
        Ok(Budgets { device: runtime.device().clone(), audit, whole_space_summary })
    }
}

impl Report for Budgets {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let audit = &self.audit;
        writeln!(out, "{}", self.device)?;
        writeln!(
            out,
            "{} budgets: {:.1} % kept when timed again ({:.1} % without drift since the choice; an oracle's children {:.1} %), \
             {} refused; {:.2} points of top-1 short of the oracle on average, {:.2} at worst",
            audit.budgets,
            audit.kept_percent,
            audit.kept_without_drift_percent,
            audit.oracle_kept_percent,
            audit.refused,
            audit.mean_regret_points,
            audit.worst_regret_points
        )?;
        let Foreseen { load, mape_p50, bias, mape_p95, coverage, floor_p95, .. } = audit.foreseen;
        writeln!(
            out,
            "the device was {load}; predictions beside true times: p50 {mape_p50:.1} % off ({bias:+.1} %), p95 {mape_p95:.1} % \
             (two halves of the truth {floor_p95:.1} %), {coverage:.0} % in their interval"
        )?;
        let Some(whole) = &self.whole_space_summary else { return Ok(()) };
        writeln!(
            out,
            "whole space: {} budgets, {} refused, {} adopted a child that does not ship, {:.0} % kept when timed again; \
             {:+.2} points of test top-1 on average, {:+.2} at worst\n",
            whole.budgets,
            whole.refused,
            whole.adopted,
            whole.kept_percent,
            whole.mean_gain_points,
            whole.worst_gain_points
        )?;
        let mut rows = vec![row(["budget ms", "shipped", "expected gain", "gain", "adopted"])];
        for one in &audit.whole_space {
            rows.push(vec![
                format!("{:.3}", one.budget_ms.0),
                one.shipped.clone().unwrap_or_else(|| "refused".to_owned()),
                format!("{:+.2}", one.expected_gain_points),
                format!("{:+.2}", one.gain_points),
                one.adopted.clone().unwrap_or_else(|| "-".to_owned()),
            ]);
        }
        columns(out, &rows)
    }
}
