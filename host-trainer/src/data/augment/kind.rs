use super::operation::Operation;
use rand::{Rng, RngExt};

/// The operations that policies draw from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    AutoContrast,
    Equalise,
    Invert,
    Posterise,
    Solarise,
    SolariseAdd,
    Saturation,
    Contrast,
    Brightness,
    Sharpness,
}

/// How a level from 0 to 1 becomes the argument of an operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ranges {
    /// Largest shear.
    pub shear: f64,
    /// Largest move, as a share of the side.
    pub translate: f64,
    /// Largest angle in degrees.
    pub rotate: f64,
    pub factors: Factors,
    /// Bits that posterising keeps.
    pub bits: fn(f64) -> u32,
    /// First value that solarising inverts.
    pub threshold: fn(f64) -> u32,
}

/// Factors of saturation, contrast, brightness and sharpness.
#[derive(Clone, Copy, Debug)]
pub(super) enum Factors {
    /// From 0.1 to 1.9: level 0 nearly removes the quality.
    Rising,
    /// 1 at level 0; up to this far above or below 1, but not below the smallest that is given.
    AroundOne { reach: f64, smallest: f64 },
}

impl Ranges {
    /// The operation of a kind at a level; draws a direction for the kinds that have two.
    pub(super) fn operation(&self, kind: Kind, level: f64, random: &mut impl Rng) -> Operation {
        match kind {
            Kind::Identity => Operation::Identity,
            Kind::ShearX => Operation::ShearX(signed(level * self.shear, random)),
            Kind::ShearY => Operation::ShearY(signed(level * self.shear, random)),
            Kind::TranslateX => Operation::TranslateX(signed(level * self.translate, random)),
            Kind::TranslateY => Operation::TranslateY(signed(level * self.translate, random)),
            Kind::Rotate => Operation::Rotate(signed(level * self.rotate, random)),
            Kind::AutoContrast => Operation::AutoContrast,
            Kind::Equalise => Operation::Equalise,
            Kind::Invert => Operation::Invert,
            Kind::Posterise => Operation::Posterise((self.bits)(level)),
            Kind::Solarise => Operation::Solarise((self.threshold)(level)),
            Kind::SolariseAdd => Operation::SolariseAdd((level * 110.0) as u8),
            Kind::Saturation => Operation::Saturation(self.factor(level, random)),
            Kind::Contrast => Operation::Contrast(self.factor(level, random)),
            Kind::Brightness => Operation::Brightness(self.factor(level, random)),
            Kind::Sharpness => Operation::Sharpness(self.factor(level, random)),
        }
    }

    fn factor(&self, level: f64, random: &mut impl Rng) -> f32 {
        match self.factors {
            Factors::Rising => (level * 1.8 + 0.1) as f32,
            Factors::AroundOne { reach, smallest } => (1.0 + signed(level * reach, random)).max(smallest) as f32,
        }
    }
}

fn signed(amount: f64, random: &mut impl Rng) -> f64 {
    if random.random_bool(0.5) { -amount } else { amount }
}
