//! A bundle for the tests of this folder, and the storage that a runtime opens with.

use super::*;
use crate::engine::Start;
use crate::gpu::{ContextOptions, Fault};
use nestling_bundle::{BundleContents, Manifest};
use nestling_core::image::{Fit, Preprocessing};
use nestling_core::metrics::Top1;
use nestling_core::space::{Network, SearchSpace};

/// A bundle with the smallest and the biggest child. Its weights are made up, and so are the accuracies.
pub(super) fn bundle(weight_storage: WeightStorage) -> Bundle {
    let space = SearchSpace::fashion().validated().unwrap();
    let named = [("smallest", space.smallest(), 700), ("biggest", space.biggest(), 900)];
    let networks = named.each_ref().map(|(_, child, _)| space.lower(child).unwrap());
    let entry = |((name, child, correct), network): (_, &Network)| {
        let top1 = Top1 { correct, images: 1000 };
        ChildEntry { name: str::to_owned(name), child, cost: network.cost(), held_out: top1, test: top1 }
    };
    let manifest = Manifest {
        name: "fashion".into(),
        provenance: "test".into(),
        preprocessing: Preprocessing {
            means: vec![0.3],
            standard_deviations: vec![0.4],
            centre_fraction: 1.0,
            fit: Fit::Crop,
        },
        labels: (0..space.classes).map(|class| class.to_string()).collect(),
        children: named.into_iter().zip(&networks).map(entry).collect(),
        latency_tables: Vec::new(),
        trained: Trained::WholeSpace,
        weight_storage,
        accuracy_predictor: None,
        images: None,
        split: None,
        space: space.definition().clone(),
    };
    let weights: Vec<f32> = (0..space.layout().len()).map(|index| (index as f32).sin() / 3.0).collect();
    let children = networks.each_ref().map(CalibratedChild::neutral);
    let contents =
        BundleContents { manifest: &manifest, weights: &weights, children: &children, images: &[], golden: None };
    Bundle::from_bytes(&contents.encode().unwrap()).unwrap()
}

#[test]
fn an_adapter_that_misreads_the_bundles_storage_gets_f32_unless_that_was_asked_for() {
    for (storage, test) in
        [(WeightStorage::F16, "weights stored as f16"), (WeightStorage::Int8, "weights stored as int8")]
    {
        // A separate context: the verdict stays with it.
        let context = Context::new(&ContextOptions::default()).unwrap();
        let fault = Fault { found: "1e0 in lane 2".to_owned(), expected: "2e0".to_owned() };
        context.remember_verdict(test, Some(fault));
        let bundle = bundle(storage);
        let load = |weight_storage| {
            let options = RuntimeOptions { weight_storage, start: Start::Tuned, ..RuntimeOptions::default() };
            Runtime::open_on(&context, &bundle, &options)
        };
        let runtime = load(None).unwrap();
        let fault = runtime.storage_fault().unwrap().to_string();
        assert!(fault.contains(test) && fault.contains("lane 2"), "{fault}");
        assert_eq!(runtime.supernet().weight_storage(), WeightStorage::F32);
        assert_eq!(runtime.device().precision, "f32");
        let error = load(Some(storage)).unwrap_err();
        assert!(matches!(error, Error::SelfTest { .. }), "{error}");
        assert!(load(Some(WeightStorage::F32)).unwrap().storage_fault().is_none());
    }
}
