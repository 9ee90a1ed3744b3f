use super::EngineError;
use crate::gpu::Context;
use crate::space::{Network, Operator};
use nestling_shaders::PARAMETER_BYTES;

/// One of the buffers that activations live in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Block,
    Expanded,
    Filtered,
}

/// What a dispatch reads and writes: one bind group each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// The 8-bit image to `expanded`.
    ImageToExpanded,
    ExpandedToFiltered,
    BlockToExpanded,
    BlockToFiltered,
    FilteredToBlock,
}

impl Route {
    const ALL: [Self; 5] = [
        Self::ImageToExpanded,
        Self::ExpandedToFiltered,
        Self::BlockToExpanded,
        Self::BlockToFiltered,
        Self::FilteredToBlock,
    ];
}

/// The route of every layer. The input tensor starts in `filtered`; the logits end in `block`.
pub(super) fn routes(network: &Network) -> Vec<Route> {
    let mut at = Place::Filtered;
    let route = |operator: Operator| {
        let route = match (operator, at) {
            (Operator::Pointwise, Place::Block) => Route::BlockToExpanded,
            (Operator::Depthwise | Operator::Pool, Place::Block) => Route::BlockToFiltered,
            (Operator::Depthwise | Operator::Pool, _) => Route::ExpandedToFiltered,
            _ => Route::FilteredToBlock,
        };
        at = destination(route);
        route
    };
    network.layers.iter().map(|layer| layer.shape.operator).map(route).collect()
}

/// Where a route ends.
pub(super) fn destination(route: Route) -> Place {
    match route {
        Route::ImageToExpanded | Route::BlockToExpanded => Place::Expanded,
        Route::ExpandedToFiltered | Route::BlockToFiltered => Place::Filtered,
        Route::FilteredToBlock => Place::Block,
    }
}

/// Bytes of every buffer, for the space's biggest child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) image: u64,
    pub(super) block: u64,
    pub(super) expanded: u64,
    pub(super) filtered: u64,
    pub(super) weights: u64,
    pub(super) norms: u64,
    pub(super) parameters: u64,
}

/// Bytes of `channels` padded to whole groups.
pub(super) fn activation_bytes(channels: u32, pixels: u32) -> u64 {
    u64::from(channels.next_multiple_of(4)) * u64::from(pixels) * 4
}

impl Sizes {
    /// Bytes of the activations and the image; the rest is zero.
    pub(super) fn of_activations(biggest: &Network, largest_side: u32) -> Self {
        let mut sizes = Self {
            image: u64::from(largest_side) * u64::from(largest_side) * 4,
            block: 0,
            // Between the passes of the resize: the image's rows, the child's columns.
            expanded: activation_bytes(4, largest_side * biggest.input.width),
            filtered: activation_bytes(biggest.input.channels, biggest.input.pixels()),
            weights: 0,
            norms: 0,
            parameters: 0,
        };
        for (layer, route) in biggest.layers.iter().zip(routes(biggest)) {
            let bytes = activation_bytes(layer.shape.output.channels, layer.shape.output.pixels());
            let size = match destination(route) {
                Place::Block => &mut sizes.block,
                Place::Expanded => &mut sizes.expanded,
                Place::Filtered => &mut sizes.filtered,
            };
            *size = bytes.max(*size);
        }
        sizes
    }

    /// Checks every binding against the device.
    pub(super) fn check(&self, context: &Context) -> Result<(), EngineError> {
        let limits = context.limits();
        let limit = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        let names = ["image", "block", "expanded", "filtered", "weights", "norms"];
        let sizes = [self.image, self.block, self.expanded, self.filtered, self.weights, self.norms];
        match names.into_iter().zip(sizes).find(|&(_, size)| size > limit) {
            None => Ok(()),
            Some((name, value)) => Err(EngineError::TooLarge {
                place: format!("buffer `{name}` (raise `ContextOptions::largest_buffer` if the adapter has more)"),
                quantity: "bytes",
                value,
                limit,
            }),
        }
    }
}

/// All buffers that kernels read or write, and the bind groups over them. Made once.
#[derive(Debug)]
pub(super) struct Arena {
    pub(super) image: wgpu::Buffer,
    pub(super) block: wgpu::Buffer,
    pub(super) expanded: wgpu::Buffer,
    pub(super) filtered: wgpu::Buffer,
    pub(super) weights: wgpu::Buffer,
    pub(super) norms: wgpu::Buffer,
    pub(super) parameters: wgpu::Buffer,
    groups: Vec<wgpu::BindGroup>,
}

