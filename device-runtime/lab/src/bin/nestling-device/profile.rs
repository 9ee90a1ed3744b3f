use crate::device::Opened;
use crate::output::{Report, columns, row, say};
use crate::progress::Bar;
use crate::stored_profile::{Found, lock, make_room};
use crate::sustained::{Sustained, SustainedOptions, cadence};
use crate::{conditions, device, wrong_usage};
use anyhow::{Context as _, Result};
use nestling::ProfileOptions;
use nestling::Runtime;
use nestling::TileChoice;
use nestling_bundle::atomic_file::{check_outputs, is_written_in_place, write_atomically};
use nestling_bundle::{ChildTimes, DeviceProfile};
use nestling_core::metrics::Quantile;
use nestling_core::names::printable;
use nestling_lab::report::{DeviceReport, Opening, ReportOptions, WarmUp, trace_events};
use nestling_lab::trace::{LayerTrace, trace_layers};
use serde::Serialize;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Measures layers and children on this device and stores that; draws a page of it, and one inference on a time line.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  nestling-device profile fashion.nestling                 # stored beside the bundle\n  \
                  nestling-device profile fashion.nestling --seconds 5 --out phone.json\n  nestling-device \
                  profile fashion.nestling --every 100ms --seconds 20\n  nestling-device profile fashion.nestling --html phone.html --trace phone.trace.json\n  nestling-device profile \
                  fashion.nestling --sustained 30m --every 33ms --budget-ms 8 --sustained-html heat.html\n\nOpen the trace in \
                  ui.perfetto.dev or chrome://tracing."
)]
pub struct Options {
    /// The bundle.
    bundle: PathBuf,
    /// Where to store the profile, for `choose --profile` and for apps [default: beside the bundle, with adapter and
    /// backend behind its name: BUNDLE.ADAPTER-BACKEND.profile.json]. An older profile of this adapter and bundle is
    /// replaced. Any other profile is kept, with .old behind its name, one for each adapter. A file that is no profile
    /// is refused; a pipe or a device, such as /dev/stdout, is written in place.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace a profile of another adapter or bundle at --out, too.
    #[arg(long)]
    replace: bool,
    /// Seconds to look for the fastest tiles of pointwise layers before measuring; 0 takes the vendor's. Apps that load
    /// with this profile get the same tiles.
    #[arg(long, default_value = "0.5", value_parser = seconds, value_name = "SECONDS")]
    tune: Duration,
    /// Write a page with plots and tables: predictions, latency and accuracy, layers, memory, start, latency model.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write one inference, layer by layer, as Chrome and Perfetto read it.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Name of a shipped child whose layers the page shows; may be repeated. The biggest and the smallest if not given.
    /// The first one is traced.
    #[arg(long = "child", value_name = "NAME")]
    children: Vec<String>,
    #[command(flatten)]
    measurement_time: MeasurementTime,
    /// The time from one inference of the app to the next, such as 100ms, at most 60s: every run begins so long after the
    /// one before. A device that rests between them has other times than back to back, which is what is measured without
    /// it. `choose` and `govern` with this profile time children at the same cadence; so does --sustained. Give 10 to 20
    /// seconds.
    #[arg(long, value_parser = cadence, value_name = "TIME")]
    every: Option<Duration>,
    #[command(flatten)]
    sustained: SustainedOptions,
}

/// How long to measure.
#[derive(clap::Args, Default)]
pub struct MeasurementTime {
    /// About how many seconds to measure [default: 10]; three children are always measured.
    #[arg(long, value_parser = seconds, value_name = "SECONDS")]
    seconds: Option<Duration>,
}

impl MeasurementTime {
    pub fn is_given(&self) -> bool {
        self.seconds.is_some()
    }
}

/// The remedy where the profile cannot be stored.
const ELSEWHERE: &str = "cannot store the profile; name another file with --out FILE";

