//! wgpu's instances, made so that opening a GPU prints nothing.

use crate::gpu::{ContextOptions, PowerPreference};
use wgpu::{Adapter, Backends, DeviceType, Instance, InstanceDescriptor, RequestAdapterOptions};

/// The instances of some backends, in wgpu's order of backends, each made when it is first asked: a driver takes tens of
/// milliseconds to say what it has.
pub(super) struct Instances {
    backends: Backends,
    windowless: Option<Instance>,
}

impl Instances {
    pub(super) fn new(backends: Backends) -> Self {
        Self { backends, windowless: windowless_vulkan(backends) }
    }

    fn each(&self) -> impl Iterator<Item = Instance> {
        let done = if self.windowless.is_some() { Backends::VULKAN } else { Backends::empty() };
        let rest = self.backends - done;
        let rest = (!rest.is_empty()).then_some(rest);
        let rest = rest.into_iter().map(|backends| Instance::new(descriptor(backends)));
        self.windowless.iter().cloned().chain(rest)
    }

    /// All adapters.
    pub(super) async fn adapters(&self) -> Vec<Adapter> {
        let mut adapters = Vec::new();
        for instance in self.each() {
            adapters.extend(instance.enumerate_adapters(self.backends).await);
        }
        adapters
    }

    /// The adapter that wgpu takes by the power preference. No instance is asked behind one that has the best kind.
    pub(super) async fn preferred(&self, options: &ContextOptions) -> Option<Adapter> {
        let preference = options.power_preference;
        let request = RequestAdapterOptions {
            power_preference: preference,
            force_fallback_adapter: options.force_software,
            ..Default::default()
        };
        let mut best: Option<(u8, Adapter)> = None;
        for instance in self.each() {
            let Ok(adapter) = instance.request_adapter(&request).await else { continue };
            let rank = rank(adapter.get_info().device_type, preference);
            if best.as_ref().is_none_or(|(least, _)| rank < *least) {
                best = Some((rank, adapter));
            }
            let only_software = options.force_software && best.is_some();
            if only_software || best.as_ref().is_some_and(|(least, _)| *least <= BEST_RANK) {
                break;
            }
        }
        best.map(|(_, adapter)| adapter)
    }
}

/// No kind of device comes before those of this rank.
const BEST_RANK: u8 = 1;

/// Places kinds of devices as wgpu does within an instance.
fn rank(device: DeviceType, preference: PowerPreference) -> u8 {
    match (preference, device) {
        (PowerPreference::None, _) => 0,
        (PowerPreference::LowPower, DeviceType::IntegratedGpu) => 1,
        (PowerPreference::LowPower, DeviceType::DiscreteGpu) => 2,
        (PowerPreference::HighPerformance, DeviceType::DiscreteGpu) => 1,
        (PowerPreference::HighPerformance, DeviceType::IntegratedGpu) => 2,
        (_, DeviceType::Other) => 3,
        (_, DeviceType::VirtualGpu) => 4,
        (_, DeviceType::Cpu) => 5,
    }
}

fn descriptor(backends: Backends) -> InstanceDescriptor {
    InstanceDescriptor { backends, ..InstanceDescriptor::new_without_display_handle() }
}

/// A Vulkan instance that cannot show windows; nothing where there is no Vulkan, or no need for it.
///
/// wgpu enables the extensions for windows of Wayland and X11 wherever the driver has them. Mesa's layer that selects a
/// device then asks the compositor which one it uses, each time devices are listed, and libwayland prints an error where
/// no desktop runs. This runtime shows no windows: an app that does opens the device itself.
#[cfg(target_os = "linux")]
fn windowless_vulkan(backends: Backends) -> Option<Instance> {
    use wgpu::hal::vulkan;
    if !backends.contains(Backends::VULKAN) {
        return None;
    }
    let InstanceDescriptor { flags, memory_budget_thresholds, backend_options, .. } = descriptor(Backends::VULKAN);
    let descriptor = wgpu::hal::InstanceDescriptor {
        name: "wgpu",
        flags,
        memory_budget_thresholds,
        backend_options,
        telemetry: None,
        display: None,
    };
    // SAFETY: wgpu-hal asks that no extension is removed, because it relies on those that it has found. It relies on
    // these only when it makes a surface of a window, and then looks for the name first. Nobody can make one: the
    // instance stays in this module.
    #[allow(unsafe_code)]
    let instance = unsafe {
        vulkan::Instance::init_with_callback(
            &descriptor,
            Some(Box::new(|arguments: vulkan::CreateInstanceCallbackArgs<'_, '_, '_>| {
                let windows = [c"VK_KHR_wayland_surface", c"VK_KHR_xcb_surface", c"VK_KHR_xlib_surface"];
                arguments.extensions.retain(|name| !windows.contains(name));
            })),
        )
    };
    // SAFETY: the instance was made just now, and nobody else holds it.
    #[allow(unsafe_code)]
    let instance = instance.ok().map(|instance| unsafe { Instance::from_hal::<vulkan::Api>(instance) });
    instance
}

#[cfg(not(target_os = "linux"))]
fn windowless_vulkan(_: Backends) -> Option<Instance> {
    None
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::gpu::block_on;

    #[test]
    fn the_adapters_are_those_of_wgpu_and_the_preferred_one_is_the_same() {
        let plain = Instance::new(descriptor(Backends::all()));
        let facts = |adapter: &Adapter| {
            let info = adapter.get_info();
            (info.name, info.backend, info.driver_info, adapter.features())
        };
        let instances = Instances::new(Backends::all());
        let ours: Vec<_> = block_on(instances.adapters()).iter().map(facts).collect();
        let theirs: Vec<_> = block_on(plain.enumerate_adapters(Backends::all())).iter().map(facts).collect();
        assert_eq!(ours, theirs);
        for power_preference in [PowerPreference::None, PowerPreference::LowPower, PowerPreference::HighPerformance] {
            for force_software in [false, true] {
                let options = ContextOptions { power_preference, force_software, ..ContextOptions::default() };
                let request = RequestAdapterOptions {
                    power_preference,
                    force_fallback_adapter: force_software,
                    ..Default::default()
                };
                let theirs = block_on(plain.request_adapter(&request)).ok().as_ref().map(facts);
                assert_eq!(block_on(instances.preferred(&options)).as_ref().map(facts), theirs, "{options:?}");
            }
        }
    }

    #[test]
    fn real_devices_come_before_software_and_the_preference_decides_among_them() {
        let [discrete, integrated, other, software] =
            [DeviceType::DiscreteGpu, DeviceType::IntegratedGpu, DeviceType::Other, DeviceType::Cpu];
        let order = |preference, devices: [DeviceType; 4]| {
            let ranks = devices.map(|device| rank(device, preference));
            assert!(ranks.is_sorted_by(|one, next| one < next), "{preference:?}: {ranks:?}");
        };
        order(PowerPreference::HighPerformance, [discrete, integrated, other, software]);
        order(PowerPreference::LowPower, [integrated, discrete, other, software]);
    }
}
