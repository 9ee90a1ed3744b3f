use crate::device;
use crate::device::Opened;
use crate::output::{Report, columns, row, say};
use crate::progress::Bar;
use anyhow::{Context as _, Result};
use nestling::ProfileOptions;
use nestling::Runtime;
use nestling::TileChoice;
use nestling_bundle::atomic_file::{
    check_outputs, check_writable, is_written_in_place, replaced_file, write_atomically,
};
use nestling_bundle::file_lock::FileLock;
use nestling_bundle::{DeviceProfile, ProfileError};
use nestling_core::latency::DeviceKey;
use nestling_lab::report::{DeviceReport, Opening, ReportOptions, WarmUp, trace_events};
use nestling_lab::trace::{LayerTrace, trace_layers};
use nestling_page::markup::utc_date;
use serde::Serialize;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Measures layers and children on this device and stores that; draws a page of it, and one inference on a time line.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  nestling-device profile fashion.nestling                 # stored beside the bundle\n  \
                  nestling-device profile fashion.nestling --seconds 5 --out phone.json\n  nestling-device \
                  profile fashion.nestling --html phone.html --trace phone.trace.json\n\nOpen the trace in \
                  ui.perfetto.dev or chrome://tracing."
)]
pub struct Options {
    /// The bundle.
    bundle: PathBuf,
    /// Where to store the profile, for `choose --profile` and for apps [default: beside the bundle, with adapter and
    /// backend behind its name: BUNDLE.ADAPTER-BACKEND.profile.json]. An older profile of this adapter and bundle is
    /// replaced. Any other file is kept, with .old behind its name, one for each adapter; a pipe or a device, such as
    /// /dev/stdout, is written in place.
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
}

/// How long to measure.
#[derive(clap::Args, Default)]
pub struct MeasurementTime {
    /// About how many seconds to measure [default: 10]; three children are always measured.
    #[arg(long, value_parser = seconds, value_name = "SECONDS")]
    seconds: Option<Duration>,
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

#[derive(Serialize)]
#[serde(untagged)]
pub enum Profile {
    Plain(Box<DeviceProfile>),
    /// With all that the page shows.
    Reported(Box<DeviceReport>),
}

impl Options {
    /// The files that it writes, if their names were given.
    pub fn files(&self) -> [Option<&Path>; 3] {
        [self.out.as_deref(), self.html.as_deref(), self.trace.as_deref()]
    }

    fn check(&self, out: Option<&Path>) -> Result<()> {
        let outputs = [out, self.html.as_deref(), self.trace.as_deref()].into_iter().flatten();
        check_outputs(outputs, [&*self.bundle]).context(ELSEWHERE)
    }

