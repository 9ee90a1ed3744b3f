//! Contents that whoever wrote the file chose freely: every checksum holds.

use crate::{Bundle, BundleContents, BundledImages, Manifest, Trained, header};
use nestling_core::accuracy::AccuracyPredictor;
use nestling_core::image::{PixelFormat, Preprocessing};
use nestling_core::metrics::Top1;
use nestling_core::space::{CalibratedChild, Child, ChildEntry, SearchSpace};
use nestling_core::weights::WeightStorage;
use proptest::prelude::*;
use std::sync::LazyLock;

static GOOD: LazyLock<Vec<u8>> = LazyLock::new(good);

fn good() -> Vec<u8> {
    let space = SearchSpace::fashion().validated().unwrap();
    let (child, measured) = (space.smallest(), Top1 { correct: 1, images: 2 });
    let network = space.lower(&child).unwrap();
    let fitted: Vec<(Child, Top1)> = vec![(child.clone(), measured); 10];
    let held_out = [(space.biggest(), measured)];
    let manifest = Manifest {
        name: "fashion".into(),
        provenance: "test".into(),
        preprocessing: Preprocessing { means: vec![0.3], standard_deviations: vec![0.4], centre_fraction: 1.0 },
        labels: (0..space.classes).map(|class| class.to_string()).collect(),
        children: vec![ChildEntry {
            name: "smallest".into(),
            child,
            cost: network.cost(),
            held_out: measured,
            test: measured,
        }],
        latency_tables: Vec::new(),
        trained: Trained::WholeSpace,
        weight_storage: WeightStorage::F32,
        accuracy_predictor: Some(AccuracyPredictor::fit(&space, &fitted, &held_out).unwrap()),
        images: Some(BundledImages {
            side: 3,
            format: PixelFormat::Grey8,
            calibration: 4,
            check_labels: vec![0, 9, 3],
        }),
        space: space.definition().clone(),
    };
    let weights = vec![0.5; space.layout().len()];
    let children = [CalibratedChild::neutral(&network)];
    let contents = BundleContents { manifest: &manifest, weights: &weights, children: &children, images: &[7; 63] };
    contents.encode().unwrap()
}

/// The good file with its manifest and its images changed, all checksums made anew.
fn rewritten(change: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>)) -> Vec<u8> {
    let sections = header::decode(&GOOD).unwrap().sections;
    let [manifest, weights, statistics, images] = sections.map(|range| &GOOD[range]);
    let (mut manifest, mut images) = (manifest.to_vec(), images.to_vec());
    change(&mut manifest, &mut images);
    let bodies = [&manifest[..], weights, statistics, &images[..]];
    let (mut file, offsets) = header::encode(bodies);
    for (body, offset) in bodies.into_iter().zip(offsets) {
        file.resize(offset as usize, 0);
        file.extend_from_slice(body);
    }
    file
}

/// Reads everything that the file claims to hold.
fn use_it(bundle: &Bundle) {
    let classes = bundle.manifest().labels.len();
    let pixels = |image: nestling_core::image::Image<'_>| image.value(image.height() - 1, image.width() - 1, 0, 1);
    assert!(bundle.calibration_images().map(pixels).all(f64::is_finite));
    assert!(bundle.check_images().all(|(image, label)| pixels(image).is_finite() && label < classes));
    if let Some(predictor) = &bundle.manifest().accuracy_predictor {
        let space = bundle.space();
        for child in [space.smallest(), space.biggest()] {
            assert!((0.0..=100.0).contains(&predictor.predict(space, &child)));
        }
    }
}

#[test]
fn the_unchanged_file_is_good() {
    let bundle = Bundle::from_bytes(&rewritten(|_, _| ())).unwrap();
    assert_eq!((bundle.calibration_images().len(), bundle.check_images().len()), (4, 3));
    use_it(&bundle);
}

#[test]
fn images_of_another_length_than_described_are_refused() {
    for length in [0, 1, 62, 64, 126] {
        let error = Bundle::from_bytes(&rewritten(|_, images| images.resize(length, 0))).unwrap_err().to_string();
        assert!(error.contains(&format!("{length} bytes of images where 7 images need 63")), "{error}");
    }
}

#[test]
fn every_byte_of_the_manifest_may_be_wrong() {
    // The end holds the predictor and what the images are; each of its bytes takes each value of a few that hurt.
    let length = manifest_length();
    for at in length.saturating_sub(700)..length {
        for value in [0, 1, 2, 127, 128, 255] {
            if let Ok(bundle) = Bundle::from_bytes(&rewritten(|manifest, _| manifest[at] = value)) {
                use_it(&bundle);
            }
        }
    }
}

fn manifest_length() -> usize {
    let sections = header::decode(&GOOD).unwrap().sections;
    sections[0].len()
}

proptest! {
    #[test]
    fn no_manifest_makes_a_reader_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in 0usize..3, grow in 0usize..9
    ) {
        let file = rewritten(|manifest, images| {
            for (at, value) in &changes {
                let at = at.index(manifest.len());
                manifest[at] = *value;
            }
            manifest.truncate(manifest.len() - cut);
            images.resize(images.len() + grow, 1);
        });
        if let Ok(bundle) = Bundle::from_bytes(&file) {
            use_it(&bundle);
        }
    }
}
