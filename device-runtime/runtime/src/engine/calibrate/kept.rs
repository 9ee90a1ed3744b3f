use crate::engine::Supernet;
use crate::engine::calibrate::plan::Pass;
use crate::engine::plan::{Place, activation_bytes};
use crate::gpu::{BindGroup, Buffer};
use nestling_core::space::Network;

/// One tensor of every image, in as many buffers as the adapter's largest demands.
#[derive(Debug)]
pub(super) struct Tensors {
    buffers: Vec<Buffer>,
    /// Bytes of one tensor.
    bytes: u64,
    /// Tensors of a buffer.
    each: usize,
}

/// How many tensors a buffer holds, and how many each of the buffers does.
fn divide(images: usize, bytes: u64, most: u64) -> (usize, Vec<usize>) {
    let each = usize::try_from(most / bytes.max(1)).unwrap_or(usize::MAX).max(1);
    let buffers = if bytes == 0 { 0 } else { images.div_ceil(each) };
    (each, (0..buffers).map(|index| (images - index * each).min(each)).collect())
}

impl Tensors {
    fn new(supernet: &Supernet, label: &str, images: usize, bytes: u64) -> Self {
        let usage = wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let (each, counts) = divide(images, bytes, supernet.context.limits().max_buffer_size);
        let buffers = counts.iter().map(|&count| supernet.context.buffer(label, bytes * count as u64, usage)).collect();
        Self { buffers, bytes, each }
    }

    /// An image's tensor: its buffer, and bytes into it.
    pub(super) fn of(&self, image: usize) -> (&wgpu::Buffer, u64) {
        (&self.buffers[image / self.each], (image % self.each) as u64 * self.bytes)
    }
}

/// Data that calibration keeps of its images. It lies outside of the arena, because inferences of other threads use
/// that.
#[derive(Debug)]
pub(super) struct Kept {
    /// The base of every image.
    pub(super) bases: Tensors,
    /// The sums of which the next base is made.
    pub(super) sums: Tensors,
    /// One image's sums, where a kernel can read them.
    pub(super) scratch: Buffer,
    /// One image's moments.
    pub(super) moments: Buffer,
    /// From `scratch` to the arena's block.
    pub(super) to_block: BindGroup,
    /// From each place of the arena to `moments`.
    to_moments: [BindGroup; 3],
}

/// Bytes of the tensors that are kept of one image: a base and sums.
#[derive(Clone, Copy, Debug)]
pub(super) struct ImageBytes {
    bases: u64,
    sums: u64,
}

/// Bytes of a layer's output, or of the input tensor.
pub(super) fn tensor_bytes(network: &Network, layer: Option<usize>) -> u64 {
    let shape = layer.map_or(network.input, |layer| network.layers[layer].shape.output);
    activation_bytes(shape.channels, shape.pixels())
}

impl ImageBytes {
    pub(super) fn of(network: &Network, passes: &[Pass]) -> Self {
        let most = |layers: &mut dyn Iterator<Item = Option<usize>>| {
            layers.map(|layer| tensor_bytes(network, layer)).max().unwrap_or(0)
        };
        Self {
            bases: most(&mut passes.iter().map(|pass| pass.base)),
            sums: most(&mut passes.iter().filter(|pass| pass.keeps_sums).map(|pass| Some(pass.layer))),
        }
    }

    pub(super) fn total(self, images: usize) -> u64 {
        (self.bases + self.sums).saturating_mul(images as u64)
    }
}

impl Kept {
    pub(super) fn new(supernet: &Supernet, images: usize, bytes: ImageBytes, moment_bytes: u64) -> Self {
        use wgpu::BufferUsages as Usage;
        let (context, arena) = (&supernet.context, &supernet.arena);
        let layout = &supernet.pipelines.common().groups;
        let scratch = context.buffer("sums of one image", bytes.sums, Usage::STORAGE | Usage::COPY_DST);
        let moments = context.buffer("moments of one image", moment_bytes, Usage::STORAGE | Usage::COPY_SRC);
        let to_moments = [Place::Block, Place::Expanded, Place::Filtered]
            .map(|place| arena.group_between(context, layout, arena.buffer(place), &moments));
        Self {
            bases: Tensors::new(supernet, "bases", images, bytes.bases),
            sums: Tensors::new(supernet, "sums", images, bytes.sums),
            to_block: arena.group_between(context, layout, &scratch, arena.buffer(Place::Block)),
            scratch,
            moments,
            to_moments,
        }
    }

    /// From where a layer wrote to `moments`.
    pub(super) fn to_moments(&self, place: Place) -> &BindGroup {
        &self.to_moments[place as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_has_its_place_and_no_buffer_is_too_large() {
        for (images, bytes, most) in [(1, 16, 16), (7, 16, 16), (7, 16, 47), (8, 16, 32), (5, 400, 1 << 20)] {
            let (each, counts) = divide(images, bytes, most);
            assert_eq!(counts.iter().sum::<usize>(), images);
            assert!(counts.iter().all(|&count| bytes * count as u64 <= most));
            assert!((0..images).all(|image| image % each < counts[image / each]));
        }
        assert!(divide(3, 0, 100).1.is_empty());
    }
}
