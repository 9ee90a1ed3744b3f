use super::answer::{Drawn, Outputs, parameters};
use super::case::LayerCase;
use crate::Error;
use crate::engine::plan::{LayerPlan, Route, Sizes};
use crate::engine::resources::{Arena, Pipelines, pack_whole};
use crate::gpu::{Buffer, Context, Fault, Staging, Upload};
use nestling_core::space::Shape;
use nestling_core::weights::WeightStorage;
use std::sync::Arc;

/// Bytes of each buffer that are enough for every case.
pub(in crate::engine) const LARGEST: u64 = 1 << 20;

const ACTION: &str = "testing a layer";

/// The contents of a destination before a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    /// The residual, or NaN.
    Poison,
    /// The output of the run before.
    Itself,
}

/// Buffers for one layer, and the pipelines that are tested.
#[derive(Debug)]
pub(in crate::engine) struct Bench {
    context: Context,
    pub(in crate::engine) pipelines: Pipelines,
    pub(in crate::engine) arena: Arena,
    staging: Arc<Staging>,
}

impl Bench {
    /// `largest` is the size of each buffer, which no case may exceed.
    pub(in crate::engine) async fn new(context: &Context, pipelines: Pipelines, largest: u64) -> Result<Self, Error> {
        let sizes = Sizes {
            image: 4,
            block: largest,
            expanded: 4,
            filtered: largest,
            weights: largest,
            norms: largest,
            parameters: 256,
            ..Sizes::default()
        };
        let ((arena, staging), verdict) = context.guarded(ACTION, || {
            (Arena::new(context, &pipelines.common().groups, &sizes), Staging::new(context, 1, largest))
        });
        verdict.await?;
        Ok(Self { context: context.clone(), pipelines, arena, staging })
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(in crate::engine) fn context(&self) -> &Context {
        &self.context
    }

    pub(in crate::engine) fn storage(&self) -> WeightStorage {
        self.pipelines.common().storage
    }

    /// Builds the plan's pipeline if it is not there.
    pub(in crate::engine) async fn require(&mut self, plan: &LayerPlan) -> Result<(), Error> {
        if self.pipelines.get(plan.kernel, plan.specialisation).is_none() {
            self.pipelines.add(&self.context, plan.kernel, plan.specialisation).await?;
        }
        Ok(())
    }

    /// The driver's words if it refuses to compile the plan's pipeline.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) async fn refused(&mut self, plan: &LayerPlan) -> Result<Option<Fault>, Error> {
        match self.require(plan).await {
            Ok(()) => Ok(None),
            Err(Error::Refused { reason, .. }) => {
                Ok(Some(Fault { found: reason, expected: "a driver that compiles it".to_owned() }))
            }
            Err(error) => Err(error),
        }
    }

    /// Runs the case twice over poison, and once more over its own output unless that holds its residual: the largest
    /// error of the first time over what is allowed, and what is wrong, or has other bits another time.
    pub(in crate::engine) async fn compared(
        &self,
        case: &LayerCase,
        plan: &LayerPlan,
        drawn: &Drawn,
    ) -> Result<(f64, Option<Fault>), Error> {
        self.prepare(case, drawn)?;
        let outputs = self.run(case, plan, drawn, Over::Poison).await?;
        let (mut worst, mut fault) = drawn.compare(plan, &outputs);
        let again = if case.layer.shape.residual { &[Over::Poison][..] } else { &[Over::Poison, Over::Itself] };
        // An output that is somewhat off may differ every time, which is worse.
        for &over in again {
            if worst.is_finite()
                && let Some(other) = outputs.difference(&self.run(case, plan, drawn, over).await?)
            {
                (worst, fault) = (f64::INFINITY, Some(other));
            }
        }
        Ok((worst, fault))
    }

    /// Sends all but the destination of a case.
    fn prepare(&self, case: &LayerCase, drawn: &Drawn) -> Result<(), Error> {
        let (packed, weights) = pack_whole(&case.layout, drawn.weights.as_slice(), case.storage)?;
        let source = drawn.source(case);
        let parameters = parameters(case, &packed, source.len() as u32);
        let norms = drawn.norms(case, &packed);
        let arena = &self.arena;
        self.send(&arena.filtered, bytemuck::cast_slice(&source));
        self.send(&arena.weights, &weights);
        self.send(&arena.norms, bytemuck::cast_slice(&norms));
        self.send(&arena.parameters, bytemuck::bytes_of(&parameters));
        Ok(())
    }

    pub(super) fn send(&self, buffer: &Buffer, bytes: &[u8]) {
        debug_assert!(bytes.len() as u64 <= buffer.size(), "{} bytes", bytes.len());
        self.context.upload(Upload::Parameters, buffer, 0, bytes);
    }

    /// Runs the case that was prepared.
    async fn run(&self, case: &LayerCase, plan: &LayerPlan, drawn: &Drawn, over: Over) -> Result<Outputs, Error> {
        let (destination, own) = drawn.destination(case);
        if over == Over::Poison {
            self.send(&self.arena.block, bytemuck::cast_slice(&destination));
        }
        let values = self.dispatched(plan, destination.len()).await?;
        let beside = [&values[..own.start], &values[own.end..]].concat();
        Ok(Outputs { values: unpacked_activation(&values[own], case.layer.shape.output), beside })
    }

    /// Runs a pipeline that is built over what the buffers hold; returns so many elements of the destination.
    pub(in crate::engine) async fn dispatched(
        &self,
        plan: &LayerPlan,
        elements: usize,
    ) -> Result<Vec<[f32; 4]>, Error> {
        let (context, bytes) = (&self.context, elements as u64 * 16);
        let pipeline = self.pipelines.require(plan.kernel, plan.specialisation)?;
        let lease = self.staging.take().await;
        let (submission, verdict) = context.guarded(ACTION, || {
            let mut commands = context.encoder();
            {
                let mut pass = commands.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, &**self.arena.bind_group(Route::FilteredToBlock), &[0]);
                pass.dispatch_workgroups(plan.workgroups[0], plan.workgroups[1], plan.workgroups[2]);
            }
            commands.copy_buffer_to_buffer(&self.arena.block, 0, lease.buffer(), 0, bytes);
            context.submit(commands)
        });
        verdict.await?;
        let read = lease.read(context, ACTION, submission, bytes).await?;
        Ok(bytemuck::pod_collect_to_vec(&read))
    }
}

pub(in crate::engine) fn packed_activation(values: &[f32], shape: Shape) -> Vec<[f32; 4]> {
    let pixels = shape.pixels() as usize;
    let at = |channel: usize, pixel: usize| values.get(channel * pixels + pixel).copied().unwrap_or(0.0);
    (0..shape.channels.div_ceil(4) as usize)
        .flat_map(|group| (0..pixels).map(move |pixel| std::array::from_fn(|lane| at(4 * group + lane, pixel))))
        .collect()
}

pub(in crate::engine) fn unpacked_activation(values: &[[f32; 4]], shape: Shape) -> Vec<f32> {
    let pixels = shape.pixels() as usize;
    (0..shape.channels as usize)
        .flat_map(|channel| (0..pixels).map(move |pixel| values[channel / 4 * pixels + pixel][channel % 4]))
        .collect()
}
