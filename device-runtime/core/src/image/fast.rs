//! The definition again, for the host: in f32, with every row of an image read as it lies in memory.

use crate::image::resize::taps_into;
use crate::image::{Image, LUMA, Orientation, PixelFormat, Pixels, Placement, Preprocessing, Region};

/// Preprocesses images on the CPU in f32, as a data loader must: within 1e-5 of [`preprocess`](super::preprocess), at
/// about the cost of reading each pixel twice. Its buffers are used again for the next image, so each thread has one.
///
/// ```
/// use nestling_core::image::{Fit, Image, Preprocessing, Resampler};
/// let preprocessing =
///     Preprocessing { means: vec![0.5], standard_deviations: vec![0.25], centre_fraction: 1.0, fit: Fit::Pad };
/// let image = Image::grey8(3, 2, &[255; 6])?;
/// let tensor = Resampler::default().preprocess(&image, &preprocessing, 3);
/// assert_eq!(tensor, [2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 0.0, 0.0, 0.0]);
/// # Ok::<(), nestling_core::image::ImageError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Resampler {
    columns: Axis,
    rows: Axis,
    /// A row of the image whose pixels do not lie one behind the other.
    gathered: Vec<f32>,
    /// The weighted sum of some rows, all their values.
    sum: Vec<f32>,
}

/// Pixels or rows that are added up before they are added to the others.
const PART: usize = 64;

impl Resampler {
    /// Fits, resizes and normalises: `[channels][resolution][resolution]`.
    pub fn preprocess(&mut self, image: &Image<'_>, preprocessing: &Preprocessing, resolution: u32) -> Vec<f32> {
        let mut tensor = vec![0.0; preprocessing.means.len() * resolution as usize * resolution as usize];
        self.preprocess_into(image, preprocessing, resolution, &mut tensor);
        tensor
    }

    /// The same into a tensor that is there already, such as a part of a batch.
    ///
    /// # Panics
    /// If the tensor has not `channels * resolution * resolution` values.
    pub fn preprocess_into(
        &mut self,
        image: &Image<'_>,
        preprocessing: &Preprocessing,
        resolution: u32,
        tensor: &mut [f32],
    ) {
        self.place_into(image, image.placement(preprocessing, resolution), preprocessing, tensor);
    }

    /// The same for any part of the upright image, in any part of the tensor: a random crop of a data loader. The
    /// tensor is `[channels]` squares, and zero outside of the target.
    ///
    /// # Panics
    /// If the source is not within the image, the target is not within the square, or either is empty.
    pub fn place_into(
        &mut self,
        image: &Image<'_>,
        Placement { source, target }: Placement,
        preprocessing: &Preprocessing,
        tensor: &mut [f32],
    ) {
        let channels = preprocessing.means.len();
        let plane = tensor.len() / channels;
        let side = plane.isqrt();
        assert!(side * side * channels == tensor.len(), "{} values are not {channels} squares", tensor.len());
        check(source, image.width(), image.height());
        check(target, side as u32, side as u32);
        self.columns.resample(source.width, target.width);
        self.rows.resample(source.height, target.height);
        if (target.width as usize, target.height as usize) != (side, side) {
            tensor.fill(0.0);
        }
        let layout = Layout::of(image, channels);
        for row in 0..target.height as usize {
            self.sum_rows(image, layout, source, row);
            let at = (target.top as usize + row) * side + target.left as usize;
            self.write_row(layout, preprocessing, |channel| channel * plane + at, tensor);
        }
    }

    /// The weighted sum of the source's rows that make a row of the target.
    fn sum_rows(&mut self, image: &Image<'_>, layout: Layout, source: Region, row: usize) {
        let (first, weights) = self.rows.taps(row);
        self.sum.clear();
        self.sum.resize(source.width as usize * layout.values, 0.0);
        let rows = source.top + first..;
        let Some(format) = layout.bytes else {
            for (row, weight) in rows.zip(weights) {
                self.gathered.clear();
                for column in source.left..source.left + source.width {
                    let value = |channel| image.value(row, column, channel as u32, layout.values as u32) as f32;
                    self.gathered.extend((0..layout.values).map(value));
                }
                add_rows(&mut self.sum, [&self.gathered], [*weight]);
            }
            return;
        };
        let Pixels::Packed(_, plane) = image.pixels() else { return };
        let (from, count) = (format.row_bytes(source.left) as usize, format.row_bytes(source.width) as usize);
        let part = |row: u32| plane.part(row, from, count);
        // Four at once: the sums are read and written less often.
        let (fours, rest) = weights.as_chunks::<4>();
        let mut row = source.top + first;
        for weights in fours {
            add_rows(&mut self.sum, [part(row), part(row + 1), part(row + 2), part(row + 3)], *weights);
            row += 4;
        }
        for (row, weight) in (row..).zip(rest) {
            add_rows(&mut self.sum, [part(row)], [*weight]);
        }
    }

