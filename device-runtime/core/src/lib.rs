//! Nestling's pure data and arithmetic: no GPU, no file, no clock.
//!
//! | module | holds |
//! | --- | --- |
//! | [`space`] | search space, children, their networks and costs; the only function that derives a child's layers |
//! | [`latency`] | cost features, the latency model and its fit |
//! | [`accuracy`] | the accuracy model |
//! | [`choosing`] | the choice of a child for a budget, and the search under a limit |
//! | [`governor`] | switches among children to keep a budget |
//! | [`image`] | pixel formats, and the way from an image to a tensor |
//! | [`weights`], [`arithmetic`], [`tiles`] | weight storages, number formats of products, tiles of kernels |
//! | [`names`] | rules for names and labels, and a form of them that is safe to print |
//! | [`room`] | memory that may not be there |
//! | [`metrics`], [`statistics`] | units, quantiles, top-1; ridge, non-negative least squares, rank correlation |
//! | [`mod@reference`] | every operator in plain f64, which kernels are tested against |

pub mod accuracy;
pub mod arithmetic;
pub mod choosing;
pub mod governor;
pub mod image;
pub mod latency;
mod listed_enum;
pub mod metrics;
pub mod names;
pub mod reference;
pub mod room;
mod setters;
pub mod space;
pub mod statistics;
#[cfg(test)]
mod supply;
pub mod tiles;
pub mod weights;
mod words;
