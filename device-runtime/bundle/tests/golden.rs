//! Files of every kept format, read and compared with values that are written here. `tests/golden/README.md` says how
//! each file was made. A golden file is never replaced: it stands for files that users have.

#![allow(clippy::unwrap_used)] // a test's helpers may panic too

use nestling_bundle::{Bundle, BundledImages, DeviceProfile, Trained};
use nestling_core::image::{Fit, PixelFormat, Preprocessing};
use nestling_core::latency::{Clock, Coefficient, CostFeature, DeviceKey, LatencyModel, LatencyTable, LayerKind};
use nestling_core::metrics::{MAdds, Millis, Spread, Top1};
use nestling_core::space::{
    Activation, Block, Child, ChildEntry, Cost, ExpandRatio, HeadSpace, Operator, OutputSize, Padding, SearchSpace,
    SqueezeExcite, StageSpace, StemSpace,
};
use nestling_core::tiles::{Coverage, TileVariant, Tiles};
use nestling_core::weights::WeightStorage;
use std::path::PathBuf;
use xxhash_rust::xxh3::xxh3_128;

const FORMAT_5: &str = "bundle-v5.nestling";
const FORMAT_6: &str = "bundle-v6.nestling";
const FORMAT_7: &str = "bundle-v7.nestling";
const FORMAT_8: &str = "bundle-v8.nestling";
const NEWER: &str = "bundle-v6-with-unknown-section-and-field.nestling";

/// Identity of the network in all files that crop, as `e23c1d0` computed it.
const NETWORK: &str = "c5a33c1183d3dbf448c171ab88b36250";
/// That of the same network where pictures are padded.
const PADDED: &str = "9983b2e0afae682eb9dc3e8a7333d3f7";

fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "tests", "golden", name].iter().collect()
}

fn open(name: &str) -> Bundle {
    Bundle::open(path(name)).unwrap()
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap()
}

fn checksum(values: &[f32]) -> String {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    format!("{:032x}", xxh3_128(&bytes))
}

fn ratio(value: f64) -> ExpandRatio {
    ExpandRatio::new(value).unwrap()
}

fn space() -> SearchSpace {
    SearchSpace {
        name: "golden".into(),
        input_channels: 3,
        resolutions: vec![16, 24],
        classes: 3,
        activation: Activation::HardSwish,
        padding: Padding::Same,
        norm_epsilon: 1e-3,
        stem: StemSpace { widths: vec![4, 8], kernel: 3, stride: 2 },
        stages: vec![
            StageSpace {
                widths: vec![8],
                depths: vec![1],
                kernels: vec![3],
                expand_ratios: vec![ratio(1.0)],
                stride: 1,
                block: Block::Separable,
                transition_skips: false,
                squeeze_excite: None,
                activation: None,
                padding: None,
                norm_epsilon: None,
            },
            StageSpace {
                widths: vec![8, 12],
                depths: vec![1, 2],
                kernels: vec![3, 5],
                expand_ratios: vec![ratio(2.5), ratio(4.0)],
                stride: 2,
                block: Block::InvertedResidual,
                transition_skips: true,
                squeeze_excite: Some(SqueezeExcite::MOBILE_NET_V3),
                activation: Some(Activation::Relu6),
                padding: Some(Padding::Symmetric),
                norm_epsilon: Some(1e-5),
            },
        ],
        head: Some(HeadSpace { widths: vec![16, 24], expand_ratio: Some(ratio(3.0)) }),
    }
}

fn child(text: &str) -> Child {
    text.parse().unwrap()
}

fn children() -> Vec<ChildEntry> {
    let entry = |name: &str, text: &str, [params, madds, activation_bytes]: [u64; 3], correct| ChildEntry {
        name: name.into(),
        child: child(text),
        cost: Cost { params, madds: MAdds(madds), activation_bytes },
        held_out: Top1 { correct, images: 100 },
        test: Top1 { correct: 2 * correct - 1, images: 200 },
    };
    vec![
        entry("smallest", "r16 s4 w8-8 d1-1 k3-3 e1-2.5 h16", [1923, 31_792, 13_932], 70),
        entry("pareto-1", "r16 s8 w8-12 d1-1 k3-5 e1-2.5 h16", [3019, 54_000, 17_308], 80),
        entry("biggest", "r24 s8 w8-12 d1-2 k3-5 e1-4 h24", [8299, 236_840, 63_196], 90),
    ]
}

