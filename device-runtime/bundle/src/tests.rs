//! Contents that a hostile writer chose freely: every checksum holds.

use crate::header;
use crate::{Bundle, BundleContents, BundleError, BundledImages, DataSplit, GoldenPictures, Manifest, Trained};
use nestling_core::accuracy::AccuracyPredictor;
use nestling_core::image::{Fit, PixelFormat, Preprocessing};
use nestling_core::metrics::Top1;
use nestling_core::space::{CalibratedChild, Child, ChildEntry, HeadSpace, SearchSpace, StageSpace, StemSpace};
use nestling_core::weights::WeightStorage;
use proptest::prelude::*;
use std::sync::LazyLock;

/// Places of two sections in a file without shells.
const MANIFEST: usize = 0;
const IMAGES: usize = 3;

static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| good_with(0.5));

/// A small bundle whose weights are all the same.
pub(crate) fn good_with(weight: f32) -> Vec<u8> {
    let space = SearchSpace {
        name: "tiny".into(),
        resolutions: vec![8],
        stem: StemSpace { widths: vec![4], kernel: 3, stride: 2 },
        stages: vec![StageSpace::new(&[4, 8], &[1], &[3], &[1], 1)],
        head: Some(HeadSpace { widths: vec![4], expand_ratio: None }),
        ..SearchSpace::fashion()
    }
    .validated()
    .unwrap();
    let (child, measured) = (space.smallest(), Top1 { correct: 1, images: 2 });
    let network = space.lower(&child).unwrap();
    let fitted: Vec<(Child, Top1)> = vec![(child.clone(), measured); 10];
    let held_out = [(space.biggest(), measured)];
    let manifest = Manifest {
        name: "tiny".into(),
        provenance: "test".into(),
        preprocessing: Preprocessing {
            means: vec![0.3],
            standard_deviations: vec![0.4],
            centre_fraction: 1.0,
            fit: Fit::Crop,
        },
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
        split: None,
        space: space.definition().clone(),
    };
    let weights = vec![weight; space.layout().len()];
    let children = [CalibratedChild::neutral(&network)];
    let contents =
        BundleContents { manifest: &manifest, weights: &weights, children: &children, images: &[7; 63], golden: None };
    contents.encode_undivided().unwrap()
}

/// The good file's sections, with their kinds.
fn sections() -> Vec<(u64, Vec<u8>)> {
    let bytes = |range: std::ops::Range<u64>| GOOD[range.start as usize..range.end as usize].to_vec();
    header::table(&GOOD).unwrap().sections().map(|section| (section.kind, bytes(section.range.clone()))).collect()
}

fn encoded(sections: &[(u64, Vec<u8>)]) -> Vec<u8> {
    header::encode(6, &sections.iter().map(|(kind, body)| (*kind, &body[..])).collect::<Vec<_>>())
}

/// The good file with its manifest and its images changed, with new checksums.
fn rewritten(change: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>)) -> Vec<u8> {
    let mut sections = sections();
    let mut images = std::mem::take(&mut sections[IMAGES].1);
    change(&mut sections[MANIFEST].1, &mut images);
    sections[IMAGES].1 = images;
    encoded(&sections)
}

/// The good file in format 5, as `e23c1d0` would have written it.
fn in_format_5(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut sections = sections();
    let fields = fields(&sections[MANIFEST].1);
    // The parts were the same, one after the other; what may be missing had a byte before it.
    let is_optional = |number| [10, 11].contains(&number);
    let part = |(number, bytes): &(u32, Vec<u8>)| [&vec![1; usize::from(is_optional(*number))][..], bytes].concat();
    let mut manifest = fields.iter().flat_map(part).collect();
    change(&mut manifest);
    sections[MANIFEST].1 = manifest;
    let mut file = encoded(&sections);
    file[8..12].copy_from_slice(&5u32.to_le_bytes());
    let checksum = xxhash_rust::xxh3::xxh3_128(&file[..176]).to_le_bytes();
    file[176..192].copy_from_slice(&checksum);
    file
}

