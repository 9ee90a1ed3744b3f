//! Pictures with the trainer's logits, in a bundle of children `smallest` to `biggest` and ten classes.

#![allow(clippy::unwrap_used)] // a test's helpers may panic too

mod common;

use nestling_bundle::{Bundle, BundleError, GoldenChild, GoldenPicture, GoldenPictures};

fn golden() -> GoldenPictures {
    let picture = |name: &str, bytes: &[u8]| GoldenPicture { name: name.into(), bytes: bytes.to_vec() };
    let answers = |child: &str, first: f32| {
        let logits = (0..10).map(|class| first - class as f32).collect();
        GoldenChild { child: child.into(), logits: vec![logits; 2] }
    };
    GoldenPictures {
        pictures: vec![picture("a cat.png", b"\x89PNG"), picture("Löwe", &[7; GoldenPictures::MAX_BYTES])],
        children: vec![answers("biggest", -1.5), answers("smallest", 1e-30)],
    }
}

#[test]
fn golden_pictures_are_read_back_kept_and_no_part_of_the_network() {
    let without = common::bundle();
    assert_eq!(without.golden_pictures().unwrap(), None);
    let bytes = without.with_golden_pictures(Some(&golden())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("golden.nestling");
    std::fs::write(&path, &bytes).unwrap();
    for bundle in [Bundle::from_bytes(&bytes).unwrap(), Bundle::open(&path).unwrap()] {
        assert_eq!(bundle.golden_pictures().unwrap(), Some(golden()));
        assert_eq!((bundle.format(), bundle.network_id()), (8, without.network_id()));
        assert_eq!(bundle.with_latency_tables(Vec::new()).unwrap(), bytes);
        assert_eq!(bundle.with_golden_pictures(None).unwrap(), common::bundle_bytes());
        let mut other = golden();
        other.pictures[0].name = "a dog.png".into();
        let other = bundle.with_golden_pictures(Some(&other)).unwrap();
        let other = Bundle::from_bytes(&other).unwrap().golden_pictures().unwrap().unwrap();
        assert_eq!(other.pictures[0].name, "a dog.png");
    }
    let opened = Bundle::open(&path).unwrap();
    std::fs::write(&path, [&bytes[..bytes.len() - 1], &[1]].concat()).unwrap();
    assert_eq!(opened.golden_pictures().unwrap_err().code(), "bundle_changed");
}

#[test]
fn golden_pictures_that_do_not_fit_are_refused_with_the_reason() {
    let bundle = common::bundle();
    let refused = |change: &dyn Fn(&mut GoldenPictures), reason: &str| {
        let mut golden = golden();
        change(&mut golden);
        let error = bundle.with_golden_pictures(Some(&golden)).unwrap_err();
        assert!(matches!(error, BundleError::Inconsistent { .. } | BundleError::Name { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    };
    refused(&|golden| golden.pictures.clear(), "0 golden pictures: between 1 and 8");
    refused(&|golden| golden.pictures = vec![golden.pictures[0].clone(); 9], "9 golden pictures");
    refused(&|golden| golden.pictures[0].name.clear(), "golden picture");
    refused(&|golden| golden.pictures[0].bytes.clear(), "0 bytes of golden picture `a cat.png`");
    refused(&|golden| golden.pictures[1].bytes.push(0), "262145 bytes of golden picture `Löwe`");
    refused(&|golden| golden.children.clear(), "golden answers of 0 children");
    refused(&|golden| golden.children[1].child = "biggest".into(), "`biggest` come twice");
    refused(&|golden| golden.children[1].child = "middle".into(), "`middle`, which does not ship");
    refused(&|golden| golden.children[0].logits[1] = vec![1.0], "`biggest`: 10 finite logits");
    refused(&|golden| golden.children[0].logits[1][0] = f32::NAN, "`biggest`: 10 finite logits");
    refused(&|golden| drop(golden.children[0].logits.pop()), "`biggest`: 10 finite logits");
}
