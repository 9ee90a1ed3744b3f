use super::element::{Element, View};
use super::{ImportError, WeightsError, torch_file, zip};
use safetensors::tensor::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::path::Path;

/// A tensor of a published network.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceTensor {
    /// Sizes, outermost first; empty for a single number.
    pub shape: Vec<usize>,
    /// The numbers in row-major order, whatever the order in the file.
    pub values: Vec<f32>,
}

/// Reads every tensor of a file: PyTorch's zip (1.6 and newer), its older format, or safetensors, told by content.
///
/// # Errors
/// [`ImportError::Weights`] if the file cannot be read, is damaged, or asks for anything but tensors.
pub fn read_weights(path: &Path) -> Result<BTreeMap<String, SourceTensor>, ImportError> {
    let read = || parse_weights(&std::fs::read(path)?);
    read().map_err(|problem| ImportError::Weights { path: path.to_owned(), problem })
}

/// [`read_weights`] of bytes in memory.
///
/// # Errors
/// [`WeightsError`] if they are damaged or ask for anything but tensors.
pub fn parse_weights(bytes: &[u8]) -> Result<BTreeMap<String, SourceTensor>, WeightsError> {
    let tensors = if bytes.starts_with(&torch_file::LEGACY_MAGIC) {
        torch_file::read_legacy(bytes)
    } else if bytes.starts_with(&zip::MAGIC) {
        torch_file::read_zip(bytes)
    } else if bytes.get(8) == Some(&b'{') {
        read_safetensors(bytes)
    } else {
        Err(WeightsError::Format)
    }?;
    if tensors.is_empty() { Err(WeightsError::Empty) } else { Ok(tensors) }
}

fn read_safetensors(bytes: &[u8]) -> Result<BTreeMap<String, SourceTensor>, WeightsError> {
    let parsed = SafeTensors::deserialize(bytes)
        .map_err(|error| WeightsError::Damaged { at: 0, what: format!("safetensors header: {error}") })?;
    let mut budget = bytes.len();
    let mut tensors = BTreeMap::new();
    for (name, view) in parsed.iter() {
        let element = match view.dtype() {
            Dtype::F16 => Element::F16,
            Dtype::BF16 => Element::BF16,
            Dtype::F32 => Element::F32,
            Dtype::F64 => Element::F64,
            Dtype::I32 => Element::I32,
            Dtype::I64 => Element::I64,
            other => {
                let what = format!("its numbers are {other:?}; save it as F32, F16, BF16, F64, I64 or I32");
                return Err(WeightsError::Tensor { name: name.to_owned(), what });
            }
        };
        let shape = view.shape().to_vec();
        let values = View::contiguous(&shape).gather(name, element, view.data(), &mut budget)?;
        tensors.insert(name.to_owned(), SourceTensor { shape, values });
    }
    Ok(tensors)
}
