//! Trainer against device: the same children, the same images, both logits.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

use nestling::{Runtime, RuntimeOptions};
use nestling_bundle::Bundle;
use nestling_core::image::Image;
use nestling_core::space::CalibratedChild;
use nestling_train::calibrate::calibrate;
use nestling_train::data::{self, Dataset, LoadedData};
use nestling_train::model::{Parameters, Resizer};
use nestling_train::torch;
use rand::SeedableRng;
use std::path::Path;
use tch::Device;

fn asset() -> Bundle {
    Bundle::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/assets/fashion.nestling")).unwrap()
}

/// Smallest, biggest and 20 random children on 256 test images, with the trained weights of the repository's bundle.
#[test]
fn the_device_computes_what_the_trainer_computes() {
    torch::initialise();
    let LoadedData { training, test, .. } = data::load_idx(None).unwrap();
    let (calibration, _) = training.split_at(512);
    let (images, _) = test.split_at(256);
    let report = nestling_train::parity::parity(&asset(), 20, &calibration, &images, |_, _| ()).unwrap();
    println!("{report:?}");
    assert_eq!((report.children, report.images), (22, 256));
    assert!(report.max_relative_error <= 1e-3, "{report:?}");
    assert!(report.max_relative_error_to_reference <= 1e-4, "{report:?}");
    assert!(report.top1_agreement >= 0.999, "{report:?}");
}

/// The larger number; a NaN wins, because `f64::max` would drop it.
fn worse(worst: f64, error: f64) -> f64 {
    if error.is_nan() || worst.is_nan() { f64::NAN } else { worst.max(error) }
}

/// Largest difference of a mean over its size and deviation, and of a deviation over itself.
fn deviations(device: &CalibratedChild, host: &CalibratedChild) -> (f64, f64) {
    let (device, host) = (device.statistics(), host.statistics());
    assert_eq!((device.means.len(), device.variances.len()), (host.means.len(), host.variances.len()));
    let mut worst = (0.0f64, 0.0f64);
    let of_host = host.means.iter().zip(&host.variances);
    for ((mean, variance), (host_mean, host_variance)) in device.means.iter().zip(&device.variances).zip(of_host) {
        let [mean, variance, host_mean, host_variance] =
            [mean, variance, host_mean, host_variance].map(|&x| f64::from(x));
        let deviation = host_variance.sqrt();
        assert!(deviation > 0.0, "a channel of a trained child varies");
        worst.0 = worse(worst.0, (mean - host_mean).abs() / (host_mean.abs() + deviation));
        worst.1 = worse(worst.1, (variance.sqrt() - deviation).abs() / deviation);
    }
    worst
}

/// Smallest, biggest and a random child, over the same 512 training images: the device computes the trainer's
/// statistics, and the child answers the same with either.
#[test]
fn the_device_calibrates_as_the_trainer_does() {
    torch::initialise();
    let LoadedData { training, test, .. } = data::load_idx(None).unwrap();
    let (calibration, _) = training.split_at(512);
    let bundle = asset();
    let space = bundle.space();
    let runtime = Runtime::open(&bundle, &RuntimeOptions::default()).unwrap();
    let parameters = Parameters::from_values(space, &bundle.weights().unwrap(), Device::Cpu);
    let side = calibration.side;
    let resizer = Resizer::new(space, &bundle.manifest().preprocessing, side, Device::Cpu);
    let pixels = |images: &Dataset| images.batches(1).map(Result::unwrap).collect::<Vec<_>>();
    let (seen, unseen) = (pixels(&calibration), pixels(&test.split_at(256).0));
    let view = |pixels| Image::grey8(side, side, pixels).unwrap();
    let images: Vec<Image<'_>> = seen.iter().map(|pixels| view(pixels)).collect();
    let unseen: Vec<Image<'_>> = unseen.iter().map(|pixels| view(pixels)).collect();
    let random = space.sample(&mut rand_chacha::ChaCha8Rng::seed_from_u64(17));
    for child in [space.smallest(), space.biggest(), random] {
        let network = space.lower(&child).unwrap();
        let host = calibrate(&network, &parameters, &resizer, &calibration, 128).unwrap();
        let device = runtime.calibrate(&child, &images).unwrap();
        let (mean, deviation) = deviations(&device, &host);
        let [by_device, by_host] = [&device, &host].map(|calibrated| {
            let prepared = runtime.prepare(calibrated).unwrap();
            runtime.supernet().infer_many(&prepared, &unseen).unwrap()
        });
        let mut apart = 0.0;
        assert_eq!((by_device.len(), by_host.len()), (256, 256));
        for (device, host) in by_device.iter().zip(&by_host) {
            assert_eq!((device.len(), host.len()), (10, 10));
            let largest = host.iter().fold(0.0f32, |most, logit| most.max(logit.abs()));
            apart =
                device.iter().zip(host).fold(apart, |apart, (a, b)| worse(apart, f64::from((a - b).abs() / largest)));
        }
        println!("{child}: means {mean:.1e}, deviations {deviation:.1e}, logits {apart:.1e} apart");
        assert!(mean < 1e-5 && deviation < 1e-5, "{child}: {mean:e}, {deviation:e}");
        assert!(apart < 1e-4, "{child}: {apart:e}");
    }
}
