use crate::space::{LayerShape, Network};
use crate::units::Millis;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;

/// What a time was measured on. Times of another key say nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceKey {
    /// The adapter's own name.
    pub adapter: String,
    /// Driver and its version.
    pub driver: String,
    /// Vulkan, Metal, DX12, GLES or WebGPU.
    pub backend: String,
    /// `f32` or `f16`.
    pub precision: String,
}

impl fmt::Display for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {}, {})", self.adapter, self.driver, self.backend, self.precision)
    }
}

/// The time of one kind of layer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerTime {
    /// What was timed.
    pub shape: LayerShape,
    /// Median time of one execution.
    pub latency_ms: Millis,
}

/// Per-layer times of one device, and how they add up to a child's time: `overhead + scale * sum of layers`.
///
/// `overhead` and `scale` are fitted to whole children that were timed from image to logits, for layers timed alone do
/// not add up to a child.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyTable {
    /// Measured on.
    pub device: DeviceKey,
    /// What an inference costs beside its layers: upload, submission, read-back.
    pub overhead_ms: Millis,
    /// What a layer costs inside a child, over what it costs alone.
    pub scale: f64,
    /// One entry for each distinct layer that was timed.
    pub layers: Vec<LayerTime>,
}

impl LatencyTable {
    /// Fits overhead and scale to children timed whole, by least squares with both kept non-negative.
    ///
    /// `layers` must hold every layer of the `measured` children.
    pub fn fit(device: DeviceKey, layers: Vec<LayerTime>, measured: &[(&Network, Millis)]) -> Self {
        let mut table = Self { device, overhead_ms: Millis(0.0), scale: 1.0, layers };
        let index = table.index();
        let points: Vec<(f64, f64)> =
            measured.iter().map(|(network, time)| (table.layer_sum(&index, network), time.0)).collect();
        let count = points.len().max(1) as f64;
        let mean = |value: fn(&(f64, f64)) -> f64| points.iter().map(value).sum::<f64>() / count;
        let (mean_sum, mean_time) = (mean(|p| p.0), mean(|p| p.1));
        let covariance: f64 = points.iter().map(|(sum, time)| (sum - mean_sum) * (time - mean_time)).sum();
        let variance: f64 = points.iter().map(|(sum, _)| (sum - mean_sum).powi(2)).sum();
        let scale = if variance > 0.0 { covariance / variance } else { 1.0 };
        let overhead = mean_time - scale * mean_sum;
        (table.scale, table.overhead_ms) = if scale >= 0.0 && overhead >= 0.0 {
            (scale.abs(), Millis(overhead.abs()))
        } else if mean_sum > 0.0 {
            (mean_time / mean_sum, Millis(0.0))
        } else {
            (1.0, Millis(mean_time.max(0.0)))
        };
        table
    }

    /// Predicted time of a child from image to logits.
    ///
    /// A layer that was never timed is estimated from the timed layers of the same operator, in proportion to MAdds (or
    /// bytes where there are none).
    pub fn predict(&self, network: &Network) -> Millis {
        Millis(self.overhead_ms.0 + self.scale * self.layer_sum(&self.index(), network))
    }

    fn index(&self) -> HashMap<LayerShape, f64> {
        self.layers.iter().map(|entry| (entry.shape, entry.latency_ms.0)).collect()
    }

    fn layer_sum(&self, index: &HashMap<LayerShape, f64>, network: &Network) -> f64 {
        network
            .layers
            .iter()
            .map(|layer| index.get(&layer.shape).copied().unwrap_or_else(|| self.estimate(&layer.shape)))
            .sum()
    }

    fn estimate(&self, shape: &LayerShape) -> f64 {
        let work = |shape: &LayerShape| if shape.madds() > 0 { shape.madds() as f64 } else { shape.bytes() as f64 };
        let of_operator = || self.layers.iter().filter(|entry| entry.shape.operator == shape.operator);
        let total: f64 = of_operator().map(|entry| work(&entry.shape)).sum();
        let time: f64 = of_operator().map(|entry| entry.latency_ms.0).sum();
        if total > 0.0 { time * work(shape) / total } else { 0.0 }
    }

    /// Whether every time is finite and not negative (nor -0, which no measurement gives).
    pub fn is_sound(&self) -> bool {
        let sound = |number: f64| number.is_finite() && !number.is_sign_negative();
        sound(self.overhead_ms.0) && sound(self.scale) && self.layers.iter().all(|entry| sound(entry.latency_ms.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::SearchSpace;

    fn device() -> DeviceKey {
        DeviceKey { adapter: "a".into(), driver: "b".into(), backend: "c".into(), precision: "f32".into() }
    }

    #[test]
    fn a_device_whose_layers_add_up_is_predicted_exactly() {
        let space = SearchSpace::fashion();
        let networks = [space.lower(&space.smallest()).unwrap(), space.lower(&space.biggest()).unwrap()];
        let time = |shape: &LayerShape| Millis(1e-6 * shape.madds() as f64 + 1e-3);
        let layers = networks
            .iter()
            .flat_map(|network| &network.layers)
            .map(|layer| LayerTime { shape: layer.shape, latency_ms: time(&layer.shape) })
            .collect();
        let whole = |network: &Network| {
            Millis(0.5 + 0.8 * network.layers.iter().map(|layer| time(&layer.shape).0).sum::<f64>())
        };
        let measured: Vec<_> = networks.iter().map(|network| (network, whole(network))).collect();
        let table = LatencyTable::fit(device(), layers, &measured);
        assert!((table.scale - 0.8).abs() < 1e-9 && (table.overhead_ms.0 - 0.5).abs() < 1e-9);
        for (network, time) in &measured {
            assert!((table.predict(network).0 - time.0).abs() < 1e-9);
        }
        // A layer that was never timed: another resolution of the same child.
        let unseen = space.lower(&crate::space::Child { resolution: 24, ..space.biggest() }).unwrap();
        let ratio = table.predict(&unseen).0 / whole(&unseen).0;
        assert!((0.8..1.25).contains(&ratio), "{ratio}");
    }

    #[test]
    fn a_fit_never_predicts_a_negative_time() {
        let space = SearchSpace::fashion();
        let networks = [space.lower(&space.smallest()).unwrap(), space.lower(&space.biggest()).unwrap()];
        // A small child slower than a big one: noise must not turn into a negative slope.
        let table =
            LatencyTable::fit(device(), Vec::new(), &[(&networks[0], Millis(3.0)), (&networks[1], Millis(1.0))]);
        assert!(table.is_sound() && table.predict(&networks[0]).0 > 0.0);
    }
}
