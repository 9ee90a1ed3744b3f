//! The search space, a child of it, and the network that a child is. Pure data: no GPU, no tensor library, no file.
//!
//! ```text
//! SearchSpace --validated()--> ValidatedSpace --layout()--> ParameterLayout   every shared tensor at its full size
//!                                   |  + Child --lower()--> Network           ordered layers, and the slices they read
//!                                   |                          |--cost()--> parameters, MAdds, bytes
//! ```
//!
//! A [`SearchSpace`] is plain data that a person edits. A [`ValidatedSpace`] is one whose every number is allowed.
//!
//! One function walks the topology of a space: `walk` in `walk.rs`. Lowering, layout, the bound on weights and the
//! kinds of layers read that walk, and no other code derives a shape. The trainer, the GPU engine, the CPU reference,
//! the cost model and the latency model read the [`Network`]. A new kind of block is a variant of [`Block`] and an arm
//! of the walk.

mod activation;
mod calibrated;
mod child;
mod child_entry;
mod choices;
mod cost;
mod definition;
mod error;
mod expand_ratio;
mod fixed;
mod layer;
mod layout;
mod network;
mod operator;
mod output_size;
mod presets;
mod sample;
mod squeeze;
mod validated;
mod validation;
mod walk;

pub use activation::{Activation, ActivationFunction, ActivationRow, OnnxInput, OnnxNode, PerActivation, Real};
pub use calibrated::{CalibratedChild, Statistics};
pub use child::{Child, StageChoice};
pub use child_entry::ChildEntry;
pub use cost::Cost;
pub use definition::{Block, HeadSpace, Padding, SearchSpace, StageSpace, StemSpace};
pub use error::SpaceError;
pub use expand_ratio::ExpandRatio;
pub use layer::{Layer, LayerShape, Shape};
pub use layout::{Convolution, Parameter, ParameterLayout, Role};
pub use network::Network;
pub use operator::{Operator, OperatorRow, Reads};
pub use output_size::OutputSize;
pub use presets::Preset;
pub use sample::new_children;
pub use squeeze::{Gate, SqueezeExcite, SqueezeOf};
pub use validated::ValidatedSpace;
