//! Made-up latency tables and accuracies for tests.

use nestling_core::accuracy::AccuracyPredictor;
use nestling_core::latency::{Coefficient, CostFeature, DeviceKey, LatencyModel, LatencyTable};
use nestling_core::metrics::{Millis, Spread, Top1};
use nestling_core::space::{Child, Operator, SearchSpace, ValidatedSpace};
use nestling_core::tiles::Coverage;
use rand::SeedableRng;

/// A device of the demo's space whose depthwise MAdds cost `depthwise` times its others.
pub(crate) fn table(adapter: &str, depthwise: f64) -> LatencyTable {
    let space = SearchSpace::fashion().validated().unwrap();
    let coefficient = |&feature: &CostFeature| {
        let ms = match feature {
            CostFeature::Inference => 0.2,
            CostFeature::Layers(_) => 0.01,
            CostFeature::MegaMAdds(kind) if kind.operator == Operator::Depthwise => depthwise,
            CostFeature::MegaMAdds(_) => 1.0,
            CostFeature::Resize | CostFeature::Megabytes(_) => 0.0,
        };
        Coefficient { feature, ms: Millis(ms) }
    };
    let features = [space.smallest(), space.biggest()].into_iter().flat_map(|child| match space.lower(&child) {
        Ok(network) => CostFeature::of(&network, Coverage::EXACT).into_keys().collect(),
        Err(_) => Vec::new(),
    });
    let features: std::collections::BTreeSet<CostFeature> = features.collect();
    let text = |text: &str| text.to_owned();
    LatencyTable {
        device: DeviceKey {
            adapter: text(adapter),
            driver: text("driver"),
            backend: text("vulkan"),
            precision: text("f32"),
            features: Vec::new(),
        },
        measured_at: 1_735_689_600,
        model: LatencyModel { coefficients: features.iter().map(coefficient).collect(), ..LatencyModel::nominal() },
        spread: Spread { p90: 1.1, p95: 1.2 },
        children: 30,
        residual_percent: 2.0,
    }
}

/// An accuracy predictor of children whose accuracy grows with the input size.
pub(crate) fn predictor(space: &ValidatedSpace) -> AccuracyPredictor {
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(5);
    let mut some = |count: usize| -> Vec<(Child, Top1)> {
        (0..count)
            .map(|_| space.sample(&mut random))
            .map(|child| (child.clone(), Top1 { correct: 500 + 10 * child.resolution, images: 1000 }))
            .collect()
    };
    AccuracyPredictor::fit(space, &some(60), &some(20)).unwrap()
}