    /// Resamples the sum of rows to the target's columns, and normalises.
    fn write_row(
        &self,
        layout: Layout,
        preprocessing: &Preprocessing,
        place: impl Fn(usize) -> usize,
        tensor: &mut [f32],
    ) {
        let channels = preprocessing.means.len();
        let normal: Vec<(f32, f32)> = (preprocessing.means.iter().zip(&preprocessing.standard_deviations))
            .map(|(&mean, &deviation)| (1.0 / (255.0 * deviation), -mean / deviation))
            .collect();
        for column in 0..self.columns.len() {
            let (first, weights) = self.columns.taps(column);
            let from = first as usize * layout.values;
            let pixels = &self.sum[from..from + weights.len() * layout.values];
            let values = match layout.values {
                1 => weighted::<1>(pixels, weights),
                3 => weighted::<3>(pixels, weights),
                _ => weighted::<4>(pixels, weights),
            };
            for (channel, (scale, shift)) in normal.iter().enumerate() {
                let value = match channels {
                    1 => layout.grey.iter().zip(values).map(|(weight, value)| weight * value).sum(),
                    _ => values[layout.order[channel]],
                };
                tensor[place(channel) + column] = value * scale + shift;
            }
        }
    }
}

fn check(part: Region, width: u32, height: u32) {
    let is_within = |first: u32, count: u32, side: u32| count > 0 && first <= side && count <= side - first;
    let fits = is_within(part.left, part.width, width) && is_within(part.top, part.height, height);
    assert!(fits, "{part:?} is not a part of {width}x{height} pixels");
}

/// How the values of a pixel lie behind each other, and which of them a channel reads.
#[derive(Clone, Copy)]
struct Layout {
    /// The format of rows that are read as bytes; values of others are gathered.
    bytes: Option<PixelFormat>,
    values: usize,
    /// The value of each of three channels.
    order: [usize; 3],
    /// Weights of a pixel's values in the one channel of a grey network.
    grey: [f32; 4],
}

impl Layout {
    fn of(image: &Image<'_>, channels: usize) -> Self {
        let only = [1.0, 0.0, 0.0, 0.0];
        match *image.pixels() {
            Pixels::Packed(format, _) if image.orientation() == Orientation::Upright => {
                let row = format.row();
                let order = row.colour.map(|byte| byte as usize);
                let mut grey = [0.0; 4];
                for (byte, weight) in order.into_iter().zip(LUMA) {
                    grey[byte] = weight as f32;
                }
                let grey = if row.has_colour { grey } else { only };
                Self { bytes: Some(format), values: row.bytes as usize, order, grey }
            }
            // Gathered values are the channels themselves.
            _ => Self { bytes: None, values: channels, order: [0, 1, 2], grey: only },
        }
    }
}

/// Adds rows, each with its weight.
fn add_rows<T: Copy + Into<f32>, const N: usize, R: AsRef<[T]>>(sum: &mut [f32], rows: [R; N], weights: [f32; N]) {
    let rows = rows.each_ref().map(|row| &row.as_ref()[..sum.len()]);
    for (index, sum) in sum.iter_mut().enumerate() {
        let mut total = 0.0;
        for (row, weight) in rows.iter().zip(weights) {
            total += weight * row[index].into();
        }
        *sum += total;
    }
}

/// The weighted sum of pixels of `N` values, in parts: the roundings of one long sum of equal pixels add up.
fn weighted<const N: usize>(pixels: &[f32], weights: &[f32]) -> [f32; 4] {
    let mut sum = [0.0; 4];
    for (pixels, weights) in pixels.chunks(PART * N).zip(weights.chunks(PART)) {
        let mut part = [0.0; 4];
        for (pixel, weight) in pixels.as_chunks::<N>().0.iter().zip(weights) {
            for (sum, value) in part.iter_mut().zip(pixel) {
                *sum += weight * value;
            }
        }
        for (sum, part) in sum.iter_mut().zip(part) {
            *sum += part;
        }
    }
    sum
}

/// The filter along one axis, as [`triangle_taps`](super::triangle_taps) gives it.
#[derive(Clone, Debug, Default)]
struct Axis {
    /// Pixels of the source and of the target.
    sides: (u32, u32),
    /// For each target pixel the first source pixel, and where its weights end.
    firsts: Vec<(u32, usize)>,
    weights: Vec<f32>,
}

impl Axis {
    /// Keeps what it has if nothing changed.
    fn resample(&mut self, source: u32, target: u32) {
        if self.sides == (source, target) {
            return;
        }
        self.sides = (source, target);
        self.firsts.clear();
        self.weights.clear();
        let mut one = Vec::new();
        for index in 0..target {
            let first = taps_into(index, source, target, &mut one);
            self.weights.extend(one.iter().map(|&weight| weight as f32));
            self.firsts.push((first, self.weights.len()));
        }
    }

    fn len(&self) -> usize {
        self.firsts.len()
    }

    fn taps(&self, index: usize) -> (u32, &[f32]) {
        let start = index.checked_sub(1).map_or(0, |before| self.firsts[before].1);
        let (first, end) = self.firsts[index];
        (first, &self.weights[start..end])
    }
}
