use crate::Error;
use crate::engine::arena::{Arena, Route, Sizes};
use crate::engine::arithmetic::{broadcast_is_right, check_arithmetic, check_offered};
#[cfg(not(target_arch = "wasm32"))]
use crate::engine::background::FirstRun;
use crate::engine::background::{Background, Readiness};
use crate::engine::infer::ResizeState;
use crate::engine::memory::{MemoryUse, floor};
use crate::engine::pipelines::{Common, Pipelines};
use crate::engine::planner::{Planner, Traits};
use crate::engine::repack::{Packed, pack, weight_bytes};
use crate::engine::self_test::check_storage;
use crate::engine::slots::{Slots, TO_MEASURE};
use crate::engine::texture::TextureReader;
use crate::engine::tiles::{TileChoice, vendor_tiles};
use crate::engine::tune::tune;
#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::block_on;
use crate::gpu::{Context, Counters, Staging, Upload};
use nestling_core::arithmetic::Arithmetic;
use nestling_core::image::Preprocessing;
use nestling_core::metrics::Millis;
use nestling_core::space::ValidatedSpace;
use nestling_core::tiles::Tiles;
use nestling_core::weights::WeightStorage;
use nestling_shaders::{PARAMETER_BYTES, ResizeParameters};
use serde::{Deserialize, Serialize};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use web_time::Instant;

/// What is set aside at load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineOptions {
    /// Children that can be prepared at the same time.
    pub child_slots: usize,
    /// Largest side of an image's centre square in pixels.
    pub max_image_side: u32,
    /// Inferences whose answers can be on their way at the same time.
    pub answers_in_flight: usize,
    /// How the shared weights are stored on the GPU. With any but [`WeightStorage::F32`] the adapter must first pass a
    /// self-test, once a [`Context`].
    pub weight_storage: WeightStorage,
    /// What products are computed in, whatever the storage. With [`Arithmetic::F16`] the adapter must offer it, and loading
    /// waits for the kernels that compute in it: each must first pass a self-test, once a [`Context`].
    pub arithmetic: Arithmetic,
    /// What must be there before the first answer.
    pub start: Start,
    /// How pointwise layers are tiled.
    pub tiles: TileChoice,
}

impl EngineOptions {
    nestling_core::setters! {
        child_slots: usize, max_image_side: u32, answers_in_flight: usize, weight_storage: WeightStorage,
        arithmetic: Arithmetic, start: Start, tiles: TileChoice,
    }
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            child_slots: 32,
            max_image_side: 1080,
            answers_in_flight: 4,
            weight_storage: WeightStorage::F32,
            arithmetic: Arithmetic::F32,
            start: Start::Tuned,
            tiles: TileChoice::Vendor,
        }
    }
}

/// What must be there before the first answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// Every pipeline: loading takes as long as the driver's compiler, all answers are equally fast.
    #[default]
    Tuned,
    /// The fast pipelines if the driver has them within so long (they are in its cache); if not, a handful that are quick to
    /// compile. Those answer, slower and right, while a thread compiles the others; then every answer comes from the fast
    /// ones. In a browser the same as [`Start::Tuned`].
    Within(Duration),
}

