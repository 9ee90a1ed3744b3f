//! Operations beside Pillow 13.0: a hash of each result, for a grey and a colour image.

use super::colour;
use super::operation::Operation::{
    self, AutoContrast, Brightness, Contrast, Equalise, Identity, Invert, Posterise, Rotate, Saturation, Sharpness,
    ShearX, ShearY, Solarise, SolariseAdd, TranslateX, TranslateY,
};
use super::operation::Picture;

const SIDE: usize = 24;

fn pixels(channels: usize) -> Vec<u8> {
    let value = |at: usize| {
        let (x, y, c) = (at / channels % SIDE, at / channels / SIDE, at % channels);
        (x * x * 2 + 3 * y * (c + 1) + x * y + 40 * c) % 180 + 40
    };
    (0..SIDE * SIDE * channels).map(|at| value(at) as u8).collect()
}

fn changed(operation: Operation, channels: usize) -> Vec<u8> {
    let mut pixels = pixels(channels);
    operation.apply(&mut Picture { pixels: &mut pixels, side: SIDE, channels });
    pixels
}

/// FNV-1a.
fn hash(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[test]
fn every_operation_gives_the_bytes_of_pillow() {
    // Shears, moves and turns: Image.transform and Image.rotate with BILINEAR and fillcolor 128; the rest: ImageOps,
    // ImageEnhance (Color is `Saturation`) and Image.point.
    let rows = [
        (ShearX(0.3), 0x776e_3466, 0x74e2_215d),
        (ShearX(-0.99), 0xa704_0932, 0x57a1_7a34),
        (ShearY(0.2), 0x0168_32bd, 0x98ca_67ef),
        (TranslateX(0.45), 0x74c8_cf6f, 0x6fc8_a1c9),
        (TranslateX(-0.1), 0x489d_a628, 0xc886_96ad),
        (TranslateY(0.25), 0xc3d2_fb69, 0x4e4d_372d),
        (Rotate(30.0), 0x5a61_2168, 0x1eb3_f855),
        (Rotate(-17.5), 0x012a_262e, 0x81de_5030),
        (Rotate(90.0), 0xce5e_3195, 0x8afe_5a99),
        (Rotate(135.0), 0xb149_5d6b, 0x5760_b3c6),
        (AutoContrast, 0xdeee_251c, 0xeb62_5abe),
        (Equalise, 0x9d0a_b6c8, 0x9ec7_ad32),
        (Invert, 0xc86c_66e5, 0x6c53_0011),
        (Posterise(1), 0x8886_6cc5, 0x18b5_0a45),
        (Posterise(5), 0xa270_6055, 0x288e_bb2d),
        (Solarise(77), 0xe88d_a13d, 0x872a_7442),
        (Solarise(256), 0x7b0c_2a15, 0xf67c_4ce9),
        (SolariseAdd(33), 0x70bc_4dcd, 0x85f5_22a8),
        (Saturation(0.1), 0x7b0c_2a15, 0xde13_19eb),
        (Saturation(0.55), 0x7b0c_2a15, 0x4338_0bc8),
        (Saturation(1.9), 0x7b0c_2a15, 0x2c32_9ece),
        (Contrast(0.1), 0x5cee_47b3, 0xbd2c_2597),
        (Contrast(0.55), 0x0e70_a77e, 0x2215_f36c),
        (Contrast(1.9), 0x1f40_2a1b, 0xc5f0_a59a),
        (Brightness(0.1), 0x97aa_88b6, 0x2de0_81e7),
        (Brightness(0.55), 0xc3f7_68c2, 0x96ff_0d8a),
        (Brightness(1.9), 0xf573_8d46, 0xdfa2_5e40),
        (Sharpness(0.1), 0xfcf7_6c24, 0xdd07_5b05),
        (Sharpness(0.55), 0xfe98_630a, 0xf743_6d95),
        (Sharpness(1.9), 0x7eaa_4d28, 0xf99f_6a9b),
    ];
    for (operation, grey, colour) in rows {
        assert_eq!(hash(&changed(operation, 1)), grey, "{operation:?}, grey");
        assert_eq!(hash(&changed(operation, 3)), colour, "{operation:?}, colour");
    }
}

#[test]
fn a_turned_hue_gives_the_bytes_of_pillow() {
    // Through Image.convert("HSV"), as torchvision's adjust_hue.
    for (turn, expected) in [(5, 0x1d70_90e3), (200, 0x9800_483f)] {
        let mut pixels = pixels(3);
        colour::turn_hue(&mut pixels, turn);
        assert_eq!(hash(&pixels), expected, "{turn} / 255");
    }
    let mut pure = [255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9];
    colour::turn_hue(&mut pure, 85);
    assert_eq!(pure, [0, 255, 0, 0, 0, 255, 255, 0, 0, 9, 9, 9]);
}

#[test]
fn no_strength_is_the_identity() {
    let nothing = [
        Identity,
        ShearX(0.0),
        ShearY(0.0),
        TranslateX(0.0),
        TranslateY(0.0),
        Rotate(0.0),
        Posterise(8),
        Solarise(256),
        SolariseAdd(0),
        Saturation(1.0),
        Contrast(1.0),
        Brightness(1.0),
        Sharpness(1.0),
    ];
    for operation in nothing {
        for channels in [1, 3] {
            assert_eq!(changed(operation, channels), pixels(channels), "{operation:?}");
        }
    }
    let reversed: Vec<u8> = pixels(1).into_iter().rev().collect();
    assert_eq!(changed(Rotate(180.0), 1), reversed);
}
