//! Draws a bundle's check images as RGBA frames of a camera, which `cargo xtask bindings` gives to every language.
//!
//! ```text
//! parity_frames BUNDLE FOLDER COUNT
//! ```
//!
//! Writes `frames.rgba`, the frames without gaps, and `images.idx3`, the same images as they are. Each pixel of an image
//! is a square of ten, tinted, on a frame that is wider by a grey ramp on both sides. Prints the frames' size, and the
//! share of the bundle in format 8 that must arrive before its first child can answer.

use anyhow::{Context, Result, bail, ensure};
use nestling::{Bundle, BundleStream, Image};
use std::path::Path;

/// Rows and columns of a frame for each pixel of an image.
const SCALE: u32 = 10;

/// Columns of a ramp.
const RAMP: u32 = 40;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, folder, count] = &arguments[..] else { bail!("usage: parity_frames BUNDLE FOLDER COUNT") };
    let (folder, count): (&Path, usize) = (folder.as_ref(), count.parse()?);
    let bundle = Bundle::open(path)?;
    let side = bundle.images().with_context(|| format!("{path} has no images"))?.side;
    let images: Vec<Image<'_>> = bundle.check_images().map(|(image, _)| image).take(count).collect();
    ensure!(images.len() == count, "{path} has {} check images", images.len());
    let (width, height) = (side * SCALE + 2 * RAMP, side * SCALE);
    let frames: Vec<u8> = images.iter().flat_map(|image| frame(image, width, height)).collect();
    std::fs::write(folder.join("frames.rgba"), frames)?;
    std::fs::write(folder.join("images.idx3"), idx(&images, side))?;
    let share = share_until_first_answer(&bundle)?;
    println!("{{\"width\": {width}, \"height\": {height}, \"share_until_first_answer\": {share}}}");
    Ok(())
}

/// An image as a frame.
fn frame(image: &Image<'_>, width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(width as usize * height as usize * 4);
    for row in 0..height {
        for column in 0..width {
            let inside = column.checked_sub(RAMP).filter(|column| *column < image.width() * SCALE);
            let value = match inside {
                Some(column) => image.value(row / SCALE, column / SCALE, 0, 1) as u32,
                None => column * 255 / width,
            };
            // Three channels that differ, so that a wrong order shows.
            bytes.extend([value, value * 15 / 16, value * 14 / 16, 255].map(|byte| byte as u8));
        }
    }
    bytes
}

/// The images as a file in IDX format.
fn idx(images: &[Image<'_>], side: u32) -> Vec<u8> {
    let mut file = vec![0, 0, 8, 3];
    for number in [images.len() as u32, side, side] {
        file.extend(number.to_be_bytes());
    }
    for image in images {
        let pixels = (0..side * side).map(|at| image.value(at / side, at % side, 0, 1) as u8);
        file.extend(pixels);
    }
    file
}

/// Bytes of the bundle in format 8 until its first child has arrived, over all bytes.
fn share_until_first_answer(bundle: &Bundle) -> Result<f64> {
    let bytes = bundle.with_shells()?;
    let mut stream = BundleStream::default();
    for piece in bytes.chunks(1 << 10) {
        stream.push(piece)?;
        if stream.arrived_children() >= 1 {
            return Ok(stream.arrived_bytes() as f64 / bytes.len() as f64);
        }
    }
    bail!("no child ever arrived")
}
