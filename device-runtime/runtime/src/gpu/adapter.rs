use crate::Error;
use crate::error::NO_BACKEND;
use crate::gpu::instance::Instances;
use crate::gpu::select::{list, select};
use crate::gpu::{ContextOptions, Vendor};
use nestling_core::names::printable;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Properties of an adapter, and which of its features are used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)] // older files do not say all
pub struct AdapterInfo {
    /// Its place in [`list_adapters`](crate::list_adapters) with the same backends, which
    /// [`ContextOptions::adapter_name`] takes; none where wgpu or the app chose it.
    pub index: Option<usize>,
    /// Name, as the driver gives it.
    pub name: String,
    /// Vendor's PCI number.
    pub vendor: u32,
    /// Device's PCI number.
    pub device: u32,
    /// Where it is on the PCI bus, such as `0000:01:00.0`, if the backend tells (Vulkan and DX12).
    pub pci_bus_id: Option<String>,
    /// The threads and the processor that a software adapter computes on.
    pub host: Option<String>,
    /// `cpu` (software), `integrated`, `discrete`, `virtual` or `other`.
    pub device_type: String,
    /// `vulkan`, `metal`, `dx12`, `gl` or `webgpu`.
    pub backend: String,
    /// Driver's name.
    pub driver: String,
    /// Driver's version and build.
    pub driver_info: String,
    /// Smallest and largest subgroup in threads.
    pub subgroup_sizes: (u32, u32),
    /// Whether subgroup operations are used.
    pub subgroups: bool,
    /// Whether timestamp queries are used.
    pub timestamps: bool,
    /// Whether compiled pipelines are kept on disk.
    pub pipeline_cache: bool,
    /// Whether 16-bit floats may be used in the arithmetic; whether they are is said by
    /// [`EngineOptions::arithmetic`](crate::engine::EngineOptions::arithmetic).
    pub f16: bool,
}

impl AdapterInfo {
    pub(super) fn new(adapter: &wgpu::Adapter, used: wgpu::Features) -> Self {
        let info = adapter.get_info();
        let device_type = match info.device_type {
            wgpu::DeviceType::Cpu => "cpu",
            wgpu::DeviceType::IntegratedGpu => "integrated",
            wgpu::DeviceType::DiscreteGpu => "discrete",
            wgpu::DeviceType::VirtualGpu => "virtual",
            wgpu::DeviceType::Other => "other",
        };
        Self {
            index: None,
            name: info.name,
            pci_bus_id: Some(info.device_pci_bus_id).filter(|id| !id.is_empty()),
            host: host_of(info.device_type),
            vendor: info.vendor,
            device: info.device,
            device_type: device_type.to_owned(),
            backend: info.backend.to_string(),
            driver: info.driver,
            driver_info: info.driver_info,
            subgroup_sizes: (info.subgroup_min_size, info.subgroup_max_size),
            subgroups: used.contains(wgpu::Features::SUBGROUP),
            timestamps: used.contains(wgpu::Features::TIMESTAMP_QUERY),
            pipeline_cache: used.contains(wgpu::Features::PIPELINE_CACHE),
            f16: used.contains(wgpu::Features::SHADER_F16),
        }
    }

    /// Whether the adapter is software on the CPU.
    pub fn is_software(&self) -> bool {
        self.device_type == "cpu"
    }

    /// The driver's name, version and build.
    pub fn driver_text(&self) -> String {
        format!("{} {}", self.driver, self.driver_info).trim().to_owned()
    }

    /// Optional features that are used and that times depend on, in alphabetical order; then the threads and the
    /// processor of a software adapter.
    pub fn features(&self) -> Vec<String> {
        let used = [(self.f16, "f16"), (self.subgroups, "subgroups"), (self.timestamps, "timestamps")];
        let used = used.into_iter().filter(|(used, _)| *used).map(|(_, name)| name.to_owned());
        used.chain(self.host.clone()).collect()
    }

    /// Whose GPU it is.
    pub fn vendor_family(&self) -> Vendor {
        if self.is_software() { Vendor::Software } else { Vendor::of(self.vendor, &self.name) }
    }
}

impl fmt::Display for AdapterInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {}", printable(&self.name), self.device_type, self.backend)?;
        for part in [&self.driver, &self.driver_info] {
            if !part.is_empty() {
                write!(f, ", {}", printable(part))?;
            }
        }
        if let Some(bus) = &self.pci_bus_id {
            write!(f, ", PCI {}", printable(bus))?;
        }
        if let Some(host) = &self.host {
            write!(f, ", {}", printable(host))?;
        }
        write!(f, ", f32")?;
        for (used, name) in [
            (self.f16, "f16"),
            (self.subgroups, "subgroups"),
            (self.timestamps, "timestamps"),
            (self.pipeline_cache, "pipeline cache"),
        ] {
            if used {
                write!(f, ", {name}")?;
            }
        }
        write!(f, ")")
    }
}

