//! Made-up photographs of twelve megapixels: their files have the size and detail of a phone's.

use crate::data::DataError;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use nestling_bundle::atomic_file::write_atomically;
use std::io;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Columns.
pub const WIDTH: u32 = 4000;
/// Rows.
pub const HEIGHT: u32 = 3000;
/// Quality of the JPEG files, from 1 to 100.
const QUALITY: u8 = 90;
/// Pixels between the points of a lattice of brightness, and by how much these differ: the finer, the less, as in
/// nature.
const OCTAVES: [(usize, f32); 7] = [(800, 60.0), (200, 35.0), (50, 20.0), (13, 11.0), (4, 9.0), (2, 7.0), (1, 5.0)];
/// The same of colour, which is smooth.
const COLOUR: [(usize, f32); 2] = [(600, 30.0), (90, 10.0)];

/// Writes so many photographs for each of the classes `a` and `b` below a folder, unless they are there.
///
/// # Errors
/// [`DataError::Write`] if the disk does not take them.
pub fn write_photographs(folder: &Path, each: u32) -> Result<(), DataError> {
    for class in ["a", "b"] {
        let class_folder = folder.join(class);
        let made = std::fs::create_dir_all(&class_folder);
        made.map_err(|source| DataError::Listing { path: class_folder.clone(), source })?;
        for number in 0..each {
            let path = path_of(&class_folder, number);
            if !path.exists() {
                let seed = u64::from(number) * 2 + u64::from(class == "b");
                let file = encoded(&pixels(WIDTH as usize, HEIGHT as usize, seed), WIDTH, HEIGHT);
                write_atomically(&path, |to| to.write_all(&file.map_err(io::Error::other)?))?;
            }
        }
    }
    Ok(())
}

fn path_of(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number}.jpg"))
}

fn encoded(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, image::ImageError> {
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, QUALITY).write_image(pixels, width, height, ExtendedColorType::Rgb8)?;
    Ok(file)
}

/// Rows of red, green and blue: brightness with detail of every size, colour without.
fn pixels(width: usize, height: usize, seed: u64) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(width * height * 3);
    let mut planes: [Vec<f32>; 3] = std::array::from_fn(|_| vec![0.0; width]);
    for row in 0..height {
        let [brightness, red, blue] = &mut planes;
        brightness.fill(128.0);
        red.fill(0.0);
        blue.fill(0.0);
        OCTAVES.iter().zip(0..).for_each(|(&octave, number)| add_row(brightness, row, octave, seed * 64 + number));
        COLOUR.iter().zip(20..).for_each(|(&octave, number)| add_row(red, row, octave, seed * 64 + number));
        COLOUR.iter().zip(40..).for_each(|(&octave, number)| add_row(blue, row, octave, seed * 64 + number));
        for ((brightness, red), blue) in brightness.iter().zip(red).zip(blue) {
            pixels.extend([*brightness + *red, *brightness, *brightness + *blue].map(|value| value as u8));
        }
    }
    pixels
}

/// Adds a row of noise: random values on a lattice, and lines between them.
fn add_row(values: &mut [f32], row: usize, (cell, amplitude): (usize, f32), seed: u64) {
    let (above, within) = (row / cell, (row % cell) as f32 / cell as f32);
    let at = |column: usize, row: usize| {
        let hash = xxh3_64_with_seed(bytemuck::cast_slice(&[column as u64, row as u64]), seed);
        (hash >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    let point = |column: usize| amplitude * (at(column, above) * (1.0 - within) + at(column, above + 1) * within);
    let mut next = point(0);
    for (column, part) in values.chunks_mut(cell).enumerate() {
        let left = next;
        next = point(column + 1);
        let step = (next - left) / cell as f32;
        part.iter_mut().zip(0..).for_each(|(value, along)| *value += left + step * along as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photograph_has_the_bytes_of_a_phones_and_each_is_another() {
        let (width, height) = (800, 600);
        let file = encoded(&pixels(width, height, 1), width as u32, height as u32).unwrap();
        let bytes_per_pixel = file.len() as f64 / (width * height) as f64;
        // Phones write 12 megapixels into 2.5 to 6 MB.
        assert!((0.2..0.5).contains(&bytes_per_pixel), "{bytes_per_pixel} bytes a pixel");
        assert_ne!(pixels(40, 30, 1), pixels(40, 30, 2));
        assert_eq!(pixels(40, 30, 1), pixels(40, 30, 1));
    }
}
