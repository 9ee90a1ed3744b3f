use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// Random changes of a training image that keep its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augmentation {
    /// Mirror half of the images left to right.
    pub flip: bool,
    /// Move by up to this many pixels in each direction; the new edge is black.
    pub shift: u8,
}

impl Default for Augmentation {
    fn default() -> Self {
        Self { flip: true, shift: 1 }
    }
}

/// Appends a randomly changed copy of a square image of `side` columns to `out`.
pub fn augment(pixels: &[u8], side: usize, options: Augmentation, random: &mut impl Rng, out: &mut Vec<u8>) {
    let channels = pixels.len() / (side * side);
    let flip = options.flip && random.random_bool(0.5);
    let shift = i32::from(options.shift);
    let mut draw = || random.random_range(-shift..=shift) as isize;
    let (down, right) = (draw(), draw());
    let sides = 0..side as isize;
    for row in sides.clone() {
        for column in sides.clone() {
            let column = if flip { side as isize - 1 - column } else { column };
            let (row, column) = (row - down, column - right);
            if sides.contains(&row) && sides.contains(&column) {
                let first = (row as usize * side + column as usize) * channels;
                out.extend_from_slice(&pixels[first..first + channels]);
            } else {
                out.resize(out.len() + channels, 0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn nothing_asked_nothing_changed_and_a_shift_moves_by_whole_pixels() {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let pixels: Vec<u8> = (1..=16).collect();
        let mut out = Vec::new();
        augment(&pixels, 4, Augmentation { flip: false, shift: 0 }, &mut random, &mut out);
        assert_eq!(out, pixels);
        for _ in 0..50 {
            out.clear();
            augment(&pixels, 4, Augmentation { flip: false, shift: 1 }, &mut random, &mut out);
            let at = out.iter().position(|&pixel| pixel == 6).unwrap() as isize - 5;
            for (index, &pixel) in out.iter().enumerate().filter(|(_, pixel)| **pixel > 0) {
                assert_eq!(isize::from(i16::from(pixel)) - 1, index as isize - at);
            }
        }
    }
}
