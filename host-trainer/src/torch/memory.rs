//! The memory of tensors: how much was taken, and how a batch gets to a GPU.

#![allow(unsafe_code)] // calls memory.cpp; reasons at each

use tch::{Device, Tensor};

unsafe extern "C" {
    fn nestling_peak_bytes(device: i64) -> i64;
    fn nestling_reset_peak_bytes(device: i64) -> bool;
    fn nestling_peak_host_bytes() -> i64;
    fn nestling_reset_host_bytes();
}

/// Most bytes that tensors took at once on a CUDA device since the last [`reset_peak_bytes`]; nothing without CUDA.
pub fn peak_bytes(device: usize) -> Option<u64> {
    // SAFETY: takes a number and returns one; every fault of libtorch is a negative number.
    u64::try_from(unsafe { nestling_peak_bytes(device as i64) }).ok()
}

/// Forgets the peak of a CUDA device. Returns whether there is such a device.
pub fn reset_peak_bytes(device: usize) -> bool {
    // SAFETY: takes a number; a fault of libtorch returns false.
    unsafe { nestling_reset_peak_bytes(device as i64) }
}

/// Most bytes that tensors took at once on a device since the last [`reset_peak_of`]. On the processor those of this
/// thread, made since its first reset.
pub fn peak_of(device: Device) -> Option<u64> {
    match device {
        Device::Cuda(device) => peak_bytes(device),
        // SAFETY: returns a number.
        Device::Cpu => u64::try_from(unsafe { nestling_peak_host_bytes() }).ok(),
        Device::Mps | Device::Vulkan => None,
    }
}

/// Forgets the peak of a device; on the processor begins to count.
pub fn reset_peak_of(device: Device) {
    match device {
        Device::Cuda(device) => drop(reset_peak_bytes(device)),
        // SAFETY: takes nothing, and changes state of this thread alone.
        Device::Cpu => unsafe { nestling_reset_host_bytes() },
        Device::Mps | Device::Vulkan => {}
    }
}

/// A tensor of the host on a device. On a GPU the copy runs behind the host: it is read from locked pages, which
/// libtorch keeps until the copy is done.
pub fn upload(host: &Tensor, device: Device) -> Tensor {
    if !device.is_cuda() {
        return host.to_device(device);
    }
    host.pin_memory(device).to_device_(device, host.kind(), true, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_cuda_there_is_no_peak() {
        if crate::torch::initialise().device.is_cuda() {
            // Two MiB of f32 and nothing else since the reset, rounded up by the allocator.
            assert!(reset_peak_bytes(0));
            let before = peak_bytes(0).expect("CUDA has an allocator");
            let kept = Tensor::zeros([1 << 19], (tch::Kind::Float, Device::Cuda(0)));
            assert!(peak_bytes(0).is_some_and(|peak| peak >= before + (2 << 20)), "{kept:?}");
        } else {
            assert_eq!((peak_bytes(0), reset_peak_bytes(0)), (None, false));
        }
    }

    #[test]
    fn an_uploaded_tensor_has_the_same_values() {
        let device = crate::torch::initialise().device;
        let host = Tensor::from_slice(&[1u8, 2, 255]);
        let there = upload(&host, device);
        assert_eq!((there.device(), there.kind()), (device, host.kind()));
        assert!(there.to_device(Device::Cpu) == host);
    }
}
