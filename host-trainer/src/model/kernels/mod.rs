//! Kernels for the CPU where libtorch's are too slow, with gradients of their own: the depthwise convolution's weight
//! gradient, and batch norm together with the activation.

#![allow(unsafe_code)] // calls autograd.cpp and is called by it; reasons at each

mod depthwise;
mod norm;

pub use depthwise::{DepthwiseShape, weight_gradient};
pub use norm::{NormState, norm_backward, norm_forward};

use nestling_core::space::Activation;
use std::ffi::{CStr, c_char, c_void};
use tch::Tensor;

unsafe extern "C" {
    fn nestling_depthwise(
        input: *const c_void,
        weight: *const c_void,
        stride: i64,
        padding: i64,
        message: *mut c_char,
        length: usize,
    ) -> *mut c_void;

    fn nestling_norm(
        input: *const c_void,
        gamma: *const c_void,
        beta: *const c_void,
        residual: *const c_void,
        activation: i64,
        epsilon: f64,
        message: *mut c_char,
        length: usize,
    ) -> *mut c_void;
}

/// Takes over the tensor that `make` returns; `make` gets a buffer for the reason why there is none.
///
/// # Panics
/// If libtorch refuses, as tch's own operations do.
fn take(what: &str, make: impl FnOnce(*mut c_char, usize) -> *mut c_void) -> Tensor {
    let mut message = [0u8; 512];
    let output = make(message.as_mut_ptr().cast(), message.len());
    if output.is_null() {
        let message = CStr::from_bytes_until_nul(&message).map(CStr::to_string_lossy).unwrap_or_default();
        panic!("{what}: {message}");
    }
    // SAFETY: a fresh `at::Tensor` on the heap, which tch now owns and frees.
    unsafe { Tensor::from_ptr(output.cast()) }
}

/// Convolves each channel with its own kernel; `input` is `[images, channels, height, width]` in f32 on the CPU.
///
/// # Panics
/// If libtorch refuses the shapes.
pub fn depthwise(input: &Tensor, weight: &Tensor, stride: u32, padding: i64) -> Tensor {
    take("depthwise convolution", |message, length| {
        let stride = i64::from(stride);
        // SAFETY: the pointers are live `at::Tensor`s, as tch keeps them; `message` has `length` bytes.
        unsafe { nestling_depthwise(input.as_ptr().cast(), weight.as_ptr().cast(), stride, padding, message, length) }
    })
}

/// `activation(batch_norm(input) + residual)` with the statistics of this batch; f32 on the CPU.
///
/// # Panics
/// If libtorch refuses the shapes, or a residual comes with an activation.
pub fn norm(
    input: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    residual: Option<&Tensor>,
    activation: Activation,
    epsilon: f32,
) -> Tensor {
    assert!(residual.is_none() || activation == Activation::Identity, "a block that adds its input ends linear");
    take("batch norm", |message, length| {
        let residual = residual.map_or(std::ptr::null(), |residual| residual.as_ptr().cast());
        let (input, gamma, beta) = (input.as_ptr().cast(), gamma.as_ptr().cast(), beta.as_ptr().cast());
        let epsilon = f64::from(epsilon);
        // SAFETY: as in `depthwise`; `residual` may be null.
        unsafe { nestling_norm(input, gamma, beta, residual, activation.number().into(), epsilon, message, length) }
    })
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

/// The operands of both directions of batch norm; the twin of `NestlingNorm`.
#[repr(C)]
struct NormCall {
    elements: usize,
    channels: usize,
    activation: u32,
    epsilon: f32,
    input: *const f32,
    state: *mut f32,
}

impl NormCall {
    /// # Panics
    /// If autograd.cpp gives another number than it was given.
    fn activation(&self) -> Activation {
        Activation::from_number(self.activation).unwrap_or_else(|| panic!("no activation {}", self.activation))
    }

    /// # Safety
    /// `input` must point to `elements` floats and `state` to four rows of `channels`, both alive and not written by
    /// others during `'a`.
    unsafe fn parts<'a>(&self) -> (&'a [f32], NormState<'a>) {
        // SAFETY: the caller's promise.
        let (input, state) = unsafe {
            (
                std::slice::from_raw_parts(self.input, self.elements),
                std::slice::from_raw_parts_mut(self.state, 4 * self.channels),
            )
        };
        let (mean, state) = state.split_at_mut(self.channels);
        let (inverse_deviation, state) = state.split_at_mut(self.channels);
        let (scale, shift) = state.split_at_mut(self.channels);
        (input, NormState { mean, inverse_deviation, scale, shift })
    }
}

/// Called by autograd.cpp; every tensor is dense and channels-last, `residual` may be null.
#[unsafe(no_mangle)]
extern "C" fn nestling_norm_forward(
    call: &NormCall,
    gamma: *const f32,
    beta: *const f32,
    residual: *const f32,
    output: *mut f32,
) {
    // SAFETY: autograd.cpp passes dense tensors of exactly these sizes, alive during the call; output and state were
    // just allocated and nobody else sees them.
    unsafe {
        let (input, mut state) = call.parts();
        let gamma = std::slice::from_raw_parts(gamma, call.channels);
        let beta = std::slice::from_raw_parts(beta, call.channels);
        let residual = (!residual.is_null()).then(|| std::slice::from_raw_parts(residual, call.elements));
        let output = std::slice::from_raw_parts_mut(output, call.elements);
        norm_forward(call.activation(), call.epsilon, input, gamma, beta, residual, &mut state, output);
    }
}

/// Called by autograd.cpp; every tensor is dense and channels-last.
#[unsafe(no_mangle)]
extern "C" fn nestling_norm_backward(
    call: &NormCall,
    outer: *const f32,
    gradient: *mut f32,
    gamma_gradient: *mut f32,
    beta_gradient: *mut f32,
) {
    // SAFETY: as in `nestling_norm_forward`; the three gradients were just allocated.
    unsafe {
        let (input, state) = call.parts();
        let outer = std::slice::from_raw_parts(outer, call.elements);
        let gradient = std::slice::from_raw_parts_mut(gradient, call.elements);
        let gamma_gradient = std::slice::from_raw_parts_mut(gamma_gradient, call.channels);
        let beta_gradient = std::slice::from_raw_parts_mut(beta_gradient, call.channels);
        norm_backward(call.activation(), input, outer, &state, gradient, gamma_gradient, beta_gradient);
    }
}
