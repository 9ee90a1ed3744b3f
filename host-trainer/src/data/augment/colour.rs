//! Changes of a colour pixel as a whole: saturation and hue, the same arithmetic as Pillow's.

use super::tables::blend;

/// The grey of a colour pixel (ITU-R 601, 16 bits behind the point).
fn grey(pixel: &[u8]) -> u8 {
    let weighted = [19_595u32, 38_470, 7_471].iter().zip(pixel).map(|(weight, &value)| weight * u32::from(value));
    ((weighted.sum::<u32>() + 0x8000) >> 16) as u8
}

/// The mean grey of an image, rounded.
pub(super) fn mean_grey(image: &[u8], channels: usize) -> u8 {
    let sum: u64 = match channels {
        3 => image.chunks_exact(3).map(|pixel| u64::from(grey(pixel))).sum(),
        _ => image.iter().map(|&value| u64::from(value)).sum(),
    };
    let pixels = (image.len() / channels).max(1);
    (sum as f64 / pixels as f64 + 0.5) as u8
}

/// Blends each pixel with its own grey.
pub(super) fn saturation(image: &mut [u8], factor: f32) {
    for pixel in image.chunks_exact_mut(3) {
        let grey = grey(pixel);
        for value in pixel {
            *value = blend(grey, *value, factor);
        }
    }
}

/// Turns the hue by `turn` 255ths of the colour circle.
pub(super) fn turn_hue(image: &mut [u8], turn: u8) {
    let sectors: [Sector; 256] = std::array::from_fn(|hue| Sector::of((hue as u8).wrapping_add(turn)));
    for pixel in image.chunks_exact_mut(3) {
        let [hue, saturation, value] = to_hsv([pixel[0], pixel[1], pixel[2]]);
        pixel.copy_from_slice(&sectors[usize::from(hue)].colour(saturation, value));
    }
}

/// Hue, saturation, value. Without branches, and rounded to f32 in the same places as Pillow's.
fn to_hsv([red, green, blue]: [u8; 3]) -> [u8; 3] {
    let (highest, lowest) = (red.max(green).max(blue), red.min(green).min(blue));
    let range = f32::from(highest - lowest);
    let (start, ahead, behind) = if red == highest {
        (0.0, blue, green)
    } else if green == highest {
        (2.0, red, blue)
    } else {
        (4.0, green, red)
    };
    let distance = |value: u8| f64::from(f32::from(highest - value) / range.max(1.0));
    let turns = f64::from((start + distance(ahead) - distance(behind)) as f32) / 6.0 + 1.0;
    let hue = (if turns >= 1.0 { turns - 1.0 } else { turns }) as f32;
    let saturation = range / f32::from(highest.max(1));
    [(f64::from(hue) * 255.0) as u8, (f64::from(saturation) * 255.0) as u8, highest]
}

/// A sixth of the colour circle, and a place in it.
#[derive(Clone, Copy)]
struct Sector {
    place: f32,
    /// For red, green and blue: 0 for the value, 1 for the lowest, 2 for the falling and 3 for the rising channel.
    order: [u8; 3],
}

impl Sector {
    fn of(hue: u8) -> Self {
        let sixths = f32::from(hue) * 6.0 / 255.0;
        let number = sixths as u8;
        let orders = [[0, 3, 1], [2, 0, 1], [1, 0, 3], [1, 2, 0], [3, 1, 0], [0, 1, 2]];
        Self { place: sixths - f32::from(number), order: orders[usize::from(number % 6)] }
    }

    fn colour(&self, saturation: u8, value: u8) -> [u8; 3] {
        let strength = f32::from(saturation) / 255.0;
        let rounded = |share: f32| (f32::from(value) * (1.0 - share) + 0.5) as u8;
        let falling = rounded(strength * self.place);
        let channels = [value, rounded(strength), falling, rounded(strength * (1.0 - self.place))];
        self.order.map(|channel| channels[usize::from(channel & 3)])
    }
}
