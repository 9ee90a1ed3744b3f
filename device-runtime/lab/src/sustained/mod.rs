//! Minutes of an app that classifies without end: what heat leaves of a device's speed, and what a governor makes of it.

mod page;

pub use page::page;

use nestling_core::governor::ThermalHint;
use nestling_core::metrics::{Latency, Millis};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// A minute whose median is this much above that of the fastest minute before it is behind the knee.
const KNEE: f64 = 1.1;

/// One inference.
#[derive(Clone, Copy, Debug)]
pub struct Inference<'a> {
    /// Its own beginning, since that of all.
    pub at: Duration,
    /// Its duration.
    pub time: Millis,
    /// The child that answered.
    pub child: &'a str,
    /// Top-1 of that child on held-out images, in percent.
    pub accuracy: f64,
    /// The thermal state that the system reported.
    pub hint: ThermalHint,
}

/// One minute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Minute {
    /// From 1.
    pub minute: u32,
    /// Number of inferences.
    pub inferences: usize,
    /// Half of them took at most this.
    pub p50_ms: Millis,
    /// Nine of ten took at most this.
    pub p90_ms: Millis,
    /// Nineteen of twenty took at most this.
    pub p95_ms: Millis,
    /// The child that answered most of them.
    pub child: String,
    /// Mean top-1 of the children that answered, in percent.
    pub accuracy: f64,
    /// The worst thermal state that the system reported.
    pub hint: ThermalHint,
}

/// All minutes, and what they come to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// The limit that a governor kept; none where one child served throughout.
    pub budget_ms: Option<Millis>,
    /// Every minute with an inference.
    pub minutes: Vec<Minute>,
    /// The first minute that is clearly slower than the fastest one before it; none if all are alike.
    pub knee_minute: Option<u32>,
    /// The speed of the last minute in percent of that of the first, by their medians. Under a governor it includes the
    /// changes of children.
    pub retention_percent: Option<f64>,
    /// Minutes whose p95 kept the limit, in percent.
    pub kept_percent: Option<f64>,
    /// Mean top-1 over all inferences, in percent.
    pub accuracy: f64,
}

/// Collects inferences.
#[derive(Debug, Default)]
pub struct Recorder {
    budget: Option<Millis>,
    minutes: Vec<Collected>,
}

#[derive(Debug)]
struct Collected {
    minute: u32,
    times: Vec<Millis>,
    children: BTreeMap<String, usize>,
    accuracy: f64,
    hint: ThermalHint,
}

impl Recorder {
    /// Under a governor's limit, or for one child.
    pub fn new(budget: Option<Millis>) -> Self {
        Self { budget, minutes: Vec::new() }
    }

    /// Takes an inference; they come in the order of time.
    pub fn record(&mut self, inference: Inference<'_>) {
        let Inference { at, time, child, accuracy, hint } = inference;
        let minute = (at.as_secs() / 60) as u32 + 1;
        if self.minutes.last().is_none_or(|last| last.minute < minute) {
            let (times, children) = (Vec::new(), BTreeMap::new());
            self.minutes.push(Collected { minute, times, children, accuracy: 0.0, hint });
        }
        if let Some(last) = self.minutes.last_mut() {
            last.times.push(time);
            *last.children.entry(child.to_owned()).or_default() += 1;
            last.accuracy += accuracy;
            last.hint = last.hint.max(hint);
        }
    }

    /// The course so far.
    pub fn course(&self) -> Course {
        let minutes: Vec<Minute> = self.minutes.iter().map(Collected::minute).collect();
        let total: usize = minutes.iter().map(|minute| minute.inferences).sum();
        let sum: f64 = self.minutes.iter().map(|minute| minute.accuracy).sum();
        let kept = |limit: Millis| {
            let kept = minutes.iter().filter(|minute| minute.p95_ms.0 <= limit.0).count();
            100.0 * kept as f64 / minutes.len().max(1) as f64
        };
        let ends = minutes.first().zip(minutes.last());
        Course {
            budget_ms: self.budget,
            knee_minute: knee(&minutes),
            retention_percent: ends
                .map(|(first, last)| 100.0 * (first.p50_ms.0 / last.p50_ms.0.max(f64::MIN_POSITIVE))),
            kept_percent: self.budget.map(kept),
            accuracy: sum / total.max(1) as f64,
            minutes,
        }
    }
}

impl Collected {
    fn minute(&self) -> Minute {
        let Latency { p50, p90, p95 } = Latency::of(&self.times);
        let most = self.children.iter().max_by_key(|one| one.1);
        Minute {
            minute: self.minute,
            inferences: self.times.len(),
            p50_ms: p50,
            p90_ms: p90,
            p95_ms: p95,
            child: most.map(|one| one.0.clone()).unwrap_or_default(),
            accuracy: self.accuracy / self.times.len() as f64,
            hint: self.hint,
        }
    }
}

/// One line: `30 minutes, retention 58 %, knee in minute 6`.
impl fmt::Display for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} minutes", self.minutes.len())?;
        if let Some(retention) = self.retention_percent {
            write!(f, ", retention {retention:.0} %")?;
            match self.knee_minute {
                Some(minute) => write!(f, ", knee in minute {minute}")?,
                None => write!(f, ", no knee")?,
            }
        }
        if let (Some(limit), Some(kept)) = (self.budget_ms, self.kept_percent) {
            write!(f, ", p95 within {limit} in {kept:.0} % of them")?;
        }
        write!(f, ", {:.2} % top-1 on average", self.accuracy)
    }
}

fn knee(minutes: &[Minute]) -> Option<u32> {
    let mut fastest = f64::INFINITY;
    for minute in minutes {
        if minute.p50_ms.0 > KNEE * fastest {
            return Some(minute.minute);
        }
        fastest = fastest.min(minute.p50_ms.0);
    }
    None
}

#[cfg(test)]
mod tests;
