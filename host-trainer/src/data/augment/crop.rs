use super::RandomCrop;
use super::resize::Region;
use rand::{Rng, RngExt};

/// Tries that torchvision makes before it takes the centre.
const TRIES: u32 = 10;

impl RandomCrop {
    /// A part of a square image; the largest possible one at the centre if ten draws do not fit.
    pub(super) fn draw(&self, side: usize, random: &mut impl Rng) -> Region {
        for _ in 0..TRIES {
            let scales = self.min_scale..=self.max_scale;
            if let Some((width, height)) = draw_size(side, scales, self.min_ratio..=self.max_ratio, random)
                && width <= side
                && height <= side
            {
                let top = random.random_range(0..=side - height);
                let left = random.random_range(0..=side - width);
                return Region { left, top, width, height };
            }
        }
        self.centre(side)
    }

    fn centre(&self, side: usize) -> Region {
        let scaled = |share: f64| ((side as f64 * share).round() as usize).clamp(1, side);
        let (width, height) = if self.min_ratio > 1.0 {
            (side, scaled(1.0 / self.min_ratio))
        } else if self.max_ratio < 1.0 {
            (scaled(self.max_ratio), side)
        } else {
            (side, side)
        };
        Region { left: (side - width) / 2, top: (side - height) / 2, width, height }
    }
}

/// Width and height of a random rectangle: areas evenly, ratios evenly on a logarithmic scale. None if one is 0.
pub(super) fn draw_size(
    side: usize,
    scales: std::ops::RangeInclusive<f64>,
    ratios: std::ops::RangeInclusive<f64>,
    random: &mut impl Rng,
) -> Option<(usize, usize)> {
    let area = (side * side) as f64 * random.random_range(scales);
    let ratio = random.random_range(ratios.start().ln()..=ratios.end().ln()).exp();
    let (width, height) = ((area * ratio).sqrt().round() as usize, (area / ratio).sqrt().round() as usize);
    (width > 0 && height > 0).then_some((width, height))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn crops_cover_the_range_of_areas_and_ratios_evenly() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let crop = RandomCrop { min_scale: 0.2, max_scale: 0.6, ..RandomCrop::default() };
        let (mut areas, mut wide) = (Vec::new(), 0);
        for _ in 0..2000 {
            let Region { left, top, width, height } = crop.draw(200, &mut random);
            assert!(left + width <= 200 && top + height <= 200);
            let (area, ratio) = ((width * height) as f64 / 40_000.0, width as f64 / height as f64);
            assert!((0.195..=0.605).contains(&area), "{area}");
            assert!((0.73..=1.37).contains(&ratio), "{ratio}");
            areas.push(area);
            wide += u32::from(width > height);
        }
        areas.sort_by(f64::total_cmp);
        assert!(areas[0] < 0.21 && areas[1999] > 0.59);
        assert!((areas[1000] - 0.4).abs() < 0.02, "median {}", areas[1000]);
        assert!((900..1100).contains(&wide), "{wide} wider than high");
    }

    #[test]
    fn positions_are_even_and_the_whole_is_the_whole() {
        let mut random = ChaCha8Rng::seed_from_u64(2);
        let quarter = RandomCrop { min_scale: 0.25, max_scale: 0.25, min_ratio: 1.0, max_ratio: 1.0 };
        let mut lefts = [0; 11];
        for _ in 0..2200 {
            let part = quarter.draw(20, &mut random);
            assert_eq!((part.width, part.height), (10, 10));
            lefts[part.left] += 1;
        }
        assert!(lefts.iter().all(|&count| (150..250).contains(&count)), "{lefts:?}");
        let whole = RandomCrop { min_scale: 1.0, max_scale: 1.0, min_ratio: 1.0, max_ratio: 1.0 };
        assert_eq!(whole.draw(20, &mut random), Region { left: 0, top: 0, width: 20, height: 20 });
    }

    #[test]
    fn the_centre_replaces_parts_that_never_fit() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let flat = RandomCrop { min_scale: 1.0, max_scale: 1.0, min_ratio: 2.0, max_ratio: 3.0 };
        assert_eq!(flat.draw(20, &mut random), Region { left: 0, top: 5, width: 20, height: 10 });
        let high = RandomCrop { min_ratio: 0.25, max_ratio: 0.5, ..flat };
        assert_eq!(high.draw(20, &mut random), Region { left: 5, top: 0, width: 10, height: 20 });
    }
}
