//! Options of a runtime, and the enums of arguments.

use nestling::{ContextOptions, RuntimeOptions};
use std::time::Duration;

/// The share of classifications that must keep a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Quantile {
    /// 50 of 100.
    P50,
    /// 90 of 100.
    P90,
    /// 95 of 100.
    P95,
}

impl From<Quantile> for nestling::Quantile {
    fn from(quantile: Quantile) -> Self {
        match quantile {
            Quantile::P50 => Self::P50,
            Quantile::P90 => Self::P90,
            Quantile::P95 => Self::P95,
        }
    }
}

impl From<nestling::Quantile> for Quantile {
    fn from(quantile: nestling::Quantile) -> Self {
        match quantile {
            nestling::Quantile::P50 => Self::P50,
            nestling::Quantile::P90 => Self::P90,
            nestling::Quantile::P95 => Self::P95,
        }
    }
}

/// How the GPU stores weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum WeightStorage {
    /// 32 bits a weight.
    F32,
    /// 16 bits a weight.
    F16,
    /// 8 bits a weight.
    Int8,
}

impl From<WeightStorage> for nestling::WeightStorage {
    fn from(storage: WeightStorage) -> Self {
        match storage {
            WeightStorage::F32 => Self::F32,
            WeightStorage::F16 => Self::F16,
            WeightStorage::Int8 => Self::Int8,
        }
    }
}

/// The number type of products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Arithmetic {
    /// 32 bits.
    F32,
    /// 16 bits, where the adapter passes a self-test.
    F16,
}

impl From<Arithmetic> for nestling::Arithmetic {
    fn from(arithmetic: Arithmetic) -> Self {
        match arithmetic {
            Arithmetic::F32 => Self::F32,
            Arithmetic::F16 => Self::F16,
        }
    }
}

/// The thermal state that the system reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum ThermalHint {
    /// The system does not tell.
    Unknown,
    /// Cool.
    Nominal,
    /// Warmer than that, and not slowed down.
    Fair,
    /// Hot: no larger child is taken.
    Serious,
    /// The system slows the device down, or is about to: a smaller child serves at once.
    Critical,
}

impl From<ThermalHint> for nestling::ThermalHint {
    fn from(hint: ThermalHint) -> Self {
        match hint {
            ThermalHint::Unknown => Self::Unknown,
            ThermalHint::Nominal => Self::Nominal,
            ThermalHint::Fair => Self::Fair,
            ThermalHint::Serious => Self::Serious,
            ThermalHint::Critical => Self::Critical,
        }
    }
}

impl From<nestling::ThermalHint> for ThermalHint {
    fn from(hint: nestling::ThermalHint) -> Self {
        match hint {
            nestling::ThermalHint::Unknown => Self::Unknown,
            nestling::ThermalHint::Nominal => Self::Nominal,
            nestling::ThermalHint::Fair => Self::Fair,
            nestling::ThermalHint::Serious => Self::Serious,
            nestling::ThermalHint::Critical => Self::Critical,
        }
    }
}

/// The hint of Android's `PowerManager.getThermalHeadroom`, where 1.0 is severe throttling; not a number is unknown.
#[uniffi::export]
pub fn thermal_hint_of_headroom(headroom: f32) -> ThermalHint {
    nestling::ThermalHint::from_android_headroom(headroom).into()
}

/// The hint of the raw value of iOS's `ProcessInfo.thermalState`, 0 nominal to 3 critical.
#[uniffi::export]
pub fn thermal_hint_of_ios_state(state: i32) -> ThermalHint {
    nestling::ThermalHint::from_ios_state(state).into()
}

/// Options of a runtime; all have defaults.
#[derive(Clone, Debug, Default, uniffi::Record)]
pub struct Options {
    /// An index of `listAdapters`, a PCI bus id, or a part of a name. By default the system chooses.
    #[uniffi(default = None)]
    pub adapter: Option<String>,
    /// Take a driver that computes on the processor.
    #[uniffi(default = false)]
    pub force_software: bool,
    /// A folder for compiled kernels, which shortens the next start on Vulkan; elsewhere it has no effect. Only this app may
    /// write there.
    #[uniffi(default = None)]
    pub pipeline_cache: Option<String>,
    /// Milliseconds that any wait for the GPU may last; 30,000 by default.
    #[uniffi(default = None)]
    pub timeout_ms: Option<u32>,
    /// Side of the square images that will mostly be classified: times are measured with it. By default the largest
    /// input of the children.
    #[uniffi(default = None)]
    pub image_side: Option<u32>,
    /// Largest side of a frame's centred square in pixels; 1080 by default. Picture files are reduced to it.
    #[uniffi(default = None)]
    pub max_image_side: Option<u32>,
    /// Classifications at the same time; others wait.
    #[uniffi(default = None)]
    pub answers_in_flight: Option<u32>,
    /// Let children answer that were never trained: their times are true, their answers noise.
    #[uniffi(default = false)]
    pub untrained: bool,
    /// How the GPU stores weights; by default as the bundle does.
    #[uniffi(default = None)]
    pub weight_storage: Option<WeightStorage>,
    /// The number type of products; 32 bits by default.
    #[uniffi(default = None)]
    pub arithmetic: Option<Arithmetic>,
}

impl Options {
    /// The same for the SDK.
    pub fn read(self) -> RuntimeOptions {
        let mut context = ContextOptions::default()
            .adapter_name(self.adapter)
            .force_software(self.force_software)
            .pipeline_cache(self.pipeline_cache.map(Into::into));
        if let Some(milliseconds) = self.timeout_ms {
            context.timeout = Duration::from_millis(u64::from(milliseconds.max(1)));
        }
        let mut options = RuntimeOptions::default()
            .context(context)
            .image_side(self.image_side)
            .untrained(self.untrained)
            .weight_storage(self.weight_storage.map(Into::into));
        if let Some(side) = self.max_image_side {
            options.max_image_side = side;
        }
        if let Some(count) = self.answers_in_flight {
            options.answers_in_flight = count as usize;
        }
        if let Some(arithmetic) = self.arithmetic {
            options.arithmetic = arithmetic.into();
        }
        options
    }
}
