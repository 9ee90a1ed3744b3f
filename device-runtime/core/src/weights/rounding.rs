//! Parameters to what a storage holds of them, and back.

use crate::space::{Convolution, ParameterLayout};
use crate::weights::{MAX_CODE, WeightStorage};
use half::f16;
use std::borrow::Cow;

impl WeightStorage {
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
        halves_of(convolution, &parameters[layout.parameters[convolution.weight].range()], &mut codes)?;
    }
    Ok(codes)
}

/// As [`halves`], of one convolution's weights, behind those of others. The caller sees to room for them.
///
/// # Errors
/// As [`halves`].
pub fn halves_of(convolution: &Convolution, weights: &[f32], codes: &mut Vec<u16>) -> Result<(), OutOfRange> {
    for &weight in weights {
        let nearest = f16::from_f32(weight); // ties to even
        if !nearest.is_finite() {
            return Err(OutOfRange::new(convolution, weight, WeightStorage::F16));
        }
        codes.push(nearest.to_bits());
    }
    Ok(())
}

/// Every convolution's weights as int8.
///
/// # Errors
/// [`OutOfRange`] names the first weight that has no finite scale.
pub fn quantise(layout: &ParameterLayout, parameters: &[f32]) -> Result<QuantisedWeights, OutOfRange> {
    let codes = Vec::with_capacity(count(layout));
    let scales = Vec::with_capacity(count_of_outputs(layout));
    let mut all = QuantisedWeights { codes, scales };
    for convolution in &layout.convolutions {
        quantise_one(convolution, &parameters[layout.parameters[convolution.weight].range()], &mut all)?;
    }
    Ok(all)
}

/// As [`quantise`], of one convolution's weights, behind those of others. The caller sees to room for them.
///
/// # Errors
/// As [`quantise`].
pub fn quantise_one(convolution: &Convolution, weights: &[f32], all: &mut QuantisedWeights) -> Result<(), OutOfRange> {
    // Over the supernet's whole row, so that every child's slice has the same scale.
    for row in weights.chunks_exact(row_length(convolution, weights.len())) {
        let scale = scale_of(row).map_err(|weight| OutOfRange::new(convolution, weight, WeightStorage::Int8))?;
        all.scales.push(scale);
        all.codes.extend(row.iter().map(|&weight| code(weight, scale)));
    }
    Ok(())
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
        from_halves(codes, &mut parameters[layout.parameters[convolution.weight].range()]);
    }
}

/// As [`fill_from_halves`], for one convolution's weights.
pub fn from_halves(codes: &[u16], weights: &mut [f32]) {
    for (weight, &bits) in weights.iter_mut().zip(codes) {
        *weight = f16::from_bits(bits).to_f32();
    }
}

/// Puts what codes and scales stand for where the convolutions' weights belong.
pub fn dequantise(layout: &ParameterLayout, codes: &[i8], scales: &[f32], parameters: &mut [f32]) {
    for ((convolution, codes), (_, scales)) in by_convolution(layout, codes).zip(by_outputs(layout, scales)) {
        dequantise_one(convolution, codes, scales, &mut parameters[layout.parameters[convolution.weight].range()]);
    }
}

/// As [`dequantise`], for one convolution's weights.
pub fn dequantise_one(convolution: &Convolution, codes: &[i8], scales: &[f32], weights: &mut [f32]) {
    let row = row_length(convolution, weights.len());
    for ((weights, codes), &scale) in weights.chunks_exact_mut(row).zip(codes.chunks_exact(row)).zip(scales) {
        for (weight, &code) in weights.iter_mut().zip(codes) {
            *weight = f32::from(code) * scale;
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
}
