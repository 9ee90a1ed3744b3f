use crate::engine::plan::{Place, Route, Sizes, destination};
use crate::gpu::{BindGroup, Buffer, Context};
use nestling_shaders::PARAMETER_BYTES;

/// All buffers that kernels read or write, and the bind groups over them. Made once.
#[derive(Debug)]
pub(in crate::engine) struct Arena {
    pub(in crate::engine) image: Buffer,
    pub(in crate::engine) block: Buffer,
    pub(in crate::engine) expanded: Buffer,
    pub(in crate::engine) filtered: Buffer,
    pub(in crate::engine) weights: Buffer,
    pub(in crate::engine) norms: Buffer,
    pub(in crate::engine) parameters: Buffer,
    groups: Vec<BindGroup>,
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
    pub(in crate::engine) fn new(context: &Context, layout: &wgpu::BindGroupLayout, sizes: &Sizes) -> Self {
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

    fn group(&self, context: &Context, layout: &wgpu::BindGroupLayout, route: Route) -> BindGroup {
        let source: &wgpu::Buffer = match route {
            Route::ImageToExpanded => &self.image,
            Route::ExpandedToFiltered | Route::ExpandedToBlock => &self.expanded,
            Route::BlockToExpanded | Route::BlockToFiltered => &self.block,
            Route::FilteredToBlock => &self.filtered,
        };
        self.group_between(context, layout, source, self.buffer(destination(route)))
    }

    /// A bind group from any buffer to any other.
    pub(in crate::engine) fn group_between(
        &self,
        context: &Context,
        layout: &wgpu::BindGroupLayout,
        source: &wgpu::Buffer,
        destination: &wgpu::Buffer,
    ) -> BindGroup {
        let parameters = wgpu::BufferBinding {
            buffer: &self.parameters,
            offset: 0,
            size: std::num::NonZeroU64::new(PARAMETER_BYTES),
        };
        let resources = [
            source.as_entire_binding(),
            self.weights.as_entire_binding(),
            self.norms.as_entire_binding(),
            destination.as_entire_binding(),
            wgpu::BindingResource::Buffer(parameters),
        ];
        let entries: Vec<wgpu::BindGroupEntry<'_>> =
            (0u32..).zip(resources).map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource }).collect();
        context.bind_group("route", layout, &entries)
    }

    pub(in crate::engine) fn buffer(&self, place: Place) -> &wgpu::Buffer {
        match place {
            Place::Block => &self.block,
            Place::Expanded => &self.expanded,
            Place::Filtered => &self.filtered,
        }
    }

    pub(in crate::engine) fn bind_group(&self, route: Route) -> &BindGroup {
        &self.groups[route as usize]
    }
}