/// What loading took.
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
    pub(super) context: Context,
    pub(super) space: ValidatedSpace,
    pub(super) preprocessing: Preprocessing,
    pub(super) packed: Vec<Packed>,
    /// Gamma and beta, or the bias, of every convolution.
    pub(super) norms: Vec<(Vec<f32>, Vec<f32>)>,
    /// The quantisation scale of every convolution's output channels; empty where a weight is stored as itself.
    pub(super) weight_scales: Vec<Vec<f32>>,
    pub(super) planner: Planner,
    /// What answers first: all pipelines, or the fallback ones.
    pub(super) pipelines: Pipelines,
    /// What answers once it is there.
    pub(super) background: Option<Background>,
    /// What only calibration runs; built when that is first asked for.
    pub(super) calibration: Mutex<Pipelines>,
    pub(super) arena: Arena,
    pub(super) sizes: Sizes,
    /// What the biggest child must hold at least, and its two largest tensors.
    activation_floor: (u64, u64),
    pub(super) slots: Arc<Slots>,
    pub(super) strides: Strides,
    pub(super) answers: Arc<Staging>,
    pub(super) timestamps: Option<Timestamps>,
    /// Whether [`Supernet::check_timestamps`] found them wrong.
    pub(super) timestamps_are_wrong: AtomicBool,
    /// What reads a texture; made at the first one.
    pub(super) textures: OnceLock<TextureReader>,
    /// Held from an inference's first write until its submission: the arena is one.
    pub(super) submitting: Mutex<ResizeState>,
    pub(super) options: EngineOptions,
    load_times: LoadTimes,
}

/// Distances in the buffers of slots.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strides {
    /// Bytes from one layer's parameters to the next.
    pub(super) layer: u64,
    /// Layers of a slot.
    pub(super) layers: u64,
    /// Elements of a slot's scales and shifts.
    pub(super) norms: u64,
}

/// What per-layer timing needs.
#[derive(Debug)]
pub(super) struct Timestamps {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    pub(super) staging: Arc<Staging>,
}

impl Timestamps {
    fn new(context: &Context, count: u32) -> Option<Self> {
        let queries = context.timestamps(count)?;
        let bytes = u64::from(count) * 8;
        let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
        let resolved = context.buffer("timestamps", bytes, usage);
        Some(Self { queries, resolved, staging: Staging::new(context, 1, bytes) })
    }

    /// Of the pass with that number: its begin and its end.
    pub(super) fn of_pass(&self, index: u32) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(2 * index),
            end_of_pass_write_index: Some(2 * index + 1),
        }
    }

    /// Copies the ticks of so many passes to where they can be read.
    pub(super) fn resolve(&self, passes: u32, commands: &mut wgpu::CommandEncoder, to: &wgpu::Buffer) {
        commands.resolve_query_set(&self.queries, 0..2 * passes, &self.resolved, 0);
        commands.copy_buffer_to_buffer(&self.resolved, 0, to, 0, 16 * u64::from(passes));
    }
}