/// Numbers and bytes of a manifest's fields.
fn fields(mut manifest: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let mut fields = Vec::new();
    while let [a, b, c, d, e, f, g, h, rest @ ..] = manifest {
        let (bytes, rest) = rest.split_at(u32::from_le_bytes([*e, *f, *g, *h]) as usize);
        fields.push((u32::from_le_bytes([*a, *b, *c, *d]), bytes.to_vec()));
        manifest = rest;
    }
    fields
}

/// The good file with other fields in its manifest.
fn with_fields(change: impl FnOnce(&mut Vec<(u32, Vec<u8>)>)) -> Result<Bundle, BundleError> {
    let file = rewritten(|manifest, _| {
        let mut fields = fields(manifest);
        change(&mut fields);
        let field = |(number, bytes): (u32, Vec<u8>)| {
            [&number.to_le_bytes(), &(bytes.len() as u32).to_le_bytes(), &bytes[..]].concat()
        };
        *manifest = fields.into_iter().flat_map(field).collect();
    });
    Bundle::from_bytes(&file)
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
    // Each byte takes each value of a few that hurt, in both formats.
    for value in [0, 1, 2, 127, 128, 255] {
        for at in 0..sections()[MANIFEST].1.len() {
            if let Ok(bundle) = Bundle::from_bytes(&rewritten(|manifest, _| manifest[at] = value)) {
                use_it(&bundle);
            }
            let set = |manifest: &mut Vec<u8>| manifest.get_mut(at).map(|byte| *byte = value).unwrap_or_default();
            if let Ok(bundle) = Bundle::from_bytes(&in_format_5(set)) {
                use_it(&bundle);
            }
        }
    }
}

#[test]
fn formats_5_and_6_hold_the_same() {
    let (old, new) = (Bundle::from_bytes(&in_format_5(|_| ())).unwrap(), Bundle::from_bytes(&GOOD).unwrap());
    assert_eq!((old.format(), new.format()), (5, 6));
    assert_eq!(old.manifest(), new.manifest());
    assert_eq!((old.network_id(), old.weights().unwrap()), (new.network_id(), new.weights().unwrap()));
    assert_ne!(old.id(), new.id());
    assert_eq!(old.with_latency_tables(Vec::new()).unwrap(), *GOOD);
}

#[test]
fn fields_that_this_version_does_not_know_are_skipped_and_kept() {
    let bundle = with_fields(|fields| fields.extend([(15, Vec::new()), (900, b"from the future".to_vec())])).unwrap();
    assert_eq!(bundle.manifest(), Bundle::from_bytes(&GOOD).unwrap().manifest());
    let again = Bundle::from_bytes(&bundle.with_latency_tables(Vec::new()).unwrap()).unwrap();
    assert_eq!(again.id(), bundle.id());
    assert_eq!(again.unknown_fields().unwrap(), [(15, b"".to_vec()), (900, b"from the future".to_vec())]);
}

#[test]
fn fields_that_may_be_missing_are_empty_then() {
    let bundle = with_fields(|fields| fields.retain(|(number, _)| ![1, 2, 7, 10].contains(number))).unwrap();
    let manifest = bundle.manifest();
    assert_eq!((&*manifest.name, &*manifest.provenance), ("", ""));
    assert!(manifest.latency_tables.is_empty() && manifest.accuracy_predictor.is_none());
    for needed in [3, 4, 5, 6, 8, 9] {
        let error = with_fields(|fields| fields.retain(|(number, _)| *number != needed)).unwrap_err();
        assert!(matches!(&error, BundleError::Inconsistent { .. }), "{error}");
        assert!(error.to_string().contains(&format!("no field {needed} (")), "{error}");
    }
}

/// The good file with another manifest, as a hostile writer would make it: `BundleContents` refuses impossible names
/// too.
fn with_manifest(change: impl FnOnce(&mut Manifest)) -> Result<Bundle, BundleError> {
    let mut changed = Bundle::from_bytes(&GOOD).unwrap().manifest().clone();
    change(&mut changed);
    Bundle::from_bytes(&rewritten(|manifest, _| *manifest = crate::wire::v6::encode(&changed, None, &[]).unwrap()))
}

