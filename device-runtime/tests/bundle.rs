//! A bundle is hostile until verified: every truncation and every flipped bit is a typed error.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

use nestling::WeightStorage;
use nestling::bundle::{Bundle, BundleContents, BundleError, ChildEntry, FORMAT_VERSION, Manifest, Measured, Trained};
use nestling::input::Preprocessing;
use nestling::space::{CalibratedChild, HeadSpace, SearchSpace, StageSpace, Statistics, StemSpace};

fn tiny_space() -> SearchSpace {
    SearchSpace {
        name: "tiny".into(),
        resolutions: vec![8],
        classes: 2,
        stem: StemSpace { widths: vec![4], kernel: 3, stride: 2 },
        stages: vec![StageSpace::new(&[4, 8], &[1], &[3], &[1], 1)],
        head: Some(HeadSpace { widths: vec![4], expand_ratio: None }),
        ..SearchSpace::fashion()
    }
}

struct Parts {
    manifest: Manifest,
    weights: Vec<f32>,
    children: Vec<CalibratedChild>,
}

impl Parts {
    fn tiny() -> Self {
        Self::tiny_as(WeightStorage::F32)
    }

    fn tiny_as(weight_storage: WeightStorage) -> Self {
        let space = tiny_space();
        let measured = Measured { correct: 1, images: 2 };
        let mut manifest = Manifest {
            name: "tiny".into(),
            provenance: "test".into(),
            preprocessing: Preprocessing { means: vec![0.3], standard_deviations: vec![0.35], centre_fraction: 1.0 },
            labels: vec!["a".into(), "b".into()],
            children: Vec::new(),
            latency_tables: Vec::new(),
            trained: Trained::WholeSpace,
            weight_storage,
            space: space.clone(),
        };
        let mut children = Vec::new();
        for (name, child) in [("smallest", space.smallest()), ("biggest", space.biggest())] {
            let network = space.lower(&child).unwrap();
            let count = network.normalised_channels();
            let statistics = Statistics { means: vec![0.5; count], variances: vec![2.0; count] };
            children.push(CalibratedChild::new(&network, statistics).unwrap());
            let cost = network.cost();
            manifest.children.push(ChildEntry { name: name.into(), child, cost, held_out: measured, test: measured });
        }
        let weights = (0..space.layout().len()).map(|i| i as f32).collect();
        Self { manifest, weights, children }
    }

    fn encode(&self) -> Result<Vec<u8>, BundleError> {
        let Self { manifest, weights, children } = self;
        BundleContents { manifest, weights, children }.encode()
    }
}

#[test]
fn what_was_written_is_read_back() {
    for storage in WeightStorage::ALL {
        let parts = Parts::tiny_as(storage);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.nestling");
        let Parts { manifest, weights, children } = &parts;
        BundleContents { manifest, weights, children }.write(&path).unwrap();
        let mapped = Bundle::open(&path).unwrap();
        let copied = Bundle::from_bytes(&std::fs::read(&path).unwrap()).unwrap();
        for bundle in [&mapped, &copied] {
            assert_eq!(bundle.manifest(), manifest);
            assert_eq!(bundle.weights(), &*storage.round(bundle.layout(), weights).unwrap());
            assert_eq!(bundle.id(), mapped.id());
            for (index, child) in children.iter().enumerate() {
                assert_eq!(&bundle.calibrated(index).unwrap(), child);
            }
        }
        assert!(mapped.child_index("middle").unwrap_err().to_string().contains("it has: smallest, biggest"));
    }
}

#[test]
fn the_file_shrinks_by_what_the_weights_lose() {
    let [whole, half, quarter] = WeightStorage::ALL.map(|storage| {
        let bundle = Bundle::from_bytes(&Parts::tiny_as(storage).encode().unwrap()).unwrap();
        assert_eq!(bundle.weight_storage(), storage);
        bundle.weight_bytes()
    });
    let layout = tiny_space().layout();
    let channels: usize = layout.convolutions.iter().map(|convolution| convolution.outputs as usize).sum();
    let weights: usize = layout.convolutions.iter().map(|one| layout.parameters[one.weight].len()).sum();
    assert_eq!((whole - half, whole - quarter), (2 * weights, 3 * weights - 4 * channels));
}

