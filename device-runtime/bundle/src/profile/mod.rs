//! Measurements of one device: the data, how it grows, what it belongs to, and its file.

mod conditions;
mod error;
mod file;
mod refine;
mod staleness;

pub use conditions::Conditions;
pub use error::ProfileError;
pub use staleness::{ProfileKey, Stale};

use nestling_core::latency::{Batches, Clock, DeviceKey, LatencyTable, LayerTime, Moment, Timeline};
use nestling_core::metrics::{Latency, Millis, Quantile, percentiles};
use nestling_core::space::Child;
use nestling_core::tiles::Tiles;
use serde::{Deserialize, Serialize};

/// One device's measurements with one bundle: enough to predict any child of the bundle's space on it.
///
/// A JSON file with a checksum: a person can read it, a report can draw it, and damage is noticed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceProfile {
    format: u32,
    /// Version of the crate that measured it: only for people.
    pub nestling: String,
    /// Fingerprint of the kernels.
    pub kernels: String,
    /// How pointwise layers were tiled: the next start should load with the same tiles.
    pub tiles: Tiles,
    /// Identity of the network: [`Bundle::network_id`](crate::Bundle::network_id).
    pub network: String,
    /// Side of the square image that whole inferences were timed with, in pixels.
    pub image_side: u32,
    /// Time of the smallest child during the measurements while nothing interrupted it: all fitted times are corrected to
    /// this speed.
    pub reference_ms: Millis,
    /// The last runs of the smallest child beside the measurements, in their order: what interrupted the device. A profile
    /// of an older version has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timeline_ms: Vec<Millis>,
    /// The conditions of the measurements. A profile of an older version has none:
    /// [`DeviceProfile::measured_under`] says the same for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Conditions>,
    /// The device, and the latency model that was fitted to the informative children.
    pub table: LatencyTable,
    /// Children that the model is fitted to: first the informative ones, the most informative first, then those that
    /// were timed when a child was chosen.
    pub informative: Vec<ChildTimes>,
    /// Shipped children that were timed whole; the model is not fitted to them, unless they are above too.
    pub children: Vec<ChildTimes>,
    /// The clock that timed the layers.
    pub clock: Clock,
    /// Why the GPU's own clock was not trusted, if it was not.
    pub clock_note: Option<String>,
    /// Layers timed alone, for reports.
    pub layers: Vec<LayerTime>,
    /// Kernels that the device gets wrong and that others replaced while it was measured, in words.
    #[cfg(not(target_arch = "wasm32"))] // in a browser nothing is replaced
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<String>,
}

/// A child that was timed whole, from image to logits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChildTimes {
    /// Its name in the bundle, if it ships.
    pub name: Option<String>,
    /// The child.
    #[serde(with = "as_text")]
    pub child: Child,
    /// The model's prediction of the median.
    pub predicted_ms: Millis,
    /// Its time while nothing interrupts it, which the latency model is fitted to; none in a profile of an older version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calm_ms: Option<Millis>,
    /// Median of the runs, corrected to the profile's speed, as are the other quantiles.
    pub measured_p50_ms: Millis,
    /// Nine runs of ten took at most this.
    pub measured_p90_ms: Millis,
    /// Nineteen runs of twenty took at most this.
    pub measured_p95_ms: Millis,
    /// Every run as it was, in the order in which they were made.
    pub runs_ms: Vec<Millis>,
}

impl ChildTimes {
    /// Runs of a child, corrected to the speed at which the reference takes `usual`.
    pub fn new(name: Option<&str>, child: Child, predicted_ms: Millis, batches: &Batches, usual: Millis) -> Self {
        let Latency { p50, p90, p95 } = Latency::of(&batches.drift_corrected(usual));
        Self {
            name: name.map(str::to_owned),
            child,
            predicted_ms,
            calm_ms: Some(batches.calm(usual)),
            measured_p50_ms: p50,
            measured_p90_ms: p90,
            measured_p95_ms: p95,
            runs_ms: batches.raw(),
        }
    }

    /// The time while nothing interrupts it, which the latency model is fitted to.
    pub fn calm(&self) -> Millis {
        self.calm_ms.unwrap_or(self.measured_p50_ms)
    }

    /// The measured quantiles.
    pub fn latency(&self) -> Latency {
        Latency { p50: self.measured_p50_ms, p90: self.measured_p90_ms, p95: self.measured_p95_ms }
    }

