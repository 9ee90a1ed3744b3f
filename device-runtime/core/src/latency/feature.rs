use crate::space::{Network, Operator, OutputSize};
use crate::tiles::Coverage;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Layers whose MAdds cost about the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LayerKind {
    /// The operator.
    pub operator: Operator,
    /// Their kernel size.
    pub kernel: u32,
    /// Their stride.
    pub stride: u32,
    /// How much they write.
    pub size: OutputSize,
}

/// A countable part of an inference, to which the latency model of a device gives a coefficient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostFeature {
    /// The inference itself: upload, submission, read-back. One an inference.
    Inference,
    /// Pixels of the resized image, in thousands.
    Resize,
    /// Layers of an operator.
    Layers(Operator),
    /// Multiply-accumulates of a kind of layers, in millions, with those of pixels beyond the edge.
    #[serde(rename = "mega_madds")]
    MegaMAdds(LayerKind),
    /// The fewest bytes that cross memory in an operator's layers, in millions.
    Megabytes(Operator),
}

/// The count of each cost feature in an inference.
pub type CostFeatures = BTreeMap<CostFeature, f64>;

impl CostFeature {
    /// Counts a network's cost features where workgroups cover so many pixels.
    pub fn of(network: &Network, coverage: Coverage) -> CostFeatures {
        let mut counts = CostFeatures::new();
        let mut add = |feature, count: f64| *counts.entry(feature).or_insert(0.0) += count;
        add(Self::Inference, 1.0);
        add(Self::Resize, f64::from(network.input.pixels()) / 1e3);
        for layer in &network.layers {
            let shape = &layer.shape;
            let operator = shape.operator;
            add(Self::Layers(operator), 1.0);
            add(Self::Megabytes(operator), shape.bytes() as f64 / 1e6);
            if shape.madds() > 0 {
                // A depthwise kernel is the same for all sizes, and nothing is tiled below four pixels.
                let pixels = shape.output.pixels();
                let of_output = || OutputSize::of(pixels, shape.output.channels.div_ceil(4));
                let tiled = (operator == Operator::Pointwise).then(of_output).flatten();
                let covered = tiled.map_or(pixels, |size| coverage.pixels(size, pixels));
                let size = tiled.unwrap_or(OutputSize::Small);
                let kind = LayerKind { operator, kernel: shape.kernel, stride: shape.stride, size };
                add(Self::MegaMAdds(kind), shape.madds() as f64 / 1e6 * f64::from(covered) / f64::from(pixels));
            }
        }
        counts
    }

    /// A coefficient in ms that is of no device, but right in its proportions: what a fit starts from where nothing is
    /// known.
    ///
    /// A MAdd of a depthwise layer costs a few times a pointwise one's, because it loads more; a layer costs a
    /// dispatch.
    pub(super) fn nominal_coefficient(self) -> f64 {
        match self {
            Self::Inference => 0.2,
            Self::Resize => 0.005,
            Self::Layers(_) => 0.01,
            Self::MegaMAdds(kind) => match kind.operator {
                Operator::Depthwise => 0.3,
                Operator::Dense => 0.2,
                Operator::Pointwise | Operator::Linear | Operator::Pool | Operator::AveragePool => 0.1,
            },
            Self::Megabytes(_) => 0.05,
        }
    }
}

/// One unit of it, in words.
impl fmt::Display for CostFeature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inference => f.write_str("an inference: upload, submission, read-back"),
            Self::Resize => f.write_str("a thousand pixels of the resized image"),
            Self::Layers(operator) => write!(f, "a layer: {operator}"),
            Self::MegaMAdds(LayerKind { operator, kernel, stride, size }) => {
                write!(f, "a million MAdds: {operator} k{kernel} s{stride}")?;
                // Only pointwise kernels differ by size.
                if *operator == Operator::Pointwise { write!(f, ", {size} output") } else { Ok(()) }
            }
            Self::Megabytes(operator) => write!(f, "a megabyte that crosses memory: {operator}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::SearchSpace;
    use crate::tiles::Coverage;

    #[test]
    fn all_madds_and_bytes_are_counted_once() {
        let space = SearchSpace::fashion().validated().unwrap();
        let network = space.lower(&space.biggest()).unwrap();
        let counts = CostFeature::of(&network, Coverage::EXACT);
        let total = |wanted: fn(&CostFeature) -> bool| -> f64 {
            counts.iter().filter(|(feature, _)| wanted(feature)).map(|(_, count)| count).sum()
        };
        let madds = total(|feature| matches!(feature, CostFeature::MegaMAdds(_)));
        assert!((madds - network.cost().madds.millions()).abs() < 1e-9);
        assert_eq!(total(|feature| matches!(feature, CostFeature::Layers(_))), network.layers.len() as f64);
        let bytes: u64 = network.layers.iter().map(|layer| layer.shape.bytes()).sum();
        assert!((total(|feature| matches!(feature, CostFeature::Megabytes(_))) - bytes as f64 / 1e6).abs() < 1e-9);
        assert_eq!(counts[&CostFeature::Inference], 1.0);
    }

    #[test]
    fn the_last_workgroup_works_in_vain() {
        let coverage = Coverage([256, 64, 32]);
        assert_eq!([1, 32, 33, 49].map(|pixels| coverage.pixels(OutputSize::Small, pixels)), [32, 32, 64, 64]);
        assert_eq!(coverage.pixels(OutputSize::Large, 257), 512);
        let space = SearchSpace::fashion().validated().unwrap();
        let network = space.lower(&space.biggest()).unwrap();
        let (exact, covered) = (CostFeature::of(&network, Coverage::EXACT), CostFeature::of(&network, coverage));
        for (feature, count) in &exact {
            let pointwise = matches!(feature, CostFeature::MegaMAdds(kind) if kind.operator == Operator::Pointwise);
            let more = covered[feature] / count;
            assert!(
                if pointwise { (1.0..2.0).contains(&more) && more > 1.0 } else { more == 1.0 },
                "{feature}: {more}"
            );
        }
    }
}
