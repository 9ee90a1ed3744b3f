//! Golden pictures from the trainer to a device: the device comes to the trainer's answers.

#![allow(clippy::unwrap_used)] // a test's helpers may panic too

use nestling::{Runtime, RuntimeOptions, Start};
use nestling_bundle::Bundle;
use nestling_lab::self_test::{SelfTest, SelfTestError};
use nestling_train::pack::{GoldenSource, golden_pictures_of};
use nestling_train::torch;
use std::path::Path;

#[test]
fn a_device_answers_the_trained_bundles_golden_pictures_as_the_trainer_does() {
    torch::initialise();
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/assets");
    let bundle = Bundle::open(assets.join("fashion.nestling")).unwrap();
    let names =
        ["bag.png", "coat.png", "dress.png", "sandal.png", "shirt.png", "sneaker.png", "t-shirt.png", "trouser.png"];
    let sources =
        names.map(|name| GoldenSource { name: name.into(), bytes: std::fs::read(assets.join(name)).unwrap() });
    let mut golden = golden_pictures_of(&bundle, &sources).unwrap();
    let children: Vec<&str> = golden.children.iter().map(|one| one.child.as_str()).collect();
    assert_eq!((golden.pictures.len(), children), (8, vec!["smallest", "biggest"]));

    let packed = Bundle::from_bytes(&bundle.with_golden_pictures(Some(&golden)).unwrap()).unwrap();
    let runtime = Runtime::open(&packed, &RuntimeOptions::default().start(Start::Tuned)).unwrap();
    let report = SelfTest::of(&packed).unwrap().run(&runtime).unwrap();
    assert!(report.verdict().is_ok() && report.answers.len() == 16, "{report:?}");
    assert!(
        report.answers.iter().all(|answer| answer.relative < 1e-4 && answer.label == answer.expected),
        "{report:?}"
    );

    golden.children[0].logits[3].swap(0, 5);
    let changed = Bundle::from_bytes(&packed.with_golden_pictures(Some(&golden)).unwrap()).unwrap();
    let wrong = SelfTest::of(&changed).unwrap().run(&runtime).unwrap().verdict().unwrap_err();
    let SelfTestError::Wrong { wrong, first, .. } = wrong else { panic!("{wrong}") };
    assert_eq!((wrong, &*first.child, &*first.picture), (1, "smallest", "sandal.png"));
}
