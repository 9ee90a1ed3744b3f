use nestling_core::space::{Layer, Network};

/// Mean and biased variance of every channel of a layer, over the images so far.
///
/// Images are joined in f64 by Chan's formula, in their order: however many a submission holds, the result is the same
/// to the bit.
#[derive(Clone, Debug)]
pub(super) struct Moments {
    channels: usize,
    pixels: f64,
    count: f64,
    means: Vec<f64>,
    squares: Vec<f64>,
}

/// Bytes that the kernel writes for a layer: two elements for each group of channels.
pub(super) fn moment_bytes(layer: &Layer) -> u64 {
    u64::from(layer.shape.output.channels.div_ceil(4)) * 32
}

/// The largest of a network's layers.
pub(super) fn most_moment_bytes(network: &Network) -> u64 {
    network.normalised_layers().map(moment_bytes).max().unwrap_or(0)
}

impl Moments {
    pub(super) fn new(layer: &Layer) -> Self {
        let output = layer.shape.output;
        let channels = output.channels as usize;
        let (means, squares) = (vec![0.0; channels], vec![0.0; channels]);
        Self { channels, pixels: f64::from(output.pixels()), count: 0.0, means, squares }
    }

    /// Adds one image: what the kernel wrote.
    pub(super) fn add(&mut self, image: &[[f32; 4]]) {
        let together = self.count + self.pixels;
        for channel in 0..self.channels {
            let (group, lane) = (channel / 4, channel % 4);
            let apart = f64::from(image[2 * group][lane]) - self.means[channel];
            self.means[channel] += apart * self.pixels / together;
            self.squares[channel] +=
                f64::from(image[2 * group + 1][lane]) + apart * apart * self.count * self.pixels / together;
        }
        self.count = together;
    }

    /// Means and biased variances of sums that are `weight_scales` times as large, a channel; missing scales are one.
    pub(super) fn finish(self, weight_scales: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let scale = |channel: usize| weight_scales.get(channel).copied().map_or(1.0, f64::from);
        let means = self.means.iter().enumerate().map(|(channel, mean)| (mean * scale(channel)) as f32);
        let variances = (self.squares.iter().enumerate())
            .map(|(channel, squares)| (squares / self.count.max(1.0) * scale(channel).powi(2)) as f32);
        (means.collect(), variances.collect())
    }
}
