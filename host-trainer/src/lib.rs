//! Nestling's host trainer: one supernet trained once, searched, and packed into the bundle that devices slice.
//!
//! The rooms, in the order in which data passes through them:
//!
//! * [`data`]: images with labels. [`import`]: weights that somebody else trained.
//! * [`model`]: a network of the search space run over shared tensors by narrowing them.
//! * [`mod@train`]: the sandwich step and the loop around it.
//! * [`mod@calibrate`] and [`mod@evaluate`]: batch-norm statistics and accuracy of a child.
//! * [`mod@search`]: coarse grid, fine grid, Pareto front.
//! * [`mod@pack`]: the bundle. [`mod@parity`]: device against trainer. [`report`]: the page that shows it all.
//! * [`fleet`]: many devices' latency tables in one bundle, where they disagree, children for one of them.
//! * [`spaces`]: search spaces by name or from a file. [`mod@untrained`]: bundles of random weights.
//! * [`mod@export`] and [`mod@golden`]: a child as a file of its own, and vectors to check it with.
//! * [`run_folder`], [`time`], [`torch`]: files of a run, CPU seconds, libtorch and its devices.
//!
//! The search space, its children and their shapes are defined once, in the `nestling` crate.

pub mod bench;
pub mod calibrate;
pub mod data;
pub mod evaluate;
pub mod export;
pub mod fleet;
pub mod golden;
pub mod import;
pub mod model;
pub mod pack;
pub mod parity;
pub mod report;
pub mod run_folder;
pub mod search;
pub mod spaces;
pub mod time;
pub mod torch;
pub mod train;
pub mod untrained;
