//! Weights that somebody else trained: a PyTorch or safetensors file read by content, and its tensors found by name.
//!
//! * [`read_weights`] gives every tensor of the file as numbers. Nothing in the file is ever executed.
//! * [`SourceModel`] says what a model calls its tensors, and [`SourceLayers`] hands them out layer by layer.
//!
//! * [`place`] puts them into the slice of a supernet that they belong to.
//!
//! No libtorch: a file is untrusted input, and these modules are plain safe Rust that allocates no more than a few
//! times the size of the file.

mod element;
mod lite0;
mod mapping;
mod pickle;
mod place;
mod source;
mod torch_file;
mod zip;

#[cfg(test)]
mod tests;

pub use lite0::EfficientNetLite0;
pub use mapping::{
    LayerNames, LayerValues, MappingError, Part, Place, SOURCE_MODELS, Sizes, SourceLayers, SourceModel,
};
pub use mapping::{source_model, source_names};
pub use place::{ImportError, Imported, place};
pub use source::{SourceError, SourceProblem, SourceTensor, parse_weights, read_weights};
