//! A valid bundle of the fashion space with random weights: what a runtime needs, and no more.

#![allow(dead_code, reason = "each test program uses a part")]
#![allow(clippy::unwrap_used, reason = "only tests call this")]

use nestling_bundle::{Bundle, BundleContents, Manifest, Trained};
use nestling_core::image::{Fit, Image, Preprocessing};
use nestling_core::metrics::Top1;
use nestling_core::space::{
    CalibratedChild, Child, ChildEntry, ExpandRatio, Role, SearchSpace, StageChoice, Statistics, ValidatedSpace,
};
use nestling_core::weights::WeightStorage;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::{Path, PathBuf};

/// Labels of Fashion-MNIST.
pub const LABELS: [&str; 10] =
    ["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];

pub fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Statistics of a size that calibration gives.
pub fn calibrated(space: &ValidatedSpace, child: &Child, random: &mut ChaCha8Rng) -> CalibratedChild {
    let network = space.lower(child).unwrap();
    let count = network.normalised_channels();
    let means = (0..count).map(|_| random.random_range(-0.5..0.5)).collect();
    let variances = (0..count).map(|_| random.random_range(0.5..2.0)).collect();
    CalibratedChild::new(&network, Statistics { means, variances }).unwrap()
}

/// The smallest and the biggest child, and three between.
fn children(space: &ValidatedSpace) -> Vec<(String, Child)> {
    let stage =
        |width, depth, kernel, ratio| StageChoice { width, depth, kernel, expand_ratio: ExpandRatio::whole(ratio) };
    let middle = Child {
        resolution: 24,
        stem_width: 12,
        stages: vec![stage(12, 1, 3, 2), stage(28, 2, 3, 4), stage(52, 2, 3, 4)],
        head_width: Some(160),
    };
    let wide = Child { resolution: 28, head_width: Some(208), ..middle.clone() };
    let deep = Child { resolution: 24, ..space.biggest() };
    let named = [space.smallest(), middle, wide, deep, space.biggest()].into_iter().enumerate();
    named
        .map(|(place, child)| {
            let name = match place {
                0 => "smallest".to_owned(),
                4 => "biggest".to_owned(),
                _ => format!("pareto-{place}"),
            };
            (name, child)
        })
        .collect()
}

/// The bytes of the bundle; always the same.
pub fn bundle_bytes() -> Vec<u8> {
    bundle_bytes_as(WeightStorage::F32)
}

/// The same bundle with its weights stored otherwise.
pub fn bundle_bytes_as(weight_storage: WeightStorage) -> Vec<u8> {
    let mut random = random(7);
    let space = SearchSpace::fashion().validated().unwrap();
    let mut weights = Vec::new();
    for parameter in &space.layout().parameters {
        let fan_in = parameter.shape.iter().skip(1).product::<u32>().max(1) as f32;
        for _ in 0..parameter.len() {
            weights.push(match parameter.role {
                Role::Weight => random.random_range(-1.0..1.0) * (6.0 / fan_in).sqrt(),
                Role::Gamma => random.random_range(0.5..1.5),
                Role::Beta | Role::Bias => random.random_range(-0.5..0.5),
            });
        }
    }
    let mut manifest = Manifest {
        name: "fashion".into(),
        provenance: "random weights, for tests".into(),
        preprocessing: Preprocessing {
            means: vec![0.286],
            standard_deviations: vec![0.353],
            centre_fraction: 1.0,
            fit: Fit::Crop,
        },
        labels: LABELS.map(str::to_owned).to_vec(),
        children: Vec::new(),
        latency_tables: Vec::new(),
        trained: Trained::WholeSpace,
        weight_storage,
        accuracy_predictor: None,
        images: None,
        split: None,
        space: space.definition().clone(),
    };
    let mut all = Vec::new();
    for (place, (name, child)) in children(&space).into_iter().enumerate() {
        // Made up, but rising with the cost, as on a Pareto front.
        let measured = Top1 { correct: 900 + 10 * place as u32, images: 1000 };
        let cost = space.lower(&child).unwrap().cost();
        all.push(calibrated(&space, &child, &mut random));
        manifest.children.push(ChildEntry { name, child, cost, held_out: measured, test: measured });
    }
    BundleContents { manifest: &manifest, weights: &weights, children: &all, images: &[], golden: None }
        .encode()
        .unwrap()
}

pub fn bundle() -> Bundle {
    Bundle::from_bytes(&bundle_bytes()).unwrap()
}

pub fn bundle_as(weight_storage: WeightStorage) -> Bundle {
    Bundle::from_bytes(&bundle_bytes_as(weight_storage)).unwrap()
}

/// Writes the bundle into a folder.
pub fn write_bundle(folder: &Path) -> PathBuf {
    let path = folder.join("fashion.nestling");
    std::fs::write(&path, bundle_bytes()).unwrap();
    path
}

/// Grey pixels, 28 x 28, another image for each seed.
pub fn pixels(seed: u64) -> Vec<u8> {
    let mut random = random(seed);
    (0..28 * 28).map(|_| random.random_range(0..=255)).collect()
}

/// The bundle of the examples: trained, with predictor and images.
pub fn trained() -> Bundle {
    Bundle::open(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/assets/fashion.nestling")).unwrap()
}

/// A grey bundle again with another manifest, of all children or some.
pub fn repacked(bundle: &Bundle, change: impl FnOnce(&mut Manifest)) -> Bundle {
    let mut manifest = bundle.manifest().clone();
    change(&mut manifest);
    let children: Vec<_> =
        manifest.children.iter().map(|entry| bundle.child(&entry.name).unwrap().calibrated.clone()).collect();
    let pixels = |image: Image<'_>| {
        let (width, height) = (image.width(), image.height());
        let rows = (0..height).flat_map(|row| (0..width).map(move |column| (row, column)));
        rows.map(|(row, column)| image.value(row, column, 0, 1) as u8).collect::<Vec<u8>>()
    };
    let all = bundle.calibration_images().chain(bundle.check_images().map(|(image, _)| image));
    let images: Vec<u8> = all.flat_map(pixels).collect();
    let weights = bundle.weights().unwrap();
    let contents =
        BundleContents { manifest: &manifest, weights: &weights, children: &children, images: &images, golden: None };
    Bundle::from_bytes(&contents.encode().unwrap()).unwrap()
}

/// The bits of logits: answers are compared bit by bit.
pub fn bits(logits: &[f32]) -> Vec<u32> {
    logits.iter().map(|logit| logit.to_bits()).collect()
}
