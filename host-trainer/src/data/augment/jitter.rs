use super::operation::{Operation, Picture};
use super::{Jitter, colour};
use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

impl Jitter {
    /// Changes an image by random factors, in random order.
    pub(super) fn apply(&self, picture: &mut Picture<'_>, random: &mut impl Rng) {
        if *self == Self::default() {
            return;
        }
        let mut order = [0, 1, 2, 3];
        order.shuffle(random);
        for quality in order {
            match quality {
                0 => apply_factor(Operation::Brightness, self.brightness, picture, random),
                1 => apply_factor(Operation::Contrast, self.contrast, picture, random),
                2 => apply_factor(Operation::Saturation, self.saturation, picture, random),
                _ => self.turn_hue(picture, random),
            }
        }
    }

    fn turn_hue(&self, picture: &mut Picture<'_>, random: &mut impl Rng) {
        if self.hue == 0.0 {
            return;
        }
        // In 255ths of the colour circle: hue has eight bits in Pillow. A negative turn wraps around.
        let turn = (random.random_range(-self.hue..=self.hue) * 255.0) as i32 as u8;
        if picture.channels == 3 && turn != 0 {
            colour::turn_hue(picture.pixels, turn);
        }
    }
}

fn apply_factor(operation: impl Fn(f32) -> Operation, strength: f64, picture: &mut Picture<'_>, random: &mut impl Rng) {
    if strength > 0.0 {
        let factor = random.random_range((1.0 - strength).max(0.0)..=1.0 + strength);
        operation(factor as f32).apply(picture);
    }
}
