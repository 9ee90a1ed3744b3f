//! A supernet that is loaded, its prepared children, and their inferences.
//!
//! This folder may use [`plan`](super::plan) and [`resources`](super::resources).

mod frame;
mod infer;
mod part;
mod prepare;
mod supernet;
mod texture;
mod upload;

pub use frame::{Frame, FromTexture};
pub use prepare::PreparedChild;
pub use supernet::{LoadTimes, Supernet};

pub(super) use infer::{Input, ResizeState};
pub(super) use prepare::{Dispatch, fold_layer};
#[cfg(test)]
pub(super) use texture::TEXTURES_KEPT;
