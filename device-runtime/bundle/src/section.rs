//! The section of the weights.

use crate::BundleError;
use half::f16;
use nestling_core::space::{Convolution, ParameterLayout, Role};
use nestling_core::weights;
use nestling_core::weights::{MAX_CODE, OutOfRange, QuantisedWeights, WeightStorage};
use std::borrow::Cow;

/// Bytes that the weights of a space take.
pub(super) fn length(layout: &ParameterLayout, storage: WeightStorage) -> usize {
    let weights = weights::count(layout);
    let scales = if storage.row().has_scales { weights::count_of_outputs(layout) } else { 0 };
    4 * (layout.len() - weights + scales) + storage.bytes() * weights
}

/// The section's bytes; the parameters must fit the layout.
pub(super) fn encode<'a>(
    layout: &ParameterLayout,
    parameters: &'a [f32],
    storage: WeightStorage,
) -> Result<Cow<'a, [u8]>, OutOfRange> {
    let norms = || {
        let mut bytes = Vec::with_capacity(length(layout, storage));
        for parameter in layout.parameters.iter().filter(|parameter| parameter.role != Role::Weight) {
            bytes.extend_from_slice(bytemuck::cast_slice(&parameters[parameter.range()]));
        }
        bytes
    };
    match storage {
        WeightStorage::F32 => Ok(Cow::Borrowed(bytemuck::cast_slice(parameters))),
        WeightStorage::F16 => {
            let mut bytes = norms();
            bytes.extend_from_slice(bytemuck::cast_slice(&weights::halves(layout, parameters)?));
            Ok(Cow::Owned(bytes))
        }
        WeightStorage::Int8 => {
            let mut bytes = norms();
            let QuantisedWeights { codes, scales } = weights::quantise(layout, parameters)?;
            bytes.extend_from_slice(bytemuck::cast_slice(&scales));
            bytes.extend_from_slice(bytemuck::cast_slice(&codes));
            Ok(Cow::Owned(bytes))
        }
    }
}

/// All parameters, from a section whose length is right; nothing for f32, where the section is the parameters.
pub(super) fn decode(
    layout: &ParameterLayout,
    section: &[u8],
    storage: WeightStorage,
) -> Result<Option<Vec<f32>>, BundleError> {
    let (norms, codes) = section.split_at(4 * (layout.len() - weights::count(layout)));
    match storage {
        WeightStorage::F32 => Ok(None),
        WeightStorage::F16 => {
            let mut parameters = with_norms(layout, norms);
            let codes: &[u16] = bytemuck::cast_slice(codes);
            check_halves(layout, codes)?;
            weights::fill_from_halves(layout, codes, &mut parameters);
            Ok(Some(parameters))
        }
        WeightStorage::Int8 => {
            let mut parameters = with_norms(layout, norms);
            let (scales, codes) = codes.split_at(4 * weights::count_of_outputs(layout));
            let (scales, codes): (&[f32], &[i8]) = (bytemuck::cast_slice(scales), bytemuck::cast_slice(codes));
            check_codes(layout, codes, scales)?;
            weights::dequantise(layout, codes, scales, &mut parameters);
            Ok(Some(parameters))
        }
    }
}

/// All parameters, of which only gammas, betas and biases are filled in.
fn with_norms(layout: &ParameterLayout, norms: &[u8]) -> Vec<f32> {
    let mut parameters = vec![0.0; layout.len()];
    let mut norms: &[f32] = bytemuck::cast_slice(norms);
    for parameter in layout.parameters.iter().filter(|parameter| parameter.role != Role::Weight) {
        let (own, rest) = norms.split_at(parameter.len());
        parameters[parameter.range()].copy_from_slice(own);
        norms = rest;
    }
    parameters
}

fn unsound(convolution: &Convolution, problem: &str) -> BundleError {
    BundleError::Inconsistent { problem: format!("layer `{}` has {problem}", convolution.name) }
}

fn check_halves(layout: &ParameterLayout, codes: &[u16]) -> Result<(), BundleError> {
    for (convolution, codes) in weights::by_convolution(layout, codes) {
        if let Some(value) = codes.iter().map(|&bits| f16::from_bits(bits)).find(|value| !value.is_finite()) {
            return Err(unsound(convolution, &format!("the f16 weight {value}")));
        }
    }
    Ok(())
}