    /// `reported`: whether all that the page shows is wanted, page or not.
    pub fn run(&self, device: &device::Options, reported: bool) -> Result<Profile> {
        // Before the GPU is opened, which the usual name depends on.
        let out = self.out.clone();
        self.check(out.as_deref())?;
        let tiles = if self.tune.is_zero() { TileChoice::Vendor } else { TileChoice::Timed(self.tune) };
        let Opened { bundle, runtime, open, load } = device.open_to_profile(&self.bundle, tiles, None)?;
        for name in &self.children {
            runtime.prepared(name)?;
        }
        let shown = self.children.first().map(String::as_str).or(DeviceReport::biggest(&runtime));
        let shown = shown.context("no child ships")?.to_owned();
        let out = out.unwrap_or_else(|| DeviceProfile::usual_path(&self.bundle, runtime.device()));
        self.check(Some(&out))?;
        let _lock = lock(&out)?;
        make_room(&runtime, &out, self.replace).context(ELSEWHERE)?;
        // Before anything else runs: the first answer is one of its own.
        let warm_up = (reported || self.html.is_some()).then(|| WarmUp::measure(&runtime, &shown)).transpose()?;
        let profile = measure(&runtime, &self.measurement_time)?;
        profile.save(&out).context(ELSEWHERE)?;
        say(&format!("wrote {}", out.display()));
        let trace = self.trace.as_deref().map(|path| trace(&runtime, &shown, path)).transpose()?;
        let profile = Arc::unwrap_or_clone(profile);
        let Some(warm_up) = warm_up else { return Ok(Profile::Plain(Box::new(profile))) };
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
        Ok(Profile::Reported(Box::new(report)))
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

fn measure(runtime: &Runtime, time: &MeasurementTime) -> Result<Arc<DeviceProfile>> {
    let bar = Bar::new();
    let show = bar.follow();
    let time = time.seconds.unwrap_or(USUAL);
    let options = ProfileOptions::default().time(time).progress(Some(&show));
    runtime.profile(&options).context("measuring this device")
}

/// A profile file, as it was read.
enum ProfileFile {
    Nothing,
    Profile(Box<DeviceProfile>),
    /// Damaged, of another format, or no profile at all, as the error says.
    Other(ProfileError),
}

impl ProfileFile {
    fn at(path: &Path) -> Result<Self> {
        match DeviceProfile::load(path) {
            Ok(profile) => Ok(Self::Profile(Box::new(profile))),
            Err(ProfileError::Open { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(Self::Nothing),
            // Nothing is lost that can be read, and measuring makes a new one.
            Err(
                error @ (ProfileError::Damaged { .. }
                | ProfileError::Version { .. }
                | ProfileError::Inconsistent { .. }),
            ) => Ok(Self::Other(error)),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether two keys are of one adapter on one backend.
fn is_same_adapter(one: &DeviceKey, other: &DeviceKey) -> bool {
    (&one.adapter, &one.backend) == (&other.adapter, &other.backend)
}

/// Sets aside the file that a new profile would overwrite, unless that is an older profile of this adapter and network.
/// `replace`: any profile may be overwritten.
fn make_room(runtime: &Runtime, path: &Path, replace: bool) -> Result<()> {
    if is_written_in_place(path) {
        return Ok(());
    }
    // The file that a link names is kept: the new one takes its place.
    let Some(path) = &replaced_file(path) else { return Ok(()) };
    let key = runtime.profile_key();
    let (why, device) = match ProfileFile::at(path)? {
        ProfileFile::Nothing => return Ok(()),
        ProfileFile::Profile(old) => {
            warn_of_clock(&old);
            let is_older = is_same_adapter(old.device(), &key.device) && old.network == key.network.to_string();
            if is_older || replace {
                return Ok(());
            }
            (runtime.staleness_of(&old).map(|stale| stale.to_string()), Some(old.device().clone()))
        }
        ProfileFile::Other(error) => (Some(error.to_string()), None),
    };
    say(&format!("keeping the file at {}: {}", path.display(), why.unwrap_or_default()));
    let kept = place_for_old(path, &key.device, device.as_ref());
    std::fs::rename(path, &kept).with_context(|| format!("cannot rename {} to keep it", path.display()))?;
    say(&format!("the older file is now {}", kept.display()));
    Ok(())
}

/// Where a file is kept: `.old`, `.old2` and so on. An older profile of the same adapter gives way, and so does one of
/// the adapter that is measured now: there is never more than one file for each adapter.
fn place_for_old(path: &Path, measured: &DeviceKey, kept: Option<&DeviceKey>) -> PathBuf {
    let mut number = 1;
    loop {
        let mut name = path.as_os_str().to_owned();
        name.push(if number == 1 { ".old".to_owned() } else { format!(".old{number}") });
        let place = PathBuf::from(name);
        let gives_way = |old: DeviceProfile| {
            is_same_adapter(old.device(), measured) || kept.is_some_and(|kept| is_same_adapter(old.device(), kept))
        };
        if !place.exists() || DeviceProfile::load(&place).is_ok_and(gives_way) {
            return place;
        }
        number += 1;
    }
}

/// A table is preferred to another one of its device by its date.
fn warn_of_clock(old: &DeviceProfile) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    if old.table.measured_at > now {
        say(&format!(
            "warning: the older profile is dated {}, but this device's clock says {}; set the clock, or give \
             --replace to `nestling latency add`",
            utc_date(old.table.measured_at),
            utc_date(now)
        ));
    }
}

/// Keeps other processes from writing the same profile, and waits for those that do.
fn lock(path: &Path) -> Result<Option<FileLock>> {
    Ok(FileLock::wait_for_output(path, "nestling-device, measuring", |held| say(&format!("waiting: {held}")))?)
}

/// The fresh profile of a file, or the reason why there is none.
fn fresh(runtime: &Runtime, path: &Path) -> Result<Result<DeviceProfile, String>> {
    Ok(match ProfileFile::at(path)? {
        ProfileFile::Profile(profile) => match runtime.staleness_of(&profile) {
            None => Ok(*profile),
            Some(stale) => Err(stale.to_string()),
        },
        ProfileFile::Nothing => Err("there is none".to_owned()),
        ProfileFile::Other(error) => Err(error.to_string()),
    })
}

/// Gives the runtime the profile of `path` if that is fresh; otherwise measures one and writes it there, if anywhere.
pub fn prepare(runtime: &Runtime, path: Option<&Path>, time: &MeasurementTime) -> Result<()> {
    let Some(path) = path else { return measure(runtime, time).map(drop) };
    let mut found = fresh(runtime, path)?;
    let mut held = None;
    if found.is_err() {
        // A fresh profile may lie in a read-only folder; a new one needs another.
        check_writable(path).context("cannot store the profile; name another file with --profile FILE")?;
        held = lock(path)?;
    }
    if held.is_some() {
        // Another process may have measured meanwhile.
        found = fresh(runtime, path)?;
    }
    let why = match found {
        Ok(profile) => return Ok(runtime.use_profile(profile)?),
        Err(why) => why,
    };
    say(&format!("measuring a new profile {}: {why}", path.display()));
    make_room(runtime, path, false)?;
    Ok(measure(runtime, time)?.save(path)?)
}

/// As [`prepare`], for commands that choose children next. Where neither a profile nor a time to measure is given and
/// the bundle knows other devices, nothing is measured yet: the runtime itself then starts from the nearest of them.
pub fn prepare_to_choose(opened: &Opened, path: Option<&Path>, time: &MeasurementTime) -> Result<()> {
    let tables = opened.bundle.manifest().latency_tables.len();
    if path.is_some() || time.seconds.is_some() || tables == 0 {
        return prepare(&opened.runtime, path, time);
    }
    say(&format!(
        "measuring three children only: the bundle has latency tables ({tables}), the nearest of which tells the rest; \
         with --profile FILE this device is measured whole, and that is kept"
    ));
    Ok(())
}

impl Report for Profile {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let profile = match self {
            Self::Plain(profile) => profile,
            Self::Reported(report) => &report.profile,
        };
        let table = &profile.table;
        writeln!(out, "{}, images of {} x {1} pixels", table.device, profile.image_side)?;
        writeln!(out, "tiles of large, medium and small pointwise layers (pixels x channels): {}", profile.tiles)?;
        writeln!(
            out,
            "latency model fitted to {} children, mean error over them {:.1} %; p90 is {:.2} x p50, p95 {:.2} x",
            table.children, table.residual_percent, table.spread.p90, table.spread.p95
        )?;
        write!(out, "{} distinct layers timed by {:?}", profile.layers.len(), profile.clock)?;
        match &profile.clock_note {
            Some(note) => writeln!(out, ": {note}\n")?,
            None => writeln!(out, "\n")?,
        }
        let mut rows = vec![row(["child", "predicted ms", "p50 ms", "p90 ms", "p95 ms", "runs", "choices"])];
        for times in profile.children.iter().chain(&profile.informative) {
            rows.push(vec![
                times.name.clone().unwrap_or_else(|| "informative".to_owned()),
                format!("{:.3}", times.predicted_ms.0),
                format!("{:.3}", times.measured_p50_ms.0),
                format!("{:.3}", times.measured_p90_ms.0),
                format!("{:.3}", times.measured_p95_ms.0),
                times.runs_ms.len().to_string(),
                times.child.to_string(),
            ]);
        }
        columns(out, &rows)
    }
}
