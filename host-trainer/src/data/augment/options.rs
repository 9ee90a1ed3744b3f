use serde::{Deserialize, Serialize};
use std::fmt::Display;

/// Random changes of a training image that keep its class.
///
/// An image passes through them in the order of the keys. `crop`, `policy`, `jitter` and `erase` are off by default.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augmentation {
    /// Train on a random part of the image (random resized crop; Szegedy et al. 2015, arXiv 1409.4842).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crop: Option<RandomCrop>,
    /// Mirror half of the images left to right (Krizhevsky et al. 2012).
    pub flip: bool,
    /// Move by up to this many pixels in each direction; the new edge is black (He et al. 2016, arXiv 1512.03385).
    pub shift: u8,
    /// A published policy of changes of shape and colour.
    pub policy: Policy,
    /// Share of the images that the policy is used on; the policies' papers use 1.
    pub policy_probability: f64,
    /// Random strengths of the colours (Howard 2013, arXiv 1312.5402; hue as torchvision adds it).
    pub jitter: Jitter,
    /// Share of the images that lose a rectangle to noise (random erasing; Zhong et al. 2020, arXiv 1708.04896).
    pub erase: f64,
}

impl Default for Augmentation {
    fn default() -> Self {
        Self {
            crop: None,
            flip: true,
            shift: 1,
            policy: Policy::None,
            policy_probability: 1.0,
            jitter: Jitter::default(),
            erase: 0.0,
        }
    }
}

/// The parts that a random crop may take. The defaults are those of ImageNet training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RandomCrop {
    /// Smallest share of the image's area.
    pub min_scale: f64,
    /// Largest share of the image's area.
    pub max_scale: f64,
    /// Smallest width over height. Ratios are drawn evenly on a logarithmic scale.
    pub min_ratio: f64,
    /// Largest width over height.
    pub max_ratio: f64,
}

impl Default for RandomCrop {
    fn default() -> Self {
        Self { min_scale: 0.08, max_scale: 1.0, min_ratio: 3.0 / 4.0, max_ratio: 4.0 / 3.0 }
    }
}

/// Colour jitter: each factor is drawn evenly, and the four changes come in random order. 0 leaves a quality alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Jitter {
    /// Brightness is multiplied by 1 - this to 1 + this.
    pub brightness: f64,
    /// Distances from the mean grey are multiplied by 1 - this to 1 + this.
    pub contrast: f64,
    /// Distances from a pixel's own grey are multiplied by 1 - this to 1 + this. Grey images stay as they are.
    pub saturation: f64,
    /// The hue turns by up to this share of the colour circle, at most 0.5. Grey images stay as they are.
    pub hue: f64,
}

/// A published policy. Each works on grey images, too: operations on colour then do nothing.
///
/// In a recipe `policy` is its name, such as `"trivial_augment"`. `"rand_augment"` has timm's numbers; with other ones it
/// is a table: `policy.rand_augment = { magnitude = 7.0 }`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", from = "PolicyText")]
pub enum Policy {
    /// None.
    #[default]
    None,
    /// The 25 sub-policies found for ImageNet (Cubuk et al. 2019, arXiv 1805.09501).
    AutoAugment,
    /// The 25 sub-policies that EfficientNet and BigNAS trained with (`v0` of their TensorFlow code).
    AutoAugmentV0,
    /// Some operations of one magnitude (Cubuk et al. 2020, arXiv 1909.13719), with the increasing magnitudes of timm.
    RandAugment(RandAugment),
    /// One operation of a random magnitude (TrivialAugmentWide; Müller & Hutter 2021, arXiv 2103.10158).
    TrivialAugment,
}

