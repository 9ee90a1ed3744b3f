use super::element::{Element, View};
use super::{torch_file, zip};
use safetensors::tensor::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A tensor of somebody else's file.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceTensor {
    /// Sizes, outermost first; empty for a single number.
    pub shape: Vec<usize>,
    /// The numbers in row-major order, whatever the order in the file.
    pub values: Vec<f32>,
}

/// Why a file's weights cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read weights from {path}: {problem}")]
pub struct SourceError {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub problem: SourceProblem,
}

/// What is wrong with a file of weights, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceProblem {
    /// The system does not give the file.
    #[error("{0}; check the path and its permissions")]
    Io(#[from] std::io::Error),
    /// The content is none of the known formats.
    #[error(
        "it is neither a PyTorch file nor safetensors; give the file that `torch.save(model.state_dict(), path)` or \
         safetensors wrote"
    )]
    Format,
    /// The content contradicts itself.
    #[error("{what} at byte {at}: the file is cut off or damaged; fetch it again")]
    Damaged {
        /// Where, counted from the start of the file.
        at: usize,
        /// What is wrong there.
        what: String,
    },
    /// The file asks for a Python object that is no tensor.
    #[error(
        "it asks for Python's `{global}` at byte {at}, and only tensors are read, code never; in Python, save the state \
         dict alone: `torch.save(model.state_dict(), path)`"
    )]
    Refused {
        /// Where, counted from the start of the file.
        at: usize,
        /// What it asks for.
        global: String,
    },
    /// The file is whole, but uses something that no ordinary state dict does.
    #[error("{what} at byte {at}, which is not supported; in Python, `torch.save(model.state_dict(), path)` again")]
    Unsupported {
        /// Where, counted from the start of the file.
        at: usize,
        /// What it uses.
        what: String,
    },
    /// A tensor does not fit the numbers it refers to.
    #[error("tensor `{name}`: {what}")]
    Tensor {
        /// Which tensor.
        name: String,
        /// What is wrong with it.
        what: String,
    },
    /// There is no tensor in it.
    #[error(
        "it holds no tensors, neither by themselves nor under `state_dict` or `model`; give the file of a trained model"
    )]
    Empty,
}

/// Reads every tensor of a file: PyTorch's zip (1.6 and newer), its older format, or safetensors, told by content.
///
/// # Errors
/// [`SourceError`] if the file cannot be read, is damaged, or asks for anything but tensors.
pub fn read_weights(path: &Path) -> Result<BTreeMap<String, SourceTensor>, SourceError> {
    let read = || parse_weights(&std::fs::read(path)?);
    read().map_err(|problem| SourceError { path: path.to_owned(), problem })
}

/// [`read_weights`] of bytes in memory.
///
/// # Errors
/// [`SourceProblem`] if they are damaged or ask for anything but tensors.
pub fn parse_weights(bytes: &[u8]) -> Result<BTreeMap<String, SourceTensor>, SourceProblem> {
    let tensors = if bytes.starts_with(&torch_file::LEGACY_MAGIC) {
        torch_file::read_legacy(bytes)
    } else if bytes.starts_with(&zip::MAGIC) {
        torch_file::read_zip(bytes)
    } else if bytes.get(8) == Some(&b'{') {
        read_safetensors(bytes)
    } else {
        Err(SourceProblem::Format)
    }?;
    if tensors.is_empty() { Err(SourceProblem::Empty) } else { Ok(tensors) }
}

fn read_safetensors(bytes: &[u8]) -> Result<BTreeMap<String, SourceTensor>, SourceProblem> {
    let parsed = SafeTensors::deserialize(bytes)
        .map_err(|error| SourceProblem::Damaged { at: 0, what: format!("safetensors header: {error}") })?;
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
                return Err(SourceProblem::Tensor { name: name.to_owned(), what });
            }
        };
        let shape = view.shape().to_vec();
        let values = View::contiguous(&shape).gather(name, element, view.data(), &mut budget)?;
        tensors.insert(name.to_owned(), SourceTensor { shape, values });
    }
    Ok(tensors)
}
