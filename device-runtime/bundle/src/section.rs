//! The section of the weights.

use crate::BundleError;
use half::f16;
use nestling_core::room;
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

/// One tensor of the section of the weights.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tensor {
    /// Index of its convolution.
    pub(super) convolution: usize,
    /// Whether it is the convolution's weight; otherwise it has a value for each output channel.
    pub(super) is_weight: bool,
    /// Number of its values.
    pub(super) values: usize,
    /// Bytes of a value.
    pub(super) bytes: usize,
}

impl Tensor {
    /// The tensor of a parameter that is stored with so many bytes a value.
    fn of(layout: &ParameterLayout, owners: &[usize], parameter: usize, bytes: usize) -> Self {
        let one = &layout.parameters[parameter];
        Self { convolution: owners[parameter], is_weight: one.role == Role::Weight, values: one.len(), bytes }
    }
}

/// Gives the tensors of the section, in its order.
pub(super) fn tensors(layout: &ParameterLayout, storage: WeightStorage, mut put: impl FnMut(Tensor)) {
    let owners = layout.owners();
    let is_norm = |index: &usize| storage == WeightStorage::F32 || layout.parameters[*index].role != Role::Weight;
    for parameter in (0..layout.parameters.len()).filter(is_norm) {
        put(Tensor::of(layout, &owners, parameter, 4));
    }
    if storage.row().has_scales {
        for (convolution, one) in layout.convolutions.iter().enumerate() {
            put(Tensor { convolution, is_weight: false, values: one.outputs as usize, bytes: 4 });
        }
    }
    if storage != WeightStorage::F32 {
        for convolution in &layout.convolutions {
            put(Tensor::of(layout, &owners, convolution.weight, storage.bytes()));
        }
    }
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

/// Reads the weights' section, whose length is right, one shared tensor after the other: gives each tensor's index
/// among the layout's parameters and its values. Only one tensor is in memory at a time. It ends where `put` does not want
/// more; whether all were wanted is returned.
///
/// Without `decode`, codes are only checked, because values take up to four times their memory: `put` does not get them,
/// but in a page.
///
/// It takes no type parameter: a page's module holds each kind of it once.
pub(super) fn visit(
    layout: &ParameterLayout,
    storage: WeightStorage,
    decode: bool,
    input: &mut dyn Input,
    put: &mut dyn FnMut(usize, &[f32]) -> bool,
) -> Result<bool, BundleError> {
    // A page's module has no room for the difference.
    let only_checks = !decode && cfg!(not(target_arch = "wasm32"));
    let mut weights = Vec::new();
    let is_norm = |index: &usize| storage == WeightStorage::F32 || layout.parameters[*index].role != Role::Weight;
    for index in (0..layout.parameters.len()).filter(is_norm) {
        if !put(index, values(input, layout.parameters[index].len(), &mut weights)?) {
            return Ok(false);
        }
    }
    match storage {
        WeightStorage::F32 => {}
        WeightStorage::F16 => {
            let mut codes = Vec::new();
            for convolution in &layout.convolutions {
                let codes = values(input, layout.parameters[convolution.weight].len(), &mut codes)?;
                check_halves(codes).map_err(|problem| input.unsound(convolution, &problem))?;
                if only_checks {
                    continue;
                }
                room::grow(&mut weights, codes.len(), 0.0)?;
                weights.truncate(codes.len());
                weights::from_halves(codes, &mut weights);
                if !put(convolution.weight, &weights) {
                    return Ok(false);
                }
            }
        }
        WeightStorage::Int8 => {
            let (mut scales, mut codes) = (Vec::new(), Vec::new());
            values::<f32>(input, weights::count_of_outputs(layout), &mut scales)?;
            for (convolution, scales) in weights::by_outputs(layout, &scales) {
                let codes = values(input, layout.parameters[convolution.weight].len(), &mut codes)?;
                check_codes(convolution, codes, scales).map_err(|problem| input.unsound(convolution, &problem))?;
                if only_checks {
                    continue;
                }
                room::grow(&mut weights, codes.len(), 0.0)?;
                weights.truncate(codes.len());
                weights::dequantise_one(convolution, codes, scales, &mut weights);
                if !put(convolution.weight, &weights) {
                    return Ok(false);
                }
            }
        }
    }
    Ok(true)
}

/// The bytes of a section, in order.
pub(super) trait Input {
    /// The next bytes.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), BundleError>;

    /// The error of a layer whose weights are impossible.
    fn unsound(&self, convolution: &Convolution, problem: &str) -> BundleError;
}

/// The next numbers, in a buffer that grows to the largest tensor.
fn values<'a, T: bytemuck::Pod>(
    input: &mut dyn Input,
    count: usize,
    buffer: &'a mut Vec<T>,
) -> Result<&'a [T], BundleError> {
    room::grow(buffer, count, T::zeroed())?;
    let values = &mut buffer[..count];
    input.fill(bytemuck::cast_slice_mut(values))?;
    Ok(values)
}

fn check_halves(codes: &[u16]) -> Result<(), String> {
    match codes.iter().map(|&bits| f16::from_bits(bits)).find(|value| !value.is_finite()) {
        Some(value) => Err(format!("the f16 weight {value}")),
        None => Ok(()),
    }
}

/// Accepts only codes and scales that rounding gives, so that rounding for the GPU gives the very same codes.
fn check_codes(convolution: &Convolution, codes: &[i8], scales: &[f32]) -> Result<(), String> {
    for (row, &scale) in codes.chunks_exact(weights::row_length(convolution, codes.len())).zip(scales) {
        if !weights::is_scale(scale) {
            return Err(format!("{scale} as an int8 scale"));
        }
        let most = row.iter().map(|code| code.unsigned_abs()).max().unwrap_or(0);
        let expected = if scale > 0.0 { MAX_CODE.unsigned_abs() } else { 0 };
        if most != expected {
            return Err(format!("an int8 row whose largest code is {most}, not {expected}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_core::space::SearchSpace;
    use proptest::prelude::*;

    impl Input for &[u8] {
        fn fill(&mut self, bytes: &mut [u8]) -> Result<(), BundleError> {
            let (own, rest) = self.split_at(bytes.len());
            bytes.copy_from_slice(own);
            *self = rest;
            Ok(())
        }

        fn unsound(&self, convolution: &Convolution, problem: &str) -> BundleError {
            BundleError::Inconsistent { problem: format!("layer `{}` has {problem}", convolution.name) }
        }
    }

    fn decode(layout: &ParameterLayout, mut section: &[u8], storage: WeightStorage) -> Result<Vec<f32>, BundleError> {
        let mut parameters = vec![f32::NAN; layout.len()];
        visit(layout, storage, true, &mut section, &mut |index, values: &[f32]| {
            parameters[layout.parameters[index].range()].copy_from_slice(values);
            true
        })?;
        assert!(section.is_empty(), "{} bytes were not read", section.len());
        Ok(parameters)
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
                let decoded = decode(&layout, &section, storage).unwrap();
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
            decode(&layout, &section, storage).map(drop)
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
