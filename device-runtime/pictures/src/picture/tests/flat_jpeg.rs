//! Also a part of the trainer's tests.

use image::{DynamicImage, GrayImage, ImageFormat, Luma};
use std::io::Cursor;

/// A grey JPEG of any size, all 128, in six bits a block: an encoder would take seconds.
pub(crate) fn flat_jpeg(width: u16, height: u16) -> Vec<u8> {
    let mut small = Vec::new();
    let image = DynamicImage::from(GrayImage::from_pixel(8, 8, Luma([128])));
    image.write_to(&mut Cursor::new(&mut small), ImageFormat::Jpeg).unwrap();
    let at = |marker: u8| small.windows(2).position(|pair| pair == [0xff, marker]).unwrap();
    let (frame, scan) = (at(0xc0), at(0xda));
    let [length_1, length_2] = [small[scan + 2], small[scan + 3]];
    let data = scan + 2 + usize::from(u16::from_be_bytes([length_1, length_2]));
    // Two bits for "the same mean" and four for "nothing else", as the standard's tables have them.
    assert_eq!(small[data..data + 3], [0b0010_1011, 0xff, 0xd9], "the encoder's tables are others");
    let blocks = usize::from(width).div_ceil(8) * usize::from(height).div_ceil(8);
    let mut file = small[..data].to_vec();
    file[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    file[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    file.extend([0x28, 0xa2, 0x8a].repeat(blocks.div_ceil(4)));
    [file.as_slice(), b"\xff\xd9"].concat()
}