/// A policy as recipes write it.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "`policy` is none, auto_augment, auto_augment_v0, rand_augment or trivial_augment, or a table rand_augment \
                 of operations, magnitude, deviation and probability"
)]
enum PolicyText {
    Name(PolicyName),
    Numbers(PolicyNumbers),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum PolicyName {
    None,
    AutoAugment,
    AutoAugmentV0,
    RandAugment,
    TrivialAugment,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyNumbers {
    rand_augment: RandAugment,
}

impl From<PolicyText> for Policy {
    fn from(text: PolicyText) -> Self {
        match text {
            PolicyText::Name(PolicyName::None) => Self::None,
            PolicyText::Name(PolicyName::AutoAugment) => Self::AutoAugment,
            PolicyText::Name(PolicyName::AutoAugmentV0) => Self::AutoAugmentV0,
            PolicyText::Name(PolicyName::RandAugment) => Self::RandAugment(RandAugment::default()),
            PolicyText::Name(PolicyName::TrivialAugment) => Self::TrivialAugment,
            PolicyText::Numbers(PolicyNumbers { rand_augment }) => Self::RandAugment(rand_augment),
        }
    }
}

/// The numbers of RandAugment. The defaults are timm's `rand-m9-n2-mstd0.5-inc1`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RandAugment {
    /// Operations an image, drawn with replacement.
    pub operations: u32,
    /// Mean magnitude, from 0 to 10.
    pub magnitude: f64,
    /// Standard deviation of the magnitude; magnitudes are clipped to 0 and 10.
    pub deviation: f64,
    /// Probability of each drawn operation: 0.5 in timm, 1 in the paper.
    pub probability: f64,
}

impl Default for RandAugment {
    fn default() -> Self {
        Self { operations: 2, magnitude: 9.0, deviation: 0.5, probability: 0.5 }
    }
}

/// A key whose value cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` is {given}; it must be {rule}")]
pub struct WrongSetting {
    /// The key, with the tables that it lies in.
    pub key: &'static str,
    /// Its value.
    pub given: String,
    /// The values that it may have.
    pub rule: &'static str,
}

impl WrongSetting {
    /// An error unless `holds`.
    pub(in crate::data) fn unless(
        holds: bool,
        key: &'static str,
        given: &dyn Display,
        rule: &'static str,
    ) -> Result<(), Self> {
        if holds { Ok(()) } else { Err(Self { key, given: given.to_string(), rule }) }
    }
}

const SHARE: &str = "from 0 to 1";

impl Augmentation {
    /// Checks every number.
    ///
    /// # Errors
    /// The first key that is wrong, and its rule.
    pub fn validate(&self) -> Result<(), WrongSetting> {
        let (unless, share) = (WrongSetting::unless, 0.0..=1.0);
        if let Some(crop) = &self.crop {
            crop.validate()?;
        }
        let probability = self.policy_probability;
        unless(share.contains(&probability), "augmentation.policy_probability", &probability, SHARE)?;
        unless(share.contains(&self.erase), "augmentation.erase", &self.erase, SHARE)?;
        self.jitter.validate()?;
        match &self.policy {
            Policy::RandAugment(options) => options.validate(),
            Policy::None | Policy::AutoAugment | Policy::AutoAugmentV0 | Policy::TrivialAugment => Ok(()),
        }
    }
}

impl RandomCrop {
    fn validate(&self) -> Result<(), WrongSetting> {
        let Self { min_scale, max_scale, min_ratio, max_ratio } = *self;
        let unless = WrongSetting::unless;
        unless(min_scale > 0.0 && min_scale <= 1.0, "augmentation.crop.min_scale", &min_scale, "above 0, up to 1")?;
        unless(
            (min_scale..=1.0).contains(&max_scale),
            "augmentation.crop.max_scale",
            &max_scale,
            "from `min_scale` to 1",
        )?;
        unless((0.01..=100.0).contains(&min_ratio), "augmentation.crop.min_ratio", &min_ratio, "from 0.01 to 100")?;
        unless(
            (min_ratio..=100.0).contains(&max_ratio),
            "augmentation.crop.max_ratio",
            &max_ratio,
            "from `min_ratio` to 100",
        )
    }
}

impl Jitter {
    fn validate(&self) -> Result<(), WrongSetting> {
        for (key, strength) in [
            ("augmentation.jitter.brightness", self.brightness),
            ("augmentation.jitter.contrast", self.contrast),
            ("augmentation.jitter.saturation", self.saturation),
        ] {
            WrongSetting::unless((0.0..=10.0).contains(&strength), key, &strength, "from 0 to 10")?;
        }
        WrongSetting::unless((0.0..=0.5).contains(&self.hue), "augmentation.jitter.hue", &self.hue, "from 0 to 0.5")
    }
}

impl RandAugment {
    fn validate(&self) -> Result<(), WrongSetting> {
        let unless = WrongSetting::unless;
        let Self { operations, magnitude, deviation, probability } = *self;
        unless(
            (1..=100).contains(&operations),
            "augmentation.policy.rand_augment.operations",
            &operations,
            "from 1 to 100",
        )?;
        unless(
            (0.0..=10.0).contains(&magnitude),
            "augmentation.policy.rand_augment.magnitude",
            &magnitude,
            "from 0 to 10",
        )?;
        unless(
            (0.0..=10.0).contains(&deviation),
            "augmentation.policy.rand_augment.deviation",
            &deviation,
            "from 0 to 10",
        )?;
        unless((0.0..=1.0).contains(&probability), "augmentation.policy.rand_augment.probability", &probability, SHARE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_left_out_keep_their_defaults_and_unknown_ones_are_refused() {
        let read = |text: &str| toml::from_str::<Augmentation>(text);
        let plain = read("flip = false\nshift = 0").unwrap();
        assert_eq!(plain, Augmentation { flip: false, shift: 0, ..Augmentation::default() });
        let given =
            read("crop = { min_scale = 0.35 }\npolicy = { rand_augment = { magnitude = 7 } }\nerase = 0.1").unwrap();
        assert_eq!(given.crop, Some(RandomCrop { min_scale: 0.35, ..RandomCrop::default() }));
        let expected = RandAugment { magnitude: 7.0, ..RandAugment::default() };
        assert_eq!(given.policy, Policy::RandAugment(expected));
        assert_eq!(read("policy = 'trivial_augment'").unwrap().policy, Policy::TrivialAugment);
        assert_eq!(read("policy = 'auto_augment_v0'").unwrap().policy, Policy::AutoAugmentV0);
        for wrong in
            ["flop = true", "policy = 'best'", "jitter = { tint = 1 }", "policy = { rand_augment = { m = 9 } }"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        for options in [plain, given] {
            let table = toml::Table::try_from(options).unwrap();
            assert_eq!(table.try_into::<Augmentation>().unwrap(), options, "TOML");
            let json = serde_json::to_string(&options).unwrap();
            assert_eq!(serde_json::from_str::<Augmentation>(&json).unwrap(), options, "JSON");
        }
    }

    #[test]
    fn every_wrong_number_is_named() {
        assert_eq!(Augmentation::default().validate(), Ok(()));
        for (key, text) in [
            ("augmentation.crop.min_scale", "crop = { min_scale = 0 }"),
            ("augmentation.crop.max_scale", "crop = { min_scale = 0.5, max_scale = 0.4 }"),
            ("augmentation.crop.min_ratio", "crop = { min_ratio = -1 }"),
            ("augmentation.crop.max_ratio", "crop = { max_ratio = inf }"),
            ("augmentation.policy_probability", "policy_probability = 1.5"),
            ("augmentation.erase", "erase = nan"),
            ("augmentation.jitter.brightness", "jitter = { brightness = -0.1 }"),
            ("augmentation.jitter.contrast", "jitter = { contrast = nan }"),
            ("augmentation.jitter.saturation", "jitter = { saturation = inf }"),
            ("augmentation.jitter.hue", "jitter = { hue = 0.6 }"),
            ("augmentation.policy.rand_augment.operations", "policy = { rand_augment = { operations = 0 } }"),
            ("augmentation.policy.rand_augment.magnitude", "policy = { rand_augment = { magnitude = 11 } }"),
            ("augmentation.policy.rand_augment.deviation", "policy = { rand_augment = { deviation = -1 } }"),
            ("augmentation.policy.rand_augment.probability", "policy = { rand_augment = { probability = 2 } }"),
        ] {
            let wrong = toml::from_str::<Augmentation>(text).unwrap().validate().unwrap_err();
            assert_eq!(wrong.key, key);
            assert!(wrong.to_string().starts_with(&format!("`{key}` is ")), "{wrong}");
        }
    }
}
