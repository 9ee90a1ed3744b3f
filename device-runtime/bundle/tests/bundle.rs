//! A bundle is hostile until verified: every truncation and every flipped bit is a typed error.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

use nestling_bundle::{
    Bundle, BundleContents, BundleError, BundledImages, DataSplit, FORMAT_VERSION, MIN_FORMAT_VERSION, Manifest,
    Trained,
};
use nestling_core::accuracy::AccuracyPredictor;
use nestling_core::image::{Fit, Image, PixelFormat, Preprocessing};
use nestling_core::latency::{DeviceKey, LatencyModel, LatencyTable};
use nestling_core::metrics::{Spread, Top1};
use nestling_core::space::{
    CalibratedChild, Child, ChildEntry, HeadSpace, SearchSpace, StageSpace, Statistics, StemSpace, ValidatedSpace,
};
use nestling_core::weights::WeightStorage;
use nestling_torture::Campaign;

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

/// Fitted to as many made-up children as it needs: the space's own, again and again.
fn predictor(space: &ValidatedSpace) -> AccuracyPredictor {
    let measured = |child: Child, correct| (child, Top1 { correct, images: 100 });
    let children = vec![measured(space.smallest(), 60); 10];
    AccuracyPredictor::fit(space, &children, &[measured(space.biggest(), 70)]).unwrap()
}

struct Parts {
    manifest: Manifest,
    weights: Vec<f32>,
    children: Vec<CalibratedChild>,
    images: Vec<u8>,
}

impl Parts {
    fn tiny() -> Self {
        Self::tiny_as(WeightStorage::F32)
    }

