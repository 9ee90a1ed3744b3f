use crate::torch;
use nestling_stopwatch::Stopwatch;
use serde::{Deserialize, Serialize};
use std::fmt;
use tch::{Cuda, Device};

/// The use of a GPU by some steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GpuUse {
    /// Images per wall-second, each counted once a step.
    pub images_per_s: f64,
    /// Most bytes that libtorch's tensors took at once.
    pub peak_bytes: u64,
}

impl fmt::Display for GpuUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gib = self.peak_bytes as f64 / f64::from(1 << 30);
        write!(f, "{:.0} images per second, at most {gib:.2} GiB on the GPU", self.images_per_s)
    }
}

/// Measures what happens between its start and [`GpuMeter::stop`].
#[derive(Debug)]
pub struct GpuMeter {
    /// Number of the CUDA device.
    device: usize,
    stopwatch: Stopwatch,
}

impl GpuMeter {
    /// Starts; nothing on a processor. Waits until the GPU is idle.
    pub fn start(device: Device) -> Option<Self> {
        let Device::Cuda(device) = device else { return None };
        Cuda::synchronize(device as i64);
        torch::reset_peak_bytes(device);
        Some(Self { device, stopwatch: Stopwatch::start() })
    }

    /// The use by steps over `images`. Waits until the GPU is idle, for it works behind the host.
    pub fn stop(self, images: u64) -> GpuUse {
        Cuda::synchronize(self.device as i64);
        let images_per_s = images as f64 / self.stopwatch.elapsed().wall_s();
        GpuUse { images_per_s, peak_bytes: torch::peak_bytes(self.device).unwrap_or(0) }
    }
}
