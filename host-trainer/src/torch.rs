//! libtorch at start-up: which device computes, and how CUDA comes in without being linked.
//!
//! The binary links `libtorch_cpu` only, so it starts on any machine. Loading `libtorch_cuda` registers CUDA with
//! libtorch. libtorch looks for CUDA once, at the first question about it. Call [`initialise`] therefore before
//! anything else.

#![allow(unsafe_code)] // loads shared libraries and calls three functions of the NVIDIA driver; reasons at each

mod memory;

pub use memory::{peak_bytes, peak_of, reset_peak_bytes, reset_peak_of, upload};

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use std::error::Error;
use std::ffi::{CStr, c_char, c_int, c_uint};
use std::fmt;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use tch::Device;

/// The device that this process computes on, and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceChoice {
    /// The device of all tensors.
    pub device: Device,
    /// The name of the device.
    pub name: String,
    /// The reason of the choice.
    pub reason: String,
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.device {
            Device::Cuda(index) => format!("CUDA device {index}"),
            Device::Cpu | Device::Mps | Device::Vulkan => "CPU".to_owned(),
        };
        write!(out, "{kind}, {} ({})", self.name, self.reason)
    }
}

/// The number of this process among those of its host: the GPU that it takes.
static LOCAL_RANK: AtomicU32 = AtomicU32::new(0);

/// Gives this process the GPU of its number among the processes of its host. Call it before [`initialise`].
pub fn set_local_rank(rank: u32) {
    LOCAL_RANK.store(rank, Ordering::Relaxed);
}

/// Prepares libtorch and chooses the device: CUDA where it works, else the CPU.
///
/// Call it before anything else of `tch`; later calls return the first one's answer. Each worker has one libtorch
/// thread: the trainer parallelises over workers, and small layers lose by being split.
pub fn initialise() -> DeviceChoice {
    static CHOICE: OnceLock<DeviceChoice> = OnceLock::new();
    let choose = || {
        keep_freed_memory();
        let choice = match load_cuda() {
            Ok((index, name)) => {
                DeviceChoice { device: Device::Cuda(index), name, reason: "CUDA is available".to_owned() }
            }
            Err(reason) => DeviceChoice { device: Device::Cpu, name: cpu_name(), reason },
        };
        tch::set_num_threads(1);
        choice
    };
    CHOICE.get_or_init(choose).clone()
}

/// Lets the C library keep what a step frees for the next step, instead of returning it to the system and faulting it
/// in again page by page: 15 to 20 % of a training step on the CPU.
fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        unsafe extern "C" {
            fn mallopt(parameter: c_int, value: c_int) -> c_int;
        }
        const TRIM_THRESHOLD: c_int = -1;
        const TOP_PAD: c_int = -2;
        const MMAP_MAX: c_int = -4;
        const ARENA_MAX: c_int = -8;
        // SAFETY: documented parameters of glibc's malloc, set before other threads exist; a refusal changes nothing.
        unsafe {
            mallopt(TRIM_THRESHOLD, c_int::MAX);
            mallopt(TOP_PAD, 64 << 20);
            // An activation of a large image is beyond the largest threshold for maps of its own that glibc takes.
            mallopt(MMAP_MAX, 0);
            // A thread's own arena holds at most 64 MiB, and asks the system for anything larger.
            mallopt(ARENA_MAX, 1);
        }
    }
}

/// Brings CUDA in and returns number and name of this process's device, or says why there is none.
fn load_cuda() -> Result<(usize, String), String> {
    // The driver first: without it libtorch_cuda is half a gigabyte for nothing.
    let driver = open("libcuda.so.1".into()).map_err(|_| "no NVIDIA driver: libcuda.so.1 not found".to_owned())?;
    open(cuda_library()).map_err(|error| {
        let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        format!("there is an NVIDIA driver, but its half of libtorch did not load ({cause}); run `cargo xtask setup`")
    })?;
    if !tch::Cuda::is_available() {
        return Err("there is an NVIDIA driver, but libtorch finds no CUDA device that it can use".to_owned());
    }
    let devices = usize::try_from(tch::Cuda::device_count()).unwrap_or(1).max(1);
    // More processes than GPUs share them.
    let index = LOCAL_RANK.load(Ordering::Relaxed) as usize % devices;
    Ok((index, device_name(driver, index).unwrap_or_else(|| "NVIDIA GPU".to_owned())))
}

