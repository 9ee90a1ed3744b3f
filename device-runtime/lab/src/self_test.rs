//! Does this device decode and classify a bundle's golden pictures as the trainer did?

use nestling::{Runtime, WeightStorage};
use nestling_bundle::{Bundle, BundleError, GoldenPictures};
use nestling_core::arithmetic::Arithmetic;
use nestling_core::latency::DeviceKey;
use nestling_core::metrics::most_probable;
use nestling_pictures::{Picture, PictureError, PictureOptions};
use serde::{Deserialize, Serialize};

/// The golden pictures of a bundle, decoded.
#[derive(Clone, Debug)]
pub struct SelfTest {
    golden: GoldenPictures,
    pictures: Vec<Picture>,
    labels: Vec<String>,
    bundle_storage: WeightStorage,
    max_image_side: u32,
}

/// The answers of a device beside the trainer's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SelfTestReport {
    /// The device that ran.
    pub device: DeviceKey,
    /// Largest allowed difference of a logit, over the trainer's largest logit of the picture.
    pub tolerance: f64,
    /// Each child's answer for each picture.
    pub answers: Vec<Compared>,
    /// How many of them are wrong.
    pub wrong: usize,
}

/// The answer of one child for one picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// The picture's name.
    pub picture: String,
    /// The child's name.
    pub child: String,
    /// The trainer's label.
    pub expected: String,
    /// This device's label.
    pub label: String,
    /// Largest difference of a logit.
    pub difference: f64,
    /// The same over the trainer's largest logit.
    pub relative: f64,
    /// Whether it is within the tolerance, and the label is the trainer's. Another label is right where the trainer's
    /// own two best are closer together than the tolerance allows two logits to move.
    pub is_right: bool,
}

/// The reason why a device could not be tested.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SelfTestError {
    /// The bundle ships without.
    #[error("the bundle has no golden pictures: pack it again with pictures, as `nestling pack` does")]
    NoGoldenPictures,
    /// A picture cannot be decoded.
    #[error("golden picture `{name}`: {source}")]
    Picture {
        /// Its name.
        name: String,
        /// The fault.
        source: PictureError,
    },
    /// Answers are not the trainer's.
    #[error(
        "{wrong} of {answers} answers are not the trainer's; the first is that of child `{}` for picture `{}`: `{}` for \
         `{}`, {:.1e} off where {tolerance:.1e} is allowed; update the driver or choose another adapter, and test again",
        first.child,
        first.picture,
        first.label,
        first.expected,
        first.relative
    )]
    Wrong {
        /// Number of wrong answers.
        wrong: usize,
        /// Number of answers.
        answers: usize,
        /// The first wrong one.
        first: Box<Compared>,
        /// The largest relative difference that is allowed.
        tolerance: f64,
    },
    /// The bundle's file is not any more what was opened.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The device refused or failed.
    #[error(transparent)]
    Device(#[from] nestling::Error),
}

impl SelfTestError {
    /// A stable name of this kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoGoldenPictures => "no_golden_pictures",
            Self::Picture { source, .. } => source.code(),
            Self::Wrong { .. } => "self_test_wrong",
            Self::Bundle(error) => error.code(),
            Self::Device(error) => error.code(),
        }
    }
}

impl SelfTestReport {
    /// Whether every answer is right.
    ///
    /// # Errors
    /// [`SelfTestError::Wrong`] names the first that is not.
    pub fn verdict(&self) -> Result<(), SelfTestError> {
        let Some(first) = self.answers.iter().find(|answer| !answer.is_right) else { return Ok(()) };
        let (wrong, answers, tolerance) = (self.wrong, self.answers.len(), self.tolerance);
        Err(SelfTestError::Wrong { wrong, answers, first: Box::new(first.clone()), tolerance })
    }
}

impl SelfTest {
    /// Reads and decodes the golden pictures.
    ///
    /// # Errors
    /// [`SelfTestError`] if the bundle has none, or one cannot be read.
    pub fn of(bundle: &Bundle) -> Result<Self, SelfTestError> {
        let golden = bundle.golden_pictures()?.ok_or(SelfTestError::NoGoldenPictures)?;
        let preprocessing = &bundle.manifest().preprocessing;
        let options = PictureOptions::for_fit(preprocessing.fit);
        let mut pictures = Vec::with_capacity(golden.pictures.len());
        for picture in &golden.pictures {
            let decoded = Picture::decode_with(&picture.bytes, &options);
            pictures.push(decoded.map_err(|source| SelfTestError::Picture { name: picture.name.clone(), source })?);
        }
        let side = |picture: &Picture| preprocessing.needed_side(picture.image().width(), picture.image().height());
        let max_image_side = pictures.iter().map(side).max().unwrap_or(0);
        let (labels, bundle_storage) = (bundle.manifest().labels.clone(), bundle.weight_storage());
        Ok(Self { golden, pictures, labels, bundle_storage, max_image_side })
    }

    /// The `RuntimeOptions::max_image_side` that the pictures need.
    pub fn max_image_side(&self) -> u32 {
        self.max_image_side
    }

