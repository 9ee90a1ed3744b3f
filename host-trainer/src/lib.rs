//! Nestling's host trainer.

pub mod calibrate;
pub mod data;
pub mod evaluate;
pub mod model;
pub mod time;
pub mod torch;
pub mod train;