fn device() -> DeviceKey {
    DeviceKey {
        adapter: "Mali-G78".into(),
        driver: "Mali r32p1".into(),
        backend: "vulkan".into(),
        precision: "f16, weights int8".into(),
        features: vec!["subgroups".into(), "timestamps".into()],
    }
}

fn table() -> LatencyTable {
    let madds = |operator, kernel, stride, size| CostFeature::MegaMAdds(LayerKind { operator, kernel, stride, size });
    let coefficients = [
        (CostFeature::Inference, 0.25),
        (CostFeature::Resize, 0.0625),
        (CostFeature::Layers(Operator::Dense), 0.5),
        (CostFeature::Layers(Operator::AveragePool), 0.125),
        (madds(Operator::Pointwise, 1, 1, OutputSize::Medium), 1.5),
        (madds(Operator::Depthwise, 5, 2, OutputSize::Small), 0.75),
        (CostFeature::Megabytes(Operator::Linear), 0.03125),
    ];
    let coefficients = coefficients.map(|(feature, ms)| Coefficient { feature, ms: Millis(ms) }).to_vec();
    LatencyTable {
        device: device(),
        measured_at: 1_764_000_000,
        model: LatencyModel { coefficients, scale: 1.25, coverage: Coverage([256, 64, 32]) },
        spread: Spread { p90: 1.125, p95: 1.5 },
        children: 30,
        residual_percent: 2.5,
    }
}

fn other_table() -> LatencyTable {
    LatencyTable {
        device: DeviceKey { adapter: "llvmpipe".into(), features: vec![], ..device() },
        model: LatencyModel { coefficients: vec![], scale: 8.0, coverage: Coverage([1; 3]) },
        ..table()
    }
}

/// Every part of a golden bundle, whatever its format.
fn holds_the_golden_network(bundle: &Bundle, fit: Fit) {
    let manifest = bundle.manifest();
    assert_eq!((&*manifest.name, &*manifest.provenance), ("golden", "made by Nestling 0.1.0 at e23c1d0"));
    assert_eq!(manifest.space, space());
    let preprocessing = Preprocessing {
        means: vec![0.485, 0.456, 0.406],
        standard_deviations: vec![0.229, 0.224, 0.225],
        centre_fraction: 0.875,
        fit,
    };
    assert_eq!(manifest.preprocessing, preprocessing);
    assert_eq!(manifest.labels, ["kitten", "Löwe", "猫"]);
    assert_eq!(manifest.children, children());
    assert_eq!(manifest.latency_tables, [table(), other_table()]);
    assert_eq!(
        manifest.trained,
        Trained::Only(vec![space().validated().unwrap().smallest(), space().validated().unwrap().biggest()])
    );
    assert_eq!(manifest.weight_storage, WeightStorage::Int8);
    let predictor = manifest.accuracy_predictor.as_ref().unwrap();
    assert_eq!((predictor.constant(), predictor.coefficients().len()), (0.602472347148223, 28));
    assert_eq!(predictor.coefficients()[..2], [0.004899734458222473, -0.0032185427125544274]);
    assert_eq!(predictor.coefficients()[22], 8.118277170778304e-5);
    let error = predictor.prediction_error();
    assert_eq!((error.fitted_children, error.held_out_children, error.spearman), (10, 1, 0.0));
    assert_eq!((error.mean_absolute_error, error.root_mean_square_error), (1.7339880461130406, 1.7339880461130406));
    let check_labels = vec![2, 0, 1];
    let images = BundledImages { side: 8, format: PixelFormat::Rgba8, calibration: 3, check_labels };
    assert_eq!(manifest.images, Some(images));

    assert_eq!(checksum(&bundle.weights().unwrap()), "8325cd768f735da65f1864dbb4def89a");
    assert_eq!(bundle.network_id().to_string(), if fit == Fit::Crop { NETWORK } else { PADDED });
    for (place, channels) in [96, 124, 256].into_iter().enumerate() {
        let statistics = bundle.calibrated()[place].statistics();
        let means: Vec<f32> = (0..channels).map(|i| (i as f32 - 20.0) / 64.0).collect();
        let variances: Vec<f32> = (0..channels).map(|i| (i + 1 + place) as f32 / 32.0).collect();
        assert_eq!((&statistics.means, &statistics.variances), (&means, &variances), "child {place}");
    }
    let first_row = |image: nestling_core::image::Image<'_>| image.value(0, 1, 0, 3);
    assert!(bundle.calibration_images().map(first_row).eq([28.0; 3]));
    assert!(
        bundle.check_images().map(|(image, label)| (first_row(image), label)).eq([2, 0, 1].map(|label| (28.0, label)))
    );
}

