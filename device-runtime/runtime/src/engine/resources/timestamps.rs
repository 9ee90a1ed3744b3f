use crate::gpu::{Buffer, Context, QuerySet, Staging};
use std::sync::Arc;

/// The queries of per-layer timing, and the buffers that they are read through.
#[derive(Debug)]
pub(in crate::engine) struct Timestamps {
    queries: QuerySet,
    resolved: Buffer,
    pub(in crate::engine) staging: Arc<Staging>,
}

impl Timestamps {
    pub(in crate::engine) fn new(context: &Context, count: u32) -> Option<Self> {
        let queries = context.timestamps(count)?;
        let bytes = u64::from(count) * 8;
        let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
        let resolved = context.buffer("timestamps", bytes, usage);
        Some(Self { queries, resolved, staging: Staging::new(context, 1, bytes) })
    }

    /// The begin and the end of the pass with that number.
    pub(in crate::engine) fn of_pass(&self, index: u32) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(2 * index),
            end_of_pass_write_index: Some(2 * index + 1),
        }
    }

    /// Copies the ticks of so many passes to where they can be read.
    pub(in crate::engine) fn resolve(&self, passes: u32, commands: &mut wgpu::CommandEncoder, to: &wgpu::Buffer) {
        commands.resolve_query_set(&self.queries, 0..2 * passes, &self.resolved, 0);
        commands.copy_buffer_to_buffer(&self.resolved, 0, to, 0, 16 * u64::from(passes));
    }
}
