use crate::device;
use crate::output::{Report, columns, fault_of, row};
use crate::progress::Bar;
use anyhow::Result;
use nestling::low_level::EngineOptions;
use nestling::{Context, RuntimeOptions, VerifyOptions};
use nestling_core::names::printable;
use nestling_lab::doctor::{Doctor, examine, examine_kernels, failure};
use nestling_lab::documents::Fault;
use nestling_lab::self_test::SelfTest;
use serde::Serialize;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Checks whether this device computes what it should: every kernel beside a reference in f64, pictures to tensors, one
/// answer two hundred times and after a rest, golden pictures.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  nestling-device doctor fashion.nestling --json > doctor.json\n\nThe exit code is 1 if \
                        anything deviates. Put the report into a bug report as it is."
)]
pub struct Options {
    /// The bundle whose kernels and golden pictures are checked. Without one, the kernels of known networks are.
    bundle: Option<PathBuf>,
    /// About the longest time that it takes.
    #[arg(long, default_value_t = 18, value_parser = clap::value_parser!(u16).range(8..=3600))]
    seconds: u16,
}

#[derive(Serialize)]
#[serde(transparent)]
pub struct Examined(Doctor);

impl Options {
    pub fn run(&self, device: &device::Options) -> Result<Examined> {
        let (bar, started) = (Bar::new(), Instant::now());
        let time = Duration::from_secs(self.seconds.into());
        let Some(path) = &self.bundle else { return Ok(Examined(Self::kernels(device, time, &bar)?)) };
        let bundle = device::Options::open_bundle(path)?;
        let golden = SelfTest::of(&bundle);
        let needed = golden.as_ref().map_or(0, SelfTest::max_image_side);
        let defaults = RuntimeOptions::default();
        let side = defaults.max_image_side.max(needed);
        let follow = bar.follow();
        let options = VerifyOptions::default().progress(Some(&follow));
        match device.open_with(path, defaults.max_image_side(side).untrained(true), None) {
            Ok(opened) => {
                let options = options.time(time.saturating_sub(started.elapsed()));
                Ok(Examined(examine(&opened.runtime, &bundle.manifest().name, golden, &options, started)))
            }
            // The device is what fails: the report says all that can be said of it.
            Err(error) => match Self::kernels(device, time, &bar) {
                Ok(mut doctor) => {
                    doctor.checks.insert(0, failure("opening the bundle", &format!("{error:#}")));
                    doctor.deviations += 1;
                    Ok(Examined(doctor))
                }
                Err(_) => Err(error),
            },
        }
    }

    /// The kernels of known networks.
    fn kernels(device: &device::Options, time: Duration, bar: &Bar) -> Result<Doctor> {
        let context = Context::new(&device.context())?;
        let engine = EngineOptions::default()
            .weight_storage(device.weight_storage().unwrap_or_default())
            .arithmetic(device.arithmetic());
        let show = |done: f64| bar.show(done, "checking kernels");
        Ok(examine_kernels(&context, &engine, time, &show)?)
    }
}

impl Report for Examined {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self(doctor) = self;
        writeln!(out, "nestling {}, {}", doctor.nestling, doctor.adapter)?;
        let checked = doctor.bundle.as_deref().map_or("known networks".into(), printable);
        writeln!(out, "checked: {checked}, computed in {}\n", printable(&doctor.precision))?;
        let mut rows = vec![row(["check", "cases", "wrong", "worst, of what is allowed", "left out"])];
        for check in &doctor.checks {
            rows.push(vec![
                check.name.clone(),
                check.cases.to_string(),
                check.deviations.to_string(),
                match check.worst {
                    _ if check.cases == 0 => "-".to_owned(),
                    Some(worst) => format!("{:.0} %", 100.0 * worst),
                    None => "NaN".to_owned(),
                },
                check.skipped.to_string(),
            ]);
        }
        columns(out, &rows)?;
        writeln!(out)?;
        for check in doctor.checks.iter().filter_map(|check| check.first.as_ref().map(|first| (&check.name, first))) {
            writeln!(out, "WRONG: {}: {}", check.0, printable(check.1))?;
        }
        for replaced in &doctor.replaced {
            writeln!(out, "replaced: {}", printable(replaced))?;
        }
        for one in &doctor.not_checked {
            writeln!(out, "not checked: {one}")?;
        }
        for quirk in &doctor.quirks {
            writeln!(out, "known of drivers of this vendor ({}): {}; {}", quirk.name, quirk.fault, quirk.here)?;
        }
        let verdict = match (doctor.deviations, doctor.skipped, doctor.replaced.len()) {
            (0, 0, 0) => "everything is right".to_owned(),
            (0, 0, replaced) => format!("{replaced} parts are wrong here and were replaced; answers are right"),
            (0, skipped, _) => format!("all compared cases are right; {skipped} were left out: give more --seconds"),
            (wrong, ..) => format!("{wrong} cases are wrong: update the driver, or choose another adapter"),
        };
        writeln!(out, "{verdict} ({:.1} s)", doctor.seconds)
    }

    fn failed(&self) -> Option<Fault> {
        self.0.verdict().err().map(|error| fault_of(&error.into()))
    }
}
