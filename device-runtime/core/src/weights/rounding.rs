//! How a supernet's shared weights are stored, in a bundle and on the GPU: the one definition of the rounding.
//!
//! Only the weights of convolutions and matrices are rounded; gammas, betas and biases are few, and stay f32.
//!
//! | storage | a weight is | what cannot be held |
//! | --- | --- | --- |
//! | f32 | itself | |
//! | f16 | the nearest 16-bit float, ties to even | from 65,520 on, infinities, no numbers |
//! | int8 | a code from -127 to 127 times the scale of its output channel, a 127th of the channel's largest weight | the largest f32, infinities, no numbers |
//!
//! Rounding what was rounded changes nothing: the same codes come out, and scales at most one unit in the last place
//! off.
//!
//! To add a storage, append its variant and write its [`StorageRow`]; the compiler then names the four places that
//! round, pack, write and read it. `CONTRIBUTING.md` shows the whole walk.

use crate::space::{Convolution, ParameterLayout};
use crate::words::any_of;
use half::f16;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

crate::listed_enum! {
    /// How the shared weights are stored; the arithmetic is another choice.
    ///
    /// Append only: files hold a variant's number.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum WeightStorage {
        /// As they were trained: 4 bytes a weight.
        #[default]
        F32,
        /// The nearest 16-bit float, ties to even: 2 bytes a weight.
        F16,
        /// Multiples of a scale, from -127 to 127: 1 byte a weight. Every output channel of a tensor has its own scale,
        /// a 127th of its largest weight.
        Int8,
    }
}

/// The facts of a storage. A stored number is the weight, or the weight divided by its output channel's scale.
#[derive(Clone, Copy, Debug)]
pub struct StorageRow {
    /// Its name in files and on command lines.
    pub name: &'static str,
    /// Bytes of a weight.
    pub bytes: usize,
    /// Whether every output channel has a scale, which kernels multiply into batch norm.
    pub has_scales: bool,
    /// The stored number nearest to a share of a channel's largest number, -1 to 1.
    pub nearest: fn(share: f32) -> f32,
    /// The bits of a stored number, of which the lowest [`bytes`](Self::bytes) are stored.
    pub bits: fn(number: f32) -> u32,
    /// Every stored number for the self-test of an adapter; none where nothing is converted.
    pub test_numbers: fn() -> Vec<StoredNumber>,
    /// The WGSL type that holds four numbers.
    pub wgsl_element: &'static str,
    /// A WGSL expression that makes a `vec4<f32>` of `stored`, one such element.
    pub wgsl_numbers: &'static str,
}

/// A number that a weight can be stored as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StoredNumber {
    /// Its bits.
    pub bits: u32,
    /// What they stand for.
    pub number: f32,
    /// WGSL lets adapters flush what is denormal to zero, and lose zero's sign.
    pub may_be_zero: bool,
}

const F32: StorageRow = StorageRow {
    name: "f32",
    bytes: 4,
    has_scales: false,
    nearest: |share| share,
    bits: f32::to_bits,
    test_numbers: Vec::new,
    wgsl_element: "vec4<f32>",
    wgsl_numbers: "stored",
};

// Unpacking is core WGSL: no adapter needs to offer 16-bit floats in the arithmetic.
const F16: StorageRow = StorageRow {
    name: "f16",
    bytes: 2,
    has_scales: false,
    nearest: |share| f16::from_f32(share).to_f32(),
    bits: |number| u32::from(f16::from_f32(number).to_bits()),
    test_numbers: || {
        (0..=u16::MAX)
            .map(|bits| (u32::from(bits), f16::from_bits(bits)))
            .filter(|(_, number)| number.is_finite())
            .map(|(bits, number)| StoredNumber { bits, number: number.to_f32(), may_be_zero: !number.is_normal() })
            .collect()
    },
    wgsl_element: "vec2<u32>",
    wgsl_numbers: "vec4<f32>(unpack2x16float(stored.x), unpack2x16float(stored.y))",
};

