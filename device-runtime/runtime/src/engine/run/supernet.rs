use crate::Error;
use crate::engine::plan::{EngineOptions, MemoryUse, Planner, Sizes, Slots, Strides};
use crate::engine::resources::{Arena, Background, HostValues, Packed, Pipelines, Readiness, Replaced, Timestamps};
use crate::engine::run::infer::ResizeState;
use crate::engine::run::texture::TextureReader;
#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::block_on;
use crate::gpu::{Context, Counters, Staging};
use nestling_core::arithmetic::Arithmetic;
use nestling_core::image::Preprocessing;
use nestling_core::metrics::Millis;
use nestling_core::space::ValidatedSpace;
use nestling_core::tiles::Tiles;
use nestling_core::weights::WeightStorage;
use serde::{Deserialize, Serialize};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

/// The time that loading took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadTimes {
    /// Pipelines that the first answer can use.
    pub pipelines: usize,
    /// Building them, or waiting for the thread that did, beside the weights. Some drivers compile only when a
    /// pipeline first runs.
    pub pipeline_time: Millis,
    /// Packing the weights on the host and sending them.
    pub upload_time: Millis,
    /// Everything.
    pub total_time: Millis,
}

/// The shared weights on one GPU, with everything that running any child needs.
///
/// `Send + Sync`: several threads may prepare and infer at once; the GPU runs their work one after the other.
#[derive(Debug)]
pub struct Supernet {
    pub(in crate::engine) context: Context,
    pub(in crate::engine) space: ValidatedSpace,
    pub(in crate::engine) preprocessing: Preprocessing,
    pub(in crate::engine) packed: Vec<Packed>,
    /// Norms, biases and scales of all convolutions: other ones when more weights arrive.
    pub(in crate::engine) host: RwLock<Arc<HostValues>>,
    pub(in crate::engine) planner: Planner,
    /// The pipelines that answer first: all of them, or the fallback ones.
    pub(in crate::engine) pipelines: Pipelines,
    /// The pipelines that answer once they are there.
    pub(in crate::engine) background: Option<Background>,
    /// The pipelines that only calibration runs; built when that is first asked for.
    pub(in crate::engine) calibration: Mutex<Pipelines>,
    pub(in crate::engine) arena: Arena,
    pub(in crate::engine) sizes: Sizes,
    /// The bytes that the biggest child must hold at least, and its two largest tensors.
    pub(in crate::engine) activation_floor: (u64, u64),
    pub(in crate::engine) slots: Arc<Slots>,
    pub(in crate::engine) strides: Strides,
    pub(in crate::engine) answers: Arc<Staging>,
    pub(in crate::engine) timestamps: Option<Timestamps>,
    /// Whether [`Supernet::check_timestamps`] found them wrong.
    pub(in crate::engine) timestamps_are_wrong: AtomicBool,
    /// The pipeline that reads a texture; made at the first one.
    pub(in crate::engine) textures: OnceLock<TextureReader>,
    /// Held from an inference's first write until its submission: the arena is one.
    pub(in crate::engine) submitting: Mutex<ResizeState>,
    pub(in crate::engine) options: EngineOptions,
    pub(in crate::engine) load_times: LoadTimes,
}

impl Supernet {
    /// The search space.
    pub fn space(&self) -> &ValidatedSpace {
        &self.space
    }

    /// How images become the network's input.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// The device.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Counts of all that has been made on the GPU and sent to it so far.
    pub fn counters(&self) -> Counters {
        self.context.counters()
    }

    /// How the shared weights are stored.
    pub fn weight_storage(&self) -> WeightStorage {
        self.options.weight_storage
    }

    /// How pointwise layers are tiled.
    pub fn tiles(&self) -> Tiles {
        self.planner.traits().tiles
    }

    /// The arithmetic of products.
    pub fn arithmetic(&self) -> Arithmetic {
        self.options.arithmetic
    }

    /// The kernels that this device gets wrong, and those that run instead: a test at load found them. Empty almost
    /// everywhere.
    pub fn replaced(&self) -> Vec<Replaced> {
        self.current_pipelines().replaced()
    }

    /// How far the fast pipelines are.
    pub fn readiness(&self) -> Readiness {
        self.background.as_ref().map_or(Readiness::Ready, Background::readiness)
    }

    /// Blocks until every answer comes from the fast pipelines; at once after [`Start::Tuned`](crate::Start::Tuned).
    ///
    /// # Errors
    /// [`Error::FastKernels`] if the driver refused one: the fallback kernels go on answering.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait_until_ready(&self) -> Result<(), Error> {
        block_on(self.ready())
    }

    /// The same without blocking.
    ///
    /// # Errors
    /// As [`Supernet::wait_until_ready`].
    pub async fn ready(&self) -> Result<(), Error> {
        match &self.background {
            Some(background) => background.wait().await,
            None => Ok(()),
        }
    }

    pub(in crate::engine) fn host_values(&self) -> Arc<HostValues> {
        self.host.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The time that loading took.
    pub fn load_times(&self) -> LoadTimes {
        self.load_times
    }

    /// Bytes held.
    pub fn memory(&self) -> MemoryUse {
        let sizes = &self.sizes;
        let host = self.host_values();
        let norm_values: usize = host.norms.iter().map(|(first, second)| first.len() + second.len()).sum();
        let scale_values: usize = host.scales.iter().map(Vec::len).sum();
        let times = self.timestamps.as_ref().map_or(0, |timestamps| 2 * timestamps.staging.total_bytes());
        MemoryUse {
            weights: sizes.weights,
            activations: sizes.block + sizes.expanded + sizes.filtered,
            block: sizes.block,
            expanded: sizes.expanded,
            filtered: sizes.filtered,
            activation_floor: self.activation_floor.0,
            largest_two: self.activation_floor.1,
            image: sizes.image,
            children: sizes.norms + sizes.parameters,
            staging: self.answers.total_bytes() + times,
            host: (norm_values + scale_values) as u64 * 4,
        }
    }
}
