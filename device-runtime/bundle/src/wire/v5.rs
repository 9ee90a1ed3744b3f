//! The manifest of format 5: one structure, whose parts follow each other without lengths. It is only read.

use super::few::{MAX_CHILDREN, MAX_LABELS, MAX_TABLES, few};
use super::{ChildEntry, Coded, Images, Predictor, Preprocessing, Space, Table, Trained};
use crate::{BundleError, Manifest};
use nestling_core::image::Fit;
use nestling_core::weights::WeightStorage;
use serde::Deserialize;

#[derive(Deserialize)]
struct Wire {
    name: String,
    provenance: String,
    space: Space,
    preprocessing: Preprocessing,
    #[serde(deserialize_with = "few::<MAX_LABELS, _, _>")]
    labels: Vec<String>,
    #[serde(deserialize_with = "few::<MAX_CHILDREN, _, _>")]
    children: Vec<ChildEntry>,
    #[serde(deserialize_with = "few::<MAX_TABLES, _, _>")]
    latency_tables: Vec<Table>,
    trained: Trained,
    weight_storage: u32,
    accuracy_predictor: Option<Predictor>,
    images: Option<Images>,
}

/// The manifest that the section holds.
pub(super) fn decode(section: &[u8]) -> Result<Manifest, BundleError> {
    super::from_bytes::<Wire>("the manifest", section)?.try_into()
}

impl TryFrom<Wire> for Manifest {
    type Error = BundleError;

    fn try_from(wire: Wire) -> Result<Self, BundleError> {
        Ok(Self {
            name: wire.name,
            provenance: wire.provenance,
            space: wire.space.try_into()?,
            preprocessing: wire.preprocessing.fitted(Fit::Crop),
            labels: wire.labels,
            children: super::all(wire.children)?,
            latency_tables: super::all(wire.latency_tables)?,
            trained: wire.trained.try_into()?,
            weight_storage: WeightStorage::from_code(wire.weight_storage)?,
            accuracy_predictor: wire.accuracy_predictor.map(Into::into),
            images: wire.images.map(TryInto::try_into).transpose()?,
            split: None,
        })
    }
}
