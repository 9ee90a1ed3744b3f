//! Facts as dictionaries; the package's records have the same names.

use nestling::{AdapterInfo, Answer, Candidate, ChildEntry, Choice, ContextOptions, Latency, Runtime};
use pyo3::prelude::*;
use std::time::Instant;

/// `nestling.Adapter`.
#[derive(IntoPyObject)]
pub struct Adapter {
    index: Option<usize>,
    name: String,
    backend: String,
    kind: String,
    driver: String,
    pci_bus_id: Option<String>,
    is_software: bool,
}

impl From<&AdapterInfo> for Adapter {
    fn from(info: &AdapterInfo) -> Self {
        Self {
            index: info.index,
            name: info.name.clone(),
            backend: info.backend.clone(),
            kind: info.device_type.clone(),
            driver: info.driver_text(),
            pci_bus_id: info.pci_bus_id.clone(),
            is_software: info.is_software(),
        }
    }
}

/// All GPU adapters of this machine, as dictionaries.
#[pyfunction]
pub fn list_adapters(py: Python<'_>) -> Vec<Adapter> {
    let all = py.detach(|| nestling::list_adapters(&ContextOptions::default()));
    all.iter().map(Adapter::from).collect()
}

/// `nestling.Child`.
#[derive(IntoPyObject)]
pub struct Child {
    name: String,
    description: String,
    resolution: u32,
    madds: u64,
    parameters: u64,
    accuracy: Option<f64>,
    test_accuracy: Option<f64>,
    may_answer: bool,
    predicted_ms: Option<f64>,
    measured: Option<Times>,
}

impl Child {
    /// A child of a bundle.
    pub fn of_bundle(entry: &ChildEntry, may_answer: bool) -> Self {
        Self {
            name: entry.name.clone(),
            description: entry.child.to_string(),
            resolution: entry.child.resolution,
            madds: entry.cost.madds.0,
            parameters: entry.cost.params,
            accuracy: entry.held_out.known_percent(),
            test_accuracy: entry.test.known_percent(),
            may_answer,
            predicted_ms: None,
            measured: None,
        }
    }

    /// All children of a runtime, with the times of its profile, predicted and measured.
    pub fn of_runtime(runtime: &Runtime) -> Vec<Self> {
        let profile = runtime.current_profile();
        let child = |entry: &ChildEntry| {
            let times = profile.as_ref().and_then(|profile| profile.child(&entry.name));
            let measured = times.map(|times| times.latency().into());
            let prepared = runtime.prepared(&entry.name).ok();
            let predicted = profile.as_ref().zip(prepared);
            let predicted_ms = predicted.map(|(profile, child)| profile.table.predict(child.network()).0);
            Self { predicted_ms, measured, ..Self::of_bundle(entry, runtime.may_answer(&entry.child)) }
        };
        runtime.children().map(child).collect()
    }
}

/// `nestling.Latency`.
#[derive(IntoPyObject)]
pub struct Times {
    p50: f64,
    p90: f64,
    p95: f64,
}

impl From<Latency> for Times {
    fn from(latency: Latency) -> Self {
        Self { p50: latency.p50.0, p90: latency.p90.0, p95: latency.p95.0 }
    }
}

/// `nestling.Choice`.
#[derive(IntoPyObject)]
pub struct Chosen {
    child: String,
    budget_ms: f64,
    quantile: u32,
    accuracy: Option<f64>,
    predicted_ms: f64,
    measured: Times,
    why: String,
    next_faster: Option<String>,
    next_better: Option<String>,
    switched_us: f64,
}

impl From<&Choice> for Chosen {
    fn from(choice: &Choice) -> Self {
        let name = |candidate: Option<&Candidate>| candidate.map(|candidate| candidate.entry.name.clone());
        Self {
            child: choice.entry().name.clone(),
            budget_ms: choice.budget().limit.0,
            quantile: crate::options::percent(choice.budget().quantile),
            accuracy: choice.entry().held_out.known_percent(),
            predicted_ms: choice.predicted().0,
            measured: choice.measured().into(),
            why: choice.why().to_owned(),
            next_faster: name(choice.next_faster()),
            next_better: name(choice.next_better()),
            switched_us: choice.switched_in().as_secs_f64() * 1e6,
        }
    }
}

/// `nestling.Answer`: class, label and probability of each guess, and the child that answered.
#[derive(IntoPyObject)]
pub struct Answered {
    guesses: Vec<(usize, String, f64)>,
    child: Option<String>,
    milliseconds: f64,
}

impl Answered {
    /// The `top` most probable classes of an answer that began at `started`.
    pub fn of(answer: &Answer, started: Instant, top: usize, runtime: &Runtime) -> Self {
        let milliseconds = 1e3 * started.elapsed().as_secs_f64();
        let guesses = answer.top_k(top).map(|guess| (guess.class, guess.label.to_owned(), guess.probability));
        let child = runtime.children().find(|entry| entry.child == *answer.child());
        Self { guesses: guesses.collect(), child: child.map(|entry| entry.name.clone()), milliseconds }
    }
}

/// `nestling.GovernorState`.
#[derive(IntoPyObject)]
pub struct Governing {
    child: String,
    limit_ms: f64,
    p95_ms: Option<f64>,
    is_too_slow: bool,
}

impl From<&nestling::Governor> for Governing {
    fn from(governor: &nestling::Governor) -> Self {
        Self {
            child: governor.rung().name.clone(),
            limit_ms: governor.limit().0,
            p95_ms: governor.p95().map(|time| time.0),
            is_too_slow: governor.is_too_slow(),
        }
    }
}
