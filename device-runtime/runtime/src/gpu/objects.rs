//! Things that are made on the device and sent to it, all of them counted.

use crate::gpu::{Context, Upload};
use std::sync::atomic::Ordering;

impl Context {
    pub(crate) fn buffer(&self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        self.inner.tally.buffers.fetch_add(1, Ordering::Relaxed);
        let size = bytes.max(4).next_multiple_of(4);
        self.inner.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size,
            usage,
            mapped_at_creation: false,
        })
    }

    pub(crate) fn layout(
        &self,
        entries: &[wgpu::BindGroupLayoutEntry],
    ) -> (wgpu::BindGroupLayout, wgpu::PipelineLayout) {
        let device = &self.inner.device;
        let groups =
            device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some("nestling"), entries });
        let pipelines = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("nestling"),
            bind_group_layouts: &[Some(&groups)],
            immediate_size: 0,
        });
        (groups, pipelines)
    }

    pub(crate) fn bind_group(
        &self,
        label: &str,
        layout: &wgpu::BindGroupLayout,
        entries: &[wgpu::BindGroupEntry<'_>],
    ) -> wgpu::BindGroup {
        self.inner.tally.bind_groups.fetch_add(1, Ordering::Relaxed);
        self.inner.device.create_bind_group(&wgpu::BindGroupDescriptor { label: Some(label), layout, entries })
    }

    pub(crate) fn shader(&self, label: &str, wgsl: &str) -> wgpu::ShaderModule {
        self.inner.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(label),
            source: wgpu::ShaderSource::Wgsl(wgsl.into()),
        })
    }

    pub(crate) fn pipeline(
        &self,
        label: &str,
        layout: &wgpu::PipelineLayout,
        module: &wgpu::ShaderModule,
    ) -> wgpu::ComputePipeline {
        self.inner.tally.pipelines.fetch_add(1, Ordering::Relaxed);
        self.inner.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(label),
            layout: Some(layout),
            module,
            entry_point: None,
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..wgpu::PipelineCompilationOptions::default()
            },
            cache: self.inner.pipeline_cache.handle(),
        })
    }

    /// Room for `count` timestamps, if the adapter has them.
    pub(crate) fn timestamps(&self, count: u32) -> Option<wgpu::QuerySet> {
        let kind = wgpu::QueryType::Timestamp;
        let descriptor = wgpu::QuerySetDescriptor { label: Some("layer times"), ty: kind, count };
        self.inner.facts.timestamps.then(|| self.inner.device.create_query_set(&descriptor))
    }

    pub(crate) fn upload(&self, kind: Upload, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) {
        self.inner.tally.uploaded(kind, bytes.len() as u64);
        self.inner.queue.write_buffer(buffer, offset, bytes);
    }

    pub(crate) fn encoder(&self) -> wgpu::CommandEncoder {
        self.inner.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("nestling") })
    }

    pub(crate) fn submit(&self, commands: wgpu::CommandEncoder) -> wgpu::SubmissionIndex {
        self.inner.tally.submissions.fetch_add(1, Ordering::Relaxed);
        self.inner.queue.submit([commands.finish()])
    }
}
