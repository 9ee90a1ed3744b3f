use crate::engine::plan::TileChoice;
use nestling_core::arithmetic::Arithmetic;
use nestling_core::weights::WeightStorage;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How a supernet is loaded, and the room that it sets aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineOptions {
    /// Children that can be prepared at the same time.
    pub child_slots: usize,
    /// Largest side of an image's centre square in pixels. Where the bundle's fit reads whole pictures, they may have as
    /// many pixels as two such squares ([`Preprocessing::needed_side`](nestling_core::image::Preprocessing)).
    pub max_image_side: u32,
    /// Inferences whose answers can be on their way at the same time.
    pub answers_in_flight: usize,
    /// How the shared weights are stored on the GPU. With any but [`WeightStorage::F32`] the adapter must first pass a
    /// self-test, once a [`Context`](crate::Context).
    pub weight_storage: WeightStorage,
    /// The arithmetic of products, whatever the storage. With [`Arithmetic::F16`] the adapter must offer it, and
    /// loading waits for the kernels that compute in it: each must first pass a self-test, once a
    /// [`Context`](crate::Context).
    pub arithmetic: Arithmetic,
    /// The pipelines that must be there before the first answer.
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

/// The pipelines that must be there before the first answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// Every pipeline: loading takes as long as the driver's compiler, all answers are equally fast.
    #[default]
    Tuned,
    /// The fast pipelines if the driver has them within so long (they are in its cache); if not, a handful that are
    /// quick to compile. Those answer, slower and right, while a thread compiles the others; then every answer comes
    /// from the fast ones. Which it will be is foreseen from the first pipelines, so that nothing else is compiled before
    /// the first answer. In a browser the same as [`Start::Tuned`].
    Within(Duration),
}

/// The precision of a [`DeviceKey`](nestling_core::latency::DeviceKey): the arithmetic, then the storage of the weights if it is not the one that they were
/// trained with.
pub fn precision(arithmetic: Arithmetic, storage: WeightStorage) -> String {
    match storage {
        WeightStorage::F32 => arithmetic.to_string(),
        WeightStorage::F16 | WeightStorage::Int8 => format!("{arithmetic}, weights {storage}"),
    }
}
