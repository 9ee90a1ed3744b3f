use super::*;
use nestling_core::image::Image;
use nestling_core::metrics::Millis;
use nestling_core::space::Child;

#[test]
fn an_error_that_holds_another_has_the_code_of_that() {
    let range = OutOfRange { layer: "stem".into(), value: "1e9".into(), storage: Default::default() };
    let wrapped: [(Error, &str); 8] = [
        ("r28".parse::<Child>().unwrap_err().into(), "invalid_child"),
        (BundleError::NotABundle.into(), "bundle_not_a_bundle"),
        (ProfileError::NotAProfile { path: None, problem: "empty" }.into(), "profile_not_a_profile"),
        (Image::grey8(8, 8, &[]).unwrap_err().into(), "image_length"),
        (range.into(), "weight_out_of_range"),
        (NoRoom { bytes: 9 }.into(), "out_of_memory"),
        (Stale::Kernels.into(), "profile_stale_kernels"),
        (GovernorError::NoDuration { limit: Millis(0.0) }.into(), "governor_no_duration"),
    ];
    for (error, code) in wrapped {
        assert_eq!(error.code(), code, "{error}");
    }
}
