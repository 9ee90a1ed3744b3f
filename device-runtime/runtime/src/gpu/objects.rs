//! Things that are made on the device and sent to it, all of them counted.

use crate::gpu::{BindGroup, Buffer, ComputePipeline, Context, QuerySet, Upload};
use std::sync::atomic::Ordering;

/// Bytes of a buffer that is no buffer, as one is that the GPU has no memory for.
#[cfg(test)]
const BEYOND_ALL_LIMITS: u64 = 1 << 50;

impl Context {
    pub(crate) fn buffer(&self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> Buffer {
        self.inner.tally.buffers.fetch_add(1, Ordering::Relaxed);
        let size = bytes.max(4).next_multiple_of(4);
        #[cfg(test)]
        let size = if self.gate().mishaps().denies() { BEYOND_ALL_LIMITS } else { size };
        let _inside = self.gate().enter();
        self.gate().keep(self.inner.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size,
            usage,
            mapped_at_creation: false,
        }))
    }

    pub(crate) fn layout(
        &self,
        entries: &[wgpu::BindGroupLayoutEntry],
    ) -> (wgpu::BindGroupLayout, wgpu::PipelineLayout) {
        let _inside = self.gate().enter();
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
    ) -> BindGroup {
        self.inner.tally.bind_groups.fetch_add(1, Ordering::Relaxed);
        #[cfg(test)]
        self.gate().mishaps().denies();
        let _inside = self.gate().enter();
        let descriptor = wgpu::BindGroupDescriptor { label: Some(label), layout, entries };
        self.gate().keep(self.inner.device.create_bind_group(&descriptor))
    }

    pub(crate) fn shader(&self, label: &str, wgsl: &str) -> wgpu::ShaderModule {
        let _inside = self.gate().enter();
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
    ) -> ComputePipeline {
        self.inner.tally.pipelines.fetch_add(1, Ordering::Relaxed);
        #[cfg(test)]
        self.gate().mishaps().denies();
        let descriptor = wgpu::ComputePipelineDescriptor {
            label: Some(label),
            layout: Some(layout),
            module,
            entry_point: None,
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..wgpu::PipelineCompilationOptions::default()
            },
            cache: self.inner.pipeline_cache.handle(),
        };
        let _inside = self.gate().enter();
        self.gate().keep(self.inner.device.create_compute_pipeline(&descriptor))
    }

    /// Room for `count` timestamps, if the adapter has them.
    pub(crate) fn timestamps(&self, count: u32) -> Option<QuerySet> {
        let kind = wgpu::QueryType::Timestamp;
        let descriptor = wgpu::QuerySetDescriptor { label: Some("layer times"), ty: kind, count };
        let _inside = self.gate().enter();
        let queries = self.inner.facts.timestamps.then(|| self.inner.device.create_query_set(&descriptor))?;
        Some(self.gate().keep(queries))
    }

    pub(crate) fn upload(&self, kind: Upload, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) {
        self.inner.tally.uploaded(kind, bytes.len() as u64);
        let _inside = self.gate().enter();
        self.inner.queue.write_buffer(buffer, offset, bytes);
    }

    pub(crate) fn encoder(&self) -> wgpu::CommandEncoder {
        let _inside = self.gate().enter();
        self.inner.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("nestling") })
    }

    pub(crate) fn submit(&self, commands: wgpu::CommandEncoder) -> wgpu::SubmissionIndex {
        self.inner.tally.submissions.fetch_add(1, Ordering::Relaxed);
        let _inside = self.gate().enter();
        self.inner.queue.submit([commands.finish()])
    }
}
