use super::neighbours::{Map, sharpness, warp};
use super::{colour, tables};

/// A square image that operations change in place.
#[derive(Debug)]
pub(super) struct Picture<'a> {
    pub pixels: &'a mut [u8],
    pub side: usize,
    pub channels: usize,
}

/// One change, with its argument. Pixels that come from outside of the image are grey (128).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Operation {
    Identity,
    /// Rows move to the left, by this many pixels a row.
    ShearX(f64),
    /// Columns move up, by this many pixels a column.
    ShearY(f64),
    /// To the left, by a share of the side.
    TranslateX(f64),
    /// Up, by a share of the side.
    TranslateY(f64),
    /// Counter-clockwise, in degrees.
    Rotate(f64),
    AutoContrast,
    Equalise,
    Invert,
    /// Bits that are kept.
    Posterise(u32),
    /// First value that is inverted.
    Solarise(u32),
    /// Addend of the values below 128.
    SolariseAdd(u8),
    /// Factors: 0 leaves nothing, 1 changes nothing.
    Saturation(f32),
    Contrast(f32),
    Brightness(f32),
    Sharpness(f32),
}

impl Operation {
    pub(super) fn apply(self, picture: &mut Picture<'_>) {
        let Picture { pixels, side, channels } = picture;
        let (side, channels) = (*side, *channels);
        match self {
            Self::Identity => {}
            Self::ShearX(amount) => warp(pixels, side, channels, Map { x: [1.0, amount, 0.0], ..Map::IDENTITY }),
            Self::ShearY(amount) => warp(pixels, side, channels, Map { y: [amount, 1.0, 0.0], ..Map::IDENTITY }),
            Self::TranslateX(share) => {
                warp(pixels, side, channels, Map { x: [1.0, 0.0, share * side as f64], ..Map::IDENTITY })
            }
            Self::TranslateY(share) => {
                warp(pixels, side, channels, Map { y: [0.0, 1.0, share * side as f64], ..Map::IDENTITY })
            }
            Self::Rotate(degrees) => warp(pixels, side, channels, Map::rotation(degrees, side)),
            Self::AutoContrast => tables::auto_contrast(pixels, channels),
            Self::Equalise => tables::equalise(pixels, channels),
            Self::Invert => tables::invert(pixels),
            Self::Posterise(bits) => tables::posterise(pixels, bits),
            Self::Solarise(threshold) => tables::solarise(pixels, threshold),
            Self::SolariseAdd(amount) => tables::solarise_add(pixels, amount),
            Self::Saturation(factor) if channels == 3 => colour::saturation(pixels, factor),
            Self::Saturation(_) => {} // a grey image has none
            Self::Contrast(factor) => tables::contrast(pixels, colour::mean_grey(pixels, channels), factor),
            Self::Brightness(factor) => tables::brightness(pixels, factor),
            Self::Sharpness(factor) => sharpness(pixels, side, channels, factor),
        }
    }
}
