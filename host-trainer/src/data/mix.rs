//! Mixing the images of a batch in pairs: mixup and cutmix. This module draws who is mixed with whom and how much.

use super::augment::WrongSetting;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use rand_distr::{Beta, Distribution};
use serde::{Deserialize, Serialize};

/// How batches are mixed. Off by default.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mix {
    /// Weighted means of two images: alpha of the weight's Beta(alpha, alpha) distribution; 0 is off (mixup; Zhang et
    /// al. 2018, arXiv 1710.09412).
    pub mixup: f64,
    /// A rectangle of one image in another: alpha of its area's Beta(alpha, alpha) distribution; 0 is off (cutmix; Yun
    /// et al. 2019, arXiv 1905.04899). Where both are on, each batch gets one of them, with equal probability.
    pub cutmix: f64,
    /// Share of the batches that are mixed.
    pub probability: f64,
}

impl Default for Mix {
    fn default() -> Self {
        Self { mixup: 0.0, cutmix: 0.0, probability: 1.0 }
    }
}

/// How the images of one batch are mixed.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixing {
    /// For each image of the batch, the index of the one that it is mixed with. Every image is a partner once.
    pub partners: Vec<u32>,
    /// Share that an image keeps of itself; the partner has the rest. Labels are mixed in these shares.
    pub share: f64,
    /// The pixels that the partner replaces, in cutmix. None in mixup: all pixels are weighted means.
    pub patch: Option<Patch>,
}

/// A rectangle of pixels; it can be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patch {
    /// First column.
    pub left: u32,
    /// First row.
    pub top: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Mix {
    /// Checks every number.
    ///
    /// # Errors
    /// The first key that is wrong, and its rule.
    pub fn validate(&self) -> Result<(), WrongSetting> {
        let unless = WrongSetting::unless;
        let alphas = 0.0..=100.0;
        unless(alphas.contains(&self.mixup), "mix.mixup", &self.mixup, "from 0 to 100")?;
        unless(alphas.contains(&self.cutmix), "mix.cutmix", &self.cutmix, "from 0 to 100")?;
        unless((0.0..=1.0).contains(&self.probability), "mix.probability", &self.probability, "from 0 to 1")
    }

    /// How to mix a batch of square images; None if it stays as it is.
    pub fn draw(&self, images: u32, side: u32, random: &mut impl Rng) -> Option<Mixing> {
        let kinds = (self.mixup > 0.0, self.cutmix > 0.0);
        if kinds == (false, false) || !random.random_bool(self.probability) {
            return None;
        }
        let cut = if kinds == (true, true) { random.random_bool(0.5) } else { kinds.1 };
        let alpha = if cut { self.cutmix } else { self.mixup };
        let share = Beta::new(alpha, alpha).ok()?.sample(random);
        let mut partners: Vec<u32> = (0..images).collect();
        partners.shuffle(random);
        if !cut {
            return Some(Mixing { partners, share, patch: None });
        }
        let patch = draw_patch(side, share, random);
        // The patch ends at the image's edge, so that it can be smaller than drawn.
        let replaced = f64::from(patch.width) * f64::from(patch.height) / f64::from(side).powi(2);
        Some(Mixing { partners, share: 1.0 - replaced, patch: Some(patch) })
    }
}

/// A square of 1 - `share` of the area around a random pixel, cut off at the edges.
fn draw_patch(side: u32, share: f64, random: &mut impl Rng) -> Patch {
    let length = (f64::from(side) * (1.0 - share).sqrt()) as u32;
    let mut span = || {
        let centre = random.random_range(0..side);
        let first = centre.saturating_sub(length / 2);
        (first, (centre + length.div_ceil(2)).min(side) - first)
    };
    let ((left, width), (top, height)) = (span(), span());
    Patch { left, top, width, height }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn draws(mix: Mix, count: usize) -> Vec<Option<Mixing>> {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        (0..count).map(|_| mix.draw(16, 32, &mut random)).collect()
    }

    #[test]
    fn shares_follow_the_beta_distribution_and_partners_are_even() {
        let mix = Mix { mixup: 0.2, ..Mix::default() };
        let found: Vec<Mixing> = draws(mix, 2000).into_iter().flatten().collect();
        assert_eq!(found.len(), 2000);
        assert!(found.iter().all(|mixing| mixing.patch.is_none()));
        // Beta(a, a) has mean 1/2 and variance 1 / (4 (2 a + 1)).
        let mean = found.iter().map(|mixing| mixing.share).sum::<f64>() / 2000.0;
        let variance = found.iter().map(|mixing| (mixing.share - 0.5).powi(2)).sum::<f64>() / 2000.0;
        assert!((mean - 0.5).abs() < 0.04 && (variance - 1.0 / 5.6).abs() < 0.02, "{mean}, {variance}");
        let mut firsts = [0; 16];
        for mixing in &found {
            let mut sorted = mixing.partners.clone();
            sorted.sort_unstable();
            assert!(sorted.iter().copied().eq(0..16));
            firsts[mixing.partners[0] as usize] += 1;
        }
        assert!(firsts.iter().all(|&count| (80..175).contains(&count)), "{firsts:?}");
    }

    #[test]
    fn the_share_of_cutmix_is_that_of_the_pixels_that_stay() {
        let mix = Mix { cutmix: 1.0, ..Mix::default() };
        let mut whole = 0;
        for mixing in draws(mix, 2000).into_iter().flatten() {
            let patch = mixing.patch.unwrap();
            assert!(patch.left + patch.width <= 32 && patch.top + patch.height <= 32, "{patch:?}");
            let replaced = f64::from(patch.width * patch.height) / 1024.0;
            assert!((mixing.share - (1.0 - replaced)).abs() < 1e-12);
            whole += u32::from(replaced > 0.25);
        }
        // A quarter and more of the area: 3/4 of the squares before they are cut off at the edges, fewer after.
        assert!((500..1200).contains(&whole), "{whole}");
    }

    #[test]
    fn an_uncut_patch_has_the_drawn_area() {
        let mut random = ChaCha8Rng::seed_from_u64(2);
        let mut largest = 0;
        for _ in 0..500 {
            let Patch { width, height, .. } = draw_patch(64, 0.75, &mut random);
            assert!((16..=32).contains(&width) && (16..=32).contains(&height));
            largest = largest.max(width * height);
        }
        assert_eq!(largest, 32 * 32);
        assert_eq!(draw_patch(64, 1.0, &mut random).width, 0);
    }

    #[test]
    fn a_batch_is_mixed_in_one_way_and_as_often_as_asked() {
        assert!(draws(Mix::default(), 10).iter().all(Option::is_none));
        let both = Mix { mixup: 0.8, cutmix: 1.0, probability: 0.5 };
        let found: Vec<Mixing> = draws(both, 2000).into_iter().flatten().collect();
        let cut = found.iter().filter(|mixing| mixing.patch.is_some()).count();
        assert!((900..1100).contains(&found.len()), "{}", found.len());
        assert!((400..600).contains(&cut), "{cut}");
        assert_eq!(draws(both, 50), draws(both, 50));
    }

    #[test]
    fn wrong_numbers_are_named() {
        assert_eq!(Mix::default().validate(), Ok(()));
        for (key, text) in
            [("mix.mixup", "mixup = -1"), ("mix.cutmix", "cutmix = nan"), ("mix.probability", "probability = 2")]
        {
            assert_eq!(toml::from_str::<Mix>(text).unwrap().validate().unwrap_err().key, key);
        }
        assert!(toml::from_str::<Mix>("mixer = 1").is_err());
    }
}
