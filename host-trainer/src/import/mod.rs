//! Import of published weights: a PyTorch or safetensors file becomes a child of a supernet.
//!
//! * [`read_weights`] gives every tensor of the file as numbers. Nothing in the file is ever executed.
//! * [`SourceModel`] and its [`Naming`]s map a model's tensor names to the layers of a network.
//! * [`place`] writes the tensors into the slice of the supernet that they belong to. Its [`Adaptation`]s say how the file
//!   differs from the published one.
//!
//! A file is untrusted input. These modules are therefore plain safe Rust without libtorch, and they allocate no more
//! than a few times the size of the file.

mod adapt;
mod adaptation;
mod classifier;
mod element;
mod error;
mod lite0;
mod mapping;
mod pickle;
mod pickle_machine;
mod pickle_objects;
mod place;
mod state_dict;
mod torch_file;
mod weights_file;
mod zip;

#[cfg(test)]
mod checkpoint_tests;
#[cfg(test)]
mod tests;

pub use adaptation::Adaptation;
use error::shown;
pub use error::{ImportError, Sizes, WeightsError};
pub use lite0::EfficientNetLite0;
pub use mapping::{LayerNames, LayerValues, Naming, Part, Place, SOURCE_MODELS, SourceModel};
pub use mapping::{source_model, source_names};
pub use place::{Imported, place};
pub use weights_file::{SourceTensor, StateDict, parse_state_dict, read_state_dict, read_weights};