#[test]
fn a_weight_that_the_storage_cannot_hold_is_refused_by_its_layer() {
    for (storage, value, fits) in [
        (WeightStorage::F32, f32::MAX, true),
        (WeightStorage::F16, 1e5, false),
        (WeightStorage::F16, f32::NAN, false),
        (WeightStorage::Int8, 1e5, true),
        (WeightStorage::Int8, f32::MAX, false),
        (WeightStorage::Int8, f32::INFINITY, false),
    ] {
        let mut parts = Parts::tiny_as(storage);
        let layout = parts.manifest.space.layout();
        parts.weights[layout.parameters[layout.convolutions[1].weight].offset] = value;
        match parts.encode() {
            Ok(_) => assert!(fits, "{storage}: {value}"),
            Err(BundleError::WeightRange(range)) => {
                assert_eq!((range.layer, range.storage), (layout.convolutions[1].name.clone(), storage));
                assert!(!fits, "{storage}: {value}");
            }
            Err(other) => panic!("{storage}: {other}"),
        }
    }
}

#[test]
fn every_truncation_is_a_typed_error() {
    for storage in WeightStorage::ALL {
        let bytes = Parts::tiny_as(storage).encode().unwrap();
        for length in 0..bytes.len() {
            match Bundle::from_bytes(&bytes[..length]) {
                Err(BundleError::Truncated { .. } | BundleError::NotABundle | BundleError::Damaged { .. }) => {}
                other => panic!("{storage}, {length} of {} bytes: {other:?}", bytes.len()),
            }
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(matches!(Bundle::from_bytes(&longer), Err(BundleError::TooLong { .. })));
    }
}

#[test]
fn another_version_is_named() {
    let mut bytes = Parts::tiny().encode().unwrap();
    bytes[8] += 1;
    let error = Bundle::from_bytes(&bytes).unwrap_err();
    let expected = BundleError::Version { given: FORMAT_VERSION + 1, supported: FORMAT_VERSION };
    assert_eq!(error.to_string(), expected.to_string());
}

#[test]
fn every_flipped_bit_is_a_typed_error() {
    for storage in WeightStorage::ALL {
        let mut bytes = Parts::tiny_as(storage).encode().unwrap();
        for bit in 0..8 * bytes.len() {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Bundle::from_bytes(&bytes).is_err(), "{storage}: bit {bit} was flipped and nothing noticed");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn foreign_and_missing_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo.png");
    std::fs::write(&path, b"\x89PNG\r\n\x1a\n and so on").unwrap();
    assert!(matches!(Bundle::open(&path), Err(BundleError::NotABundle)));
    std::fs::write(&path, b"").unwrap();
    assert!(matches!(Bundle::open(&path), Err(BundleError::NotABundle)));
    let missing = Bundle::open(folder.path().join("none")).unwrap_err().to_string();
    assert!(missing.contains("cannot open bundle") && missing.contains("check the path"), "{missing}");
}

#[test]
fn parts_that_contradict_each_other_are_refused() {
    type Damage = fn(&mut Parts);
    let damages: [(&str, Damage); 7] = [
        ("labels for 2 classes", |p| p.manifest.labels.truncate(1)),
        ("5 weights where the space needs", |p| p.weights.truncate(5)),
        ("same name", |p| p.manifest.children[1].name = "smallest".into()),
        ("not the manifest's children", |p| p.children.swap(0, 1)),
        ("cost of child `biggest`", |p| p.manifest.children[1].cost.params += 1),
        ("preprocessing", |p| p.manifest.preprocessing.standard_deviations[0] = 0.0),
        ("more hits than images", |p| p.manifest.children[0].test.correct = 3),
    ];
    for (expected, damage) in damages {
        let mut parts = Parts::tiny();
        damage(&mut parts);
        let message = parts.encode().unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}
