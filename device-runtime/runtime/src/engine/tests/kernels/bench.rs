//! Buffers and pipelines in which single layers run.

use crate::engine::plan::{LayerPlan, Route, Sizes};
use crate::engine::resources::{Arena, Common, Pipelines};
use crate::engine::tests::CONTEXT;
use crate::gpu::{Staging, block_on};
use nestling_core::space::Shape;
use nestling_core::weights::WeightStorage;
use std::sync::{Arc, LazyLock, Mutex};

pub(super) const LARGEST: u64 = 1 << 20;

/// Buffers for one layer, and the pipelines that earlier cases built.
pub(in crate::engine::tests) struct Bench {
    pub(in crate::engine::tests) pipelines: Pipelines,
    pub(in crate::engine::tests) arena: Arena,
    pub(in crate::engine::tests) staging: Arc<Staging>,
}

/// Runs a pipeline that is built over what the buffers hold; returns so many elements of the destination.
pub(in crate::engine::tests) fn dispatched(bench: &Bench, plan: &LayerPlan, elements: usize) -> Vec<[f32; 4]> {
    let bytes = elements as u64 * 16;
    let lease = bench.staging.try_take().unwrap();
    let (submission, verdict) = CONTEXT.guarded("a case", || {
        let mut commands = CONTEXT.encoder();
        {
            let mut pass = commands.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            pass.set_pipeline(bench.pipelines.get(plan.kernel, plan.specialisation).unwrap());
            pass.set_bind_group(0, &**bench.arena.bind_group(Route::FilteredToBlock), &[0]);
            pass.dispatch_workgroups(plan.workgroups[0], plan.workgroups[1], plan.workgroups[2]);
        }
        commands.copy_buffer_to_buffer(&bench.arena.block, 0, lease.buffer(), 0, bytes);
        CONTEXT.submit(commands)
    });
    block_on(verdict).unwrap();
    let read = block_on(lease.read(&CONTEXT, "a case", submission, bytes)).unwrap();
    bytemuck::pod_collect_to_vec(&read)
}

/// One for each storage of the weights.
pub(super) static BENCHES: LazyLock<[Mutex<Bench>; WeightStorage::ALL.len()]> =
    LazyLock::new(|| WeightStorage::ALL.map(bench));

fn bench(storage: WeightStorage) -> Mutex<Bench> {
    let common = Common::new(&CONTEXT, storage);
    let bytes = LARGEST;
    let sizes = Sizes {
        image: 4,
        block: bytes,
        expanded: 4,
        filtered: bytes,
        weights: bytes,
        norms: bytes,
        parameters: 256,
        ..Sizes::default()
    };
    let arena = Arena::new(&CONTEXT, &common.groups, &sizes);
    Mutex::new(Bench { pipelines: Pipelines::new(&common), arena, staging: Staging::new(&CONTEXT, 1, bytes) })
}

pub(in crate::engine::tests) fn packed_activation(values: &[f32], shape: Shape) -> Vec<[f32; 4]> {
    let pixels = shape.pixels() as usize;
    let at = |channel: usize, pixel: usize| values.get(channel * pixels + pixel).copied().unwrap_or(0.0);
    (0..shape.channels.div_ceil(4) as usize)
        .flat_map(|group| (0..pixels).map(move |pixel| std::array::from_fn(|lane| at(4 * group + lane, pixel))))
        .collect()
}

pub(in crate::engine::tests) fn unpacked_activation(values: &[[f32; 4]], shape: Shape) -> Vec<f32> {
    let pixels = shape.pixels() as usize;
    (0..shape.channels as usize)
        .flat_map(|channel| (0..pixels).map(move |pixel| values[channel / 4 * pixels + pixel][channel % 4]))
        .collect()
}
