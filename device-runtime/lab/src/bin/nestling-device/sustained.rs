use crate::conditions::{SYSTEM, thermal_hint};
use crate::output::{columns, row};
use crate::progress::Bar;
use anyhow::Result;
use nestling::Runtime;
use nestling_core::governor::ThermalHint;
use nestling_core::metrics::Millis;
use nestling_lab::sustained::{Course, Inference, Recorder};
use serde::Serialize;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Minutes of an app that classifies without end.
#[derive(clap::Args)]
pub struct SustainedOptions {
    /// After the profile, classify for so long, such as 30m, by the child of --child or the biggest: heat may slow the
    /// device down. With --budget-ms once more as long, with a governor.
    #[arg(long, value_parser = duration, value_name = "TIME")]
    sustained: Option<Duration>,
    /// Milliseconds that a governor keeps in 95 of 100 inferences.
    #[arg(long, value_name = "MS", value_parser = crate::choose::milliseconds, requires = "sustained")]
    budget_ms: Option<f64>,
    /// Write a page with the minutes as curves and a table.
    #[arg(long, value_name = "FILE", requires = "sustained")]
    pub sustained_html: Option<PathBuf>,
}

/// `30m`, `90s` or `100ms`.
fn duration(text: &str) -> Result<Duration, String> {
    let units = [("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let parsed = units.into_iter().find_map(|(unit, seconds)| {
        let number = text.strip_suffix(unit)?.parse::<f64>().ok()?;
        Some(number * seconds).filter(|seconds| (1e-3..=86_400.0).contains(seconds))
    });
    parsed.map(Duration::from_secs_f64).ok_or_else(|| "give a time from 1ms to 24h, such as 30m or 100ms".to_owned())
}

/// As [`duration`], of at most a minute.
pub fn cadence(text: &str) -> Result<Duration, String> {
    let longest = Duration::from_secs(60);
    let parsed = duration(text).ok().filter(|every| *every <= longest);
    parsed.ok_or_else(|| "give a time from 1ms to 60s, such as 33ms or 100ms".to_owned())
}

/// One child throughout, and a governor under the same load.
#[derive(Serialize)]
pub struct Sustained {
    every_ms: Option<Millis>,
    alone: Course,
    governed: Option<Course>,
}

impl SustainedOptions {
    /// Classifies for as long as asked, at the app's cadence if there is one; none if that was not asked for.
    pub fn run(&self, runtime: &Runtime, child: &str, every: Option<Duration>) -> Result<Option<Sustained>> {
        let Some(time) = self.sustained else { return Ok(None) };
        let load = SustainedLoad { time, every };
        let bar = Bar::new();
        runtime.switch_to(child)?;
        let alone =
            load.course(runtime, None, &bar, &mut |_| Ok(runtime.classify(runtime.probe_image()).map(drop)?))?;
        let mut sustained = Sustained { every_ms: every.map(Millis::from), alone, governed: None };
        // Half an hour is not lost if the next one fails.
        self.write_page(runtime, &sustained)?;
        if let Some(limit) = self.budget_ms.map(Millis) {
            let governed = runtime.governed(limit)?;
            let mut classify = |hint| {
                governed.set_thermal_hint(hint);
                Ok(governed.classify(runtime.probe_image()).map(drop)?)
            };
            sustained.governed = Some(load.course(runtime, Some(limit), &bar, &mut classify)?);
            self.write_page(runtime, &sustained)?;
        }
        Ok(Some(sustained))
    }

    fn write_page(&self, runtime: &Runtime, sustained: &Sustained) -> Result<()> {
        if let Some(path) = &self.sustained_html {
            let device = runtime.device().to_string();
            let page = nestling_lab::sustained::page(&device, &sustained.alone, sustained.governed.as_ref());
            nestling_bundle::atomic_file::write_atomically(path, |file| file.write_all(page.as_bytes()))?;
        }
        Ok(())
    }
}

/// An app's load: inferences for so long, each so long after the one before.
struct SustainedLoad {
    time: Duration,
    every: Option<Duration>,
}

impl SustainedLoad {
    fn course(
        &self,
        runtime: &Runtime,
        limit: Option<Millis>,
        bar: &Bar,
        classify: &mut dyn FnMut(ThermalHint) -> Result<()>,
    ) -> Result<Course> {
        let (time, started, mut recorder) = (self.time, Instant::now(), Recorder::new(limit));
        let doing = if limit.is_some() { "classifying with a governor" } else { "classifying with one child" };
        let (mut hint, mut asked) = (ThermalHint::Unknown, None);
        while started.elapsed() < time {
            let second = started.elapsed().as_secs();
            if asked != Some(second) {
                (hint, asked) = (thermal_hint(Path::new(SYSTEM)), Some(second));
            }
            let (active, begun) = (runtime.active(), Instant::now());
            classify(hint)?;
            let name = active.name().unwrap_or_default();
            let entry = runtime.children().find(|entry| entry.name == name);
            recorder.record(Inference {
                at: begun - started,
                time: Millis::from(begun.elapsed()),
                child: name,
                accuracy: entry.map_or(0.0, |entry| entry.held_out.percent()),
                hint,
            });
            bar.show((started.elapsed().as_secs_f64() / time.as_secs_f64()).min(1.0), doing);
            if let Some(rest) = self.every.and_then(|every| every.checked_sub(begun.elapsed())) {
                std::thread::sleep(rest);
            }
        }
        Ok(recorder.course())
    }
}

impl Sustained {
    pub fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let courses = [("one child", Some(&self.alone)), ("a governor", self.governed.as_ref())];
        for (name, course) in courses.into_iter().filter_map(|(name, course)| Some((name, course?))) {
            writeln!(out, "\n{name}: {course}")?;
            let mut rows = vec![row(["minute", "p50 ms", "p90 ms", "child", "heat", "inferences"])];
            for minute in &course.minutes {
                let [p50, p90] = [minute.p50_ms, minute.p90_ms].map(|time| format!("{:.3}", time.0));
                let (child, count) = (minute.child.clone(), minute.inferences.to_string());
                rows.push(vec![minute.minute.to_string(), p50, p90, child, minute.hint.to_string(), count]);
            }
            columns(out, &rows)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        let of = |text: &str| duration(text).map(|time| time.as_secs_f64());
        assert_eq!((of("30m"), of("90s"), of("100ms"), of("1h")), (Ok(1800.0), Ok(90.0), Ok(0.1), Ok(3600.0)));
        assert_eq!(cadence("60s"), Ok(Duration::from_secs(60)));
        assert!(cadence("61s").is_err() && cadence("0ms").is_err() && cadence("100").is_err());
        for wrong in ["30", "m", "-1s", "25h", "0ms", "NaNs", "1 s "] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