/// Accepts only codes and scales that rounding gives, so that rounding for the GPU gives the very same codes.
fn check_codes(layout: &ParameterLayout, codes: &[i8], scales: &[f32]) -> Result<(), BundleError> {
    for ((convolution, codes), (_, scales)) in
        weights::by_convolution(layout, codes).zip(weights::by_outputs(layout, scales))
    {
        for (row, &scale) in codes.chunks_exact(weights::row_length(convolution, codes.len())).zip(scales) {
            if !weights::is_scale(scale) {
                return Err(unsound(convolution, &format!("{scale} as an int8 scale")));
            }
            let most = row.iter().map(|code| code.unsigned_abs()).max().unwrap_or(0);
            let expected = if scale > 0.0 { MAX_CODE.unsigned_abs() } else { 0 };
            if most != expected {
                let problem = format!("an int8 row whose largest code is {most}, not {expected}");
                return Err(unsound(convolution, &problem));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_core::space::SearchSpace;
    use proptest::prelude::*;

    /// As in a file, where the section starts at a multiple of 64 bytes.
    fn decode_bytes(
        layout: &ParameterLayout,
        section: &[u8],
        storage: WeightStorage,
    ) -> Result<Option<Vec<f32>>, BundleError> {
        let mut words = vec![0u128; section.len().div_ceil(16)];
        bytemuck::cast_slice_mut(&mut words)[..section.len()].copy_from_slice(section);
        decode(layout, &bytemuck::cast_slice(&words)[..section.len()], storage)
    }

    /// The codes at the section's end, as bytes.
    fn codes<'a>(layout: &ParameterLayout, section: &'a [u8], storage: WeightStorage) -> &'a [u8] {
        &section[section.len() - storage.bytes() * weights::count(layout)..]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

        #[test]
        fn what_is_decoded_is_what_rounding_gives_and_encodes_to_the_same_codes(
            some in proptest::collection::vec(-3.0f32..3.0, 1..997)
        ) {
            let layout = SearchSpace::fashion().validated().unwrap().layout().clone();
            let exact: Vec<f32> = some.iter().copied().cycle().take(layout.len()).collect();
            for storage in WeightStorage::ALL {
                let section = encode(&layout, &exact, storage).unwrap();
                prop_assert_eq!(section.len(), length(&layout, storage));
                let decoded = decode_bytes(&layout, &section, storage).unwrap().unwrap_or_else(|| exact.clone());
                prop_assert!(*storage.round(&layout, &exact).unwrap() == *decoded);
                let again = encode(&layout, &decoded, storage).unwrap();
                prop_assert!(codes(&layout, &section, storage) == codes(&layout, &again, storage), "{}", storage);
            }
        }
    }

    #[test]
    fn what_rounding_cannot_give_is_refused_with_the_layer() {
        let layout = SearchSpace::fashion().validated().unwrap().layout().clone();
        let exact: Vec<f32> = (0..layout.len()).map(|index| (index as f32).sin()).collect();
        let norms = 4 * (layout.len() - weights::count(&layout));
        let damaged = |storage, at: usize, with: &[u8]| {
            let mut section = encode(&layout, &exact, storage).unwrap().into_owned();
            section[at..at + with.len()].copy_from_slice(with);
            decode_bytes(&layout, &section, storage).map(drop)
        };
        let last = length(&layout, WeightStorage::F16) - 2;
        assert!(damaged(WeightStorage::F16, norms, &f16::MAX.to_bits().to_le_bytes()).is_ok());
        for (at, layer) in [(norms, "stem"), (last, "classifier")] {
            for bits in [f16::INFINITY, f16::NEG_INFINITY, f16::NAN].map(f16::to_bits) {
                let error = damaged(WeightStorage::F16, at, &bits.to_le_bytes()).unwrap_err();
                assert!(matches!(&error, BundleError::Inconsistent { .. }), "{error}");
                assert!(error.to_string().contains(&format!("layer `{layer}` has the f16 weight")), "{error}");
            }
        }
        for scale in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0, -0.0, 1e-40, f32::MAX] {
            let error = damaged(WeightStorage::Int8, norms, &scale.to_le_bytes()).unwrap_err();
            assert!(matches!(&error, BundleError::Inconsistent { .. }), "{error}");
            assert!(error.to_string().contains("as an int8 scale"), "{error}");
        }
        let first = norms + 4 * weights::count_of_outputs(&layout);
        let rows = [(norms, 0u32.to_le_bytes().to_vec(), "127, not 0"), (first, vec![128], "128, not 127")];
        for (at, with, expected) in rows.into_iter().chain([(first, vec![0; 9], "0, not 127")]) {
            let error = damaged(WeightStorage::Int8, at, &with).unwrap_err().to_string();
            assert!(error.contains("layer `stem`") && error.contains(expected), "{error}");
        }
    }
}
