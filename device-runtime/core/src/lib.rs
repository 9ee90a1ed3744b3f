//! Nestling's pure data and arithmetic: no GPU, no file, no clock.

pub mod accuracy;
pub mod arithmetic;
pub mod choosing;
pub mod governor;
pub mod image;
pub mod latency;
mod listed_enum;
pub mod metrics;
pub mod reference;
mod setters;
pub mod space;
pub mod statistics;
pub mod tiles;
pub mod weights;
mod words;
