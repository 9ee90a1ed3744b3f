//! The weight gradient of a depthwise convolution on channels-last activations.
//!
//! libtorch's own is 5 to 60 times slower than the rest of the layer for 5x5 kernels. Here sixteen channels of one image
//! are copied into a zero-padded tile that stays in the cache, after which every tap is a plain multiply-add without
//! bounds to check.

use multiversion::multiversion;

/// Channels that are worked on together: a cache line of a pixel, so that none is read twice. Two 256-bit registers,
/// whose sums are enough chains to hide the latency of a multiply-add.
const LANES: usize = 16;

/// Sizes of a depthwise convolution over a batch; activations are `[images][height][width][channels]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct DepthwiseShape {
    /// Images in the batch.
    pub images: usize,
    /// Channels.
    pub channels: usize,
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
    /// Rows of the output.
    pub output_height: usize,
    /// Columns of the output.
    pub output_width: usize,
    /// Kernel size.
    pub kernel: usize,
    /// Stride.
    pub stride: usize,
    /// Zeros before the first row and column.
    pub padding: usize,
}

/// Writes the gradient `[channels][kernel][kernel]` of the sum over `output_gradient * output`.
///
/// # Panics
/// If a slice does not have the length that `shape` says, or the kernel size is not 3, 5 or 7.
pub fn weight_gradient(shape: &DepthwiseShape, input: &[f32], output_gradient: &[f32], gradient: &mut [f32]) {
    let DepthwiseShape { images, channels, kernel, .. } = *shape;
    assert_eq!(input.len(), images * shape.height * shape.width * channels, "input of {shape:?}");
    assert_eq!(output_gradient.len(), images * shape.output_height * shape.output_width * channels, "{shape:?}");
    assert_eq!(gradient.len(), channels * kernel * kernel, "gradient of {shape:?}");
    match kernel {
        3 => by_kernel::<3>(shape, input, output_gradient, gradient),
        5 => by_kernel::<5>(shape, input, output_gradient, gradient),
        7 => by_kernel::<7>(shape, input, output_gradient, gradient),
        other => panic!("depthwise kernel size {other}: 3, 5 or 7"),
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx2+fma", "x86_64+avx2+fma", "aarch64+neon"))]
fn by_kernel<const K: usize>(shape: &DepthwiseShape, input: &[f32], output_gradient: &[f32], gradient: &mut [f32]) {
    let s = *shape;
    let (tile_rows, tile_columns) = ((s.output_height - 1) * s.stride + K, (s.output_width - 1) * s.stride + K);
    let mut tile = vec![[0.0f32; LANES]; tile_rows * tile_columns];
    let mut outer = vec![[0.0f32; LANES]; s.output_height * s.output_width];
    let (rows, columns) = (s.height.min(tile_rows - s.padding), s.width.min(tile_columns - s.padding));
    for first in (0..s.channels).step_by(LANES) {
        let lanes = LANES.min(s.channels - first);
        let mut sums = [[[0.0f32; LANES]; K]; K];
        for image in 0..s.images {
            for row in 0..rows {
                let from = ((image * s.height + row) * s.width) * s.channels + first;
                let to = (row + s.padding) * tile_columns + s.padding;
                gather(&input[from..], s.channels, lanes, &mut tile[to..to + columns]);
            }
            let from = image * s.output_height * s.output_width * s.channels + first;
            gather(&output_gradient[from..], s.channels, lanes, &mut outer);
            for (tap_row, sums) in sums.iter_mut().enumerate() {
                for row in 0..s.output_height {
                    let tile_row = &tile[(row * s.stride + tap_row) * tile_columns..][..tile_columns];
                    accumulate(&outer[row * s.output_width..][..s.output_width], tile_row, s.stride, sums);
                }
            }
        }
        for lane in 0..lanes {
            for (tap, sum) in sums.iter().flatten().enumerate() {
                gradient[(first + lane) * K * K + tap] = sum[lane];
            }
        }
    }
}

/// Copies `lanes` channels of neighbouring pixels, `stride` floats apart.
#[inline(always)] // into the version for this processor, as everything below
fn gather(from: &[f32], stride: usize, lanes: usize, to: &mut [[f32; LANES]]) {
    for (pixel, to) in to.iter_mut().enumerate() {
        let from = &from[pixel * stride..][..lanes];
        if let Ok(all) = <&[f32; LANES]>::try_from(from) {
            *to = *all;
        } else {
            to[..lanes].copy_from_slice(from);
        }
    }
}

/// Adds one row of outputs times one row of inputs to the sums of one row of taps.
#[inline(always)]
fn accumulate<const K: usize>(
    outer: &[[f32; LANES]],
    tile: &[[f32; LANES]],
    stride: usize,
    sums: &mut [[f32; LANES]; K],
) {
    let mut local = *sums;
    for (column, outer) in outer.iter().enumerate() {
        let inputs = &tile[column * stride..][..K];
        for (local, input) in local.iter_mut().zip(inputs) {
            for lane in 0..LANES {
                local[lane] = outer[lane].mul_add(input[lane], local[lane]);
            }
        }
    }
    *sums = local;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_the_definition(
            images in 1usize..3, channels in 1usize..40, height in 1usize..10, width in 1usize..10,
            kernel in prop::sample::select(vec![3usize, 5, 7]), stride in 1usize..3, seed: u64,
        ) {
            let padding = (kernel - 1) / 2;
            let output = |size: usize| (size + 2 * padding - kernel) / stride + 1;
            let (output_height, output_width) = (output(height), output(width));
            let shape =
                DepthwiseShape { images, channels, height, width, output_height, output_width, kernel, stride, padding };
            let mut state = seed;
            let mut random = |count: usize| -> Vec<f32> {
                (0..count)
                    .map(|_| {
                        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
                    })
                    .collect()
            };
            let input = random(images * height * width * channels);
            let outer = random(images * output_height * output_width * channels);
            let mut gradient = vec![f32::NAN; channels * kernel * kernel];
            weight_gradient(&shape, &input, &outer, &mut gradient);
            for channel in 0..channels {
                for tap in 0..kernel * kernel {
                    let mut expected = 0.0f64;
                    for image in 0..images {
                        for row in 0..output_height {
                            for column in 0..output_width {
                                let y = (row * stride + tap / kernel).wrapping_sub(padding);
                                let x = (column * stride + tap % kernel).wrapping_sub(padding);
                                if y < height && x < width {
                                    let input = input[((image * height + y) * width + x) * channels + channel];
                                    let pixel = (image * output_height + row) * output_width + column;
                                    expected += f64::from(input) * f64::from(outer[pixel * channels + channel]);
                                }
                            }
                        }
                    }
                    let error = (f64::from(gradient[channel * kernel * kernel + tap]) - expected).abs();
                    prop_assert!(error < 1e-4, "channel {channel} tap {tap}: off by {error}");
                }
            }
        }
    }
}
