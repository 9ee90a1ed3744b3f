use super::Augmentation;
use rand::{Rng, RngExt};

/// Appends a copy of a square image of `side` columns to `out`, mirrored and moved as drawn.
///
/// It uses `flip` and `shift` of the options only.
pub fn flip_and_shift(pixels: &[u8], side: usize, options: &Augmentation, random: &mut impl Rng, out: &mut Vec<u8>) {
    let channels = pixels.len() / (side * side);
    let flip = options.flip && random.random_bool(0.5);
    let shift = i32::from(options.shift);
    let mut draw = || random.random_range(-shift..=shift);
    let (down, right) = (draw(), draw());
    let black = side.min(right.unsigned_abs() as usize);
    for row in 0..side as i64 {
        let row = row - i64::from(down);
        let start = out.len();
        if !(0..side as i64).contains(&row) {
            out.resize(start + side * channels, 0);
            continue;
        }
        let row = &pixels[row as usize * side * channels..][..side * channels];
        if right > 0 {
            out.resize(start + black * channels, 0);
            out.extend_from_slice(&row[..(side - black) * channels]);
        } else {
            out.extend_from_slice(&row[black * channels..]);
            out.resize(start + side * channels, 0);
        }
        if flip {
            mirror(&mut out[start..], channels);
        }
    }
}

fn mirror(row: &mut [u8], channels: usize) {
    row.reverse();
    if channels > 1 {
        row.chunks_exact_mut(channels).for_each(<[u8]>::reverse);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    /// Pixel by pixel.
    fn definition(pixels: &[u8], side: usize, options: &Augmentation, random: &mut impl Rng) -> Vec<u8> {
        let (channels, mut out) = (pixels.len() / (side * side), Vec::new());
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
        out
    }

    proptest! {
        #[test]
        fn rows_are_copied_as_the_definition_copies_pixels(
            seed: u64, side in 1usize..9, colour: bool, flip: bool, shift in 0u8..12,
        ) {
            let channels = if colour { 3 } else { 1 };
            let pixels: Vec<u8> = (0..side * side * channels).map(|at| at as u8 + 1).collect();
            let options = Augmentation { flip, shift, ..Augmentation::default() };
            let (mut random, mut again) = (ChaCha8Rng::seed_from_u64(seed), ChaCha8Rng::seed_from_u64(seed));
            let mut out = vec![7];
            flip_and_shift(&pixels, side, &options, &mut random, &mut out);
            prop_assert_eq!(&out[1..], definition(&pixels, side, &options, &mut again));
            prop_assert_eq!(random.random::<u64>(), again.random::<u64>());
        }
    }

    #[test]
    fn nothing_asked_nothing_changed_and_a_shift_moves_by_whole_pixels() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let pixels: Vec<u8> = (1..=16).collect();
        let options = |shift| Augmentation { flip: false, shift, ..Augmentation::default() };
        let mut out = Vec::new();
        flip_and_shift(&pixels, 4, &options(0), &mut random, &mut out);
        assert_eq!(out, pixels);
        for _ in 0..50 {
            out.clear();
            flip_and_shift(&pixels, 4, &options(1), &mut random, &mut out);
            let at = out.iter().position(|&pixel| pixel == 6).unwrap() as isize - 5;
            for (index, &pixel) in out.iter().enumerate().filter(|(_, pixel)| **pixel > 0) {
                assert_eq!(isize::from(i16::from(pixel)) - 1, index as isize - at);
            }
        }
    }
}
