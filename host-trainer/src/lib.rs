//! Nestling's host trainer: trains one supernet, searches it for children, and writes the bundle.
//!
//! The components, each after those that it uses:
//!
//! * [`torch`] and `random`: libtorch and its devices; one seeded generator for each purpose.
//! * [`ranks`]: several processes that train one supernet.
//! * [`data`]: images with labels, from folders of pictures, lists, tar files or IDX files: scan, split and cache.
//! * [`label_file`]: the names of classes from a file.
//! * [`space_file`]: a search space by its name or from a TOML file.
//! * [`model`]: a network that runs over the shared tensors by narrowing them.
//! * [`mod@calibrate`] and [`mod@evaluate`]: batch-norm statistics and accuracy of a child.
//! * [`classification`]: confusion matrix, precision, recall, calibration error and worst mistakes of children.
//! * [`new_file`]: the file of a new bundle, checked and locked before work starts.
//! * [`untrained`]: random weights, and children calibrated on noise.
//! * [`mod@train`]: the sandwich step and the loop around it. [`mod@bench`] and [`mod@throughput`]: its speed in CPU-seconds
//!   and in wall time.
//! * [`scaling`]: images per second, hours and cost of a training on many GPUs, predicted.
//! * [`fleet`]: the latency tables of many devices in one bundle.
//! * [`mod@search`]: the children that ship, the selection under budgets and its rivals, and the whole space under a limit.
//! * [`published`]: the table of published networks that BigNAS is compared with.
//! * [`tensorboard`]: the curves of a run for TensorBoard.
//! * [`run_folder`]: the files of a run.
//! * [`experiments`]: the paper's experiments, repeated over seeds.
//! * [`mod@import`] and [`mod@export`]: published weights in, ONNX and safetensors out.
//! * [`mod@pack`]: bundles. [`mod@parity`]: device against trainer. [`report`]: the page of a whole run.
//!
//! Each component uses only components above it; a test compares the `use` lines with the picture in
//! `docs/architecture.md`. The search space, its children and their shapes are defined once, in the crate
//! `nestling-core`. Only `parity` runs a device.

pub mod bench;
pub mod calibrate;
pub mod classification;
pub mod data;
pub mod evaluate;
pub mod experiments;
pub mod export;
pub mod fleet;
pub mod import;
pub mod label_file;
pub mod model;
pub mod new_file;
pub mod pack;
pub mod parity;
pub mod published;
mod random;
pub mod ranks;
pub mod report;
pub mod run_folder;
pub mod scaling;
pub mod search;
pub mod space_file;
#[cfg(test)]
mod synthetic;
pub mod tensorboard;
pub mod throughput;
pub mod torch;
pub mod train;
pub mod transfer;
pub mod untrained;
