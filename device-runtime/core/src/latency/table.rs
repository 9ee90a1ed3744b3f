use crate::latency::{LatencyModel, Sample};
use crate::metrics::{Millis, Spread};
use crate::names::printable;
use crate::space::{LayerShape, Network};
use crate::statistics::{mean_percent, relative_error};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The device and software that a time was measured on. Times of another key do not apply.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeviceKey {
    /// The adapter's own name.
    pub adapter: String,
    /// Driver and its version.
    pub driver: String,
    /// Vulkan, Metal, DX12, GLES or WebGPU.
    pub backend: String,
    /// `f32` or `f16`.
    pub precision: String,
    /// Adapter features that were offered and used: `subgroups`, `timestamps`; in alphabetical order. For a software
    /// adapter, then the threads that it may use and the processor: `2 threads of AMD EPYC 7B13`.
    pub features: Vec<String>,
}

impl fmt::Display for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [adapter, driver] = [&self.adapter, &self.driver].map(|text| printable(text));
        let [backend, precision] = [&self.backend, &self.precision].map(|text| printable(text));
        write!(f, "{adapter} ({driver}, {backend}, {precision})")?;
        let features = self.features.join(", ");
        if features.is_empty() { Ok(()) } else { write!(f, " with {}", printable(&features)) }
    }
}

/// The clock that measured a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The GPU's own, before and after the layer's pass.
    Timestamps,
    /// The host's, over repeated dispatches, with the cost of submitting and waiting subtracted.
    Wall,
}

/// The time of one kind of layer, measured alone: for reports. Layers timed alone do not add up to a child.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerTime {
    /// The layer that was timed.
    pub shape: LayerShape,
    /// Median time of one execution.
    pub latency_ms: Millis,
}

/// The latency model of one device for one search space: small enough to ship in a bundle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencyTable {
    /// The device that it was measured on.
    pub device: DeviceKey,
    /// When, in seconds since 1970 (UTC).
    pub measured_at: u64,
    /// The latency model, fitted to children that were timed whole.
    pub model: LatencyModel,
    /// The spread of its times.
    pub spread: Spread,
    /// Children that were timed.
    pub children: u32,
    /// Mean relative error of the fit over them, in percent: a lower bound of that over others.
    pub residual_percent: f64,
}

impl LatencyTable {
    /// Predicted median time of a child from image to logits.
    pub fn predict(&self, network: &Network) -> Millis {
        self.model.predict(network)
    }

    /// Fits the coefficients to children that were timed, starting from the most similar of other devices' tables, or
    /// from nominal proportions.
    pub fn fit_to(&mut self, samples: &[Sample], others: &[Self]) {
        let nominal = LatencyModel::nominal();
        let prior = nearest_table(others, samples).map_or(&nominal, |other| &other.model);
        self.model = LatencyModel::fit(samples, prior, self.model.coverage);
        self.children = samples.len() as u32;
        self.residual_percent = mean_error_percent(&self.model, samples);
    }

    /// Whether every number is possible.
    pub fn is_sound(&self) -> bool {
        let residual = self.residual_percent;
        self.model.is_sound() && self.spread.is_sound() && residual.is_finite() && !residual.is_sign_negative()
    }
}

/// Mean relative error of a fit over samples, in percent; 0 for none.
pub fn mean_error_percent(fit: &LatencyModel, samples: &[Sample]) -> f64 {
    let error = |sample: &Sample| relative_error(fit.predict(&sample.network).0, sample.time.0);
    mean_percent(&samples.iter().map(error).collect::<Vec<_>>())
}

/// The table of the most similar device: the one whose coefficients, scaled by one factor, have the least error on the
/// samples.
///
/// ```
/// use nestling_core::latency::nearest_table;
/// assert!(nearest_table(&[], &[]).is_none());
/// ```
pub fn nearest_table<'a>(tables: &'a [LatencyTable], samples: &[Sample]) -> Option<&'a LatencyTable> {
    let error = |table: &LatencyTable| mean_error_percent(&table.model.scaled_to(samples), samples);
    let possible = tables.iter().filter(|table| error(table).is_finite());
    possible.min_by(|a, b| error(a).total_cmp(&error(b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::{CostFeature, informative_children};
    use crate::space::{Operator, SearchSpace};
    use crate::tiles::Coverage;

    fn table(name: &str, depthwise: f64) -> LatencyTable {
        let space = SearchSpace::fashion().validated().unwrap();
        let coefficient = |&feature: &CostFeature| {
            let is_depthwise = matches!(feature, CostFeature::MegaMAdds(kind) if kind.operator == Operator::Depthwise);
            super::super::Coefficient {
                feature,
                ms: Millis(feature.nominal_coefficient() * if is_depthwise { depthwise } else { 1.0 }),
            }
        };
        let features = CostFeature::of(&space.lower(&space.biggest()).unwrap(), Coverage::EXACT);
        let text = |text: &str| text.to_owned();
        let device = DeviceKey {
            adapter: text(name),
            driver: text("d"),
            backend: text("b"),
            precision: text("f32"),
            features: vec![],
        };
        let fit = LatencyModel { coefficients: features.keys().map(coefficient).collect(), ..LatencyModel::nominal() };
        let spread = Spread { p90: 1.0, p95: 1.0 };
        LatencyTable { device, measured_at: 0, model: fit, spread, children: 30, residual_percent: 0.0 }
    }

    #[test]
    fn the_nearest_device_is_the_one_whose_layers_cost_alike_whatever_its_speed() {
        let tables = [table("even", 1.0), table("depthwise is dear", 20.0)];
        assert!(tables.iter().all(LatencyTable::is_sound));
        let space = SearchSpace::fashion().validated().unwrap();
        for truth in &tables {
            let samples: Vec<Sample> = (informative_children(&space, 3).iter())
                .map(|child| space.lower(child).unwrap())
                .map(|network| Sample::new(&network, Millis(7.0 * truth.predict(&network).0)))
                .collect();
            assert_eq!(nearest_table(&tables, &samples).unwrap().device.adapter, truth.device.adapter);
            assert!(mean_error_percent(&truth.model.scaled_to(&samples), &samples) < 1e-9);
        }
    }
}