#[test]
fn format_5_is_read() {
    let bundle = open(FORMAT_5);
    holds_the_golden_network(&bundle, Fit::Crop);
    assert_eq!((bundle.format(), bundle.id().to_string()), (5, "e8bdd28e77e493977eb27c5aed6780db".to_owned()));
}

#[test]
fn format_6_is_read() {
    let bundle = open(FORMAT_6);
    holds_the_golden_network(&bundle, Fit::Crop);
    assert_eq!((bundle.format(), bundle.id().to_string()), (6, "8651ea42c8deb8de5d10c7dcc57559c7".to_owned()));
}

#[test]
fn format_7_is_read() {
    let bundle = open(FORMAT_7);
    holds_the_golden_network(&bundle, Fit::Pad);
    assert_eq!((bundle.format(), bundle.id().to_string()), (7, "46309407cd4cbbe41ef0a23b270963d2".to_owned()));
    let golden = bundle.golden_pictures().unwrap().unwrap();
    let names: Vec<&str> = golden.pictures.iter().map(|picture| &*picture.name).collect();
    assert_eq!(names, ["gradient.png", "Löwe.png"]);
    for picture in &golden.pictures {
        assert_eq!((picture.bytes.len(), &picture.bytes[1..4]), (117, &b"PNG"[..]));
    }
    let answers: Vec<_> = golden.children.iter().map(|one| (&*one.child, one.logits.concat())).collect();
    let logits = |from: f32| vec![from, -0.5, 0.25, 1.0, from, 3.0];
    assert_eq!(answers, [("smallest", logits(0.125)), ("biggest", logits(-2.0))]);
    assert_eq!(open(FORMAT_6).golden_pictures().unwrap(), None);
}

#[test]
fn format_8_is_read() {
    let bundle = open(FORMAT_8);
    holds_the_golden_network(&bundle, Fit::Pad);
    assert_eq!((bundle.format(), bundle.id().to_string()), (8, "f620700c29c6212ae62e868f93e4ae46".to_owned()));
    assert_eq!(bundle.golden_pictures().unwrap(), open(FORMAT_7).golden_pictures().unwrap());
}

#[test]
fn sections_and_fields_of_a_newer_version_are_skipped() {
    holds_the_golden_network(&open(NEWER), Fit::Crop);
}

/// A runtime type that is renamed or extended changes no byte of a file.
#[test]
fn what_this_version_writes_is_the_golden_file() {
    let tables = || vec![table(), other_table()];
    for (name, expected) in
        [(FORMAT_5, FORMAT_6), (FORMAT_6, FORMAT_6), (FORMAT_7, FORMAT_7), (FORMAT_8, FORMAT_8), (NEWER, NEWER)]
    {
        assert!(open(name).with_latency_tables(tables()).unwrap() == bytes(expected), "{name}");
    }
    for name in [FORMAT_7, FORMAT_8] {
        assert!(open(name).with_shells().unwrap() == bytes(FORMAT_8), "{name}");
    }
}