/// Opens a library for good, its symbols visible to all that is loaded later.
fn open(path: PathBuf) -> Result<&'static Library, libloading::Error> {
    // SAFETY: the initialisers of libcuda and libtorch_cuda are meant to run at load time in any process, and the
    // library is never unloaded (libtorch keeps pointers into it).
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) }?;
    Ok(Box::leak(Box::new(library)))
}

/// Beside the `libtorch_cpu.so` that this process has really loaded, so that the two always match.
fn cuda_library() -> PathBuf {
    let name = "libtorch_cuda.so";
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    // The kernel lists real paths: links such as target/libtorch/lib are resolved.
    let loaded = maps.lines().filter_map(|line| line.find('/').map(|start| PathBuf::from(&line[start..])));
    let cpu = loaded.into_iter().find(|path| path.file_name().is_some_and(|file| file == "libtorch_cpu.so"));
    // Not found (no Linux, say): leave the search to the loader.
    cpu.map_or_else(|| name.into(), |cpu| cpu.with_file_name(name))
}

/// Asks the driver, because libtorch's C interface has no question for it. Heeds `CUDA_VISIBLE_DEVICES`, as CUDA does.
fn device_name(driver: &Library, index: usize) -> Option<String> {
    const SUCCESS: c_int = 0;
    let mut device: c_int = 0;
    let mut name: [c_char; 256] = [0; 256];
    // SAFETY: the three signatures are those of cuda.h (CUresult and CUdevice are ints), stable since CUDA 2.0; the
    // pointers are to live locals, and the length given is the buffer's.
    let done = unsafe {
        let initialise = driver.get::<unsafe extern "C" fn(c_uint) -> c_int>(b"cuInit\0").ok()?;
        let get = driver.get::<unsafe extern "C" fn(*mut c_int, c_int) -> c_int>(b"cuDeviceGet\0").ok()?;
        let get_name =
            driver.get::<unsafe extern "C" fn(*mut c_char, c_int, c_int) -> c_int>(b"cuDeviceGetName\0").ok()?;
        initialise(0) == SUCCESS
            && get(&mut device, index as c_int) == SUCCESS
            && get_name(name.as_mut_ptr(), name.len() as c_int, device) == SUCCESS
    };
    // SAFETY: the buffer is zeroed and the driver ends the name with a zero byte, at the latest in the last place.
    done.then(|| unsafe { CStr::from_ptr(name.as_ptr()) }.to_string_lossy().into_owned())
}

fn cpu_name() -> String {
    let information = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = information.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split(':').nth(1));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{}, {threads} threads", model.map_or("unknown processor", str::trim))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Tensor;

    #[test]
    fn multiplies_on_the_chosen_device() {
        let choice = initialise();
        println!("{choice}");
        let a = Tensor::from_slice(&[1.0_f32, 2.0, 3.0, 4.0]).reshape([2, 2]).to(choice.device);
        let product = a.matmul(&a).to(Device::Cpu).reshape([4]);
        assert_eq!(Vec::<f32>::try_from(product).unwrap(), [7.0, 10.0, 15.0, 22.0]);
        assert_eq!(tch::get_num_threads(), 1);
    }

    #[test]
    fn answers_the_same_again() {
        assert_eq!(initialise(), initialise());
    }

    #[test]
    fn finds_cuda_beside_the_loaded_library() {
        initialise();
        assert!(cuda_library().is_absolute());
    }
}
