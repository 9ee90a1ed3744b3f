//! Batch norm of the current batch with the activation that follows, as one operation, on channels-last activations.
//!
//! libtorch runs batch norm and activation apart, which moves every activation through memory fourteen times forward
//! and back. Together they need nine: twice read and once written forward, four times read and once written backward,
//! and the residual where there is one. The activation's input is recomputed, never stored.

use multiversion::multiversion;
use nestling_core::space::{Activation, ActivationFunction, PerActivation};

/// Values that are summed in f32 before f64 takes over: few enough for the cache, enough to outweigh the start of a loop.
const BLOCK: usize = 8192;

/// The state that the forward pass saves for the backward pass, for each channel.
#[derive(Debug)]
pub struct NormState<'a> {
    /// Mean of the batch.
    pub mean: &'a mut [f32],
    /// 1 / sqrt(variance + epsilon).
    pub inverse_deviation: &'a mut [f32],
    /// gamma * inverse deviation.
    pub scale: &'a mut [f32],
    /// beta - mean * scale.
    pub shift: &'a mut [f32],
}

/// `output = activation(batch_norm(input) + residual)` over rows of `gamma.len()` channels.
///
/// # Panics
/// If a residual comes with an activation: a block that adds its input ends linear.
#[allow(clippy::too_many_arguments)] // one kernel's operands
pub fn norm_forward(
    activation: Activation,
    epsilon: f32,
    input: &[f32],
    gamma: &[f32],
    beta: &[f32],
    residual: Option<&[f32]>,
    state: &mut NormState<'_>,
    output: &mut [f32],
) {
    let channels = gamma.len();
    let rows = input.len() / channels;
    let mut sums = vec![0.0f64; channels];
    let mut squares = vec![0.0f64; channels];
    // Sums of f32 over a short run of rows, then f64: exact enough, and the run stays in the first-level cache.
    for block in input.chunks(channels * (BLOCK / channels).max(8)) {
        by_lanes(channels, |first, lanes| match lanes {
            32 => moments::<32>(block, channels, first, &mut sums, &mut squares),
            8 => moments::<8>(block, channels, first, &mut sums, &mut squares),
            _ => moments::<4>(block, channels, first, &mut sums, &mut squares),
        });
    }
    for channel in 0..channels {
        let mean = sums[channel] / rows as f64;
        let variance = (squares[channel] / rows as f64 - mean * mean).max(0.0);
        let inverse = 1.0 / (variance + f64::from(epsilon)).sqrt();
        let scale = f64::from(gamma[channel]) * inverse;
        state.mean[channel] = mean as f32;
        state.inverse_deviation[channel] = inverse as f32;
        state.scale[channel] = scale as f32;
        state.shift[channel] = (f64::from(beta[channel]) - mean * scale) as f32;
    }
    let (scale, shift) = (&*state.scale, &*state.shift);
    match residual {
        None => activation.dispatch(Transform { input, scale, shift, output }),
        Some(residual) => {
            assert_eq!(activation, Activation::Identity, "a block that adds its input ends linear");
            transform_add(input, scale, shift, residual, output);
        }
    }
}

/// Batch norm and activation of every element.
struct Transform<'a> {
    input: &'a [f32],
    scale: &'a [f32],
    shift: &'a [f32],
    output: &'a mut [f32],
}

impl PerActivation for Transform<'_> {
    type Output = ();

    fn run<A: ActivationFunction>(self) {
        transform::<A>(self.input, self.scale, self.shift, self.output);
    }
}

/// The gradients of [`norm_forward`]: of its input, of gamma and of beta. The residual's is `outer` itself, for a block
/// that adds its input ends without activation.
#[allow(clippy::too_many_arguments)] // one kernel's operands
pub fn norm_backward(
    activation: Activation,
    input: &[f32],
    outer: &[f32],
    state: &NormState<'_>,
    gradient: &mut [f32],
    gamma_gradient: &mut [f32],
    beta_gradient: &mut [f32],
) {
    activation.dispatch(Backward { input, outer, state, gradient, gamma_gradient, beta_gradient });
}

