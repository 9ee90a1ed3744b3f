use crate::output::{Report, columns, row};
use anyhow::{Result, ensure};
use nestling_bundle::{ChildTimes, Conditions, DeviceProfile};
use nestling_core::metrics::{Latency, Load, Millis};
use nestling_lab::documents::Fault;
use serde::Serialize;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Compares two profiles of one network: before and after a change of the program, the driver or the phone.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  nestling-device compare before.profile.json after.profile.json --fail-above 5")]
pub struct Options {
    /// The older profile.
    old: PathBuf,
    /// The newer profile.
    new: PathBuf,
    /// Fail if the children are slower by more than so many percent, on average.
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    fail_above: Option<f64>,
}

fn percent(text: &str) -> Result<f64, String> {
    let percent = text.parse::<f64>().ok().filter(|percent| percent.is_finite() && *percent >= 0.0);
    percent.ok_or_else(|| "give percent, 0 or more, such as 5".to_owned())
}

#[derive(Serialize)]
pub struct Compared {
    old: Side,
    new: Side,
    /// Conditions that differ, in words: the figures then do not compare.
    warnings: Vec<String>,
    /// Children that both have timed whole.
    children: Vec<Pair>,
    /// How much slower the newer one is at the median, in percent: the geometric mean over children.
    slower_percent: f64,
    /// The most that it may be slower.
    fail_above_percent: Option<f64>,
}

/// A profile, and the conditions in which it was measured.
#[derive(Serialize)]
struct Side {
    file: String,
    device: String,
    load: Load,
    conditions: Conditions,
}

#[derive(Serialize)]
struct Pair {
    child: String,
    old: Latency,
    new: Latency,
    /// The newer median over the older one.
    ratio: f64,
}

impl Options {
    pub fn run(&self) -> Result<Compared> {
        let [old, new] = [&self.old, &self.new].map(|path| DeviceProfile::load(path));
        let (old, new) = (old?, new?);
        ensure!(
            old.network == new.network,
            "{} is of another network than {}: compare profiles of one bundle",
            self.new.display(),
            self.old.display()
        );
        let children = pairs(&old, &new);
        ensure!(!children.is_empty(), "no child is in both profiles; measure longer with --seconds");
        let logarithms: f64 = children.iter().map(|pair| pair.ratio.ln()).sum();
        let slower_percent = 100.0 * ((logarithms / children.len() as f64).exp() - 1.0);
        let mut warnings = old.measured_under().differences(&new.measured_under());
        if old.image_side != new.image_side {
            warnings.push(format!("image: {} pixels wide, then {}", old.image_side, new.image_side));
        }
        if (&old.kernels, old.tiles) != (&new.kernels, new.tiles) {
            warnings.push("kernels: another version or other tiles".to_owned());
        }
        let side = |path: &Path, profile: &DeviceProfile| Side {
            file: path.display().to_string(),
            device: profile.table.device.to_string(),
            load: profile.measured_under().load,
            conditions: profile.measured_under(),
        };
        let (old, new) = (side(&self.old, &old), side(&self.new, &new));
        Ok(Compared { old, new, warnings, children, slower_percent, fail_above_percent: self.fail_above })
    }
}

/// The shipped and informative children that both profiles have.
fn pairs(old: &DeviceProfile, new: &DeviceProfile) -> Vec<Pair> {
    let all = |profile: &DeviceProfile| -> Vec<ChildTimes> {
        let mut all = profile.children.clone();
        // One that ships may be informative, too.
        let more = profile.informative.iter().filter(|times| all.iter().all(|known| known.child != times.child));
        let more: Vec<ChildTimes> = more.cloned().collect();
        all.extend(more);
        all
    };
    let newer = all(new);
    let pair = |old: &ChildTimes| {
        let new = newer.iter().find(|new| new.child == old.child)?;
        let ratio = new.measured_p50_ms.0 / old.measured_p50_ms.0.max(f64::MIN_POSITIVE);
        let child = old.name.clone().unwrap_or_else(|| old.child.to_string());
        Some(Pair { child, old: old.latency(), new: new.latency(), ratio })
    };
    all(old).iter().filter_map(pair).collect()
}

impl Report for Compared {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        for (name, side) in [("old", &self.old), ("new", &self.new)] {
            let Side { file, device, load, conditions } = side;
            writeln!(out, "{name}: {file}, {device}, {conditions}; the device was {load}")?;
        }
        if self.old.device != self.new.device {
            writeln!(out, "note: the devices or drivers differ")?;
        }
        for warning in &self.warnings {
            writeln!(out, "warning: the conditions differ, so the figures do not compare: {warning}")?;
        }
        writeln!(out)?;
        let mut rows = vec![row(["child", "old p50 ms", "new p50 ms", "change %", "old p95 ms", "new p95 ms"])];
        for pair in &self.children {
            let ms = |time: Millis| format!("{:.3}", time.0);
            let change = format!("{:+.1}", 100.0 * (pair.ratio - 1.0));
            rows.push(vec![
                pair.child.clone(),
                ms(pair.old.p50),
                ms(pair.new.p50),
                change,
                ms(pair.old.p95),
                ms(pair.new.p95),
            ]);
        }
        columns(out, &rows)?;
        let (slower, count) = (self.slower_percent, self.children.len());
        writeln!(out, "\nthe newer one takes {slower:+.1} % at the median, on average over {count} children")
    }

    fn failed(&self) -> Option<Fault> {
        let most = self.fail_above_percent.filter(|most| self.slower_percent > *most)?;
        let message = format!("{:+.1} % at the median, and {most} % are allowed", self.slower_percent);
        Some(Fault { code: Fault::GATE.to_owned(), message })
    }
}
