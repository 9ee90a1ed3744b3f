//! The runtime's facts and answers: plain records that never change.

use crate::options::Quantile;
use nestling::{AdapterInfo, Candidate, ChildEntry, DeviceProfile};

/// A GPU, or a driver that computes on the processor.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct Adapter {
    /// Its place in `listAdapters`; absent where the system chose it.
    pub index: Option<u32>,
    /// Name, as the driver gives it.
    pub name: String,
    /// `vulkan`, `metal`, `dx12` or `gl`.
    pub backend: String,
    /// `cpu` (software), `integrated`, `discrete`, `virtual` or `other`.
    pub kind: String,
    /// Driver and its version.
    pub driver: String,
    /// Such as `0000:01:00.0`, where the backend tells.
    pub pci_bus_id: Option<String>,
    /// Whether it computes on the processor.
    pub is_software: bool,
}

impl From<&AdapterInfo> for Adapter {
    fn from(info: &AdapterInfo) -> Self {
        Self {
            index: info.index.and_then(|index| u32::try_from(index).ok()),
            name: info.name.clone(),
            backend: info.backend.clone(),
            kind: info.device_type.clone(),
            driver: info.driver_text(),
            pci_bus_id: info.pci_bus_id.clone(),
            is_software: info.is_software(),
        }
    }
}

/// Times from image to answer, in milliseconds: so many of 100 inferences took at most that.
#[derive(Clone, Copy, Debug, PartialEq, uniffi::Record)]
pub struct Latency {
    /// 50 of 100.
    pub p50: f64,
    /// 90 of 100.
    pub p90: f64,
    /// 95 of 100.
    pub p95: f64,
}

impl From<nestling::Latency> for Latency {
    fn from(latency: nestling::Latency) -> Self {
        Self { p50: latency.p50.0, p90: latency.p90.0, p95: latency.p95.0 }
    }
}

/// A subnetwork that ships in a bundle.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct Child {
    /// Unique in its bundle: `smallest`, `biggest` or `pareto-3`.
    pub name: String,
    /// Its choice for every dimension of the search space, as one line.
    pub description: String,
    /// Side of its input in pixels.
    pub resolution: u32,
    /// Multiply-adds of an inference.
    pub madds: u64,
    /// Number of parameters.
    pub parameters: u64,
    /// Right answers in percent on images held out from training, by which it was chosen; absent if not measured.
    pub accuracy: Option<f64>,
    /// The same on test images.
    pub test_accuracy: Option<f64>,
    /// Whether it may be chosen and answer: it was trained, or the runtime was opened with `untrained`.
    pub may_answer: bool,
    /// Its median time as the profile predicts it, in milliseconds; absent without a profile.
    pub predicted_ms: Option<f64>,
    /// Its times in that profile; absent if it was not timed, as some are on a slow device.
    pub measured: Option<Latency>,
}

impl Child {
    /// A child of a bundle.
    fn of_bundle(entry: &ChildEntry, may_answer: bool) -> Self {
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
    pub fn of_runtime(runtime: &nestling::Runtime) -> Vec<Self> {
        let profile = runtime.current_profile();
        let child = |entry: &ChildEntry| {
            let times = profile.as_ref().and_then(|profile| profile.child(&entry.name));
            let measured = times.map(|times| times.latency().into());
            let predicted = profile.as_ref().zip(runtime.prepared(&entry.name).ok());
            let predicted_ms = predicted.map(|(profile, child)| profile.table.predict(child.network()).0);
            Self { predicted_ms, measured, ..Self::of_bundle(entry, runtime.may_answer(&entry.child)) }
        };
        runtime.children().map(child).collect()
    }
}

/// A verified bundle, without a GPU.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct BundleFacts {
    /// One name a class.
    pub labels: Vec<String>,
    /// The children that ship, fewest multiply-adds first.
    pub children: Vec<Child>,
    /// Name of the search space.
    pub space: String,
    /// Length of the file in bytes.
    pub file_bytes: u64,
    /// Version of the file's format.
    pub format: u32,
}

impl From<&nestling::Bundle> for BundleFacts {
    fn from(bundle: &nestling::Bundle) -> Self {
        let trained = &bundle.manifest().trained;
        let child = |entry: &ChildEntry| Child::of_bundle(entry, trained.covers(&entry.child));
        Self {
            labels: bundle.manifest().labels.clone(),
            children: bundle.children().iter().map(child).collect(),
            space: bundle.space().name.clone(),
            file_bytes: bundle.file_bytes() as u64,
            format: bundle.format(),
        }
    }
}

