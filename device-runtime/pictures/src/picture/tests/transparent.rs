//! Invisible pixels: the colour that a file hides there has no influence.

use super::*;
use ::png::{BitDepth, ColorType};

/// A PNG of 2x2 pixels.
struct File<'a> {
    color: ColorType,
    depth: BitDepth,
    palette: &'a [u8],
    /// The transparent value of grey and colour, or the alpha of a palette's colours.
    key: &'a [u8],
}

impl File<'_> {
    fn encode(&self, rows: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = ::png::Encoder::new(&mut bytes, 2, 2);
        encoder.set_color(self.color);
        encoder.set_depth(self.depth);
        if !self.palette.is_empty() {
            encoder.set_palette(self.palette);
        }
        if !self.key.is_empty() {
            encoder.set_trns(self.key);
        }
        encoder.write_header().unwrap().write_image_data(rows).unwrap();
        bytes
    }
}

fn on(file: &[u8], background: [u8; 3]) -> (PixelFormat, Vec<u8>) {
    let picture = Picture::decode_with(file, &PictureOptions::default().background(background)).unwrap();
    (picture.format, picture.bytes)
}

const WHITE: [u8; 3] = [255; 3];
const BLUE: [u8; 3] = [0, 0, 200];
const PLAIN: File<'_> = File { color: ColorType::Rgba, depth: BitDepth::Eight, palette: &[], key: &[] };

#[test]
fn alpha_of_8_and_16_bits_is_blended_on_the_background() {
    let pixels = [10, 20, 30, 0, 10, 20, 30, 255, 100, 0, 255, 51, 0, 0, 0, 128];
    let (white, blue) = (
        [255, 255, 255, 255, 10, 20, 30, 255, 224, 204, 255, 255, 127, 127, 127, 255],
        [0, 0, 200, 255, 10, 20, 30, 255, 20, 0, 211, 255, 0, 0, 100, 255],
    );
    let file = PLAIN.encode(&pixels);
    assert_eq!(on(&file, WHITE), (PixelFormat::Rgba8, white.to_vec()));
    assert_eq!(on(&file, BLUE), (PixelFormat::Rgba8, blue.to_vec()));
    assert_eq!(Picture::decode(&file).unwrap().bytes, white, "white unless told otherwise");
    let wide: Vec<u8> = pixels.iter().flat_map(|&value| [value, value]).collect();
    let wide = File { depth: BitDepth::Sixteen, ..PLAIN }.encode(&wide);
    assert_eq!(on(&wide, WHITE), (PixelFormat::Rgba8, white.to_vec()));
    assert_eq!(on(&wide, BLUE), (PixelFormat::Rgba8, blue.to_vec()));
}

#[test]
fn grey_with_alpha_stays_grey_on_a_grey_background() {
    for depth in [BitDepth::Eight, BitDepth::Sixteen] {
        let pixels = [10, 0, 20, 255, 100, 51, 0, 128];
        let pixels = if depth == BitDepth::Eight { pixels.to_vec() } else { pixels.map(|v| [v, v]).concat() };
        let file = File { color: ColorType::GrayscaleAlpha, depth, ..PLAIN }.encode(&pixels);
        assert_eq!(on(&file, WHITE), (PixelFormat::Grey8, vec![255, 20, 224, 127]));
        assert_eq!(on(&file, [7; 3]), (PixelFormat::Grey8, vec![7, 20, 26, 3]));
        let colour = [0, 0, 200, 255, 20, 20, 20, 255, 20, 20, 180, 255, 0, 0, 100, 255];
        assert_eq!(on(&file, BLUE), (PixelFormat::Rgba8, colour.to_vec()));
    }
}

#[test]
fn palettes_and_keyed_colours_are_transparent_too() {
    let palette = [10, 20, 30, 40, 50, 60, 70, 80, 90];
    let colours = |pixels: [[u8; 3]; 4]| pixels.map(|[r, g, b]| [r, g, b, 255]).concat();
    for (depth, rows) in
        [(BitDepth::Eight, vec![0, 1, 2, 0]), (BitDepth::Four, vec![0x01, 0x20]), (BitDepth::Two, vec![0x10, 0x80])]
    {
        // The last colour has no alpha in the file: it is opaque.
        let indexed = File { color: ColorType::Indexed, depth, palette: &palette, key: &[0, 51] }.encode(&rows);
        let shown = [BLUE, [8, 10, 172], [70, 80, 90], BLUE];
        assert_eq!(on(&indexed, BLUE), (PixelFormat::Rgba8, colours(shown)), "{depth:?}");
    }
    let keyed = File { color: ColorType::Rgb, key: &[0, 9, 0, 8, 0, 7], ..PLAIN }.encode(&[9, 8, 7].repeat(4));
    assert_eq!(on(&keyed, BLUE), (PixelFormat::Rgba8, colours([BLUE; 4])));
    let grey = File { color: ColorType::Grayscale, key: &[0, 9], ..PLAIN };
    assert_eq!(on(&grey.encode(&[9, 8, 9, 7]), WHITE), (PixelFormat::Grey8, vec![255, 8, 255, 7]));
    let few = File { depth: BitDepth::Two, key: &[0, 1], ..grey };
    assert_eq!(on(&few.encode(&[0b0001_0000, 0b1011_0000]), WHITE), (PixelFormat::Grey8, vec![0, 255, 170, 255]));
}

#[test]
fn webp_is_blended_on_the_background() {
    let hidden = |colour: [u8; 3]| {
        let [red, green, blue] = colour;
        let pixel = |x, _| image::Rgba([red, green, blue, if x < 3 { 0 } else { 255 }]);
        encode(image::RgbaImage::from_fn(6, 4, pixel), ImageFormat::WebP)
    };
    let expected = |background: [u8; 3], colour: [u8; 3]| {
        let [left, right] = [background, colour].map(|[r, g, b]| [r, g, b, 255].repeat(3));
        [left, right].concat().repeat(4)
    };
    for background in [WHITE, BLUE] {
        assert_eq!(on(&hidden([10, 20, 30]), background).1, expected(background, [10, 20, 30]));
        let (_, lossy) = on(LOSSY_ALPHA, background);
        let rows = lossy.chunks(40 * 4);
        let left = rows.flat_map(|row| row[..20 * 4].chunks(4));
        assert!(left.into_iter().all(|pixel| pixel[..3] == background), "{background:?}");
    }
}

#[test]
fn pictures_that_show_the_same_are_the_same() {
    let cut_out = |hidden: u8| {
        let pixel = |x: u32, y: u32| {
            let alpha = if (x / 5 + y / 5).is_multiple_of(2) { 0 } else { 255 };
            image::Rgba(if alpha == 0 { [hidden, 255 - hidden, hidden, 0] } else { [90, 120, 30, alpha] })
        };
        encode(image::RgbaImage::from_fn(40, 30, pixel), ImageFormat::Png)
    };
    assert_eq!(Picture::decode(&cut_out(0)).unwrap(), Picture::decode(&cut_out(255)).unwrap());
}