#[test]
fn no_truncation_and_no_flipped_bit_of_a_kept_format_passes() {
    for name in [FORMAT_5, FORMAT_6, FORMAT_7, FORMAT_8, NEWER] {
        let mut bytes = bytes(name);
        for length in 0..bytes.len() {
            assert!(Bundle::from_bytes(&bytes[..length]).is_err(), "{name}: {length} bytes");
        }
        // Every bit of header and manifest, and one in 61 of the sections behind.
        let ends = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
        let manifest_end = ends(24) + ends(32);
        let bits = (0..8 * manifest_end).chain((8 * manifest_end..8 * bytes.len()).step_by(61));
        for bit in bits {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Bundle::from_bytes(&bytes).is_err(), "{name}: bit {bit} was flipped and nothing noticed");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

/// The bundle of the examples was trained and packed in format 5, and written again in format 8.
#[test]
fn the_trained_bundle_is_the_network_that_profiles_belong_to() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/assets/fashion.nestling");
    let bundle = Bundle::open(path).unwrap();
    assert_eq!(bundle.network_id().to_string(), "47bac231d153c98681c48900a13fa73d");
    let names: Vec<&str> = bundle.children().iter().map(|entry| &*entry.name).collect();
    assert_eq!((names.len(), names[0], names[8], names[9]), (10, "smallest", "pareto-8", "biggest"));
    let biggest = bundle.child("biggest").unwrap().entry;
    assert_eq!(biggest.child.to_string(), "r28 s16 w16-32-64 d2-2-3 k3-5-5 e2-4-4 h208");
    assert_eq!((biggest.held_out.correct, biggest.test.correct), (4666, 9300));
    let again = Bundle::from_bytes(&bundle.with_latency_tables(vec![table()]).unwrap()).unwrap();
    assert_eq!((again.format(), again.network_id()), (8, bundle.network_id()));
    assert!(again.weights().unwrap() == bundle.weights().unwrap() && again.calibrated() == bundle.calibrated());
}

#[test]
fn a_profile_of_format_6_is_read_and_written_again_as_it_is() {
    let path = path("profile-v6.json");
    let profile = DeviceProfile::load(&path).unwrap();
    assert_eq!((&*profile.nestling, &*profile.kernels), ("0.1.0", "0123456789abcdef0011223344556677"));
    assert_eq!((&*profile.network, profile.image_side, profile.reference_ms), (NETWORK, 224, Millis(1.25)));
    assert_eq!((profile.device(), &profile.table), (&device(), &table()));
    let tiles = [TileVariant::new(4, 2, 64), TileVariant::new(2, 2, 32).broadcasting(), TileVariant::ONE];
    assert_eq!(profile.tiles, Tiles::new(tiles));
    assert_eq!((profile.clock, profile.clock_note.as_deref()), (Clock::Timestamps, Some("made up")));
    let names: Vec<Option<&str>> =
        profile.informative.iter().chain(&profile.children).map(|times| times.name.as_deref()).collect();
    assert_eq!(names, [None, None, Some("smallest"), Some("biggest")]);
    let biggest = profile.child("biggest").unwrap();
    assert_eq!(biggest.child, space().validated().unwrap().biggest());
    assert_eq!(
        (biggest.predicted_ms, biggest.latency().p50, biggest.latency().p95),
        (Millis(3.5), Millis(6.0), Millis(13.5))
    );
    assert_eq!(biggest.runs_ms, [3.0, 6.0, 13.5].map(Millis));
    assert_eq!(profile.layers.len(), 2);
    let shape = &profile.layers[1].shape;
    assert_eq!(
        (shape.operator, shape.activation, shape.output.len()),
        (Operator::Depthwise, Activation::HardSwish, 8 * 144)
    );
    assert_eq!(profile.layers[1].latency_ms, Millis(3.0));
    assert_eq!(profile.to_json(), std::fs::read_to_string(&path).unwrap());
}