    fn tiny_as(weight_storage: WeightStorage) -> Self {
        let space = tiny_space().validated().unwrap();
        let measured = Top1 { correct: 1, images: 2 };
        let mut manifest = Manifest {
            name: "tiny".into(),
            provenance: "test".into(),
            preprocessing: Preprocessing {
                means: vec![0.3],
                standard_deviations: vec![0.35],
                centre_fraction: 1.0,
                fit: Fit::Crop,
            },
            labels: vec!["a".into(), "b".into()],
            children: Vec::new(),
            latency_tables: Vec::new(),
            trained: Trained::WholeSpace,
            weight_storage,
            accuracy_predictor: Some(predictor(&space)),
            images: Some(BundledImages {
                side: 4,
                format: PixelFormat::Grey8,
                calibration: 2,
                check_labels: vec![1, 0, 1],
            }),
            split: Some(DataSplit { seed: 7, held_out: 0.1, test: 0.2, training: "0123456789abcdef".into() }),
            space: space.definition().clone(),
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
        Self { manifest, weights, children, images: (0..5 * 16).collect() }
    }

    fn encode(&self) -> Result<Vec<u8>, BundleError> {
        let Self { manifest, weights, children, images } = self;
        BundleContents { manifest, weights, children, images, golden: None }.encode()
    }
}

#[test]
fn what_was_written_is_read_back() {
    for storage in WeightStorage::ALL {
        let parts = Parts::tiny_as(storage);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.nestling");
        let Parts { manifest, weights, children, images } = &parts;
        BundleContents { manifest, weights, children, images, golden: None }.write(&path).unwrap();
        let opened = Bundle::open(&path).unwrap();
        let copied = Bundle::from_bytes(&std::fs::read(&path).unwrap()).unwrap();
        for bundle in [&opened, &copied] {
            assert_eq!(bundle.manifest(), manifest);
            assert_eq!(bundle.weights().unwrap(), *storage.round(bundle.layout(), weights).unwrap());
            assert_eq!(bundle.id(), opened.id());
            assert_eq!(bundle.calibrated(), children);
            let biggest = bundle.child("biggest").unwrap();
            assert_eq!((biggest.index, biggest.calibrated), (1, &children[1]));
            assert_eq!((biggest.entry, biggest.network), (&bundle.children()[1], &bundle.networks()[1]));
        }
        assert!(opened.child("middle").unwrap_err().to_string().contains("it has: smallest, biggest"));
    }
}

#[test]
fn another_fit_makes_another_network() {
    let mut parts = Parts::tiny();
    let mut networks = Vec::new();
    for fit in [Fit::Crop, Fit::Pad, Fit::Squash] {
        parts.manifest.preprocessing.fit = fit;
        let bytes = parts.encode().unwrap();
        let bundle = Bundle::from_bytes(&bytes).unwrap();
        assert_eq!((bundle.format(), bundle.manifest()), (FORMAT_VERSION, &parts.manifest));
        assert_eq!(bundle.with_latency_tables(Vec::new()).unwrap(), bytes);
        assert!(!networks.contains(&bundle.network_id()));
        networks.push(bundle.network_id());
    }
}

#[test]
fn latency_tables_come_and_go_and_nothing_that_computes_changes() {
    let table = LatencyTable {
        device: DeviceKey {
            adapter: "a".into(),
            driver: "d".into(),
            backend: "vulkan".into(),
            precision: "f32".into(),
            features: Vec::new(),
        },
        measured_at: 7,
        model: LatencyModel::nominal(),
        spread: Spread { p90: 1.0, p95: 1.0 },
        children: 30,
        residual_percent: 1.0,
    };
    for storage in WeightStorage::ALL {
        let file = Parts::tiny_as(storage).encode().unwrap();
        let without = Bundle::from_bytes(&file).unwrap();
        let more = without.with_latency_tables(vec![table.clone()]).unwrap();
        let with = Bundle::from_bytes(&more).unwrap();
        assert_eq!(with.manifest().latency_tables, std::slice::from_ref(&table));
        assert_eq!(with.network_id(), without.network_id());
        assert_ne!(with.id(), without.id());
        // Sections start at multiples of 64: the last ones are the same from the first of them to the end.
        let after_manifest = |file: &[u8]| {
            let offset = u64::from_le_bytes(file[64..72].try_into().unwrap());
            file[offset as usize..].to_vec()
        };
        assert_eq!(after_manifest(&more), after_manifest(&file));
        assert_eq!(with.with_latency_tables(Vec::new()).unwrap(), file);
        let impossible = LatencyTable { residual_percent: f64::NAN, ..table.clone() };
        let error = without.with_latency_tables(vec![impossible]).unwrap_err().to_string();
        assert!(error.contains("impossible times"), "{error}");
    }
}

#[test]
fn another_network_has_another_identity() {
    type Change = fn(&mut Parts);
    let id = |change: Change| {
        let mut parts = Parts::tiny();
        change(&mut parts);
        Bundle::from_bytes(&parts.encode().unwrap()).unwrap().network_id()
    };
    let own = id(|_| ());
    let others: [Change; 4] = [
        |parts| parts.weights[0] += 1.0,
        |parts| parts.manifest.children[0].name = "other".into(),
        |parts| parts.manifest.preprocessing.centre_fraction = 0.5,
        |parts| parts.manifest.weight_storage = WeightStorage::F16,
    ];
    assert!(others.into_iter().all(|change| id(change) != own));
    let same: [Change; 3] = [
        |parts| parts.manifest.name = "other".into(),
        |parts| parts.manifest.accuracy_predictor = None,
        |parts| parts.images[0] ^= 1,
    ];
    assert!(same.into_iter().all(|change| id(change) == own));
}

#[test]
fn the_file_shrinks_by_what_the_weights_lose() {
    let [whole, half, quarter] = WeightStorage::ALL.map(|storage| {
        let bundle = Bundle::from_bytes(&Parts::tiny_as(storage).encode().unwrap()).unwrap();
        assert_eq!(bundle.weight_storage(), storage);
        bundle.weight_bytes()
    });
    let space = tiny_space().validated().unwrap();
    let layout = space.layout();
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
        let layout = tiny_space().validated().unwrap().layout().clone();
        parts.weights[layout.parameters[layout.convolutions[1].weight].offset] = value;
        match parts.encode() {
            Ok(_) => assert!(fits, "{storage}: {value}"),
            Err(BundleError::WeightRange(range)) => {
                assert_eq!((range.layer, range.storage), (layout.convolutions[1].name.to_string(), storage));
                assert!(!fits, "{storage}: {value}");
            }
            Err(other) => panic!("{storage}: {other}"),
        }
    }
}