// By shifts, to the top of a word and back down with the sign. They are exact everywhere: WGSL lets `unpack4x8snorm`,
// which divides by 127, be off by three units in the last place, and `unpack4xI8` is no core WGSL.
const INT8: StorageRow = StorageRow {
    name: "int8",
    bytes: 1,
    has_scales: true,
    nearest: |share| (f32::from(MAX_CODE) * share).round(),
    bits: |number| u32::from(number as i8 as u8),
    test_numbers: || {
        (i8::MIN..=i8::MAX)
            .map(|code| StoredNumber { bits: u32::from(code as u8), number: f32::from(code), may_be_zero: false })
            .collect()
    },
    wgsl_element: "u32",
    wgsl_numbers: "vec4<f32>((vec4<i32>(bitcast<i32>(stored)) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u))",
};

impl WeightStorage {
    /// Its row.
    pub const fn row(self) -> &'static StorageRow {
        match self {
            Self::F32 => &F32,
            Self::F16 => &F16,
            Self::Int8 => &INT8,
        }
    }

    /// Bytes of a weight.
    pub fn bytes(self) -> usize {
        self.row().bytes
    }

    /// The parameters as this storage gives them back: what a device will compute with.
    ///
    /// # Errors
    /// [`OutOfRange`] names the first weight that the storage cannot hold.
    ///
    /// # Panics
    /// If the parameters are not [`ParameterLayout::len`] values.
    pub fn round<'a>(self, layout: &ParameterLayout, parameters: &'a [f32]) -> Result<Cow<'a, [f32]>, OutOfRange> {
        match self {
            Self::F32 => Ok(Cow::Borrowed(parameters)),
            Self::F16 => {
                let mut rounded = parameters.to_vec();
                fill_from_halves(layout, &halves(layout, parameters)?, &mut rounded);
                Ok(Cow::Owned(rounded))
            }
            Self::Int8 => {
                let mut rounded = parameters.to_vec();
                let QuantisedWeights { codes, scales } = quantise(layout, parameters)?;
                dequantise(layout, &codes, &scales, &mut rounded);
                Ok(Cow::Owned(rounded))
            }
        }
    }
}

impl fmt::Display for WeightStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().name)
    }
}

impl FromStr for WeightStorage {
    type Err = UnknownStorage;

    fn from_str(text: &str) -> Result<Self, UnknownStorage> {
        let found = Self::ALL.into_iter().find(|storage| storage.row().name == text);
        found.ok_or_else(|| UnknownStorage { given: text.to_owned() })
    }
}

/// No storage has that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no storage of weights: {}", any_of(WeightStorage::ALL.map(|one| one.row().name)))]
pub struct UnknownStorage {
    /// The name that was given.
    pub given: String,
}

impl UnknownStorage {
    /// A stable name of this error, for bindings.
    pub fn code(&self) -> &'static str {
        "unknown_weight_storage"
    }
}

/// A weight is beyond what the storage can hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "layer `{layer}` has the weight {value}, which {storage} cannot hold: take `WeightStorage::F32`, or train with more \
     weight decay"
)]
pub struct OutOfRange {
    /// The layer's name.
    pub layer: String,
    /// The weight, printed.
    pub value: String,
    /// The storage.
    pub storage: WeightStorage,
}

impl OutOfRange {
    /// A stable name of this error, for bindings.
    pub fn code(&self) -> &'static str {
        "weight_out_of_range"
    }

    fn new(convolution: &Convolution, value: f32, storage: WeightStorage) -> Self {
        Self { layer: convolution.name.to_string(), value: value.to_string(), storage }
    }
}

/// The largest code; its negative is the smallest.
pub const MAX_CODE: i8 = 127;

/// Weights as int8 codes and their scales: a weight is its code times its output channel's scale.
#[derive(Debug, PartialEq)]
pub struct QuantisedWeights {
    /// All convolutions' codes, in the layout's order.
    pub codes: Vec<i8>,
    /// All convolutions' scales, one an output channel; zero where all weights are.
    pub scales: Vec<f32>,
}