/// The one layout of all bind groups, and of all pipelines.
pub(super) fn bind_group_layout(context: &Context) -> (wgpu::BindGroupLayout, wgpu::PipelineLayout) {
    let entry = |binding: u32, ty: wgpu::BufferBindingType, has_dynamic_offset: bool| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset, min_binding_size: None },
        count: None,
    };
    let storage = |read_only: bool| wgpu::BufferBindingType::Storage { read_only };
    context.layout(&[
        entry(0, storage(true), false),
        entry(1, storage(true), false),
        entry(2, storage(true), false),
        entry(3, storage(false), false),
        entry(4, wgpu::BufferBindingType::Uniform, true),
    ])
}

impl Arena {
    pub(super) fn new(context: &Context, layout: &wgpu::BindGroupLayout, sizes: &Sizes) -> Self {
        use wgpu::BufferUsages as Usage;
        let storage =
            |label: &str, bytes: u64| context.buffer(label, bytes, Usage::STORAGE | Usage::COPY_DST | Usage::COPY_SRC);
        let mut arena = Self {
            image: storage("image", sizes.image),
            block: storage("block", sizes.block),
            expanded: storage("expanded", sizes.expanded),
            filtered: storage("filtered", sizes.filtered),
            weights: storage("weights", sizes.weights),
            norms: storage("norms", sizes.norms),
            parameters: context.buffer("parameters", sizes.parameters, Usage::UNIFORM | Usage::COPY_DST),
            groups: Vec::new(),
        };
        arena.groups = Route::ALL.iter().map(|&route| arena.group(context, layout, route)).collect();
        arena
    }

    fn group(&self, context: &Context, layout: &wgpu::BindGroupLayout, route: Route) -> wgpu::BindGroup {
        let source = match route {
            Route::ImageToExpanded => &self.image,
            Route::ExpandedToFiltered => &self.expanded,
            Route::BlockToExpanded | Route::BlockToFiltered => &self.block,
            Route::FilteredToBlock => &self.filtered,
        };
        let parameters = wgpu::BufferBinding {
            buffer: &self.parameters,
            offset: 0,
            size: std::num::NonZeroU64::new(PARAMETER_BYTES),
        };
        let resources = [
            source.as_entire_binding(),
            self.weights.as_entire_binding(),
            self.norms.as_entire_binding(),
            self.buffer(destination(route)).as_entire_binding(),
            wgpu::BindingResource::Buffer(parameters),
        ];
        let entries: Vec<wgpu::BindGroupEntry<'_>> =
            (0u32..).zip(resources).map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource }).collect();
        context.bind_group("route", layout, &entries)
    }

    pub(super) fn buffer(&self, place: Place) -> &wgpu::Buffer {
        match place {
            Place::Block => &self.block,
            Place::Expanded => &self.expanded,
            Place::Filtered => &self.filtered,
        }
    }

    pub(super) fn bind_group(&self, route: Route) -> &wgpu::BindGroup {
        &self.groups[route as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::SearchSpace;
    use rand::SeedableRng;

    #[test]
    fn every_child_fits_the_biggest_ones_buffers_and_residuals_are_in_place() {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(2);
        for mut space in [SearchSpace::fashion(), SearchSpace::table1()] {
            space.stages[1].expand_ratios = [1, 4].map(crate::space::ExpandRatio::whole).to_vec();
            let sizes = Sizes::of_activations(&space.lower(&space.biggest()).unwrap(), 8);
            for _ in 0..50 {
                let network = space.lower(&space.sample(&mut random)).unwrap();
                let own = Sizes::of_activations(&network, 8);
                assert!(own.block <= sizes.block && own.expanded <= sizes.expanded && own.filtered <= sizes.filtered);
                let mut in_block = None;
                for (index, (layer, route)) in network.layers.iter().zip(routes(&network)).enumerate() {
                    if layer.residual.is_some() {
                        assert_eq!((destination(route), layer.residual), (Place::Block, in_block), "{}", layer.name);
                    }
                    if destination(route) == Place::Block {
                        in_block = Some(index);
                    }
                }
                assert_eq!(in_block, Some(network.layers.len() - 1), "the logits end in the block buffer");
            }
        }
    }
}