    /// Classifies every picture with every child that has golden answers. Afterwards the last of them is active. The
    /// runtime must be one of the same bundle; untrained children need `RuntimeOptions::untrained`.
    ///
    /// # Errors
    /// [`SelfTestError::Device`] if the device does not answer. A wrong answer is no error but a row of the report.
    pub fn run(&self, runtime: &Runtime) -> Result<SelfTestReport, SelfTestError> {
        let (storage, arithmetic) = (runtime.supernet().weight_storage(), runtime.supernet().arithmetic());
        let tolerance = tolerance(self.bundle_storage, storage, arithmetic);
        let mut answers = Vec::new();
        for answered in &self.golden.children {
            runtime.switch_to(answered.child.as_str())?;
            for ((named, picture), expected) in self.golden.pictures.iter().zip(&self.pictures).zip(&answered.logits) {
                let given = runtime.logits(picture.image())?;
                let distance = Distance::between(&given, expected);
                answers.push(Compared {
                    picture: named.name.clone(),
                    child: answered.child.clone(),
                    expected: self.label(expected),
                    label: self.label(&given),
                    difference: distance.absolute,
                    relative: distance.relative,
                    is_right: distance.relative <= tolerance && is_same_class(&given, expected, tolerance),
                });
            }
        }
        let wrong = answers.iter().filter(|answer| !answer.is_right).count();
        Ok(SelfTestReport { device: runtime.device().clone(), tolerance, answers, wrong })
    }

    fn label(&self, logits: &[f32]) -> String {
        most_probable(logits).and_then(|class| self.labels.get(class)).cloned().unwrap_or_default()
    }
}

/// The trainer computes with the bundle's weights in f32. A device that does so too adds up products in another order:
/// 1e-3 is a hundred times what was ever measured. f16 rounds each weight or product by up to 5e-4, a bundle's network
/// then differs by about 1.5e-3: 1e-2. int8 rounds a weight by up to 4e-3 of the largest in its row, which was measured
/// as 1.5e-2: 1e-1.
fn tolerance(bundle: WeightStorage, device: WeightStorage, arithmetic: Arithmetic) -> f64 {
    let stored = match device {
        _ if device == bundle => 0.0,
        WeightStorage::F32 => 0.0,
        WeightStorage::F16 => 1e-2,
        WeightStorage::Int8 => 1e-1,
    };
    let computed = match arithmetic {
        Arithmetic::F32 => 0.0,
        Arithmetic::F16 => 1e-2,
    };
    1e-3 + stored + computed
}

struct Distance {
    absolute: f64,
    relative: f64,
}

impl Distance {
    fn between(given: &[f32], expected: &[f32]) -> Self {
        let each = given.iter().zip(expected).map(|(given, expected)| (f64::from(*given) - f64::from(*expected)).abs());
        // `f64::max` would drop a NaN.
        let absolute = each.fold(0.0, |worst: f64, one| if one.is_nan() { f64::INFINITY } else { worst.max(one) });
        Self { absolute, relative: absolute / largest(expected) }
    }
}

fn largest(logits: &[f32]) -> f64 {
    logits.iter().fold(f64::MIN_POSITIVE, |largest, logit| largest.max(f64::from(logit.abs())))
}

/// Whether both name the same class, or two classes that the tolerance cannot tell apart.
fn is_same_class(given: &[f32], expected: &[f32], tolerance: f64) -> bool {
    let (Some(given), Some(best)) = (most_probable(given), most_probable(expected)) else { return false };
    let ahead = f64::from(expected[best]) - f64::from(expected.get(given).copied().unwrap_or(f32::NEG_INFINITY));
    given == best || ahead <= 2.0 * tolerance * largest(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_class_is_right_only_where_the_trainer_cannot_tell_them_apart() {
        let expected = [2.0, 1.999, -1.0];
        assert!(is_same_class(&[2.0, 1.9, 0.0], &expected, 0.0));
        assert!(is_same_class(&[1.9, 2.0, 0.0], &expected, 1e-3));
        assert!(!is_same_class(&[1.9, 2.0, 0.0], &expected, 1e-4));
        assert!(!is_same_class(&[0.0, 1.0, 2.0], &expected, 1e-1));
    }

    #[test]
    fn a_difference_that_is_no_number_is_infinite() {
        let distance = Distance::between(&[f32::NAN, 1.0], &[1.0, 1.0]);
        assert_eq!((distance.absolute, distance.relative), (f64::INFINITY, f64::INFINITY));
        let distance = Distance::between(&[1.0, -3.5], &[1.0, -4.0]);
        assert_eq!((distance.absolute, distance.relative), (0.5, 0.125));
    }

    #[test]
    fn only_what_the_device_rounds_itself_widens_the_tolerance() {
        use Arithmetic::{F16 as Halves, F32 as Singles};
        use WeightStorage::{F16, F32, Int8};
        for (bundle, device) in [(F32, F32), (Int8, Int8), (F16, F16), (Int8, F32)] {
            assert_eq!(tolerance(bundle, device, Singles), 1e-3);
        }
        assert_eq!([tolerance(F32, F16, Singles), tolerance(F32, Int8, Singles)], [1e-3 + 1e-2, 1e-3 + 1e-1]);
        assert_eq!(tolerance(Int8, Int8, Halves), 1e-3 + 1e-2);
    }
}