/// The child that a budget was given to, and why.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct Choice {
    /// Its name.
    pub child: String,
    /// The budget that was asked for.
    pub budget_ms: f64,
    /// The share of inferences that keep it.
    pub quantile: Quantile,
    /// The child's accuracy in percent on held-out images; absent if not measured.
    pub accuracy: Option<f64>,
    /// The median that the profile predicted.
    pub predicted_ms: f64,
    /// Times measured on this device before it was taken.
    pub measured: Latency,
    /// Why this child, in one sentence.
    pub why: String,
    /// The most accurate child that is predicted to be faster; absent if this is the fastest.
    pub next_faster: Option<String>,
    /// The fastest child that is more accurate; absent if this is the most accurate.
    pub next_better: Option<String>,
    /// Microseconds that the switch to it took.
    pub switched_us: f64,
}

impl From<&nestling::Choice> for Choice {
    fn from(choice: &nestling::Choice) -> Self {
        let name = |candidate: Option<&Candidate>| candidate.map(|candidate| candidate.entry.name.clone());
        Self {
            child: choice.entry().name.clone(),
            budget_ms: choice.budget().limit.0,
            quantile: choice.budget().quantile.into(),
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

/// A class that an image may belong to.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct Guess {
    /// Its number, in the order of the labels.
    pub index: u32,
    /// Its name.
    pub label: String,
    /// From 0 to 1; all classes sum to 1.
    pub probability: f64,
}

/// The most probable classes of an image.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct Answer {
    /// Name of the most probable class.
    pub label: String,
    /// Probability of the most probable class, from 0 to 1.
    pub probability: f64,
    /// The most probable classes, the most probable one first; at most as many as were asked for.
    pub guesses: Vec<Guess>,
    /// Name of the child that answered; absent if it does not ship.
    pub child: Option<String>,
    /// From decoded pixels to the answer.
    pub milliseconds: f64,
}

impl Answer {
    /// The `top` most probable classes.
    pub fn of(answer: &nestling::Answer, top: u32, milliseconds: f64, runtime: &nestling::Runtime) -> Self {
        let guess = |guess: nestling::Guess<'_>| Guess {
            index: u32::try_from(guess.class).unwrap_or(u32::MAX),
            label: guess.label.to_owned(),
            probability: guess.probability,
        };
        let child = runtime.children().find(|entry| entry.child == *answer.child());
        Self {
            label: answer.top().label.to_owned(),
            probability: answer.top().probability,
            guesses: answer.top_k(top as usize).map(guess).collect(),
            child: child.map(|entry| entry.name.clone()),
            milliseconds,
        }
    }
}

/// The profile in use: this device, as it was measured.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct ProfileFacts {
    /// Adapter, driver, backend and precision.
    pub device: String,
    /// When it was measured, in seconds since 1970 (UTC).
    pub measured_at: u64,
    /// Side of the square image that was timed, in pixels.
    pub image_side: u32,
    /// Median time of the smallest child, in milliseconds.
    pub reference_ms: f64,
    /// Children that the latency model is fitted to.
    pub informative_children: u32,
}

impl From<&DeviceProfile> for ProfileFacts {
    fn from(profile: &DeviceProfile) -> Self {
        Self {
            device: profile.table.device.to_string(),
            measured_at: profile.table.measured_at,
            image_side: profile.image_side,
            reference_ms: profile.reference_ms.0,
            informative_children: u32::try_from(profile.informative.len()).unwrap_or(u32::MAX),
        }
    }
}

/// Bytes that a runtime holds, all of them since it was opened.
#[derive(Clone, Copy, Debug, PartialEq, uniffi::Record)]
pub struct Memory {
    /// All on the GPU.
    pub gpu: u64,
    /// Shared weights on the GPU.
    pub weights: u64,
    /// Activations on the GPU.
    pub activations: u64,
    /// The image on the GPU.
    pub image: u64,
    /// Parameters of the children on the GPU.
    pub children: u64,
    /// Kept on the host to prepare children.
    pub host: u64,
}

impl Memory {
    /// The memory of a runtime.
    pub fn of(runtime: &nestling::Runtime) -> Self {
        let memory = runtime.supernet().memory();
        Self {
            gpu: memory.gpu(),
            weights: memory.weights,
            activations: memory.activations,
            image: memory.image,
            children: memory.children,
            host: memory.host,
        }
    }
}
