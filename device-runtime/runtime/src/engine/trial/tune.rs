//! Times tiles of pointwise layers on this adapter: vendors' defaults are only a start.

use crate::Error;
use crate::engine::plan::{
    LayerPlan, Planner, Route, Sizes, Traits, activation_bytes, shape_parameters, tile_candidates,
};
use crate::engine::resources::{Arena, Common, Pipelines};
use crate::gpu::{Context, Upload};
use nestling_core::space::{LayerShape, Operator, OutputSize as Size, ValidatedSpace};
use nestling_core::tiles::{TileVariant, Tiles};
use nestling_core::weights::WeightStorage;
use nestling_shaders::{LayerParameters, PARAMETER_BYTES};
use std::time::Duration;
use web_time::Instant;

const ACTION: &str = "timing tiles";
/// A measurement lasts at least so long: waiting for the GPU costs tens of microseconds.
const LEAST: Duration = Duration::from_millis(2);
/// Most dispatches of a measurement.
const MAX_DISPATCHES: u32 = 4096;
/// How often two variants are timed in turn.
const ROUNDS: usize = 3;
/// A variant that is so much slower is not timed again.
const HOPELESS: f64 = 1.3;
/// Another variant must be so much faster than the one before: less is noise.
const CLEARLY: f64 = 0.95;

/// The tiles that were fastest within `patience`, starting from those of `traits`: at worst these.
///
/// For each size of output, the layers with most MAdds of the smallest and the biggest child are run with every
/// candidate, in turn with the fastest so far. Compiling counts too, so on a slow driver few candidates are tried.
pub(in crate::engine) async fn tune(
    context: &Context,
    space: &ValidatedSpace,
    storage: WeightStorage,
    traits: Traits,
    subgroups: bool,
    patience: Duration,
) -> Result<Tiles, Error> {
    let started = Instant::now();
    let layers = typical_layers(space)?;
    let common = Common::new(context, storage);
    let (mut bench, verdict) = context.guarded(ACTION, || Bench::new(context, &common, &layers, storage));
    verdict.await?;
    let mut tiles = traits.tiles;
    let candidates = tile_candidates(traits.software, subgroups);
    for size in Size::ALL {
        let own: Vec<LayerShape> = (layers.iter().filter(|(of, _)| *of == size)).map(|(_, shape)| *shape).collect();
        if own.is_empty() {
            continue;
        }
        let planner = Planner::new(space, traits);
        let plans = |variant: TileVariant| -> Result<Vec<LayerPlan>, Error> {
            own.iter().map(|shape| planner.plan_tile(variant, shape)).collect()
        };
        for &candidate in candidates.iter().filter(|&&candidate| candidate != traits.tiles.of(size)) {
            if started.elapsed() >= patience {
                return Ok(tiles);
            }
            let best = plans(tiles.of(size))?;
            let Ok(other) = plans(candidate) else { continue }; // too many workgroups
            let mut times = [f64::INFINITY; 2];
            for _ in 0..ROUNDS {
                for (time, plans) in times.iter_mut().zip([&best, &other]) {
                    *time = time.min(bench.time(context, &own, plans).await?);
                }
                if times[1] > HOPELESS * times[0] {
                    break;
                }
            }
            if times[1] < CLEARLY * times[0] {
                tiles = tiles.with(size, candidate);
            }
        }
    }
    Ok(tiles)
}

/// For each size of output, the pointwise layers with most MAdds of the smallest and of the biggest child.
fn typical_layers(space: &ValidatedSpace) -> Result<Vec<(Size, LayerShape)>, Error> {
    let mut chosen = Vec::new();
    for child in [space.smallest(), space.biggest()] {
        let network = space.lower(&child)?;
        for size in Size::ALL {
            let of_size = |shape: &LayerShape| {
                let groups = shape.output.channels.div_ceil(4);
                shape.operator == Operator::Pointwise && Size::of(shape.output.pixels(), groups) == Some(size)
            };
            let heaviest = network.layers.iter().map(|layer| layer.shape).filter(of_size).max_by_key(LayerShape::madds);
            chosen.extend(heaviest.map(|shape| (size, LayerShape { residual: false, gated: false, ..shape })));
        }
    }
    Ok(chosen)
}

/// Buffers that any of the layers fits into, all zero: times do not depend on values.
struct Bench {
    arena: Arena,
    pipelines: Pipelines,
}

impl Bench {
    fn new(context: &Context, common: &Common, layers: &[(Size, LayerShape)], storage: WeightStorage) -> Self {
        let largest = |bytes: fn(&LayerShape) -> u64| layers.iter().map(|(_, shape)| bytes(shape)).max().unwrap_or(16);
        let elements = |shape: &LayerShape| {
            u64::from(shape.input.channels.div_ceil(4)) * 4 * u64::from(shape.output.channels.div_ceil(4))
        };
        let sizes = Sizes {
            image: 4,
            expanded: 4,
            filtered: largest(|shape| activation_bytes(shape.input.channels, shape.input.pixels())),
            block: largest(|shape| activation_bytes(shape.output.channels, shape.output.pixels())),
            weights: layers.iter().map(|(_, shape)| elements(shape)).max().unwrap_or(1) * 4 * storage.bytes() as u64,
            norms: largest(|shape| u64::from(shape.output.channels.div_ceil(4)) * 32),
            parameters: PARAMETER_BYTES,
            ..Sizes::default()
        };
        Self { arena: Arena::new(context, &common.groups, &sizes), pipelines: Pipelines::new(common) }
    }

    /// Milliseconds of one run of every layer by its plan.
    async fn time(&mut self, context: &Context, layers: &[LayerShape], plans: &[LayerPlan]) -> Result<f64, Error> {
        let mut sum = 0.0;
        for (shape, plan) in layers.iter().zip(plans) {
            let new = self.pipelines.get(plan.kernel, plan.specialisation).is_none();
            if new {
                self.pipelines.add(context, plan.kernel, plan.specialisation).await?;
            }
            context.upload(Upload::Parameters, &self.arena.parameters, 0, bytemuck::bytes_of(&parameters(shape)));
            if new {
                self.run(context, plan, 1).await?; // some drivers compile at the first dispatch
            }
            let mut count = 1;
            loop {
                let time = self.run(context, plan, count).await?;
                if time >= LEAST || count >= MAX_DISPATCHES {
                    sum += time.as_secs_f64() * 1e3 / f64::from(count);
                    break;
                }
                count *= 2;
            }
        }
        Ok(sum)
    }

    async fn run(&self, context: &Context, plan: &LayerPlan, count: u32) -> Result<Duration, Error> {
        let pipeline = self.pipelines.require(plan.kernel, plan.specialisation)?;
        let started = Instant::now();
        let (submission, verdict) = context.guarded(ACTION, || {
            let mut commands = context.encoder();
            {
                let mut pass = commands.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, &**self.arena.bind_group(Route::FilteredToBlock), &[0]);
                for _ in 0..count {
                    pass.dispatch_workgroups(plan.workgroups[0], plan.workgroups[1], plan.workgroups[2]);
                }
            }
            context.submit(commands)
        });
        verdict.await?;
        context.settle(ACTION, submission).await?;
        Ok(started.elapsed())
    }
}

fn parameters(shape: &LayerShape) -> LayerParameters {
    LayerParameters { weight_stride: 4 * shape.input.channels.div_ceil(4), ..shape_parameters(shape) }
}
