use crate::device;
use crate::device::Opened;
use crate::output::{Report, columns, row};
use crate::profile::MeasurementTime;
use crate::progress::Bar;
use crate::stored_profile::{StoredProfile, prepare_to_choose};
use anyhow::Result;
use nestling::RuntimeOptions;
use nestling_core::governor::{Decision, Reason, Rung, WINDOW};
use nestling_core::latency::DeviceKey;
use nestling_core::metrics::Millis;
use serde::Serialize;
use std::io::{self, Write};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Instant;

/// Classifies for a while, and switches children to keep a budget.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  nestling-device govern fashion.nestling --budget-ms 8 --seconds 60\n  \
                        nestling-device govern fashion.nestling --budget-ms 8 --seconds 120 --slow-down 3@5 \
                        --slow-down 1@20 --json")]
pub struct Options {
    /// The bundle.
    bundle: PathBuf,
    /// Milliseconds from image to logits, in 95 of 100 inferences.
    #[arg(long, value_name = "MS", value_parser = crate::choose::milliseconds, allow_negative_numbers = true)]
    budget_ms: f64,
    /// How long to classify.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86400))]
    seconds: u64,
    /// Multiply all times by a factor from a given second on, to test the governor; may be repeated.
    #[arg(long, value_name = "FACTOR@SECOND")]
    slow_down: Vec<SlowDown>,
    /// The device's profile: used if it is fresh, otherwise measured and written there. Without one, three children are
    /// measured where the bundle has other devices' latency tables.
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
}

#[derive(Clone, Copy)]
struct SlowDown {
    factor: f64,
    from: f64,
}

impl FromStr for SlowDown {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (factor, from) = text.split_once('@')?;
            Some(Self { factor: factor.parse().ok()?, from: from.parse().ok()? })
        };
        parse()
            .filter(|one| one.factor > 0.0 && one.factor.is_finite() && one.from >= 0.0)
            .ok_or("give a positive factor and a second, as in 2.5@10")
    }
}

#[derive(Serialize)]
pub struct Governance {
    device: DeviceKey,
    budget_ms: f64,
    seconds: f64,
    /// The children that it may step among, fastest first.
    ladder: Vec<Rung>,
    started_with: String,
    ended_with: String,
    inferences: usize,
    misses: usize,
    /// The fastest child did not keep the budget at the end.
    too_slow: bool,
    switches: Vec<Switch>,
}

#[derive(Serialize)]
struct Switch {
    at_s: f64,
    from: String,
    to: String,
    /// The reason of a step down; null for a step up.
    why: Option<Reason>,
    /// p95 of the last inferences before; null of fewer than a window.
    p95_ms: Option<f64>,
}

impl Options {
    pub fn run(&self, device: &device::Options) -> Result<Governance> {
        let stored = self.profile.as_deref().map(|path| StoredProfile::open(path, [&*self.bundle])).transpose()?;
        let profile = stored.as_ref().and_then(StoredProfile::profile);
        let opened = device.open_with(&self.bundle, RuntimeOptions::default(), profile)?;
        prepare_to_choose(&opened, stored, &MeasurementTime::default())?;
        let Opened { runtime, .. } = opened;
        let governed = runtime.governed(Millis(self.budget_ms))?;
        let image = runtime.probe_image();
        let mut report = Governance {
            device: runtime.device().clone(),
            budget_ms: self.budget_ms,
            seconds: 0.0,
            ladder: governed.governor().ladder().rungs().to_vec(),
            started_with: governed.governor().rung().name.clone(),
            ended_with: String::new(),
            inferences: 0,
            misses: 0,
            too_slow: false,
            switches: Vec::new(),
        };
        let (bar, started, all) = (Bar::new(), Instant::now(), self.seconds as f64);
        while report.seconds < all {
            let (child, begun) = (runtime.active(), Instant::now());
            runtime.classify(image)?;
            let time = Millis(Millis::from(begun.elapsed()).0 * self.slowed_down(report.seconds));
            report.inferences += 1;
            report.misses += usize::from(time.0 > self.budget_ms);
            // A step clears it.
            let p95_ms = governed.governor().p95().map(|p95| p95.0);
            let (to, why) = match governed.observe(&child, time) {
                Decision::StepDown { to, why } => (Some(to), Some(why)),
                Decision::StepUp { to } => (Some(to), None),
                Decision::Stay | Decision::TooSlow => (None, None),
            };
            report.seconds = started.elapsed().as_secs_f64();
            if let Some(to) = to {
                let (from, to) = (child.name().unwrap_or_default().to_owned(), report.ladder[to].name.clone());
                report.switches.push(Switch { at_s: report.seconds, from, to, why, p95_ms });
            }
            bar.show((report.seconds / all).min(1.0), "classifying");
        }
        report.ended_with = governed.governor().rung().name.clone();
        report.too_slow = governed.is_too_slow();
        Ok(report)
    }

    fn slowed_down(&self, second: f64) -> f64 {
        let begun = self.slow_down.iter().filter(|one| one.from <= second);
        begun.max_by(|a, b| a.from.total_cmp(&b.from)).map_or(1.0, |one| one.factor)
    }
}

impl Report for Governance {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { device, budget_ms, seconds, inferences, misses, .. } = self;
        writeln!(out, "{device}\n\n  at 0 s: {}", self.started_with)?;
        let mut rows = vec![row(["second", "from", "to", "p95 ms", "why"])];
        for one in &self.switches {
            rows.push(vec![
                format!("{:.1}", one.at_s),
                one.from.clone(),
                one.to.clone(),
                one.p95_ms.map_or("-".to_owned(), |p95| format!("{p95:.3}")),
                one.why.map_or("there is room".to_owned(), |why| why.to_string()),
            ]);
        }
        if !self.switches.is_empty() {
            columns(out, &rows)?;
        }
        let kept = 100.0 * (inferences - misses) as f64 / (*inferences).max(1) as f64;
        writeln!(out, "  at {seconds:.0} s: {}\n", self.ended_with)?;
        writeln!(out, "  {inferences} inferences, {kept:.2} % of them within {}", Millis(*budget_ms))?;
        if self.too_slow {
            writeln!(out, "  even the fastest child broke the budget in its last {WINDOW} inferences")?;
        }
        Ok(())
    }
}
