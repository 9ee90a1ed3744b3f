//! The numbers that golden layers are made of.

use nestling_core::space::{LayerShape, Operator};
use nestling_core::weights::WeightStorage;

/// A kind of numbers for a golden layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Values {
    /// Both signs, no two alike, everything is rounded.
    Any,
    /// One large product, then many small ones: each is exact in 16 bits, and so are four, but in a sum of 16 bits the
    /// small ones are lost.
    Swamped,
    /// Equal products: each is exact in 16 bits, and so are four, but their sum is beyond what 16 bits hold.
    Large,
}

/// From -1 to 1, at least a quarter away from zero, so that no product is denormal: adapters may flush those.
fn scattered(index: usize, stream: u32) -> f32 {
    let mixed = (index as u32).wrapping_mul(0x9e37_79b9).wrapping_add(stream).wrapping_mul(0x85eb_ca6b);
    let mixed = (mixed ^ mixed >> 15).wrapping_mul(0xc2b2_ae35);
    let size = 0.25 + 0.75 * (mixed >> 8) as f32 / (1 << 24) as f32;
    if mixed & 1 == 0 { size } else { -size }
}

pub(super) fn pixels(shape: &LayerShape, values: Values) -> Vec<[f32; 4]> {
    let depthwise = shape.operator == Operator::Depthwise;
    let (input_groups, pixels) = (shape.input.channels / 4, shape.input.pixels());
    (0..(input_groups * pixels) as usize)
        .map(|element| {
            std::array::from_fn(|lane| match values {
                Values::Any => scattered(4 * element + lane, 1),
                // All eleven bits of a half.
                Values::Swamped if depthwise => 1.0 + 1.0 / 1024.0,
                Values::Swamped if element < pixels as usize => 16.0,
                Values::Swamped => 0.1875,
                Values::Large => 100.0,
            })
        })
        .collect()
}

/// The gate: a factor for each channel of the input.
pub(super) fn factors(shape: &LayerShape, values: Values) -> impl Iterator<Item = [f32; 4]> + use<> {
    (0..shape.input.channels as usize / 4).map(move |element| {
        std::array::from_fn(|lane| match values {
            Values::Any => scattered(4 * element + lane, 2).abs().max(0.5),
            Values::Swamped | Values::Large => 1.0,
        })
    })
}

/// Elements of weights from one group of outputs to the next.
pub(super) fn weight_stride(shape: &LayerShape) -> u32 {
    if shape.operator == Operator::Depthwise { shape.kernel * shape.kernel } else { shape.input.channels }
}

pub(super) fn weights(shape: &LayerShape, values: Values, storage: WeightStorage) -> Vec<[f32; 4]> {
    let depthwise = shape.operator == Operator::Depthwise;
    let (stride, centre) = (weight_stride(shape), (shape.kernel * shape.kernel / 2) as usize);
    (0..(shape.output.channels / 4 * stride) as usize)
        .map(|element| {
            let column = element % stride as usize;
            std::array::from_fn(|lane| match values {
                Values::Any => (storage.row().nearest)(scattered(4 * element + lane, 3)),
                Values::Swamped if depthwise && column == centre => 64.0,
                Values::Swamped if !depthwise && column < 4 => 32.0,
                Values::Swamped => 1.0,
                Values::Large => 100.0,
            })
        })
        .collect()
}
