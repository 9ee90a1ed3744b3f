//! Depthwise convolution on the CPU with a weight gradient of our own.

#![allow(unsafe_code)] // calls autograd.cpp and is called by it; reasons at each

mod gradient;

pub use gradient::{DepthwiseShape, weight_gradient};

use std::ffi::{CStr, c_char, c_void};
use tch::Tensor;

unsafe extern "C" {
    fn nestling_depthwise(
        input: *const c_void,
        weight: *const c_void,
        stride: i64,
        padding: i64,
        message: *mut c_char,
        message_length: usize,
    ) -> *mut c_void;
}

/// Called by autograd.cpp with channels-last activations and a contiguous gradient.
#[unsafe(no_mangle)]
extern "C" fn nestling_depthwise_weight_gradient(
    shape: &DepthwiseShape,
    input: *const f32,
    output_gradient: *const f32,
    gradient: *mut f32,
) {
    let inputs = shape.images * shape.height * shape.width * shape.channels;
    let outputs = shape.images * shape.output_height * shape.output_width * shape.channels;
    // SAFETY: autograd.cpp passes the data of dense tensors of exactly these sizes, alive during the call; the gradient
    // was just allocated and nobody else sees it.
    let (input, output_gradient, gradient) = unsafe {
        (
            std::slice::from_raw_parts(input, inputs),
            std::slice::from_raw_parts(output_gradient, outputs),
            std::slice::from_raw_parts_mut(gradient, shape.channels * shape.kernel * shape.kernel),
        )
    };
    weight_gradient(shape, input, output_gradient, gradient);
}

/// Convolves each channel with its own kernel; `input` is `[images, channels, height, width]` on the CPU.
///
/// # Panics
/// If libtorch refuses the shapes, as tch's own operations do.
pub fn depthwise(input: &Tensor, weight: &Tensor, stride: u32, padding: u32) -> Tensor {
    let mut message = [0u8; 512];
    let (stride, padding) = (i64::from(stride), i64::from(padding));
    // SAFETY: both pointers are live `at::Tensor`s, as tch keeps them; `message` is as long as said.
    let output = unsafe {
        let message = message.as_mut_ptr().cast();
        nestling_depthwise(input.as_ptr().cast(), weight.as_ptr().cast(), stride, padding, message, 512)
    };
    if output.is_null() {
        let message = CStr::from_bytes_until_nul(&message).map(CStr::to_string_lossy).unwrap_or_default();
        panic!("depthwise convolution of {:?} with {:?}: {message}", input.size(), weight.size());
    }
    // SAFETY: a fresh `at::Tensor` on the heap, which tch now owns and frees.
    unsafe { Tensor::from_ptr(output.cast()) }
}