impl Supernet {
    /// Uploads the shared weights and builds every pipeline that any child of the space can need.
    ///
    /// `weights` is the flat vector of all parameters, as many as the space's layout has; `preprocessing` is how images
    /// become this network's input.
    ///
    /// # Errors
    /// [`Error::Space`], [`Error::Weights`] or [`Error::Preprocessing`] if the three do not belong
    /// together, [`Error::WeightRange`] if the storage cannot hold a weight, [`Error::NoArithmetic`] if
    /// the adapter does not have the arithmetic, [`Error::SelfTest`] if it gets storage or arithmetic wrong,
    /// [`Error::TooLarge`] if the adapter cannot bind a buffer, [`Error`]
    /// otherwise.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn load(
        context: &Context,
        space: &ValidatedSpace,
        weights: &[f32],
        preprocessing: &Preprocessing,
        options: &EngineOptions,
    ) -> Result<Self, Error> {
        block_on(Self::load_async(context, space, weights, preprocessing, options))
    }

    /// The same without blocking: the only way in a browser.
    ///
    /// # Errors
    /// As [`Supernet::load`].
    pub async fn load_async(
        context: &Context,
        space: &ValidatedSpace,
        weights: &[f32],
        preprocessing: &Preprocessing,
        options: &EngineOptions,
    ) -> Result<Self, Error> {
        let facts = context.facts();
        check_offered(context, options.arithmetic)?;
        let mut traits = Traits { arithmetic: options.arithmetic, ..Traits::of(facts) };
        // Nothing is compiled for the test where no tile could broadcast.
        let may_broadcast = match options.tiles {
            TileChoice::Vendor => false,
            TileChoice::Given(tiles) => !tiles.run_on(false),
            TileChoice::Timed(_) => true,
        } || !traits.tiles.run_on(false);
        let subgroups = facts.subgroups && may_broadcast && broadcast_is_right(context).await?;
        if !traits.tiles.run_on(subgroups) {
            traits.tiles = vendor_tiles(facts.vendor_family(), subgroups);
        }
        match options.tiles {
            TileChoice::Given(tiles) if tiles.run_on(subgroups) => traits.tiles = tiles,
            TileChoice::Timed(patience) if cfg!(not(target_arch = "wasm32")) => {
                traits.tiles = tune(context, space, options.weight_storage, traits, subgroups, patience).await?;
            }
            TileChoice::Vendor | TileChoice::Given(_) | TileChoice::Timed(_) => {}
        }
        Self::load_planned(context, space, weights, preprocessing, options, traits).await
    }

    /// The same with the kernels of any kind of adapter: a test runs a real GPU's on software.
    pub(super) async fn load_planned(
        context: &Context,
        space: &ValidatedSpace,
        weights: &[f32],
        preprocessing: &Preprocessing,
        options: &EngineOptions,
        traits: Traits,
    ) -> Result<Self, Error> {
        let started = Instant::now();
        context.check("loading a supernet")?;
        let biggest = space.lower(&space.biggest())?;
        let layout = space.layout();
        if weights.len() != layout.len() {
            let (space, expected, given) = (space.name.clone(), layout.len(), weights.len());
            return Err(Error::Weights { space, expected, given });
        }
        if !preprocessing.fits(space.input_channels) {
            return Err(Error::Preprocessing { channels: space.input_channels });
        }
        let traits = Traits { arithmetic: options.arithmetic, ..traits };
        let planner = Planner::new(space, traits);
        for layer in &biggest.layers {
            // Every other child's loops and grids are smaller.
            planner.plan(&layer.shape)?;
            planner.plan_fallback(&layer.shape)?;
        }

        let strides = Strides {
            layer: PARAMETER_BYTES.next_multiple_of(u64::from(context.limits().min_uniform_buffer_offset_alignment)),
            layers: biggest.layers.len() as u64,
            norms: (biggest.layers.iter())
                .filter(|layer| layer.convolution.is_some())
                .map(|layer| 2 * u64::from(layer.shape.output.channels.div_ceil(4)))
                .sum(),
        };
        let slots = (options.child_slots.max(1) + TO_MEASURE) as u64;
        let storage = options.weight_storage;
        let max_image_side = options.max_image_side.max(2); // as `Image` demands
        let sizes = Sizes {
            weights: weight_bytes(layout, storage),
            norms: slots * strides.norms * 16,
            // The first place belongs to the resize, and the last stays zero.
            parameters: (2 + slots * strides.layers) * strides.layer,
            ..Sizes::of_activations(&biggest, max_image_side)
        };
        sizes.check(context)?;

        check_storage(context, storage).await?;
        let before_pipelines = Instant::now();
        let common = Common::new(context, storage);
        let wanted = planner.all_pipelines(space);
        let patience = match options.start {
            Start::Within(patience) if cfg!(not(target_arch = "wasm32")) => Some(patience),
            Start::Within(_) | Start::Tuned => None,
        };
        // All pipelines, or the fallback ones later, when the others turn out to take long.
        let mut pipelines = check_arithmetic(context, &common, &wanted).await?;
        if patience.is_none() {
            pipelines.add_all(context, &wanted).await?;
            context.save_pipelines();
        }
        let mut pipeline_time: Millis = before_pipelines.elapsed().into();

        let logits_bytes = super::arena::activation_bytes(space.classes, 1);
        let answers_in_flight = options.answers_in_flight.max(1);
        let ((arena, answers, timestamps), verdict) = context.guarded("making buffers", || {
            let arena = Arena::new(context, &common.groups, &sizes);
            let answers = Staging::new(context, answers_in_flight, logits_bytes);
            // A begin and an end for each layer, and for the resize before them.
            let timestamps = Timestamps::new(context, 2 * (strides.layers as u32 + 1));
            (arena, answers, timestamps)
        });
        verdict.await?;

        let spawned_at = Instant::now();
        #[cfg(target_arch = "wasm32")]
        let background: Option<Background> = None;
        #[cfg(not(target_arch = "wasm32"))]
        let background = if patience.is_some() {
            // Real drivers compile when a pipeline is made.
            let first_run = traits.software.then(|| FirstRun {
                group: arena.bind_group(Route::FilteredToBlock).clone(),
                parameters: (sizes.parameters - strides.layer) as u32,
            });
            Some(Background::spawn(context, pipelines.clone(), wanted.clone(), first_run)?)
        } else {
            None
        };

        let before_upload = Instant::now();
        let packed = pack(layout, weights, storage)?;
        let (submission, verdict) = context.guarded("uploading weights", || {
            context.upload(Upload::Weights, &arena.weights, 0, packed.values.bytes());
            context.submit(context.encoder())
        });
        verdict.await?;
        context.settle("the upload of the weights", submission).await?;
        let upload_time = before_upload.elapsed().into();
        let mut built = wanted.len();
        #[cfg(not(target_arch = "wasm32"))]
        if let (Some(background), Some(patience)) = (&background, patience) {
            if background.ready_by(context, spawned_at + patience).await {
                pipeline_time = spawned_at.elapsed().into();
            } else {
                let before = Instant::now();
                pipelines = Pipelines::build(context, &common, &planner.fallback_pipelines(&wanted)).await?;
                pipeline_time = before.elapsed().into();
                built = pipelines.len();
            }
        }

        let values = |parameter: usize| weights[layout.parameters[parameter].range()].to_vec();
        let norms = (layout.convolutions.iter())
            .map(|one| (values(one.scale_or_bias), one.shift.map(values).unwrap_or_default()))
            .collect();
        let total_time = started.elapsed().into();
        Ok(Self {
            context: context.clone(),
            space: space.clone(),
            preprocessing: preprocessing.clone(),
            packed: packed.convolutions,
            norms,
            weight_scales: packed.scales,
            planner,
            load_times: LoadTimes { pipelines: built, pipeline_time, upload_time, total_time },
            pipelines,
            background,
            calibration: Mutex::new(Pipelines::new(&common)),
            arena,
            sizes,
            activation_floor: floor(&biggest),
            slots: Slots::new(options.child_slots.max(1)),
            strides,
            answers,
            timestamps,
            timestamps_are_wrong: AtomicBool::new(false),
            textures: OnceLock::new(),
            submitting: Mutex::new(ResizeParameters::default()),
            options: EngineOptions {
                child_slots: slots as usize,
                max_image_side,
                answers_in_flight,
                weight_storage: storage,
                arithmetic: options.arithmetic,
                start: options.start,
                tiles: TileChoice::Given(traits.tiles),
            },
        })
    }

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

    /// What has been made on the GPU and sent to it so far.
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

    /// What products are computed in.
    pub fn arithmetic(&self) -> Arithmetic {
        self.options.arithmetic
    }

    /// How far the fast pipelines are.
    pub fn readiness(&self) -> Readiness {
        self.background.as_ref().map_or(Readiness::Ready, Background::readiness)
    }

    /// Blocks until every answer comes from the fast pipelines; at once after [`Start::Tuned`].
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

    /// What loading took.
    pub fn load_times(&self) -> LoadTimes {
        self.load_times
    }

    /// Bytes held.
    pub fn memory(&self) -> MemoryUse {
        let sizes = &self.sizes;
        let norm_values: usize = self.norms.iter().map(|(first, second)| first.len() + second.len()).sum();
        let scale_values: usize = self.weight_scales.iter().map(Vec::len).sum();
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
