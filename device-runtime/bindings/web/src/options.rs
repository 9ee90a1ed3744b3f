//! Options as JavaScript gives them.

use crate::error::{invalid, thrown};
use js_sys::Reflect;
use nestling::{Arithmetic, Error, Image, PixelFormat, Quantile, RuntimeOptions, ThermalHint, WeightStorage};
use std::time::Duration;
use wasm_bindgen::JsValue;

/// The options of a runtime: an object, whose absent properties have the SDK's defaults.
///
/// # Errors
/// Names the option and the values that it may have.
pub fn runtime_options(given: &JsValue) -> Result<RuntimeOptions, JsValue> {
    let mut options = RuntimeOptions::default();
    if let Some(milliseconds) = number(given, "timeoutMs")? {
        options.context.timeout = Duration::from_millis(milliseconds.into());
    }
    if let Some(side) = number(given, "imageSide")? {
        options.image_side = Some(side);
    }
    if let Some(side) = number(given, "maxImageSide")? {
        options.max_image_side = side;
    }
    if let Some(untrained) = property(given, "untrained").as_bool() {
        options.untrained = untrained;
    }
    options.weight_storage = match property(given, "weightStorage").as_string().as_deref() {
        None => None,
        Some("f32") => Some(WeightStorage::F32),
        Some("f16") => Some(WeightStorage::F16),
        Some("int8") => Some(WeightStorage::Int8),
        Some(other) => return Err(invalid("weightStorage", other, "\"f32\", \"f16\" or \"int8\"")),
    };
    options.arithmetic = match property(given, "arithmetic").as_string().as_deref() {
        None | Some("f32") => Arithmetic::F32,
        Some("f16") => Arithmetic::F16,
        Some(other) => return Err(invalid("arithmetic", other, "\"f32\" or \"f16\"")),
    };
    Ok(options)
}

fn property(object: &JsValue, name: &str) -> JsValue {
    if object.is_object() { Reflect::get(object, &name.into()).unwrap_or_default() } else { JsValue::UNDEFINED }
}

fn number(object: &JsValue, name: &str) -> Result<Option<u32>, JsValue> {
    let value = property(object, name);
    if value.is_undefined() || value.is_null() {
        return Ok(None);
    }
    let whole = value.as_f64().filter(|value| value.fract() == 0.0 && (1.0..=f64::from(u32::MAX)).contains(value));
    let text = || value.as_f64().map_or_else(|| "no number".to_owned(), |value| value.to_string());
    whole.map(|value| Some(value as u32)).ok_or_else(|| invalid(name, &text(), "a positive whole number"))
}

/// The quantile of a share in percent.
///
/// # Errors
/// For all but three shares.
pub fn quantile(percent: u32) -> Result<Quantile, JsValue> {
    match percent {
        50 => Ok(Quantile::P50),
        90 => Ok(Quantile::P90),
        95 => Ok(Quantile::P95),
        other => Err(invalid("quantile", &other.to_string(), "50, 90 or 95")),
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

/// Pixels as the SDK takes them.
///
/// # Errors
/// If they do not fit their size, or the format has another name.
pub fn image<'a>(pixels: &'a [u8], width: u32, height: u32, format: &str) -> Result<Image<'a>, JsValue> {
    Image::new(width, height, pixel_format(format)?, pixels).map_err(|error| thrown(Error::from(error)))
}

fn pixel_format(name: &str) -> Result<PixelFormat, JsValue> {
    match name {
        "grey8" => Ok(PixelFormat::Grey8),
        "rgb8" => Ok(PixelFormat::Rgb8),
        "rgba8" => Ok(PixelFormat::Rgba8),
        "bgra8" => Ok(PixelFormat::Bgra8),
        other => Err(invalid("format", other, "\"grey8\", \"rgb8\", \"rgba8\" or \"bgra8\"")),
    }
}

/// The thermal hint of a name.
///
/// # Errors
/// Lists the names.
pub fn thermal_hint(name: &str) -> Result<ThermalHint, JsValue> {
    match name {
        "unknown" => Ok(ThermalHint::Unknown),
        "nominal" => Ok(ThermalHint::Nominal),
        "fair" => Ok(ThermalHint::Fair),
        "serious" => Ok(ThermalHint::Serious),
        "critical" => Ok(ThermalHint::Critical),
        other => Err(invalid("hint", other, "\"unknown\", \"nominal\", \"fair\", \"serious\" or \"critical\"")),
    }
}
