use super::element::{Element, View};
use super::torch_file::{self, legacy_start};
use super::{ImportError, WeightsError, zip};
use nestling_bundle::atomic_file::read_checked;
use nestling_pictures::kind_of;
use safetensors::tensor::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::path::Path;

/// Most bytes of a file: a zip of PyTorch without extensions has at most these.
const MAX_BYTES: u64 = 4 << 30;

/// A tensor of a published network.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceTensor {
    /// Sizes, outermost first; empty for a single number.
    pub shape: Vec<usize>,
    /// The numbers in row-major order, whatever the order in the file.
    pub values: Vec<f32>,
}

/// The tensors of a file, and what else is in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateDict {
    /// The tensors by name.
    pub tensors: BTreeMap<String, SourceTensor>,
    /// The key that they are under, with those that it lies in; empty if they lie in the file by themselves.
    pub path: String,
    /// Keys of other tensors in the file.
    pub others: Vec<String>,
    /// The first Python object that the file asks for and that is none of a state dict; nothing was made of it.
    pub foreign: Option<String>,
}

/// Reads the tensors of a file: PyTorch's zip (1.6 and newer), its older format, or safetensors, told by content. Of
/// several state dicts in a checkpoint it takes the one under `wanted`, or else averaged weights before others.
///
/// # Errors
/// [`ImportError::Weights`] if the file cannot be read, is damaged, or holds no tensors.
pub fn read_state_dict(path: &Path, wanted: Option<&str>) -> Result<StateDict, ImportError> {
    let read = || parse_state_dict(&read_file(path)?, wanted);
    read().map_err(|problem| ImportError::Weights { path: path.to_owned(), problem })
}

/// The bytes of a file that begins as one of weights: another one, or a device without an end, is not read further.
fn read_file(path: &Path) -> Result<Vec<u8>, WeightsError> {
    read_checked(path, MAX_BYTES, |beginning| match Format::of(beginning) {
        Some(_) => Ok(()),
        None => Err(foreign(beginning)),
    })
}

/// The formats that are read.
enum Format {
    /// With the place of the second pickle.
    Legacy(usize),
    Zip,
    Safetensors,
}

impl Format {
    fn of(bytes: &[u8]) -> Option<Self> {
        match legacy_start(bytes) {
            Some(start) => Some(Self::Legacy(start)),
            None if bytes.starts_with(&zip::MAGIC) => Some(Self::Zip),
            None => (bytes.get(8) == Some(&b'{')).then_some(Self::Safetensors),
        }
    }
}

/// The error of a file of another kind.
fn foreign(bytes: &[u8]) -> WeightsError {
    match kind_of(bytes) {
        Some(kind) => WeightsError::Foreign { found: kind.name.to_owned(), remedy: kind.remedy },
        None => WeightsError::Format,
    }
}

/// The tensors that [`read_state_dict`] takes.
///
/// # Errors
/// As [`read_state_dict`].
pub fn read_weights(path: &Path) -> Result<BTreeMap<String, SourceTensor>, ImportError> {
    Ok(read_state_dict(path, None)?.tensors)
}

/// [`read_state_dict`] of bytes in memory.
///
/// # Errors
/// [`WeightsError`] if they are damaged or hold no tensors.
pub fn parse_state_dict(bytes: &[u8], wanted: Option<&str>) -> Result<StateDict, WeightsError> {
    let state = match (Format::of(bytes), wanted) {
        (Some(Format::Legacy(start)), _) => torch_file::read_legacy(bytes, start, wanted)?,
        (Some(Format::Zip), _) => torch_file::read_zip(bytes, wanted)?,
        (Some(Format::Safetensors), Some(wanted)) => {
            return Err(WeightsError::NoStateDict { wanted: wanted.to_owned(), known: Vec::new() });
        }
        (Some(Format::Safetensors), None) => StateDict { tensors: read_safetensors(bytes)?, ..StateDict::default() },
        (None, _) => return Err(foreign(bytes)),
    };
    if state.tensors.is_empty() { Err(WeightsError::Empty) } else { Ok(state) }
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
            Dtype::I16 => Element::I16,
            Dtype::I8 => Element::I8,
            Dtype::U8 => Element::U8,
            Dtype::BOOL => Element::Bool,
            other => {
                let what = format!("its numbers are {other:?}; save it as F32, F16, BF16 or F64");
                return Err(WeightsError::Tensor { name: name.to_owned(), what });
            }
        };
        let shape = view.shape().to_vec();
        let values = View::contiguous(&shape).gather(name, element, view.data(), &mut budget)?;
        tensors.insert(name.to_owned(), SourceTensor { shape, values });
    }
    Ok(tensors)
}