/// Weights of all convolutions together.
pub fn count(layout: &ParameterLayout) -> usize {
    layout.convolutions.iter().map(|convolution| layout.parameters[convolution.weight].len()).sum()
}

/// Output channels of all convolutions together.
pub fn count_of_outputs(layout: &ParameterLayout) -> usize {
    layout.convolutions.iter().map(|convolution| convolution.outputs as usize).sum()
}

/// Each convolution with its part of `codes`, which hold the weights of all, one after the other.
pub fn by_convolution<'a, T>(
    layout: &'a ParameterLayout,
    codes: &'a [T],
) -> impl Iterator<Item = (&'a Convolution, &'a [T])> {
    layout.convolutions.iter().scan(codes, |rest, convolution| {
        let (own, after) = rest.split_at(layout.parameters[convolution.weight].len());
        *rest = after;
        Some((convolution, own))
    })
}

/// Each convolution with its part of `values`, which hold one for each output channel of all.
pub fn by_outputs<'a, T>(
    layout: &'a ParameterLayout,
    values: &'a [T],
) -> impl Iterator<Item = (&'a Convolution, &'a [T])> {
    layout.convolutions.iter().scan(values, |rest, convolution| {
        let (own, after) = rest.split_at(convolution.outputs as usize);
        *rest = after;
        Some((convolution, own))
    })
}

/// Length of an output channel's row.
pub fn row_length(convolution: &Convolution, weights: usize) -> usize {
    (weights / convolution.outputs.max(1) as usize).max(1)
}

/// Every convolution's weights as bits of 16-bit floats.
///
/// # Errors
/// [`OutOfRange`] names the first weight beyond 16-bit floats.
pub fn halves(layout: &ParameterLayout, parameters: &[f32]) -> Result<Vec<u16>, OutOfRange> {
    let mut codes = Vec::with_capacity(count(layout));
    for convolution in &layout.convolutions {
        for &weight in &parameters[layout.parameters[convolution.weight].range()] {
            let nearest = f16::from_f32(weight); // ties to even
            if !nearest.is_finite() {
                return Err(OutOfRange::new(convolution, weight, WeightStorage::F16));
            }
            codes.push(nearest.to_bits());
        }
    }
    Ok(codes)
}

/// Every convolution's weights as int8.
///
/// # Errors
/// [`OutOfRange`] names the first weight that has no finite scale.
pub fn quantise(layout: &ParameterLayout, parameters: &[f32]) -> Result<QuantisedWeights, OutOfRange> {
    let mut codes = Vec::with_capacity(count(layout));
    let mut scales = Vec::with_capacity(count_of_outputs(layout));
    for convolution in &layout.convolutions {
        let weights = &parameters[layout.parameters[convolution.weight].range()];
        // Over the supernet's whole row, so that every child's slice has the same scale.
        for row in weights.chunks_exact(row_length(convolution, weights.len())) {
            let scale = scale_of(row).map_err(|weight| OutOfRange::new(convolution, weight, WeightStorage::Int8))?;
            scales.push(scale);
            codes.extend(row.iter().map(|&weight| code(weight, scale)));
        }
    }
    Ok(QuantisedWeights { codes, scales })
}

/// The scale of a row, or the weight that forbids one.
fn scale_of(row: &[f32]) -> Result<f32, f32> {
    if let Some(&weight) = row.iter().find(|weight| !weight.is_finite()) {
        return Err(weight);
    }
    let largest = row.iter().fold(0.0, |most: f32, &weight| if weight.abs() > most.abs() { weight } else { most });
    let scale = largest.abs() / f32::from(MAX_CODE);
    if scale < f32::MIN_POSITIVE {
        return Ok(0.0); // denormal, which some adapters take for zero
    }
    if is_scale(scale) { Ok(scale) } else { Err(largest) }
}

/// Whether [`quantise`] can give a scale: zero, or positive and normal with a finite largest weight.
pub fn is_scale(scale: f32) -> bool {
    scale.to_bits() == 0 || scale.is_sign_positive() && scale.is_normal() && (scale * f32::from(MAX_CODE)).is_finite()
}

