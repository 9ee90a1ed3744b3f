//! The engines that are compared, each run in a process of its own.

use crate::programs::Programs;
use crate::setup::Peers;
use crate::values::{number, word};
use crate::{process, workspace};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// An engine with its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Nestling {
        subgroups: bool,
    },
    NcnnVulkan {
        f16: bool,
    },
    /// On one thread, as a device without a usable GPU would run it.
    OnnxRuntimeCpu,
}

/// In the order of the table.
pub const ENGINES: [Engine; 5] = [
    Engine::Nestling { subgroups: true },
    Engine::Nestling { subgroups: false },
    Engine::NcnnVulkan { f16: false },
    Engine::NcnnVulkan { f16: true },
    Engine::OnnxRuntimeCpu,
];

impl Engine {
    pub fn name(self) -> &'static str {
        match self {
            Engine::Nestling { subgroups: true } => "nestling",
            Engine::Nestling { subgroups: false } => "nestling without subgroups",
            Engine::NcnnVulkan { f16: false } => "ncnn Vulkan f32",
            Engine::NcnnVulkan { f16: true } => "ncnn Vulkan f16",
            Engine::OnnxRuntimeCpu => "ONNX Runtime CPU, 1 thread",
        }
    }

    /// Upper bound of the relative difference between its logits and ONNX Runtime's. More than a hundred layers round
    /// to the eleven bits of half precision.
    pub fn tolerance(self) -> f64 {
        if self == (Engine::NcnnVulkan { f16: true }) { 0.1 } else { 1e-3 }
    }

    /// Whether its start without the driver's cache is measured as well.
    pub fn is_started_cold(self) -> bool {
        matches!(self, Engine::Nestling { .. } | Engine::NcnnVulkan { f16: false })
    }

    pub fn precision(self) -> &'static str {
        if self == (Engine::NcnnVulkan { f16: true }) { "f16" } else { "f32" }
    }
}

/// A network in every engine's format.
pub struct Network {
    pub name: &'static str,
    /// The child's name in the bundle.
    pub child: &'static str,
    /// Path of the converted files without their endings.
    pub model: PathBuf,
    /// Raw f32.
    pub input: PathBuf,
    /// The trainer's logits for the input.
    pub trainer: Vec<f32>,
}

/// The driver's cache of compiled shaders.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// One of this benchmark's own.
    Kept,
    Disabled,
}

/// Figures of one process, in milliseconds; a figure that was not measured is NaN.
#[derive(Clone, Debug)]
pub struct Sample {
    pub version: String,
    pub load_ms: f64,
    pub load_cpu_ms: f64,
    pub first_ms: f64,
    pub first_cpu_ms: f64,
    /// Wall time of an image.
    pub p50_ms: f64,
    /// CPU time of an image, all threads.
    pub cpu_ms: f64,
    pub runs: u64,
    pub logits: Vec<f32>,
}

impl Sample {
    /// Reads the document of `nestling-device bench`.
    fn of_nestling(document: &Value) -> Self {
        let child = &document["children"][0];
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            load_ms: number(&document["open_ms"]) + number(&document["load_ms"]),
            load_cpu_ms: number(&document["open_cpu_ms"]) + number(&document["load_cpu_ms"]),
            first_ms: number(&child["first_result_ms"]),
            first_cpu_ms: number(&child["first_result_cpu_ms"]),
            p50_ms: number(&child["p50_ms"]),
            cpu_ms: number(&child["cpu_ms"]),
            runs: child["runs"].as_u64().unwrap_or(0),
            logits: Vec::new(),
        }
    }

    /// Reads the document of `peer.py`.
    fn of_peer(document: &Value) -> Self {
        let value = |key: &str| number(&document[key]);
        Self {
            version: word(&document["version"]).to_owned(),
            load_ms: value("load_ms"),
            load_cpu_ms: value("load_cpu_ms"),
            first_ms: value("first_ms"),
            first_cpu_ms: value("first_cpu_ms"),
            p50_ms: value("p50_ms"),
            cpu_ms: value("cpu_ms"),
            runs: document["runs"].as_u64().unwrap_or(0),
            logits: Vec::new(),
        }
    }

    /// Returns the CPU time from the start of loading to the first logits.
    pub fn start_cpu_ms(&self) -> f64 {
        self.load_cpu_ms + self.first_cpu_ms
    }
}

/// The adapter, as nestling's own program names it.
pub struct Adapter {
    pub name: String,
    pub driver: String,
    pub software: bool,
    pub subgroups: bool,
}