    /// How much longer the prediction is than the measured median, in percent.
    pub fn residual_percent(&self) -> f64 {
        100.0 * (self.predicted_ms.0 / self.measured_p50_ms.0.max(f64::MIN_POSITIVE) - 1.0)
    }
}

/// A child is one line of text in JSON.
mod as_text {
    use super::Child;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(child: &Child, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(child)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Child, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The measurements of a profile.
#[derive(Clone, Debug)]
pub struct Measurements {
    /// The usual time of the smallest child while everything else was measured and nothing interrupted it.
    pub reference_ms: Millis,
    /// Some of its runs beside the others, in batches from all of the time.
    pub timeline_ms: Vec<Millis>,
    /// The conditions of the measurements.
    pub conditions: Option<Conditions>,
    /// The device's latency table.
    pub table: LatencyTable,
    /// Informative children, the most informative first.
    pub informative: Vec<ChildTimes>,
    /// Shipped children.
    pub children: Vec<ChildTimes>,
    /// The clock that timed the layers.
    pub clock: Clock,
    /// Why the GPU's own clock was not trusted, if it was not.
    pub clock_note: Option<String>,
    /// Layers timed alone.
    pub layers: Vec<LayerTime>,
}

/// With fewer timed shipped children than this, an interval is at least so much wider.
const FEW: usize = 5;
const FEW_ERROR: f64 = 1.1;

impl DeviceProfile {
    /// A profile of these measurements.
    pub fn new(key: &ProfileKey, measured: Measurements) -> Self {
        let Measurements { reference_ms, timeline_ms, conditions, table, .. } = measured;
        let Measurements { informative, children, clock, clock_note, layers, .. } = measured;
        Self {
            format: file::FORMAT,
            nestling: env!("CARGO_PKG_VERSION").to_owned(),
            kernels: ProfileKey::kernels_text(key.kernels),
            tiles: key.tiles,
            network: key.network.to_string(),
            image_side: key.image_side,
            reference_ms,
            timeline_ms,
            conditions,
            table,
            informative,
            children,
            clock,
            clock_note,
            layers,
            #[cfg(not(target_arch = "wasm32"))]
            replaced: Vec::new(),
        }
    }

    /// The device that was measured.
    pub fn device(&self) -> &DeviceKey {
        &self.table.device
    }

    /// The shipped child called `name`, if it was timed whole.
    pub fn child(&self, name: &str) -> Option<&ChildTimes> {
        self.children.iter().find(|times| times.name.as_deref() == Some(name))
    }

    /// The speed of the device while it was measured.
    pub fn moment(&self) -> Moment {
        // That of an older version says nothing of interruptions.
        let runs = if self.timeline_ms.is_empty() { &[self.reference_ms] } else { &self.timeline_ms[..] };
        let runs = runs.iter().copied();
        let timeline = if self.cadence().is_some() { Timeline::rested(runs) } else { Timeline::new(runs) };
        Moment::new(timeline, self.reference_ms)
    }

    /// How much tighter than a budget a child's time should be, by how unsteady the device was.
    pub fn room(&self) -> f64 {
        self.moment().timeline().room()
    }

    /// The interval that holds a quantile of a child's time in nine of ten moments like this one: that of the moment,
    /// widened by the error that nine of ten children of this profile have.
    pub fn interval(&self, moment: &Moment, calm: Millis, quantile: Quantile) -> [Millis; 2] {
        let [low, high] = moment.interval(calm, quantile);
        let factor = self.error_factor();
        [Millis(low.0 / factor), Millis(factor * high.0)]
    }

    /// The factor within which the model's predictions of nine of ten children are, as the profile measured them; if it
    /// measured few, at least [`FEW_ERROR`], because the model is fitted to some of them.
    fn error_factor(&self) -> f64 {
        let error = |times: &ChildTimes| {
            let ratio = times.predicted_ms.0.max(f64::MIN_POSITIVE) / times.measured_p50_ms.0.max(f64::MIN_POSITIVE);
            Millis(ratio.ln().abs())
        };
        let errors: Vec<Millis> = self.children.iter().chain(&self.informative).map(error).collect();
        let nine_of_ten = percentiles(&errors, [90])[0].0.exp();
        if self.children.len() < FEW { nine_of_ten.max(FEW_ERROR) } else { nine_of_ten }
    }

    /// The times of a child that the model is fitted to.
    pub fn learned(&self, child: &Child) -> Option<&ChildTimes> {
        self.informative.iter().find(|times| times.child == *child)
    }
}
