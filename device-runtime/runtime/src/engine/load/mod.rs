//! The way from weights to a [`Supernet`]: plan it, test the adapter, build pipelines and buffers, send the weights.
//!
//! This folder may use [`run`](super::run), [`trial`](super::trial) and all that those may use.

mod blueprint;
mod buffers;
mod grow;
mod kernels;

use crate::Error;
use crate::engine::plan::{EngineOptions, Slots, TileChoice, Traits, floor, vendor_tiles};
use crate::engine::resources::{Pipelines, WeightSource};
use crate::engine::run::{LoadTimes, ResizeState, Supernet};
use crate::engine::trial::{broadcast_is_right, check_offered, check_storage, tune};
use crate::gpu::Context;
#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::block_on;
use blueprint::Blueprint;
use buffers::{Buffers, upload_weights};
use kernels::Kernels;
use nestling_core::image::Preprocessing;
use nestling_core::space::ValidatedSpace;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use web_time::Instant;

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
        Self::load_from_async(context, space, weights, preprocessing, options).await
    }

    /// The same with weights that come one tensor after the other: they are never in memory all at once but as the GPU
    /// stores them.
    ///
    /// # Errors
    /// As [`Supernet::load`], and those of the weights' source.
    pub async fn load_from_async(
        context: &Context,
        space: &ValidatedSpace,
        weights: &(impl WeightSource + ?Sized),
        preprocessing: &Preprocessing,
        options: &EngineOptions,
    ) -> Result<Self, Error> {
        check_offered(context, options.arithmetic)?;
        let traits = chosen_traits(context, space, options).await?;
        Self::load_planned(context, space, weights, preprocessing, options, traits).await
    }

    /// The same with the kernels of any kind of adapter: a test runs a real GPU's on software.
    pub(in crate::engine) async fn load_planned(
        context: &Context,
        space: &ValidatedSpace,
        weights: &(impl WeightSource + ?Sized),
        preprocessing: &Preprocessing,
        options: &EngineOptions,
        traits: Traits,
    ) -> Result<Self, Error> {
        let started = Instant::now();
        context.check("loading a supernet")?;
        let biggest = space.lower(&space.biggest())?;
        check_belongings(space, weights, preprocessing)?;
        let blueprint = Blueprint::new(context, space, &biggest, preprocessing, options, traits)?;
        blueprint.sizes.check(context)?;
        check_storage(context, blueprint.options.weight_storage).await?;

        let kernels = Kernels::build(context, space, &blueprint).await?;
        let Buffers { arena, answers, timestamps } = Buffers::new(context, space, &kernels.common, &blueprint).await?;
        #[cfg(not(target_arch = "wasm32"))]
        let (mut kernels, spawned_at) = kernels.compile_others(context, space, &blueprint)?;
        let before_upload = Instant::now();
        let packed = upload_weights(context, space, weights, blueprint.options.weight_storage, &arena).await?;
        let upload_time = before_upload.elapsed().into();
        #[cfg(not(target_arch = "wasm32"))]
        kernels.settle(context, space, &blueprint, spawned_at).await?;

        let total_time = started.elapsed().into();
        let (pipelines, pipeline_time) = (kernels.built, kernels.time);
        Ok(Self {
            context: context.clone(),
            space: space.clone(),
            preprocessing: preprocessing.clone(),
            packed: packed.convolutions,
            host: RwLock::new(Arc::new(packed.host)),
            planner: blueprint.planner,
            load_times: LoadTimes { pipelines, pipeline_time, upload_time, total_time },
            pipelines: kernels.pipelines,
            background: kernels.background,
            calibration: Mutex::new(Pipelines::new(&kernels.common)),
            arena,
            sizes: blueprint.sizes,
            activation_floor: floor(&biggest),
            slots: Slots::new(blueprint.app_slots),
            strides: blueprint.strides,
            answers,
            timestamps,
            timestamps_are_wrong: AtomicBool::new(false),
            textures: OnceLock::new(),
            submitting: Mutex::new(ResizeState::default()),
            options: blueprint.options,
        })
    }
}

/// The adapter's traits, with the tiles that the options ask for where it can run them.
async fn chosen_traits(context: &Context, space: &ValidatedSpace, options: &EngineOptions) -> Result<Traits, Error> {
    let facts = context.facts();
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
    Ok(traits)
}

/// Fails unless weights and preprocessing are a network's of this space.
fn check_belongings(
    space: &ValidatedSpace,
    weights: &(impl WeightSource + ?Sized),
    preprocessing: &Preprocessing,
) -> Result<(), Error> {
    let expected = space.layout().len();
    if weights.count() != expected {
        return Err(Error::Weights { space: space.name.clone(), expected, given: weights.count() });
    }
    if !preprocessing.fits(space.input_channels) {
        return Err(Error::Preprocessing { channels: space.input_channels });
    }
    Ok(())
}
