use crate::space::SpaceError;
use crate::space::error::quoted;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// How many times a block's expanded width is its input width, in hundredths: whole in every searched space, but not in
/// all published networks (MobileNetV3 widens 80 channels to 200 and to 184).
///
/// In text and TOML it is a plain number.
///
/// ```
/// use nestling_core::space::ExpandRatio;
/// assert_eq!(ExpandRatio::whole(6).of(24), 144);
/// let ratio: ExpandRatio = "2.3".parse()?;
/// assert_eq!((ratio.of(80), ratio.to_string().as_str()), (184, "2.3"));
/// # Ok::<(), nestling_core::space::SpaceError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExpandRatio(u32);

impl ExpandRatio {
    /// No expansion: the block has no expand convolution.
    pub const ONE: Self = Self(100);
    /// Largest ratio that a space may name.
    pub const MAX: Self = Self(1200);

    /// A whole ratio.
    pub const fn whole(ratio: u32) -> Self {
        Self(ratio.saturating_mul(100))
    }

    /// Any ratio, to the nearest hundredth; `None` unless it is between 0 and 1000.
    pub fn new(ratio: f64) -> Option<Self> {
        (0.0..=1000.0).contains(&ratio).then(|| Self((100.0 * ratio).round() as u32))
    }

    /// The ratio in hundredths; `None` above 1000.
    pub fn from_hundredths(hundredths: u32) -> Option<Self> {
        (hundredths <= 100_000).then_some(Self(hundredths))
    }

    /// The ratio in hundredths: how files hold it.
    pub fn hundredths(self) -> u32 {
        self.0
    }

    /// The ratio as a number.
    pub fn value(self) -> f64 {
        f64::from(self.0) / 100.0
    }

    /// The expanded width, to the nearest multiple of 4 channels; exact where the ratio is whole.
    pub fn of(self, channels: u32) -> u32 {
        let hundredths = u64::from(channels) * u64::from(self.0);
        u32::try_from((hundredths + 200) / 400 * 4).unwrap_or(u32::MAX)
    }
}

impl fmt::Display for ExpandRatio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value().fmt(f)
    }
}

impl FromStr for ExpandRatio {
    type Err = SpaceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().ok().and_then(Self::new).ok_or_else(|| SpaceError::NotAnExpandRatio { text: quoted(text) })
    }
}

impl Serialize for ExpandRatio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return serializer.serialize_u32(self.0);
        }
        if self.0.is_multiple_of(100) {
            serializer.serialize_u32(self.0 / 100)
        } else {
            serializer.serialize_f64(self.value())
        }
    }
}

impl<'de> Deserialize<'de> for ExpandRatio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;

        impl de::Visitor<'_> for Number {
            type Value = ExpandRatio;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an expand ratio, such as 6 or 2.5")
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<ExpandRatio, E> {
                ExpandRatio::new(number).ok_or_else(|| E::invalid_value(de::Unexpected::Float(number), &self))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<ExpandRatio, E> {
                self.visit_f64(number as f64)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<ExpandRatio, E> {
                self.visit_f64(number as f64)
            }
        }

        if deserializer.is_human_readable() {
            deserializer.deserialize_any(Number)
        } else {
            u32::deserialize(deserializer).map(Self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_a_number_in_text_and_survives_both_forms() {
        for (text, ratio) in [("6", ExpandRatio::whole(6)), ("2.38", ExpandRatio(238))] {
            assert_eq!(serde_json::to_string(&ratio).unwrap(), text);
            assert_eq!(serde_json::from_str::<ExpandRatio>(text).unwrap(), ratio);
            assert_eq!(text.parse::<ExpandRatio>().unwrap(), ratio);
            let bytes = postcard::to_stdvec(&ratio).unwrap();
            assert_eq!(postcard::from_bytes::<ExpandRatio>(&bytes).unwrap(), ratio);
        }
        for bad in ["-1", "nan", "1e9", "six"] {
            assert!(bad.parse::<ExpandRatio>().is_err(), "{bad}");
        }
    }

    #[test]
    fn expanded_widths_are_whole_groups() {
        for (channels, ratio, expanded) in [(104, 2.38, 248), (104, 2.23, 232), (48, 3.17, 152), (16, 1.0, 16)] {
            assert_eq!(ExpandRatio::new(ratio).unwrap().of(channels), expanded);
        }
    }
}