#[test]
fn every_truncation_is_a_typed_error() {
    let mut campaign = Campaign::new("truncations of a small bundle", 0, 0);
    for storage in WeightStorage::ALL {
        let bytes = Parts::tiny_as(storage).encode().unwrap();
        campaign.add(bytes.len() as u64);
        for length in 0..bytes.len() {
            match Bundle::from_bytes(&bytes[..length]) {
                Err(BundleError::Empty) if length == 0 => {}
                Err(BundleError::Truncated { .. } | BundleError::Damaged { .. }) if length > 0 => {}
                other => campaign.fault(format!("{storage}, {length} of {} bytes: {other:?}", bytes.len())),
            }
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(matches!(Bundle::from_bytes(&longer), Err(BundleError::TooLong { .. })));
    }
    campaign.finish();
}

#[test]
fn another_version_is_named() {
    let mut bytes = Parts::tiny().encode().unwrap();
    bytes[8] = FORMAT_VERSION as u8 + 1;
    let error = Bundle::from_bytes(&bytes).unwrap_err();
    let newest = FORMAT_VERSION;
    let expected = BundleError::Version { given: newest + 1, oldest: MIN_FORMAT_VERSION, newest };
    assert_eq!(error.to_string(), expected.to_string());
    bytes[8] = 4;
    assert!(matches!(Bundle::from_bytes(&bytes), Err(BundleError::Version { given: 4, oldest: 5, newest: 8 })));
}

#[test]
fn every_flipped_bit_is_a_typed_error() {
    let mut campaign = Campaign::new("flipped bits of a small bundle", 0, 0);
    for storage in WeightStorage::ALL {
        let mut bytes = Parts::tiny_as(storage).encode().unwrap();
        campaign.add(8 * bytes.len() as u64);
        for bit in 0..8 * bytes.len() {
            bytes[bit / 8] ^= 1 << (bit % 8);
            if Bundle::from_bytes(&bytes).is_ok() {
                campaign.fault(format!("{storage}: bit {bit} was flipped and nothing noticed"));
            }
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
    campaign.finish();
}

#[test]
fn foreign_and_missing_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo.png");
    std::fs::write(&path, b"\x89PNG\r\n\x1a\n and so on").unwrap();
    assert!(matches!(Bundle::open(&path), Err(BundleError::NotABundle)));
    std::fs::write(&path, b"").unwrap();
    assert!(matches!(Bundle::open(&path), Err(BundleError::Empty)));
    let missing = Bundle::open(folder.path().join("none")).unwrap_err().to_string();
    assert!(missing.contains("cannot open bundle") && missing.contains("check the path"), "{missing}");
}

fn images(parts: &mut Parts) -> &mut BundledImages {
    parts.manifest.images.as_mut().unwrap()
}

/// Rows, columns and grey values of an image.
fn pixels(image: &Image<'_>) -> (u32, u32, Vec<u8>) {
    let places = (0..image.height()).flat_map(|row| (0..image.width()).map(move |column| (row, column)));
    let values = places.map(|(row, column)| image.value(row, column, 0, 1) as u8).collect();
    (image.height(), image.width(), values)
}

#[test]
fn images_come_back_in_order_each_with_its_class() {
    let bundle = Bundle::from_bytes(&Parts::tiny().encode().unwrap()).unwrap();
    let expected = |index: u8| (4, 4, (16 * index..16 * index + 16).collect::<Vec<u8>>());
    assert_eq!((bundle.calibration_images().len(), bundle.check_images().len()), (2, 3));
    assert!(bundle.calibration_images().map(|image| pixels(&image)).eq((0..2).map(expected)));
    assert!(
        bundle
            .check_images()
            .map(|(image, label)| (pixels(&image), label))
            .eq([1, 0, 1].into_iter().zip(2..).map(|(label, index)| (expected(index), label)))
    );
    // Four bytes a pixel.
    let mut parts = Parts::tiny();
    (images(&mut parts).format, images(&mut parts).side) = (PixelFormat::Rgba8, 2);
    let bundle = Bundle::from_bytes(&parts.encode().unwrap()).unwrap();
    let (image, label) = bundle.check_images().last().unwrap();
    assert_eq!((label, image.height(), image.value(1, 1, 2, 3)), (1, 2, 78.0));
    // Formats of frames are none of a file: older versions could not read it.
    for format in PixelFormat::ALL.into_iter().filter(|format| !BundledImages::FORMATS.contains(format)) {
        let mut parts = Parts::tiny();
        images(&mut parts).format = format;
        let error = parts.encode().unwrap_err();
        assert!(error.to_string().contains("Rgba8"), "{error}");
    }
    // None at all.
    let mut parts = Parts::tiny();
    (parts.manifest.images, parts.manifest.accuracy_predictor) = (None, None);
    parts.images.clear();
    let bundle = Bundle::from_bytes(&parts.encode().unwrap()).unwrap();
    assert_eq!((bundle.calibration_images().len(), bundle.check_images().len()), (0, 0));
}

#[test]
fn a_predictor_of_another_space_is_refused() {
    let mut parts = Parts::tiny();
    let fashion = SearchSpace::fashion().validated().unwrap();
    parts.manifest.accuracy_predictor = Some(predictor(&fashion));
    let message = parts.encode().unwrap_err().to_string();
    assert!(message.contains("coefficients where the space has 1 features"), "{message}");
}

#[test]
fn parts_that_contradict_each_other_are_refused() {
    type Damage = fn(&mut Parts);
    let damages: [(&str, Damage); 14] = [
        ("labels for 2 classes", |p| p.manifest.labels.truncate(1)),
        ("5 weights where the space needs", |p| p.weights.truncate(5)),
        ("same name", |p| p.manifest.children[1].name = "smallest".into()),
        ("not the manifest's children", |p| p.children.swap(0, 1)),
        ("cost of child `biggest`", |p| p.manifest.children[1].cost.params += 1),
        ("preprocessing", |p| p.manifest.preprocessing.standard_deviations[0] = 0.0),
        ("more hits than images", |p| p.manifest.children[0].test.correct = 3),
        ("79 bytes of images where 5 images need 80", |p| p.images.truncate(79)),
        ("80 bytes of images where 6 images need 96", |p| images(p).check_labels.push(1)),
        ("80 bytes of images where 4294967298 images need", |p| images(p).calibration = u32::MAX),
        ("80 bytes of images that nothing describes", |p| p.manifest.images = None),
        ("check image 2 has label 2, but there are 2 classes", |p| images(p).check_labels[2] = 2),
        ("images of 1 pixels a side", |p| images(p).side = 1),
        ("but there are none", |p| {
            (*images(p), p.images) =
                (BundledImages { calibration: 0, check_labels: vec![], ..images(p).clone() }, vec![])
        }),
    ];
    for (expected, damage) in damages {
        let mut parts = Parts::tiny();
        damage(&mut parts);
        let message = parts.encode().unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

/// The shipped bundle is small enough to be cloned and has all that a device needs for children that do not ship.
#[test]
fn the_trained_bundle_holds_a_predictor_and_images() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/assets/fashion.nestling");
    let bundle = Bundle::open(path).unwrap();
    assert!(bundle.file_bytes() < 1_000_000, "{} bytes", bundle.file_bytes());
    let predictor = bundle.manifest().accuracy_predictor.as_ref().unwrap();
    let facts = predictor.prediction_error();
    assert!(facts.mean_absolute_error < 0.25 && facts.spearman > 0.9, "{facts}");
    // It learned from these children too.
    for entry in bundle.children() {
        let error = predictor.predict(bundle.space(), &entry.child) - entry.held_out.percent();
        assert!(error.abs() < 1.0, "{}: {error} points", entry.name);
    }
    assert!(bundle.calibration_images().len() >= 192);
    let classes: std::collections::HashSet<usize> = bundle.check_images().map(|(_, label)| label).collect();
    assert_eq!(classes.len(), bundle.manifest().labels.len());
}