/// Runs engines on networks.
pub struct Runner<'a> {
    pub programs: &'a Programs,
    pub peers: &'a Peers,
    pub bundle: &'a Path,
    pub folder: &'a Path,
    /// Seconds that each process times.
    pub seconds: u32,
}

impl Runner<'_> {
    /// Runs an engine; without `timed` only as far as the first result, if the engine can stop there.
    pub fn run(&self, engine: Engine, network: &Network, adapter: &str, cache: Cache, timed: bool) -> Result<Sample> {
        let mut sample = match engine {
            Engine::Nestling { subgroups } => {
                Sample::of_nestling(&self.nestling(subgroups, network, Some(adapter), cache, timed)?)
            }
            Engine::NcnnVulkan { .. } | Engine::OnnxRuntimeCpu => {
                Sample::of_peer(&self.peer(engine, network, adapter, cache, timed)?)
            }
        };
        sample.logits = read_floats(&self.logits())?;
        Ok(sample)
    }

    /// The file to which every engine writes its logits.
    pub fn logits(&self) -> PathBuf {
        self.folder.join("logits.f32")
    }

    fn peer(&self, engine: Engine, network: &Network, adapter: &str, cache: Cache, timed: bool) -> Result<Value> {
        let name = match engine {
            Engine::NcnnVulkan { f16: true } => "ncnn-f16",
            Engine::NcnnVulkan { f16: false } => "ncnn-f32",
            _ => "onnxruntime",
        };
        let mut command = Command::new(&self.peers.python);
        command.arg(workspace::root().join("xtask/src/peers/peer.py")).arg(name);
        command.args([&network.model, &network.input, &self.logits()]).args(["--adapter", adapter]);
        if timed {
            command.args(["--seconds", &self.seconds.to_string()]);
        }
        self.document(command, cache)
    }

    /// Returns the adapter that nestling takes by itself; the other engines must use the same.
    pub fn adapter(&self, network: &Network) -> Result<Adapter> {
        let document = self.nestling(true, network, None, Cache::Kept, false)?;
        Ok(Adapter {
            name: word(&document["device"]["adapter"]).to_owned(),
            driver: word(&document["device"]["driver"]).to_owned(),
            software: document["device_type"] == "cpu",
            subgroups: document["subgroups"] == true,
        })
    }

    /// Starts nestling once from nothing, then again in the same process.
    pub fn start(&self, network: &Network, adapter: &str, cache: Cache) -> Result<Value> {
        let bundle = self.bundle.to_string_lossy();
        let mut command = self.programs.device(&["start", &bundle, "--this-process", "--backend", "vulkan", "--json"]);
        command.args(["--child", network.child, "--adapter", adapter]).arg("--input").arg(&network.input);
        command.arg("--logits").arg(self.logits());
        self.document(command, cache)
    }

    fn nestling(
        &self,
        subgroups: bool,
        network: &Network,
        adapter: Option<&str>,
        cache: Cache,
        timed: bool,
    ) -> Result<Value> {
        let bundle = self.bundle.to_string_lossy();
        // Vulkan, because ncnn runs on nothing else.
        let mut command = self.programs.device(&["bench", &bundle, "--whole-only", "--backend", "vulkan", "--json"]);
        command.args(["--child", network.child, "--seconds", &if timed { self.seconds } else { 1 }.to_string()]);
        command.arg("--input").arg(&network.input).arg("--logits").arg(self.logits());
        // Timestamps serve only to time layers; the other engines take none either.
        command.args(["--without", if subgroups { "timestamps" } else { "timestamps,subgroups" }]);
        if let Some(adapter) = adapter {
            command.args(["--adapter", adapter]);
        }
        self.document(command, cache)
    }

    /// Runs either kind of program in the same environment. Its other output becomes part of an error.
    fn document(&self, mut command: Command, cache: Cache) -> Result<Value> {
        command.env("MESA_SHADER_CACHE_DIR", self.folder.join("shader-cache")).stdin(Stdio::null());
        command.env_remove("MESA_SHADER_CACHE_DISABLE");
        if cache == Cache::Disabled {
            command.env("MESA_SHADER_CACHE_DISABLE", "true");
        }
        let shown = process::display(&command);
        let output = command.output().with_context(|| format!("could not start `{shown}`"))?;
        if !output.status.success() {
            bail!("`{shown}` failed ({}):\n{}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        serde_json::from_slice(&output.stdout).with_context(|| format!("`{shown}` printed no JSON"))
    }
}

/// Reads a file of little-endian f32.
pub fn read_floats(path: &Path) -> Result<Vec<f32>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(bytes.as_chunks::<4>().0.iter().map(|&word| f32::from_le_bytes(word)).collect())
}
