//! Decisions before a GPU is touched: options, kernels, tiles, the way through the buffers and their sizes, slots.
//!
//! Numbers in, numbers out. This folder uses no other of the engine, and [`gpu`](crate::gpu) only for an adapter's facts
//! and limits.

mod memory;
mod options;
mod parameters;
mod placement;
mod planner;
mod slots;
mod tiles;

pub use memory::MemoryUse;
pub use options::{EngineOptions, Start, precision};
pub use planner::{LayerPlan, Planner, Traits};
pub use tiles::{TileChoice, vendor_tiles};

pub(super) use memory::floor;
pub(super) use parameters::{norm_elements, pairs, shape_parameters};
pub(super) use placement::{Location, Place, Route, Sizes, Step, activation_bytes, destination, steps};
pub(super) use planner::grid;
pub(super) use slots::{Purpose, Slot, Slots, Strides, TO_MEASURE};
pub(super) use tiles::tile_candidates;
