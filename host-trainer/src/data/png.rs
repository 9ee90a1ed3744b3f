use std::io;

/// A PNG file of 8-bit grey `pixels`.
///
/// # Errors
/// An error if there are not `width * height` pixels.
pub fn grey_png(pixels: &[u8], width: u32, height: u32) -> io::Result<Vec<u8>> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Grayscale);
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
        let pixels = [0, 128, 255, 7, 8, 9];
        let file = grey_png(&pixels, 3, 2).unwrap();
        let mut reader = png::Decoder::new(io::Cursor::new(file)).read_info().unwrap();
        let mut decoded = vec![0; 6];
        let frame = reader.next_frame(&mut decoded).unwrap();
        assert_eq!((frame.width, frame.height, frame.color_type), (3, 2, png::ColorType::Grayscale));
        assert_eq!(decoded, pixels);
        assert!(grey_png(&pixels, 3, 3).is_err());
    }
}
