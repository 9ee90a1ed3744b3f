//! Made-up pictures in class folders.

use image::{Rgb, RgbImage};
use rand::{RngExt, SeedableRng};
use std::path::Path;

/// Classes, in their natural order, and the colour of their disc.
pub const CLASSES: [(&str, [u8; 3]); 3] =
    [("2 leaves", [40, 160, 60]), ("10 bricks", [190, 60, 40]), ("sky", [60, 90, 200])];

/// Writes pictures of a coloured disc in noise, of many sizes: `each` for every class.
///
/// # Panics
/// If they cannot be written.
pub fn write_pictures(folder: &Path, each: usize) {
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(5);
    for (class, colour) in CLASSES {
        std::fs::create_dir_all(folder.join(class)).expect("a folder for each class");
        for index in 0..each {
            let (width, height) = (random.random_range(30..70u32), random.random_range(30..70u32));
            let (x, y) =
                (random.random_range(0.4..0.6) * f64::from(width), random.random_range(0.4..0.6) * f64::from(height));
            let radius = 0.3 * f64::from(width.min(height));
            let picture = RgbImage::from_fn(width, height, |column, row| {
                let is_inside = (f64::from(column) - x).hypot(f64::from(row) - y) < radius;
                let noise = random.random_range(0..60u8);
                Rgb(colour.map(|value| if is_inside { value.saturating_add(noise / 2) } else { 100 + noise }))
            });
            picture.save(folder.join(class).join(format!("{index}.png"))).expect("a picture");
        }
    }
}
