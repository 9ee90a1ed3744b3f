use std::io;

/// A PNG file of a square image of 8-bit grey, or of red, green and blue.
///
/// # Errors
/// An error if there are neither `side * side` bytes nor three times as many.
pub fn to_png(pixels: &[u8], side: u32) -> io::Result<Vec<u8>> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, side, side);
    let is_grey = pixels.len() == (side * side) as usize;
    encoder.set_color(if is_grey { png::ColorType::Grayscale } else { png::ColorType::Rgb });
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    encoder.write_header()?.write_image_data(pixels)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_png_holds_the_pixels_that_were_given() {
        let pixels = [0, 128, 255, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        for (bytes, colours) in [(4, png::ColorType::Grayscale), (12, png::ColorType::Rgb)] {
            let file = to_png(&pixels[..bytes], 2).unwrap();
            let mut reader = png::Decoder::new(io::Cursor::new(file)).read_info().unwrap();
            let mut decoded = vec![0; bytes];
            let frame = reader.next_frame(&mut decoded).unwrap();
            assert_eq!((frame.width, frame.height, frame.color_type), (2, 2, colours));
            assert_eq!(decoded, pixels[..bytes]);
        }
        assert!(to_png(&pixels[..6], 2).is_err());
    }
}
