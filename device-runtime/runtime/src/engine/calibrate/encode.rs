use crate::engine::calibrate::kept::tensor_bytes;
use crate::engine::calibrate::plan::{BaseFrom, Pass};
use crate::engine::calibrate::run::Calibration;
use crate::engine::plan::{Location, Place, destination};

impl Calibration<'_> {
    /// The path of one image through a pass, to its moments.
    pub(super) fn encode_image(&self, pass: &Pass, image: usize, commands: &mut wgpu::CommandEncoder) {
        let (supernet, kept) = (self.supernet, &self.kept);
        let network = self.prepared.network();
        match (&pass.base_from, pass.base) {
            (Some(from), Some(base)) => self.encode_base(from, base, image, commands),
            _ => self.copy_base(pass.base, image, commands),
        }
        let Some(bare) = &self.bare[pass.layer] else { return };
        let place = self.place(Some(pass.layer));
        {
            let mut compute = commands.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            for &before in &pass.before {
                supernet.encode(&self.shipped[before], &mut compute);
            }
            supernet.encode(bare, &mut compute);
            compute.set_pipeline(&self.moments);
            compute.set_bind_group(0, &**kept.to_moments(place), &[bare.parameters]);
            compute.dispatch_workgroups(network.layers[pass.layer].shape.output.channels.div_ceil(4), 1, 1);
        }
        if pass.keeps_sums {
            let (buffer, offset) = kept.sums.of(image);
            let bytes = tensor_bytes(network, Some(pass.layer));
            commands.copy_buffer_to_buffer(supernet.arena.buffer(place), 0, buffer, offset, bytes);
        }
    }

    /// Makes an image's base of the sums of its layer; leaves it in the arena and keeps it.
    fn encode_base(&self, from: &BaseFrom, base: usize, image: usize, commands: &mut wgpu::CommandEncoder) {
        let (supernet, kept) = (self.supernet, &self.kept);
        let network = self.prepared.network();
        let bytes = tensor_bytes(network, Some(base));
        if let Some((older, _)) = &from.residual {
            self.copy_base(*older, image, commands);
        }
        let (buffer, offset) = kept.sums.of(image);
        commands.copy_buffer_to_buffer(buffer, offset, &kept.scratch, 0, bytes);
        {
            let mut compute = commands.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            for &layer in from.residual.iter().flat_map(|(_, layers)| layers) {
                supernet.encode(&self.shipped[layer], &mut compute);
            }
            let output = network.layers[base].shape.output;
            let (pipeline, workgroup) = &self.normalise;
            compute.set_pipeline(pipeline);
            compute.set_bind_group(0, &*kept.to_block, &[self.shipped[base].parameters]);
            compute.dispatch_workgroups(output.pixels().div_ceil(*workgroup), output.channels.div_ceil(4), 1);
        }
        let (buffer, offset) = kept.bases.of(image);
        commands.copy_buffer_to_buffer(supernet.arena.buffer(Place::Block), 0, buffer, offset, bytes);
    }

    /// Copies the kept tensors of an image to the buffers from which the layers read.
    fn copy_base(&self, base: Option<usize>, image: usize, commands: &mut wgpu::CommandEncoder) {
        let (buffer, offset) = self.kept.bases.of(image);
        let to = self.supernet.arena.buffer(self.place(base));
        commands.copy_buffer_to_buffer(buffer, offset, to, 0, tensor_bytes(self.prepared.network(), base));
    }

    /// The buffer in which a layer's output starts.
    fn place(&self, layer: Option<usize>) -> Place {
        layer.map_or(Location::INPUT.place, |layer| destination(self.shipped[layer].route))
    }
}
