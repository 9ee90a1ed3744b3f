use crate::device::{self, Opened};
use crate::output::{Report, columns, row, say};
use crate::progress::Bar;
use anyhow::{Context as _, Result};
use nestling::Runtime;
use nestling::engine::TileChoice;
use nestling::latency::{DeviceProfile, ProfileError, ProfileOptions, Progress};
use serde::Serialize;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Measures layers and children on this device.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  nestling-device profile fashion.nestling --seconds 5 --out phone.json")]
pub struct Options {
    /// The bundle.
    bundle: PathBuf,
    /// Where to keep the profile, for `choose --profile` and for apps.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Seconds to look for the fastest tiles of pointwise layers before measuring; 0 takes the vendor's. Whoever loads
    /// with this profile gets the same tiles.
    #[arg(long, default_value = "0.5", value_parser = seconds, value_name = "SECONDS")]
    tune: Duration,
    #[command(flatten)]
    effort: Effort,
}

/// How long to measure.
#[derive(clap::Args)]
pub struct Effort {
    /// About how many seconds to measure; the fastest and the slowest child are always measured.
    #[arg(long, default_value = "2", value_parser = seconds, value_name = "SECONDS")]
    seconds: Duration,
}

impl Default for Effort {
    fn default() -> Self {
        Self { seconds: Duration::from_secs(2) }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "no number".to_owned())?;
    let allowed = 0.0..=3600.0;
    if allowed.contains(&seconds) { Ok(Duration::from_secs_f64(seconds)) } else { Err("0 to 3600 seconds".to_owned()) }
}

#[derive(Serialize)]
#[serde(transparent)]
pub struct Profile(DeviceProfile);

impl Options {
    pub fn run(&self, device: &device::Options) -> Result<Profile> {
        let tiles = if self.tune.is_zero() { TileChoice::Vendor } else { TileChoice::Timed(self.tune) };
        let Opened { runtime, .. } = device.open_to_profile(&self.bundle, tiles)?;
        let profile = measure(&runtime, &self.effort)?;
        if let Some(path) = &self.out {
            profile.save(path)?;
            say(&format!("wrote {}", path.display()));
        }
        Ok(Profile(Arc::unwrap_or_clone(profile)))
    }
}

fn measure(runtime: &Runtime, effort: &Effort) -> Result<Arc<DeviceProfile>> {
    let bar = Bar::new();
    let show = |Progress { done, doing }: Progress| bar.show(done, doing);
    let options = ProfileOptions { time: effort.seconds, progress: Some(&show) };
    runtime.profile(&options).context("measuring this device")
}

/// Gives the runtime the profile of `path` if that is fresh; otherwise measures one and writes it there, if anywhere.
pub fn prepare(runtime: &Runtime, path: Option<&Path>, effort: &Effort) -> Result<()> {
    let Some(path) = path else { return measure(runtime, effort).map(drop) };
    let why = match DeviceProfile::load(path) {
        Ok(profile) => match runtime.staleness_of(&profile) {
            None => return Ok(runtime.use_profile(profile)?),
            Some(stale) => stale.to_string(),
        },
        Err(ProfileError::Open { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            "there is none".to_owned()
        }
        Err(error) => return Err(error.into()),
    };
    say(&format!("measuring a new profile {}: {why}", path.display()));
    Ok(measure(runtime, effort)?.save(path)?)
}

impl Report for Profile {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self(profile) = self;
        let table = &profile.table;
        writeln!(out, "{}, images of {} x {1} pixels", table.device, profile.image_side)?;
        writeln!(out, "tiles of large, medium and small pointwise layers (pixels x channels): {}", profile.tiles)?;
        writeln!(
            out,
            "{} distinct layers timed by {:?}; a child takes {} + {:.2} x the sum of its layers\n",
            table.layers.len(),
            profile.clock,
            table.overhead_ms,
            table.scale
        )?;
        let mut rows = vec![row(["child", "predicted ms", "p50 ms", "p90 ms", "runs", "choices"])];
        for times in &profile.children {
            rows.push(vec![
                times.name.clone(),
                format!("{:.3}", times.predicted_ms.0),
                format!("{:.3}", times.measured_p50_ms.0),
                format!("{:.3}", times.measured_p90_ms.0),
                times.runs_ms.len().to_string(),
                times.child.to_string(),
            ]);
        }
        columns(out, &rows)
    }
}