/// The optional features that the engine has a use for.
pub(super) fn useful_features(adapter: &wgpu::Adapter, options: &ContextOptions) -> wgpu::Features {
    let mut wanted = wgpu::Features::empty();
    wanted.set(wgpu::Features::TIMESTAMP_QUERY, options.use_timestamps);
    wanted.set(wgpu::Features::SHADER_F16, options.use_f16);
    // Fewer than 8 lanes cannot hold a step's weights; drivers with 128 have crashed.
    let info = adapter.get_info();
    let usual = info.subgroup_min_size >= 8 && info.subgroup_max_size <= 64;
    wanted.set(wgpu::Features::SUBGROUP, options.use_subgroups && usual);
    let asked = options.cache_folder().is_some() && wgpu::util::pipeline_cache_key(&info).is_some();
    wanted.set(wgpu::Features::PIPELINE_CACHE, asked);
    wanted & adapter.features()
}

/// All adapters of the options' backends, with the features that would be used. Their indices count these only: with
/// other backends an adapter may have another one.
#[cfg(not(target_arch = "wasm32"))]
pub fn list_adapters(options: &ContextOptions) -> Vec<AdapterInfo> {
    super::block_on(list_adapters_async(options))
}

/// The same without blocking.
pub async fn list_adapters_async(options: &ContextOptions) -> Vec<AdapterInfo> {
    let adapters = Instances::new(options.backends).adapters().await;
    numbered(&adapters, options)
}

fn numbered(adapters: &[wgpu::Adapter], options: &ContextOptions) -> Vec<AdapterInfo> {
    let info = |(index, adapter)| {
        let info = AdapterInfo::new(adapter, useful_features(adapter, options));
        AdapterInfo { index: Some(index), ..info }
    };
    adapters.iter().enumerate().map(info).collect()
}

/// A GPU's times depend little on the processor.
fn host_of(device_type: wgpu::DeviceType) -> Option<String> {
    #[cfg(not(target_arch = "wasm32"))]
    return (device_type == wgpu::DeviceType::Cpu).then(super::host::description);
    #[cfg(target_arch = "wasm32")]
    {
        let _ = device_type;
        None
    }
}

/// The adapter that [`Context::new`](crate::Context::new) opens with these options.
///
/// # Errors
/// [`Error::NoAdapter`] or [`Error::AmbiguousAdapter`], which list the adapters.
#[cfg(not(target_arch = "wasm32"))]
pub fn chosen_adapter(options: &ContextOptions) -> Result<AdapterInfo, Error> {
    let (adapter, index) = super::block_on(find_adapter(options))?;
    Ok(AdapterInfo { index, ..AdapterInfo::new(&adapter, useful_features(&adapter, options)) })
}

/// The backends in words: those that were wanted and that this build has, or why there are none.
fn tried(wanted: wgpu::Backends) -> String {
    let words = |backends: wgpu::Backends| {
        let names: Vec<String> = backends.iter_names().map(|(name, _)| name.to_lowercase()).collect();
        names.join(", ")
    };
    let here = wgpu::Instance::enabled_backend_features();
    if (wanted & here).is_empty() {
        let wanted =
            if wanted.is_empty() { "no backend was asked for".to_owned() } else { format!("no {}", words(wanted)) };
        return format!("{NO_BACKEND}{wanted}, this build for {} has {}", std::env::consts::OS, words(here));
    }
    words(wanted & here)
}

/// Finds the adapter that the options describe, and its index if they name it.
pub(super) async fn find_adapter(options: &ContextOptions) -> Result<(wgpu::Adapter, Option<usize>), Error> {
    let instances = Instances::new(options.backends);
    let tried = tried(options.backends);
    if let Some(wanted) = &options.adapter_name {
        let mut all = instances.adapters().await;
        let index = select(&numbered(&all, options), wanted, options.force_software, &tried)?;
        return Ok((all.swap_remove(index), Some(index)));
    }
    if let Some(adapter) = instances.preferred(options).await {
        return Ok((adapter, None));
    }
    let found = numbered(&instances.adapters().await, options);
    let wanted = if options.force_software { "in software" } else { "at all" }.to_owned();
    Err(Error::NoAdapter { wanted, tried, found: list(found.iter()) })
}
