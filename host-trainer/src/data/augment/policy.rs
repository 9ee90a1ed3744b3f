use super::kind::Kind::{
    AutoContrast, Brightness, Contrast, Equalise, Identity, Invert, Posterise, Rotate, Saturation, Sharpness, ShearX,
    ShearY, Solarise, SolariseAdd, TranslateX, TranslateY,
};
use super::kind::{Factors, Kind, Ranges};
use super::operation::Operation;
use super::{Policy, RandAugment};
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

/// An operation of a sub-policy: kind, probability, level from 0 to 10.
type Step = (Kind, f64, u32);

/// AutoAugment's policy for ImageNet, with the paper's levels.
const IMAGENET: [[Step; 2]; 25] = [
    [(Posterise, 0.4, 8), (Rotate, 0.6, 9)],
    [(Solarise, 0.6, 5), (AutoContrast, 0.6, 5)],
    [(Equalise, 0.8, 8), (Equalise, 0.6, 3)],
    [(Posterise, 0.6, 7), (Posterise, 0.6, 6)],
    [(Equalise, 0.4, 7), (Solarise, 0.2, 4)],
    [(Equalise, 0.4, 4), (Rotate, 0.8, 8)],
    [(Solarise, 0.6, 3), (Equalise, 0.6, 7)],
    [(Posterise, 0.8, 5), (Equalise, 1.0, 2)],
    [(Rotate, 0.2, 3), (Solarise, 0.6, 8)],
    [(Equalise, 0.6, 8), (Posterise, 0.4, 6)],
    [(Rotate, 0.8, 8), (Saturation, 0.4, 0)],
    [(Rotate, 0.4, 9), (Equalise, 0.6, 2)],
    [(Equalise, 0.0, 7), (Equalise, 0.8, 8)],
    [(Invert, 0.6, 4), (Equalise, 1.0, 8)],
    [(Saturation, 0.6, 4), (Contrast, 1.0, 8)],
    [(Rotate, 0.8, 8), (Saturation, 1.0, 2)],
    [(Saturation, 0.8, 8), (Solarise, 0.8, 7)],
    [(Sharpness, 0.4, 7), (Invert, 0.6, 8)],
    [(ShearX, 0.6, 5), (Equalise, 1.0, 9)],
    [(Saturation, 0.4, 0), (Equalise, 0.6, 3)],
    [(Equalise, 0.4, 7), (Solarise, 0.2, 4)],
    [(Solarise, 0.6, 5), (AutoContrast, 0.6, 5)],
    [(Invert, 0.6, 4), (Equalise, 1.0, 8)],
    [(Saturation, 0.6, 4), (Contrast, 1.0, 8)],
    [(Equalise, 0.8, 8), (Equalise, 0.6, 3)],
];

/// Policy `v0` of EfficientNet's TensorFlow code.
const V0: [[Step; 2]; 25] = [
    [(Equalise, 0.8, 1), (ShearY, 0.8, 4)],
    [(Saturation, 0.4, 9), (Equalise, 0.6, 3)],
    [(Saturation, 0.4, 1), (Rotate, 0.6, 8)],
    [(Solarise, 0.8, 3), (Equalise, 0.4, 7)],
    [(Solarise, 0.4, 2), (Solarise, 0.6, 2)],
    [(Saturation, 0.2, 0), (Equalise, 0.8, 8)],
    [(Equalise, 0.4, 8), (SolariseAdd, 0.8, 3)],
    [(ShearX, 0.2, 9), (Rotate, 0.6, 8)],
    [(Saturation, 0.6, 1), (Equalise, 1.0, 2)],
    [(Invert, 0.4, 9), (Rotate, 0.6, 0)],
    [(Equalise, 1.0, 9), (ShearY, 0.6, 3)],
    [(Saturation, 0.4, 7), (Equalise, 0.6, 0)],
    [(Posterise, 0.4, 6), (AutoContrast, 0.4, 7)],
    [(Solarise, 0.6, 8), (Saturation, 0.6, 9)],
    [(Solarise, 0.2, 4), (Rotate, 0.8, 9)],
    [(Rotate, 1.0, 7), (TranslateY, 0.8, 9)],
    [(ShearX, 0.0, 0), (Solarise, 0.8, 4)],
    [(ShearY, 0.8, 0), (Saturation, 0.6, 4)],
    [(Saturation, 1.0, 0), (Rotate, 0.6, 2)],
    [(Equalise, 0.8, 4), (Equalise, 0.0, 8)],
    [(Equalise, 1.0, 4), (AutoContrast, 0.6, 2)],
    [(ShearY, 0.4, 7), (SolariseAdd, 0.6, 7)],
    [(Posterise, 0.8, 2), (Solarise, 0.6, 10)],
    [(Solarise, 0.6, 8), (Equalise, 0.6, 1)],
    [(Saturation, 0.8, 6), (Rotate, 0.4, 5)],
];