#[test]
fn a_data_split_with_impossible_shares_is_refused() {
    let with_shares = |held_out, test| {
        let split = DataSplit { seed: 3, held_out, test, training: "d41d8cd9".to_owned() };
        with_manifest(|manifest| manifest.split = Some(split))
    };
    assert_eq!(with_shares(0.15, 0.25).unwrap().manifest().split.as_ref().unwrap().test, 0.25);
    for (held_out, test) in [(-0.1, 0.2), (0.2, 1.1), (0.6, 0.6), (f64::NAN, 0.1), (0.1, f64::INFINITY)] {
        let error = with_shares(held_out, test).unwrap_err().to_string();
        assert!(error.contains("shares of the data split"), "{error}");
    }
}

#[test]
fn impossible_names_are_refused_when_a_bundle_is_opened() {
    assert!(with_manifest(|_| ()).is_ok());
    type Change = fn(&mut Manifest);
    let changes: [(Change, &str); 8] = [
        (|m| m.children[0].name = "../../escaped".into(), "for child 0: `../../escaped` is not a valid name"),
        (|m| m.children[0].name = String::new(), "for child 0: `` is not a valid name: it is empty"),
        (|m| m.children[0].name = "..".into(), "it means a folder"),
        (|m| m.children[0].name = "two\nlines".into(), "`two\\nlines` is not a valid name"),
        (|m| m.labels[1] = "red\u{1b}[31m".into(), "for class 1: `red\\u{1b}[31m` is not a valid label"),
        (|m| m.name = "\u{1b}]0;title\u{7}".into(), "for itself: "),
        (|m| m.space.name = "spaces/../../x".into(), "name `spaces/../../x` is not a valid name"),
        (|m| m.space.name = "\n".into(), "is not a valid name: it is empty"),
    ];
    for (change, expected) in changes {
        let error = with_manifest(change).unwrap_err();
        assert!(matches!(error.code(), "bundle_name" | "bundle_space"), "{error}");
        assert!(error.to_string().contains(expected) && !error.to_string().contains('\n'), "{error}");
    }
    let labelled = |m: &mut Manifest| (m.labels[0], m.labels[1]) = ("T-shirt/top".into(), "\u{feff}bag\tn02".into());
    assert!(with_manifest(labelled).is_ok());
}