/// Long enough for thirty children of a space whose children take some milliseconds.
const USUAL: Duration = Duration::from_secs(10);

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "no number: give seconds, such as 2.5".to_owned())?;
    let allowed = 0.0..=3600.0;
    if allowed.contains(&seconds) { Ok(Duration::from_secs_f64(seconds)) } else { Err("0 to 3600 seconds".to_owned()) }
}

/// A profile, and the minutes after it if they were asked for.
#[derive(Serialize)]
pub struct Measured {
    #[serde(flatten)]
    profile: Profile,
    #[serde(skip_serializing_if = "Option::is_none")]
    sustained: Option<Sustained>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub enum Profile {
    Plain(Box<DeviceProfile>),
    /// With all that the page shows.
    Reported(Box<DeviceReport>),
}

impl Options {
    /// The files that it writes, if their names were given.
    pub fn files(&self) -> [Option<&Path>; 4] {
        [self.out.as_deref(), self.html.as_deref(), self.trace.as_deref(), self.sustained.sustained_html.as_deref()]
    }

    fn check(&self, out: Option<&Path>) -> Result<()> {
        let [_, html, trace, sustained] = self.files();
        let outputs = [out, html, trace, sustained].into_iter().flatten();
        check_outputs(outputs, [&*self.bundle]).context(ELSEWHERE)?;
        if let Some(out) = out.filter(|out| !is_written_in_place(out)) {
            Found::at(out).context(ELSEWHERE)?;
        }
        Ok(())
    }

    /// A bundle out of a pipe lies in no folder of its own.
    fn check_bundle(&self) -> Result<()> {
        if self.out.is_some() || !is_written_in_place(&self.bundle) {
            return Ok(());
        }
        let bundle = self.bundle.display();
        Err(wrong_usage(format!("{bundle} is no file that a profile could lie beside; name one with --out FILE")))
    }