/// RandAugment's operations in timm. Without the paper's identity: an operation is left out with a probability instead.
const RAND: [Kind; 15] = [
    AutoContrast,
    Equalise,
    Invert,
    Rotate,
    Posterise,
    Solarise,
    SolariseAdd,
    Saturation,
    Contrast,
    Brightness,
    Sharpness,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
];

const TRIVIAL: [Kind; 14] = [
    Identity,
    AutoContrast,
    Equalise,
    Rotate,
    Solarise,
    Saturation,
    Posterise,
    Contrast,
    Brightness,
    Sharpness,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
];

/// The paper's ranges. Some operations are strongest at level 0.
const AUTO_RANGES: Ranges = Ranges {
    shear: 0.3,
    translate: 0.45,
    rotate: 30.0,
    factors: Factors::Rising,
    bits: |level| 4 + (level * 4.0) as u32,
    threshold: |level| (level * 256.0) as u32,
};

/// `v0` keeps 0 to 4 bits, which makes some images black. Here one bit stays, as Pillow asks for.
const V0_RANGES: Ranges = Ranges { bits: |level| ((level * 4.0) as u32).max(1), ..AUTO_RANGES };

/// timm's increasing magnitudes: a larger level is a larger change, though posterising keeps 4 bits at level 0.
const RAND_RANGES: Ranges = Ranges {
    factors: Factors::AroundOne { reach: 0.9, smallest: 0.1 },
    bits: |level| (4 - (level * 4.0) as u32).max(1),
    threshold: |level| 256 - (level * 256.0) as u32,
    ..AUTO_RANGES
};

/// TrivialAugmentWide's ranges. Level 0 is the identity. The paper moves by up to 32 pixels, of ImageNet's 224.
const TRIVIAL_RANGES: Ranges = Ranges {
    shear: 0.99,
    translate: 32.0 / 224.0,
    rotate: 135.0,
    factors: Factors::AroundOne { reach: 0.99, smallest: 0.0 },
    bits: |level| 8 - (level * 6.0).round() as u32,
    threshold: |level| 256 - (level * 256.0) as u32,
};

impl Policy {
    /// The operations for one image, in their order.
    pub(super) fn draw(&self, random: &mut impl Rng) -> Vec<Operation> {
        match self {
            Self::None => Vec::new(),
            Self::AutoAugment => draw_sub_policy(&IMAGENET, &AUTO_RANGES, random),
            Self::AutoAugmentV0 => draw_sub_policy(&V0, &V0_RANGES, random),
            Self::RandAugment(options) => options.draw(random),
            Self::TrivialAugment => {
                let kind = TRIVIAL[random.random_range(0..TRIVIAL.len())];
                let level = f64::from(random.random_range(0..=30u32)) / 30.0;
                vec![TRIVIAL_RANGES.operation(kind, level, random)]
            }
        }
    }
}

fn draw_sub_policy(policy: &[[Step; 2]; 25], ranges: &Ranges, random: &mut impl Rng) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (kind, probability, level) in policy[random.random_range(0..policy.len())] {
        if random.random_bool(probability) {
            operations.push(ranges.operation(kind, f64::from(level) / 10.0, random));
        }
    }
    operations
}

impl RandAugment {
    fn draw(&self, random: &mut impl Rng) -> Vec<Operation> {
        let mut operations = Vec::new();
        for _ in 0..self.operations {
            let kind = RAND[random.random_range(0..RAND.len())];
            if random.random_bool(self.probability) {
                let deviation: f64 = random.sample(StandardNormal);
                let magnitude = (self.magnitude + self.deviation * deviation).clamp(0.0, 10.0);
                operations.push(RAND_RANGES.operation(kind, magnitude / 10.0, random));
            }
        }
        operations
    }
}