/// Covers `channels` (a multiple of 4) with runs of 32, 8 and 4.
fn by_lanes(channels: usize, mut work: impl FnMut(usize, usize)) {
    let mut first = 0;
    while first < channels {
        let lanes = [32, 8, 4].into_iter().find(|lanes| first + lanes <= channels).unwrap_or(4);
        work(first, lanes);
        first += lanes;
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma", "aarch64+neon"))]
fn moments<const LANES: usize>(rows: &[f32], channels: usize, first: usize, sums: &mut [f64], squares: &mut [f64]) {
    let (mut sum, mut square) = ([0.0f32; LANES], [0.0f32; LANES]);
    for row in rows.chunks_exact(channels) {
        let Some(row) = row[first..].first_chunk::<LANES>() else { continue };
        for lane in 0..LANES {
            sum[lane] += row[lane];
            square[lane] = row[lane].mul_add(row[lane], square[lane]);
        }
    }
    for lane in 0..LANES {
        sums[first + lane] += f64::from(sum[lane]);
        squares[first + lane] += f64::from(square[lane]);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma", "aarch64+neon"))]
fn transform<A: ActivationFunction>(input: &[f32], scale: &[f32], shift: &[f32], output: &mut [f32]) {
    let channels = scale.len();
    for (input, output) in input.chunks_exact(channels).zip(output.chunks_exact_mut(channels)) {
        for (((output, input), scale), shift) in output.iter_mut().zip(input).zip(scale).zip(shift) {
            *output = A::forward(input.mul_add(*scale, *shift));
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma", "aarch64+neon"))]
fn transform_add(input: &[f32], scale: &[f32], shift: &[f32], residual: &[f32], output: &mut [f32]) {
    let channels = scale.len();
    let rows = input.chunks_exact(channels).zip(residual.chunks_exact(channels));
    for ((input, residual), output) in rows.zip(output.chunks_exact_mut(channels)) {
        let operands = output.iter_mut().zip(input).zip(residual).zip(scale).zip(shift);
        for ((((output, input), residual), scale), shift) in operands {
            *output = input.mul_add(*scale, *shift) + residual;
        }
    }
}

/// The operands of [`norm_backward`].
struct Backward<'a> {
    input: &'a [f32],
    outer: &'a [f32],
    state: &'a NormState<'a>,
    gradient: &'a mut [f32],
    gamma_gradient: &'a mut [f32],
    beta_gradient: &'a mut [f32],
}

impl PerActivation for Backward<'_> {
    type Output = ();

    fn run<A: ActivationFunction>(self) {
        let Self { input, outer, state, gradient, gamma_gradient, beta_gradient } = self;
        let channels = gamma_gradient.len();
        let rows = (input.len() / channels) as f64;
        let mut sums = vec![0.0f64; channels];
        let mut products = vec![0.0f64; channels];
        let block = channels * (BLOCK / channels).max(8);
        for (input, outer) in input.chunks(block).zip(outer.chunks(block)) {
            by_lanes(channels, |first, lanes| match lanes {
                32 => gradient_sums::<32, A>(input, outer, first, state, &mut sums, &mut products),
                8 => gradient_sums::<8, A>(input, outer, first, state, &mut sums, &mut products),
                _ => gradient_sums::<4, A>(input, outer, first, state, &mut sums, &mut products),
            });
        }
        // gradient = scale * (g - mean(g) - normalised * mean(g * normalised)), written as a * g + b * input + c.
        let (mut b, mut c) = (vec![0.0f32; channels], vec![0.0f32; channels]);
        for channel in 0..channels {
            let inverse = f64::from(state.inverse_deviation[channel]);
            let (scale, mean) = (f64::from(state.scale[channel]), f64::from(state.mean[channel]));
            let product = products[channel] * inverse;
            beta_gradient[channel] = sums[channel] as f32;
            gamma_gradient[channel] = product as f32;
            let slope = -scale * inverse * product / rows;
            b[channel] = slope as f32;
            c[channel] = (-scale * sums[channel] / rows - slope * mean) as f32;
        }
        input_gradient::<A>(input, outer, state.scale, state.shift, &b, &c, gradient);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma", "aarch64+neon"))]
fn gradient_sums<const LANES: usize, A: ActivationFunction>(
    input: &[f32],
    outer: &[f32],
    first: usize,
    state: &NormState<'_>,
    sums: &mut [f64],
    products: &mut [f64],
) {
    let channels = sums.len();
    let lanes = |values: &[f32]| -> [f32; LANES] { std::array::from_fn(|lane| values[first + lane]) };
    let (scale, shift, mean) = (lanes(state.scale), lanes(state.shift), lanes(state.mean));
    let (mut sum, mut product) = ([0.0f32; LANES], [0.0f32; LANES]);
    for (input, outer) in input.chunks_exact(channels).zip(outer.chunks_exact(channels)) {
        let (Some(input), Some(outer)) = (input[first..].first_chunk::<LANES>(), outer[first..].first_chunk::<LANES>())
        else {
            continue;
        };
        for lane in 0..LANES {
            let g = outer[lane] * A::derivative(input[lane].mul_add(scale[lane], shift[lane]));
            sum[lane] += g;
            product[lane] = g.mul_add(input[lane] - mean[lane], product[lane]);
        }
    }
    for lane in 0..LANES {
        sums[first + lane] += f64::from(sum[lane]);
        products[first + lane] += f64::from(product[lane]);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma", "aarch64+neon"))]
fn input_gradient<A: ActivationFunction>(
    input: &[f32],
    outer: &[f32],
    scale: &[f32],
    shift: &[f32],
    b: &[f32],
    c: &[f32],
    gradient: &mut [f32],
) {
    let channels = scale.len();
    let rows = input.chunks_exact(channels).zip(outer.chunks_exact(channels));
    for ((input, outer), gradient) in rows.zip(gradient.chunks_exact_mut(channels)) {
        let (scale, shift, b, c) = (&scale[..channels], &shift[..channels], &b[..channels], &c[..channels]);
        for channel in 0..channels {
            let x = input[channel];
            let g = outer[channel] * A::derivative(x.mul_add(scale[channel], shift[channel]));
            gradient[channel] = g.mul_add(scale[channel], x.mul_add(b[channel], c[channel]));
        }
    }
}