    /// `reported`: whether all that the page shows is wanted, page or not.
    pub fn run(&self, device: &device::Options, reported: bool) -> Result<Measured> {
        // Before the GPU is opened, which the usual name depends on.
        let out = self.out.clone();
        self.check_bundle()?;
        self.check(out.as_deref())?;
        let tiles = if self.tune.is_zero() { TileChoice::Vendor } else { TileChoice::Timed(self.tune) };
        let Opened { bundle, runtime, open, load } = device.open_to_profile(&self.bundle, tiles, None)?;
        for name in &self.children {
            runtime.prepared(name)?;
        }
        if !self.children.is_empty() && !reported && self.html.is_none() && self.trace.is_none() {
            say("note: --child has no effect without --html, --trace or --json");
        }
        let shown = self.children.first().map(String::as_str).or(DeviceReport::biggest(&runtime));
        let shown = shown.context("no child ships")?.to_owned();
        let out = out.unwrap_or_else(|| DeviceProfile::usual_path(&self.bundle, runtime.device()));
        self.check(Some(&out))?;
        let _lock = lock(&out)?;
        make_room(&runtime, &out, self.replace).context(ELSEWHERE)?;
        // Before anything else runs: the first answer is one of its own.
        let warm_up = (reported || self.html.is_some()).then(|| WarmUp::measure(&runtime, &shown)).transpose()?;
        let profile = measure(&runtime, &self.measurement_time, self.every)?;
        profile.save(&out).context(ELSEWHERE)?;
        say(&format!("wrote {}", out.display()));
        let trace = self.trace.as_deref().map(|path| trace(&runtime, &shown, path)).transpose()?;
        let profile = Arc::unwrap_or_clone(profile);
        let sustained = self.sustained.run(&runtime, &shown, self.every)?;
        let Some(warm_up) = warm_up else {
            return Ok(Measured { profile: Profile::Plain(Box::new(profile)), sustained });
        };
        let bar = Bar::new();
        let show = bar.follow_lab();
        let options = ReportOptions { children: &self.children, progress: Some(&show) };
        let opening = Opening { open_ms: open.wall, load_ms: load.wall };
        let report = DeviceReport::assemble(&runtime, &bundle, opening, warm_up, profile, &options)?;
        let report = DeviceReport { trace, ..report };
        if let Some(path) = &self.html {
            report.write_html(path)?;
            say(&format!("wrote {}", path.display()));
        }
        Ok(Measured { profile: Profile::Reported(Box::new(report)), sustained })
    }
}

/// Traces an inference of a shipped child and writes that.
fn trace(runtime: &Runtime, name: &str, path: &Path) -> Result<LayerTrace> {
    let trace = trace_layers(runtime.supernet(), runtime.prepared(name)?, &runtime.probe_image())?;
    let events = trace_events(&trace, runtime.device(), name);
    write_atomically(path, |file| file.write_all(events.to_string().as_bytes()))?;
    say(&format!("wrote {}", path.display()));
    Ok(trace)
}

/// Back to back, or at a cadence. Heat and power are those that the system tells.
pub fn measure(runtime: &Runtime, time: &MeasurementTime, every: Option<Duration>) -> Result<Arc<DeviceProfile>> {
    let bar = Bar::new();
    let show = bar.follow();
    let time = time.seconds.unwrap_or(USUAL);
    let system = Path::new(conditions::SYSTEM);
    let options = ProfileOptions::default()
        .time(time)
        .every(every)
        .thermal_hint(conditions::thermal_hint(system))
        .power_mode(conditions::power_mode(system))
        .progress(Some(&show));
    runtime.profile(&options).context("measuring this device")
}

impl Report for Measured {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let profile = match &self.profile {
            Profile::Plain(profile) => profile,
            Profile::Reported(report) => &report.profile,
        };
        let table = &profile.table;
        writeln!(out, "{}, images of {} x {1} pixels", table.device, profile.image_side)?;
        writeln!(out, "tiles of large, medium and small pointwise layers (pixels x channels): {}", profile.tiles)?;
        writeln!(
            out,
            "latency model fitted to {} children, mean error over them {:.1} %; p90 is {:.2} x p50, p95 {:.2} x",
            table.children, table.residual_percent, table.spread.p90, table.spread.p95
        )?;
        let conditions = profile.measured_under();
        let advice = conditions.load.advice().map(|advice| format!("; {advice}")).unwrap_or_default();
        writeln!(out, "conditions: {conditions}; the device was {}{advice}", conditions.load)?;
        for replaced in &profile.replaced {
            writeln!(out, "replaced: {}", printable(replaced))?;
        }
        write!(out, "{} distinct layers timed by {:?}", profile.layers.len(), profile.clock)?;
        match &profile.clock_note {
            Some(note) => writeln!(out, ": {note}\n")?,
            None => writeln!(out, "\n")?,
        }
        let mut rows = vec![row([
            "child",
            "predicted ms",
            "p50 foreseen",
            "p95 foreseen",
            "p50 ms",
            "p90 ms",
            "p95 ms",
            "runs",
            "choices",
        ])];
        let moment = profile.moment();
        // That of a prediction: it holds the time in nine of ten moments like that of the profile.
        let interval = |times: &ChildTimes, quantile: Quantile| {
            let [low, high] = profile.interval(&moment, times.calm(), quantile);
            format!("{:.3} to {:.3}", low.0, high.0)
        };
        for times in profile.children.iter().chain(&profile.informative) {
            rows.push(vec![
                times.name.clone().unwrap_or_else(|| "informative".to_owned()),
                format!("{:.3}", times.predicted_ms.0),
                interval(times, Quantile::P50),
                interval(times, Quantile::P95),
                format!("{:.3}", times.measured_p50_ms.0),
                format!("{:.3}", times.measured_p90_ms.0),
                format!("{:.3}", times.measured_p95_ms.0),
                times.runs_ms.len().to_string(),
                times.child.to_string(),
            ]);
        }
        columns(out, &rows)?;
        self.sustained.as_ref().map_or(Ok(()), |sustained| sustained.print(out))
    }
}
