use crate::engine::{EngineOptions, Start, TileChoice};
use crate::gpu::ContextOptions;
use nestling_core::arithmetic::Arithmetic;
use nestling_core::weights::WeightStorage;
use std::time::Duration;

/// Options of a [`Runtime`](super::Runtime): its adapter, its memory and its kernels.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RuntimeOptions {
    /// Which adapter to open, and how.
    pub context: ContextOptions,
    /// Children that can be prepared beside those that ship.
    pub spare_children: usize,
    /// Side, in pixels, of the square images that the app will mostly classify: latencies are measured with it,
    /// upload and resize included. `None` takes the space's largest resolution.
    pub image_side: Option<u32>,
    /// Largest side of an image's centre square in pixels. Where the bundle's fit reads whole pictures, they may have as
    /// many pixels as two such squares ([`Preprocessing::needed_side`](nestling_core::image::Preprocessing)).
    pub max_image_side: u32,
    /// Classifications whose answers can be on their way at the same time.
    pub answers_in_flight: usize,
    /// Most multiply-adds of one inference that a bundle may ask for: a bundle from elsewhere may describe a network
    /// that keeps a GPU busy for minutes. `None` opens any. Not read in a browser.
    pub max_madds: Option<u64>,
    /// Whether children whose weights were never trained may be chosen and answer: their times are true, their answers
    /// are noise.
    pub untrained: bool,
    /// How the shared weights are stored on the GPU: less than [`WeightStorage::F32`] saves memory and loads, and costs
    /// some accuracy. It changes the times: a profile belongs to its storage.
    ///
    /// `None` takes the bundle's own, or f32 on an adapter that fails its self-test
    /// ([`Runtime::storage_fault`](super::Runtime::storage_fault)); the values are the same.
    pub weight_storage: Option<WeightStorage>,
    /// The number type of products. [`Arithmetic::F16`] can be faster where the adapter offers it, costs some accuracy,
    /// and is refused unless the adapter passes a self-test. A profile belongs to its arithmetic too.
    pub arithmetic: Arithmetic,
    /// The pipelines that must be ready before the first answer. By default, where the driver has no compiled kernels
    /// in its cache, a handful that are quick to compile answers while the fast ones are compiled; measuring waits for
    /// those.
    pub start: Start,
    /// How pointwise layers are tiled: as a [profile says](TileChoice::of_profile), or
    /// [`TileChoice::Timed`] before measuring one.
    pub tiles: TileChoice,
}

impl Default for RuntimeOptions {
    fn default() -> Self {
        let engine = EngineOptions::default();
        Self {
            context: ContextOptions::default(),
            spare_children: 8,
            image_side: None,
            max_image_side: engine.max_image_side,
            answers_in_flight: engine.answers_in_flight,
            max_madds: None,
            untrained: false,
            weight_storage: None,
            arithmetic: engine.arithmetic,
            start: Start::Within(Duration::from_secs(1)),
            tiles: engine.tiles,
        }
    }
}

impl RuntimeOptions {
    nestling_core::setters! {
        context: ContextOptions, spare_children: usize, image_side: Option<u32>, max_image_side: u32,
        answers_in_flight: usize, max_madds: Option<u64>, untrained: bool, weight_storage: Option<WeightStorage>,
        arithmetic: Arithmetic, start: Start, tiles: TileChoice,
    }
}
