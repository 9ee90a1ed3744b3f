//! Trainer against device: the same children, the same images, both logits.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

use nestling::bundle::Bundle;
use nestling::gpu::{Context, ContextOptions};
use nestling_train::data::load_fashion;
use nestling_train::torch;
use std::path::Path;

fn asset() -> Bundle {
    Bundle::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/assets/fashion.nestling")).unwrap()
}

/// Smallest, biggest and 20 random children on 256 test images, with the trained weights of the repository's bundle.
#[test]
fn the_device_computes_what_the_trainer_computes() {
    torch::initialise();
    let (training, test) = load_fashion(None).unwrap();
    let (calibration, _) = training.split_at(512);
    let (images, _) = test.split_at(256);
    let context = Context::new(&ContextOptions::default()).unwrap();
    let report = nestling_train::parity::parity(&asset(), &context, 20, &calibration, &images, |_, _| ()).unwrap();
    println!("{report:?}");
    assert_eq!((report.children, report.images), (22, 256));
    assert!(report.max_relative_error <= 1e-3, "{report:?}");
    assert!(report.max_relative_error_to_reference <= 1e-4, "{report:?}");
    assert!(report.top1_agreement >= 0.999, "{report:?}");
}
