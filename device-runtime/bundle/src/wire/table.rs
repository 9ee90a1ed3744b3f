use super::codes::Coded;
use super::few::{MAX_FEATURES, few};
use crate::BundleError;
use nestling_core::latency::{self, Coefficient, DeviceKey, LatencyModel, LatencyTable, LayerKind};
use nestling_core::metrics::{Millis, Spread};
use nestling_core::space::{Operator, OutputSize};
use nestling_core::tiles::Coverage;
use serde::{Deserialize, Serialize};

/// A device's latency table.
#[derive(Serialize, Deserialize)]
pub(crate) struct Table {
    device: Device,
    /// Seconds since 1970 (UTC).
    measured_at: u64,
    coefficients: Vec<Cost>,
    scale: f64,
    /// Pixels that a workgroup covers, for large, medium and small outputs.
    coverage: [u32; 3],
    p90_over_p50: f64,
    p95_over_p50: f64,
    children: u32,
    residual_percent: f64,
}

#[derive(Serialize, Deserialize)]
struct Device {
    adapter: String,
    driver: String,
    backend: String,
    precision: String,
    #[serde(deserialize_with = "few::<MAX_FEATURES, _, _>")]
    features: Vec<String>,
}

/// A cost feature and its coefficient, in ms for each unit.
#[derive(Serialize, Deserialize)]
struct Cost {
    feature: Feature,
    ms: f64,
}

/// A cost feature; operators and sizes are numbers.
#[derive(Serialize, Deserialize)]
enum Feature {
    Inference,
    Resize,
    Layers(u32),
    MegaMAdds { operator: u32, kernel: u32, stride: u32, size: u32 },
    Megabytes(u32),
}

impl From<&LatencyTable> for Table {
    fn from(table: &LatencyTable) -> Self {
        let LatencyTable { device, measured_at, model, spread, children, residual_percent } = table;
        let DeviceKey { adapter, driver, backend, precision, features } = device.clone();
        let LatencyModel { coefficients, scale, coverage: Coverage(coverage) } = model;
        let Spread { p90, p95 } = *spread;
        let cost = |&Coefficient { feature, ms: Millis(ms) }: &Coefficient| Cost { feature: feature.into(), ms };
        Self {
            device: Device { adapter, driver, backend, precision, features },
            measured_at: *measured_at,
            coefficients: coefficients.iter().map(cost).collect(),
            scale: *scale,
            coverage: *coverage,
            p90_over_p50: p90,
            p95_over_p50: p95,
            children: *children,
            residual_percent: *residual_percent,
        }
    }
}

impl TryFrom<Table> for LatencyTable {
    type Error = BundleError;

    fn try_from(table: Table) -> Result<Self, BundleError> {
        let Device { adapter, driver, backend, precision, features } = table.device;
        let coefficient = |Cost { feature, ms }: Cost| {
            Ok::<_, BundleError>(Coefficient { feature: feature.try_into()?, ms: Millis(ms) })
        };
        let mut coefficients: Vec<Coefficient> =
            table.coefficients.into_iter().map(coefficient).collect::<Result<_, _>>()?;
        // The order of the runtime, which may differ from that of an older file.
        coefficients.sort_unstable_by_key(|coefficient| coefficient.feature);
        Ok(Self {
            device: DeviceKey { adapter, driver, backend, precision, features },
            measured_at: table.measured_at,
            model: LatencyModel { coefficients, scale: table.scale, coverage: Coverage(table.coverage) },
            spread: Spread { p90: table.p90_over_p50, p95: table.p95_over_p50 },
            children: table.children,
            residual_percent: table.residual_percent,
        })
    }
}

impl From<latency::CostFeature> for Feature {
    fn from(feature: latency::CostFeature) -> Self {
        use latency::CostFeature as From;
        match feature {
            From::Inference => Self::Inference,
            From::Resize => Self::Resize,
            From::Layers(operator) => Self::Layers(operator.code()),
            From::MegaMAdds(LayerKind { operator, kernel, stride, size }) => {
                Self::MegaMAdds { operator: operator.code(), kernel, stride, size: size.code() }
            }
            From::Megabytes(operator) => Self::Megabytes(operator.code()),
        }
    }
}

impl TryFrom<Feature> for latency::CostFeature {
    type Error = BundleError;

    fn try_from(feature: Feature) -> Result<Self, BundleError> {
        Ok(match feature {
            Feature::Inference => Self::Inference,
            Feature::Resize => Self::Resize,
            Feature::Layers(operator) => Self::Layers(Operator::from_code(operator)?),
            Feature::MegaMAdds { operator, kernel, stride, size } => Self::MegaMAdds(LayerKind {
                operator: Operator::from_code(operator)?,
                kernel,
                stride,
                size: OutputSize::from_code(size)?,
            }),
            Feature::Megabytes(operator) => Self::Megabytes(Operator::from_code(operator)?),
        })
    }
}
