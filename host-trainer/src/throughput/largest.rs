//! The largest batch that a device takes, by trying.

use super::Training;
use crate::ranks::Ranks;
use crate::torch;
use crate::train::{TrainConfig, TrainError};
use serde::Serialize;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use tch::Device;

/// Most images that are tried.
const MOST_IMAGES: u32 = 1 << 16;
/// Batches are multiples of it, or powers of two below.
const MULTIPLE: u32 = 8;
/// Share of the processor's free memory that is taken if no bound is given.
const SHARE_OF_FREE: f64 = 0.8;

/// A batch that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// Images.
    pub batch_size: u32,
    /// Whether a step of the biggest child and its update fitted.
    pub fits: bool,
    /// Most bytes of tensors at once; of a batch that does not fit until it was given up.
    pub peak_bytes: Option<u64>,
}

/// The largest batch of which a step fits into the memory of a device; `None` if two images do not. Doubles the batch until
/// it does not fit, then halves the distance.
///
/// `most_bytes` bounds the tensors: without it a GPU is filled, and of a processor's free memory four fifths are taken.
/// `tell` is called with each batch.
///
/// # Errors
/// [`TrainError`] if the configuration is wrong.
pub fn largest_batch(
    config: &TrainConfig,
    device: Device,
    most_bytes: Option<u64>,
    mut tell: impl FnMut(&Tried),
) -> Result<Option<Tried>, TrainError> {
    let most_bytes = most_bytes.or_else(|| (device == Device::Cpu).then(free_bytes).flatten()).unwrap_or(u64::MAX);
    let mut best = None;
    let mut attempt = |batch_size: u32| -> Result<bool, TrainError> {
        let tried = attempt(config, device, batch_size, most_bytes)?;
        tell(&tried);
        if tried.fits {
            best = Some(tried);
        }
        Ok(tried.fits)
    };
    let mut low = 2;
    if !attempt(low)? {
        return Ok(None);
    }
    while low < MOST_IMAGES && attempt(2 * low)? {
        low *= 2;
    }
    let mut high = 2 * low;
    while (MULTIPLE..MOST_IMAGES).contains(&low) && high - low > MULTIPLE.max(low / 32) {
        let middle = low.midpoint(high) / MULTIPLE * MULTIPLE;
        if middle == low {
            break;
        }
        if attempt(middle)? { low = middle } else { high = middle }
    }
    Ok(best)
}

/// One step of the biggest child with its update.
fn attempt(config: &TrainConfig, device: Device, batch_size: u32, most_bytes: u64) -> Result<Tried, TrainError> {
    let config = TrainConfig { batch_size, workers: 1, accumulate: 1, ..config.clone() };
    let space = config.validate()?;
    let side = space.resolutions.iter().copied().max().unwrap_or(1);
    torch::reset_peak_of(device);
    // libtorch refuses by a panic; its message says no more than that memory is missing.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let step = || Training::new(&config, &space, side, device, Ranks::just_one()).step(true).map(drop);
    let outcome = catch_unwind(AssertUnwindSafe(step));
    std::panic::set_hook(hook);
    let peak_bytes = torch::peak_of(device);
    let fits = match outcome {
        Ok(done) => {
            done?;
            peak_bytes.is_none_or(|bytes| bytes <= most_bytes)
        }
        Err(panic) if is_out_of_memory(&*panic) => false,
        Err(panic) => resume_unwind(panic),
    };
    Ok(Tried { batch_size, fits, peak_bytes })
}

/// Whether libtorch's message is one of missing memory: of CUDA's allocator, or of the processor's.
fn is_out_of_memory(panic: &(dyn Any + Send)) -> bool {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    text.is_some_and(|text| {
        ["out of memory", "not enough memory", "allocate memory"].iter().any(|word| text.contains(word))
    })
}

/// Bytes that this processor may give out.
fn free_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: f64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some((SHARE_OF_FREE * 1024.0 * kilobytes) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Estimate;
    use nestling_core::space::SearchSpace;

    #[test]
    fn the_largest_batch_that_is_found_is_the_one_that_is_predicted() {
        crate::torch::initialise();
        let space = SearchSpace { resolutions: vec![20], ..SearchSpace::fashion() };
        let config = TrainConfig { precision: crate::train::Precision::Bf16, space, ..TrainConfig::default() };
        let most = 12_000_000;
        let mut tried = Vec::new();
        let found = largest_batch(&config, Device::Cpu, Some(most), |one| tried.push(*one)).unwrap().unwrap();
        assert!(found.fits && found.peak_bytes.is_some_and(|bytes| bytes <= most), "{found:?}");
        assert!(tried.iter().any(|one| !one.fits && one.batch_size <= found.batch_size + MULTIPLE), "{tried:?}");
        let of = TrainConfig { batch_size: found.batch_size, workers: 1, ..config.clone() };
        let predicted = Estimate::new(&of, 1 << 16, 1.0).unwrap().memory.peak_bf16 as f64;
        assert!((0.8..1.1).contains(&(predicted / most as f64)), "{found:?}, predicted {predicted}");
        assert_eq!(largest_batch(&config, Device::Cpu, Some(1), |_| ()).unwrap(), None);
    }

    #[test]
    fn only_missing_memory_counts_as_that() {
        let is = |text: &str| is_out_of_memory(&text.to_owned() as &(dyn Any + Send));
        assert!(is("CUDA out of memory. Tried to allocate 2.00 GiB"));
        assert!(is("[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory: you tried to"));
        assert!(!is("The size of tensor a (3) must match the size of tensor b (4)"));
    }
}