#[test]
fn fields_that_are_malformed_are_typed_errors() {
    type Change = fn(&mut Vec<(u32, Vec<u8>)>);
    let changes: [(Change, &str); 5] = [
        (|fields| fields.swap(0, 1), "numbers do not rise from 1"),
        (|fields| fields.push((11, Vec::new())), "numbers do not rise from 1"),
        (|fields| fields.insert(0, (0, Vec::new())), "numbers do not rise from 1"),
        (|fields| fields[2].1.push(0), "1 bytes follow the manifest's field 3 (search space)"),
        (|fields| fields[2].1.truncate(9), "the manifest's field 3 (search space) cannot be read"),
    ];
    for (change, expected) in changes {
        let error = with_fields(change).unwrap_err();
        assert!(matches!(&error, BundleError::Inconsistent { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    for cut in 1..9 {
        let error = Bundle::from_bytes(&rewritten(|manifest, _| manifest.truncate(manifest.len() - cut))).unwrap_err();
        assert!(error.to_string().contains("ends within a field"), "{error}");
    }
    let error = Bundle::from_bytes(&rewritten(|manifest, _| manifest[4..8].fill(255))).unwrap_err();
    assert!(error.to_string().contains("ends within a field"), "{error}");
}

#[test]
fn a_value_of_a_newer_version_is_named() {
    let error = with_fields(|fields| fields[8].1 = vec![3]).unwrap_err();
    assert!(matches!(&error, BundleError::Unsupported { .. }), "{error}");
    assert!(error.to_string().contains("weight storage number 3, which this version does not know; update"), "{error}");
}

#[test]
fn sections_that_this_version_does_not_know_are_verified_skipped_and_kept() {
    let more = [(7, b"some".to_vec()), (1 << 60, vec![5; 100])];
    let file = encoded(&[sections(), more.to_vec()].concat());
    let bundle = Bundle::from_bytes(&file).unwrap();
    assert_eq!(bundle.manifest(), Bundle::from_bytes(&GOOD).unwrap().manifest());
    assert_eq!(bundle.other_sections().unwrap(), more);
    assert_eq!(bundle.with_latency_tables(Vec::new()).unwrap(), file);
    let mut damaged = file.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let error = Bundle::from_bytes(&damaged).unwrap_err();
    assert!(matches!(error, BundleError::Damaged { part: "section of a newer version" }), "{error}");
    for length in GOOD.len()..file.len() {
        let error = Bundle::from_bytes(&file[..length]).unwrap_err();
        assert!(matches!(error, BundleError::Truncated { .. }), "{error}");
    }
}

#[test]
fn a_golden_section_that_claims_more_than_it_holds_is_refused() {
    let with = |golden: &[u8]| {
        let more = vec![(header::GOLDEN, golden.to_vec())];
        Bundle::from_bytes(&encoded(&[sections(), more].concat())).map(drop)
    };
    // A picture `p` of one byte, and ten logits of child 0.
    let good = [&[1, 1, b'p', 1, 9, 1, 0, 40][..], &[0; 40]].concat();
    with(&good).unwrap();
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    for (bytes, reason) in [
        (Vec::new(), "cannot be read"),
        (changed(0, 0), "child 112, but 1 ship"),
        (vec![0, 0], "0 golden pictures"),
        (changed(0, 9), "9 golden pictures, at most 8"),
        (changed(1, 127), "cannot be read"),
        (changed(3, 0), "0 bytes of golden picture `p`"),
        (changed(3, 127), "cannot be read"),
        (changed(5, 17), "17 children with golden answers, at most 16"),
        (changed(6, 1), "golden answers of child 1, but 1 ship"),
        (changed(7, 36), "36 bytes of golden answers of child `smallest`"),
        (good[..40].to_vec(), "cannot be read"),
        ([&good[..], &[0]].concat(), "1 bytes follow"),
        (vec![0; GoldenPictures::most_bytes(10) + 1], "bytes of golden pictures, at most"),
    ] {
        let error = with(&bytes).unwrap_err();
        assert!(matches!(error, BundleError::Inconsistent { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{reason}: {error}");
    }
    let mut damaged = encoded(&[sections(), vec![(header::GOLDEN, good)]].concat());
    *damaged.last_mut().unwrap() ^= 1;
    assert!(matches!(Bundle::from_bytes(&damaged), Err(BundleError::Damaged { part: "golden pictures" })));
}

#[test]
fn a_fit_in_a_format_whose_readers_overlook_it_is_refused() {
    let with = |format: u32, fit: u8| {
        let mut sections = sections();
        sections[MANIFEST].1.extend([12, 0, 0, 0, 1, 0, 0, 0, fit]);
        let parts: Vec<_> = sections.iter().map(|(kind, body)| (*kind, &body[..])).collect();
        Bundle::from_bytes(&header::encode(format, &parts)).map(|bundle| bundle.manifest().preprocessing.fit)
    };
    assert_eq!(with(7, 2).unwrap(), Fit::Squash);
    assert_eq!(with(6, 0).unwrap(), Fit::Crop);
    let error = with(6, 1).unwrap_err().to_string();
    assert!(error.contains("the fit `pad`, which format 6 does not know"), "{error}");
    assert!(matches!(with(7, 3), Err(BundleError::Unsupported { .. })));
}

#[test]
fn section_tables_that_no_writer_makes_are_refused() {
    let with = |more: &[u64]| {
        let more: Vec<(u64, Vec<u8>)> = more.iter().map(|&kind| (kind, Vec::new())).collect();
        Bundle::from_bytes(&encoded(&[sections(), more].concat())).map(drop)
    };
    assert!(with(&(5..65).collect::<Vec<_>>()).is_ok());
    for kinds in [&[1][..], &[5, 4], &[5, 5], &(5..66).collect::<Vec<_>>()] {
        let error = with(kinds).unwrap_err();
        assert!(matches!(error, BundleError::Damaged { .. }), "{error}");
    }
    let mut swapped = sections();
    swapped.swap(1, 2);
    assert!(matches!(Bundle::from_bytes(&encoded(&swapped)), Err(BundleError::Damaged { part: "section table" })));
    let without_images = Bundle::from_bytes(&encoded(&sections()[..3]));
    assert!(matches!(without_images, Err(BundleError::Damaged { part: "header" })));
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
        let old = in_format_5(|manifest| {
            for (at, value) in &changes {
                let at = at.index(manifest.len());
                manifest[at] = *value;
            }
            manifest.truncate(manifest.len() - cut);
        });
        if let Ok(bundle) = Bundle::from_bytes(&old) {
            use_it(&bundle);
        }
    }
}

/// The good file in format 8.
fn divided() -> Vec<(u64, Vec<u8>)> {
    let file = Bundle::from_bytes(&GOOD).unwrap().with_shells().unwrap();
    let bytes = |range: &std::ops::Range<u64>| file[range.start as usize..range.end as usize].to_vec();
    header::table(&file).unwrap().sections().map(|section| (section.kind, bytes(&section.range))).collect()
}

fn encoded_8(sections: &[(u64, Vec<u8>)]) -> Result<Bundle, BundleError> {
    let sections: Vec<_> = sections.iter().map(|(kind, body)| (*kind, &body[..])).collect();
    Bundle::from_bytes(&header::encode(8, &sections))
}

#[test]
fn shells_that_contradict_the_manifest_are_refused() {
    assert!(encoded_8(&divided()).unwrap().weights().is_ok());
    type Change = fn(&mut Vec<(u64, Vec<u8>)>);
    let changes: [(Change, &str); 5] = [
        (|sections| drop(sections.remove(1)), "1 shells where the manifest has 2"),
        (|sections| sections.insert(1, sections[1].clone()), "3 shells where the manifest has 2"),
        (|sections| sections.swap(1, 2), "bytes of shell 0 where the children need"),
        (|sections| sections[2].1.push(0), "bytes of shell 1 where the children need"),
        (|sections| drop(sections.drain(1..3)), "damaged"),
    ];
    for (change, expected) in changes {
        let mut sections = divided();
        change(&mut sections);
        let error = encoded_8(&sections).map(drop).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    // The last field of the manifest.
    let mut without = divided();
    let last = without[0].1.len() - 43;
    without[0].1.truncate(last);
    let error = encoded_8(&without).map(drop).unwrap_err().to_string();
    assert!(error.contains("has no field 14 (shells)"), "{error}");
    // Weights that are not those of the manifest's checksum: noticed when they are read.
    let mut other = divided();
    *other[2].1.last_mut().unwrap() ^= 1;
    let error = encoded_8(&other).unwrap().weights().unwrap_err();
    assert!(error.to_string().contains("not the weights and statistics of the manifest's checksums"), "{error}");
    // Older formats have no shells.
    let mut old = sections();
    old[MANIFEST].1 = divided()[0].1.clone();
    let error = Bundle::from_bytes(&encoded(&old)).unwrap_err().to_string();
    assert!(error.contains("the manifest has shells, which format 6 does not know"), "{error}");
}

#[test]
fn every_byte_of_a_divided_manifest_may_be_wrong() {
    let good = divided();
    for value in [0, 1, 2, 127, 128, 255] {
        for at in 0..good[0].1.len() {
            let mut sections = good.clone();
            sections[0].1[at] = value;
            if let Ok(bundle) = encoded_8(&sections) {
                use_it(&bundle);
            }
        }
    }
}
