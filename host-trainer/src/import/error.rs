use super::SOURCE_MODELS;
use nestling_core::space::SpaceError;
use std::fmt;
use std::path::PathBuf;

/// The reason why a file of weights cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The system does not give the file.
    #[error("{0}; check the path and its permissions")]
    Io(#[from] std::io::Error),
    /// The content has none of the known formats.
    #[error(
        "it is neither a PyTorch file nor safetensors; give the file that `torch.save(model.state_dict(), path)` or \
         safetensors wrote"
    )]
    Format,
    /// The content contradicts itself.
    #[error("{what} at byte {at}: the file is cut off or damaged; fetch it again")]
    Damaged {
        /// Byte of the fault, counted from the start of the file.
        at: usize,
        /// The fault.
        what: String,
    },
    /// The file asks for a Python object that is not a tensor.
    #[error(
        "it asks for Python's `{global}` at byte {at}, and only tensors are read, code never; in Python, save the state \
         dict alone: `torch.save(model.state_dict(), path)`"
    )]
    Refused {
        /// Byte of the request, counted from the start of the file.
        at: usize,
        /// Name of the object.
        global: String,
    },
    /// The file is whole, but uses something that no ordinary state dict does.
    #[error("{what} at byte {at}, which is not supported; in Python, `torch.save(model.state_dict(), path)` again")]
    Unsupported {
        /// Byte of the feature, counted from the start of the file.
        at: usize,
        /// The feature.
        what: String,
    },
    /// A tensor does not fit the numbers that it refers to.
    #[error("tensor `{name}`: {what}")]
    Tensor {
        /// The tensor.
        name: String,
        /// The fault.
        what: String,
    },
    /// The file holds no tensor.
    #[error(
        "it holds no tensors, neither by themselves nor under `state_dict` or `model`; give the file of a trained model"
    )]
    Empty,
}

/// The reason why weights cannot be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file cannot be read.
    #[error("cannot read weights from {path}: {problem}")]
    Weights {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        problem: WeightsError,
    },
    /// No such model is known.
    #[error("no model `{name}` can be imported, only: {}", known())]
    Model {
        /// The name asked for.
        name: String,
    },
    /// The space has a layer that the model has not.
    #[error("layer `{layer}` of the search space is none of {model}; give the space that this model was made for")]
    Layer {
        /// The model.
        model: &'static str,
        /// Nestling's name of the layer.
        layer: String,
    },
    /// The file lacks a tensor.
    #[error(
        "tensor `{tensor}` {expected} of layer `{layer}` is missing: the file does not hold the weights of {model}; its \
         first tensor is `{first}`"
    )]
    Missing {
        /// The model.
        model: &'static str,
        /// Nestling's name of the layer.
        layer: String,
        /// The source's name of the tensor.
        tensor: String,
        /// Its shape.
        expected: Sizes,
        /// The first tensor of the file.
        first: String,
    },
    /// A tensor has another shape.
    #[error(
        "tensor `{tensor}` is {found}, but layer `{layer}` needs {expected}: the file does not hold the weights of {model}"
    )]
    Shape {
        /// The model.
        model: &'static str,
        /// Nestling's name of the layer.
        layer: String,
        /// The source's name of the tensor.
        tensor: String,
        /// Its shape in the file.
        found: Sizes,
        /// The shape of the layer.
        expected: Sizes,
    },
    /// No trained network has such a number: a file without checksums was damaged, or training diverged.
    #[error("tensor `{tensor}` holds {value} at element {index}; the file is damaged, fetch it again")]
    Value {
        /// The source's name of the tensor.
        tensor: String,
        /// The element.
        index: usize,
        /// Its value.
        value: f32,
    },
    /// The file holds more than the model.
    #[error("{count} tensors are none of {model}, first `{first}`: the file holds the weights of another model")]
    LeftOver {
        /// The model.
        model: &'static str,
        /// Number of tensors that are left over.
        count: usize,
        /// The first of them.
        first: String,
    },
    /// The statistics are impossible.
    #[error(transparent)]
    Space(#[from] SpaceError),
}

fn known() -> String {
    SOURCE_MODELS.iter().map(|model| model.name()).collect::<Vec<_>>().join(", ")
}

/// A tensor's shape in a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes(pub Vec<usize>);

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
