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

/// Appends a randomly changed copy of a grey image of `width` columns to `out`.
pub fn augment(pixels: &[u8], width: usize, options: Augmentation, random: &mut impl Rng, out: &mut Vec<u8>) {
    let height = pixels.len() / width;
    let flip = options.flip && random.random_bool(0.5);
    let shift = i32::from(options.shift);
    let mut draw = || random.random_range(-shift..=shift) as isize;
    let (down, right) = (draw(), draw());
    for row in 0..height as isize {
        for column in 0..width as isize {
            let column = if flip { width as isize - 1 - column } else { column };
            let (row, column) = (row - down, column - right);
            let inside = (0..height as isize).contains(&row) && (0..width as isize).contains(&column);
            out.push(if inside { pixels[row as usize * width + column as usize] } else { 0 });
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
        let pixels: Vec<u8> = (1..=12).collect();
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
