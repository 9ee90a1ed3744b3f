//! Changes of single values: a table of 256 results, the same arithmetic as Pillow's.

type Table = [u8; 256];

fn table(result: impl Fn(usize) -> u8) -> Table {
    std::array::from_fn(result)
}

fn look_up(image: &mut [u8], table: &Table) {
    for value in image {
        *value = table[usize::from(*value)];
    }
}

/// `from` where `factor` is 0, `to` where it is 1, between or beyond them elsewhere; cut off, not rounded.
pub(super) fn blend(from: u8, to: u8, factor: f32) -> u8 {
    let (from, to) = (f32::from(from), f32::from(to));
    (from + factor * (to - from)) as u8
}

/// Blends with black.
pub(super) fn brightness(image: &mut [u8], factor: f32) {
    look_up(image, &table(|value| blend(0, value as u8, factor)));
}

/// Blends with one grey.
pub(super) fn contrast(image: &mut [u8], grey: u8, factor: f32) {
    look_up(image, &table(|value| blend(grey, value as u8, factor)));
}

pub(super) fn invert(image: &mut [u8]) {
    look_up(image, &table(|value| 255 - value as u8));
}

/// Keeps the highest bits of each value, 1 to 8.
pub(super) fn posterise(image: &mut [u8], bits: u32) {
    let mask = 0xff << (8 - bits.clamp(1, 8));
    look_up(image, &table(|value| (value & mask) as u8));
}

/// Inverts the values from `threshold` on.
pub(super) fn solarise(image: &mut [u8], threshold: u32) {
    look_up(image, &table(|value| if value < threshold as usize { value } else { 255 - value } as u8));
}

/// Adds to the values below 128.
pub(super) fn solarise_add(image: &mut [u8], amount: u8) {
    look_up(image, &table(|value| if value < 128 { (value as u8).saturating_add(amount) } else { value as u8 }));
}

/// Stretches each channel to the whole range.
pub(super) fn auto_contrast(image: &mut [u8], channels: usize) {
    by_histogram(image, channels, |counts| {
        let lowest = counts.iter().position(|&count| count > 0)?;
        let highest = counts.iter().rposition(|&count| count > 0)?;
        let scale = 255.0 / (highest as f64 - lowest as f64);
        (highest > lowest).then(|| table(|value| (value as f64 * scale - lowest as f64 * scale) as u8))
    });
}

/// Spreads the values of each channel, so that they become equally frequent.
pub(super) fn equalise(image: &mut [u8], channels: usize) {
    by_histogram(image, channels, |counts| {
        let highest = counts.iter().rposition(|&count| count > 0)?;
        let step = (counts.iter().sum::<u32>() - counts[highest]) / 255;
        let mut below = step / 2;
        (step > 0).then(|| {
            counts.map(|count| {
                let result = (below / step).min(255) as u8;
                below += count;
                result
            })
        })
    });
}

/// Changes each channel by the table that its histogram gives.
fn by_histogram(image: &mut [u8], channels: usize, make: impl Fn([u32; 256]) -> Option<Table>) {
    for channel in 0..channels {
        let mut counts = [0u32; 256];
        for value in image[channel..].iter().step_by(channels) {
            counts[usize::from(*value)] += 1;
        }
        if let Some(table) = make(counts) {
            for value in image[channel..].iter_mut().step_by(channels) {
                *value = table[usize::from(*value)];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(image: &[u8], change: impl Fn(&mut [u8])) -> Vec<u8> {
        let mut image = image.to_vec();
        change(&mut image);
        image
    }

    #[test]
    fn values_computed_by_hand() {
        assert_eq!(changed(&[0, 10, 101, 255], |image| brightness(image, 1.5)), [0, 15, 151, 255]);
        assert_eq!(changed(&[0, 10, 101, 255], |image| brightness(image, 0.5)), [0, 5, 50, 127]);
        assert_eq!(changed(&[0, 100, 200], |image| contrast(image, 100, 1.5)), [0, 100, 250]);
        assert_eq!(changed(&[0, 100, 200], |image| contrast(image, 100, 0.25)), [75, 100, 125]);
        assert_eq!(changed(&[0, 1, 255], invert), [255, 254, 0]);
        assert_eq!(changed(&[0, 31, 32, 255], |image| posterise(image, 3)), [0, 0, 32, 224]);
        assert_eq!(changed(&[99, 100, 255], |image| solarise(image, 100)), [99, 155, 0]);
        assert_eq!(changed(&[0, 127, 128], |image| solarise_add(image, 110)), [110, 237, 128]);
        assert_eq!(changed(&[50, 100, 150], |image| auto_contrast(image, 1)), [0, 127, 255]);
        assert_eq!(changed(&[7, 0, 7, 51], |image| auto_contrast(image, 2)), [7, 0, 7, 255]);
        assert_eq!(changed(&[9; 600], |image| equalise(image, 1)), [9; 600]);
        // 510 values below the highest: a step of 2. 255 of them are 3, so 4 becomes (1 + 255) / 2.
        let counts = [(3, 255), (4, 255), (9, 90)].map(|(value, count)| vec![value; count]).concat();
        let expected = [(0, 255), (128, 255), (255, 90)].map(|(value, count)| vec![value; count]).concat();
        assert_eq!(changed(&counts, |image| equalise(image, 1)), expected);
    }
}