fn code(weight: f32, scale: f32) -> i8 {
    let largest = f32::from(MAX_CODE);
    if scale > 0.0 { (weight / scale).round_ties_even().clamp(-largest, largest) as i8 } else { 0 }
}

/// Puts the values of 16-bit floats where the convolutions' weights belong.
pub fn fill_from_halves(layout: &ParameterLayout, codes: &[u16], parameters: &mut [f32]) {
    for (convolution, codes) in by_convolution(layout, codes) {
        let weights = &mut parameters[layout.parameters[convolution.weight].range()];
        for (weight, &bits) in weights.iter_mut().zip(codes) {
            *weight = f16::from_bits(bits).to_f32();
        }
    }
}

/// Puts what codes and scales stand for where the convolutions' weights belong.
pub fn dequantise(layout: &ParameterLayout, codes: &[i8], scales: &[f32], parameters: &mut [f32]) {
    for ((convolution, codes), (_, scales)) in by_convolution(layout, codes).zip(by_outputs(layout, scales)) {
        let weights = &mut parameters[layout.parameters[convolution.weight].range()];
        let row = row_length(convolution, weights.len());
        for ((weights, codes), &scale) in weights.chunks_exact_mut(row).zip(codes.chunks_exact(row)).zip(scales) {
            for (weight, &code) in weights.iter_mut().zip(codes) {
                *weight = f32::from(code) * scale;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::SearchSpace;
    use proptest::prelude::*;

    /// Any finite number, and often one of a size that weights have.
    fn weight() -> impl Strategy<Value = f32> {
        prop_oneof![
            4 => -2.0f32..2.0,
            1 => -1e-3f32..1e-3,
            1 => Just(0.0),
            1 => any::<f32>().prop_filter("a number", |weight| weight.is_finite()),
        ]
    }

    fn parameters(layout: &ParameterLayout, some: &[f32]) -> Vec<f32> {
        // Not a whole number of rows, so that rows differ.
        some.iter().copied().cycle().take(layout.len()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn int8_is_near_and_rounding_again_gives_the_same_codes(
            some in proptest::collection::vec(weight(), 1..997)
        ) {
            let layout = SearchSpace::fashion().validated().unwrap().layout().clone();
            let exact = parameters(&layout, &some);
            let Ok(once) = quantise(&layout, &exact) else {
                let largest = some.iter().fold(0.0, |most: f32, weight| most.max(weight.abs()));
                prop_assert!(largest > 3.4e38, "{} is refused", largest);
                return Ok(());
            };
            let rounded = WeightStorage::Int8.round(&layout, &exact).unwrap();
            let again = quantise(&layout, &rounded).unwrap();
            prop_assert!(once.codes == again.codes);
            for (one, other) in once.scales.iter().zip(&again.scales) {
                prop_assert!(is_scale(*one) && one.to_bits().abs_diff(other.to_bits()) <= 1, "{} {}", one, other);
            }
            for ((convolution, codes), (_, scales)) in
                by_convolution(&layout, &once.codes).zip(by_outputs(&layout, &once.scales))
            {
                let range = layout.parameters[convolution.weight].range();
                let row = row_length(convolution, range.len());
                let rows = exact[range.clone()].chunks(row).zip(rounded[range].chunks(row)).zip(codes.chunks(row));
                for (((exact, rounded), codes), &scale) in rows.zip(scales) {
                    let most = codes.iter().map(|code| code.unsigned_abs()).max();
                    prop_assert_eq!(most, Some(if scale > 0.0 { 127 } else { 0 }));
                    for (exact, rounded) in exact.iter().zip(rounded) {
                        let bound = 0.5001 * f64::from(scale) + 127.0 * f64::from(f32::MIN_POSITIVE);
                        prop_assert!((f64::from(*exact) - f64::from(*rounded)).abs() <= bound, "{} {}", exact, rounded);
                    }
                }
            }
        }

        #[test]
        fn f16_is_near_and_rounding_again_gives_the_same_codes(
            some in proptest::collection::vec(-65_519f32..65_519.0, 1..997)
        ) {
            let layout = SearchSpace::fashion().validated().unwrap().layout().clone();
            let exact = parameters(&layout, &some);
            let once = halves(&layout, &exact).unwrap();
            let rounded = WeightStorage::F16.round(&layout, &exact).unwrap();
            prop_assert!(once == halves(&layout, &rounded).unwrap());
            for (exact, rounded) in exact.iter().zip(rounded.iter()) {
                prop_assert!((exact - rounded).abs() <= exact.abs() / 2048.0 + 6e-8, "{} {}", exact, rounded);
            }
        }
    }

    #[test]
    fn a_scale_that_was_rounded_is_within_one_unit_in_the_last_place() {
        // Every mantissa; between the ends of the exponents scaling by two is exact.
        for exponent in [1, 127, 247] {
            for mantissa in (0..1 << 23).step_by(if exponent == 127 { 1 } else { 97 }) {
                let one = f32::from_bits((exponent << 23) | mantissa);
                if !is_scale(one) {
                    continue;
                }
                let again = scale_of(&[-127.0 * one]).unwrap();
                assert!(is_scale(again) && one.to_bits().abs_diff(again.to_bits()) <= 1, "{one:e} {again:e}");
            }
        }
    }

    #[test]
    fn only_sound_scales_are_scales() {
        assert!([0.0, f32::MIN_POSITIVE, 1.0, 2.6e36].into_iter().all(is_scale));
        let unsound = [-0.0, -1.0, 1e-39, f32::MAX / 127.0, f32::MAX, f32::INFINITY, f32::NAN];
        assert!(!unsound.into_iter().any(is_scale));
        assert_eq!(scale_of(&[0.5, -f32::MAX]), Err(-f32::MAX));
        assert_eq!(scale_of(&[1e-37, -1e-40]), Ok(0.0));
        assert_eq!(scale_of(&[]), Ok(0.0));
    }

    #[test]
    fn norms_are_never_rounded_and_f32_is_not_copied() {
        let layout = SearchSpace::fashion().validated().unwrap().layout().clone();
        let exact = vec![1.0 / 3.0; layout.len()];
        for storage in WeightStorage::ALL {
            let rounded = storage.round(&layout, &exact).unwrap();
            assert_eq!(matches!(rounded, Cow::Borrowed(_)), storage == WeightStorage::F32);
            for parameter in &layout.parameters {
                let same = rounded[parameter.range()] == exact[parameter.range()];
                // A row of equal weights is 127 times its scale, whose product may be a unit off.
                let may_differ = parameter.role == crate::space::Role::Weight && storage != WeightStorage::F32;
                assert!(same || may_differ, "{storage}, {}", parameter.name);
            }
        }
    }

    #[test]
    fn every_stored_number_comes_back_from_its_bits() {
        for storage in WeightStorage::ALL {
            let row = storage.row();
            for StoredNumber { bits, number, .. } in (row.test_numbers)() {
                assert_eq!((row.bits)(number), bits, "{storage}: {number}");
                assert!(bits < 1 << (8 * row.bytes), "{storage}: {bits:#x}");
            }
            for share in [-1.0, -0.3, 0.0, 0.7, 1.0] {
                let number = (row.nearest)(share);
                let largest = (row.nearest)(1.0);
                assert!((number / largest - share).abs() <= 0.5 / 127.0, "{storage}: {number} of {largest}");
                assert_eq!((row.nearest)(number / largest), number, "{storage}");
            }
        }
    }

    #[test]
    fn names_are_read_back_and_others_refused() {
        for storage in WeightStorage::ALL {
            assert_eq!(storage.to_string().parse(), Ok(storage));
            assert_eq!(serde_json::to_value(storage).unwrap(), storage.to_string());
        }
        let error = "f64".parse::<WeightStorage>().unwrap_err().to_string();
        assert_eq!(error, "`f64` is no storage of weights: f32, f16 or int8");
    }
}
