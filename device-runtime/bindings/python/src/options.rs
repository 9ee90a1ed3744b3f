//! Options as Python gives them.

use nestling::{Arithmetic, ContextOptions, Quantile, RuntimeOptions, ThermalHint, WeightStorage};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::path::PathBuf;
use std::time::Duration;

/// The options of `nestling.Runtime`; absent ones have the SDK's defaults.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Options {
    adapter: Option<String>,
    force_software: bool,
    pipeline_cache: Option<PathBuf>,
    timeout_s: f64,
    image_side: Option<u32>,
    max_image_side: u32,
    answers_in_flight: Option<usize>,
    untrained: bool,
    weight_storage: Option<String>,
    arithmetic: String,
}

impl Options {
    /// The same for the SDK.
    ///
    /// # Errors
    /// `ValueError` names the option and what it may be.
    pub fn read(self) -> PyResult<RuntimeOptions> {
        let timeout = Duration::try_from_secs_f64(self.timeout_s).ok().filter(|timeout| !timeout.is_zero());
        let timeout = timeout.ok_or_else(|| no("timeout_s", &self.timeout_s.to_string(), "a positive number"))?;
        let context = ContextOptions::default()
            .adapter_name(self.adapter)
            .force_software(self.force_software)
            .pipeline_cache(self.pipeline_cache)
            .timeout(timeout);
        let arithmetic = match self.arithmetic.as_str() {
            "f32" => Arithmetic::F32,
            "f16" => Arithmetic::F16,
            other => return Err(no("arithmetic", other, "\"f32\" or \"f16\"")),
        };
        let weight_storage = match self.weight_storage.as_deref() {
            None => None,
            Some("f32") => Some(WeightStorage::F32),
            Some("f16") => Some(WeightStorage::F16),
            Some("int8") => Some(WeightStorage::Int8),
            Some(other) => return Err(no("weight_storage", other, "None, \"f32\", \"f16\" or \"int8\"")),
        };
        let mut options = RuntimeOptions::default()
            .context(context)
            .image_side(self.image_side)
            .max_image_side(self.max_image_side)
            .untrained(self.untrained)
            .weight_storage(weight_storage)
            .arithmetic(arithmetic);
        if let Some(number) = self.answers_in_flight {
            options.answers_in_flight = number;
        }
        Ok(options)
    }
}

fn no(name: &str, given: &str, wanted: &str) -> PyErr {
    PyValueError::new_err(format!("{name} is {given}: give {wanted}"))
}

/// The quantile of a share in percent.
///
/// # Errors
/// `ValueError` for all but three shares.
pub fn quantile(percent: u32) -> PyResult<Quantile> {
    match percent {
        50 => Ok(Quantile::P50),
        90 => Ok(Quantile::P90),
        95 => Ok(Quantile::P95),
        other => Err(no("quantile", &other.to_string(), "50, 90 or 95")),
    }
}

/// The share of a quantile in percent.
pub fn percent(quantile: Quantile) -> u32 {
    match quantile {
        Quantile::P50 => 50,
        Quantile::P90 => 90,
        Quantile::P95 => 95,
    }
}

/// The hint of a name.
///
/// # Errors
/// `ValueError` lists the names.
pub fn thermal_hint(name: &str) -> PyResult<ThermalHint> {
    match name {
        "unknown" => Ok(ThermalHint::Unknown),
        "nominal" => Ok(ThermalHint::Nominal),
        "fair" => Ok(ThermalHint::Fair),
        "serious" => Ok(ThermalHint::Serious),
        "critical" => Ok(ThermalHint::Critical),
        other => Err(no("hint", other, "\"unknown\", \"nominal\", \"fair\", \"serious\" or \"critical\"")),
    }
}
