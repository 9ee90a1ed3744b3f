//! A quick test of every pipeline at load, and other ways for those that are wrong.

use super::{Bench, Drawn, LayerCase, Slice, described, resize};
use crate::Error;
use crate::engine::plan::{LayerPlan, Planner, grid};
use crate::engine::resources::{Pipelines, Replaced, Wanted};
use crate::gpu::{Context, Fault};
use nestling_core::space::{Activation, LayerShape, Operator, Padding, Shape, ValidatedSpace};
use nestling_core::weights::WeightStorage;
use nestling_shaders::{Epilogue, Gate, Kernel, Specialisation};
use std::collections::BTreeMap;
use std::time::Instant;

/// Bytes of each buffer: the largest layer has some hundred pixels.
const LARGEST: u64 = 1 << 18;

/// A driver that computes somewhat less exactly than allowed keeps its fast kernels; those that are broken are far off.
pub(super) const FAR_OFF: f64 = 16.0;

type Key = (Kernel, Specialisation);

/// Compares every pipeline with the reference on small layers, and has another one take the place of each that is wrong: one
/// that can run the largest layers of the space.
///
/// # Errors
/// [`Error::SelfTest`] names a kernel for which no other is right.
pub(in crate::engine) async fn replace_wrong(
    context: &Context,
    pipelines: Pipelines,
    planner: &Planner,
    space: &ValidatedSpace,
) -> Result<Pipelines, Error> {
    let started = Instant::now();
    let outcome = replaced(context, pipelines, planner, space).await;
    context.add_kernel_test_time(started.elapsed());
    context.save_verdicts();
    outcome
}

async fn replaced(
    context: &Context,
    pipelines: Pipelines,
    planner: &Planner,
    space: &ValidatedSpace,
) -> Result<Pipelines, Error> {
    let (keys, storage): (Vec<Key>, _) = (pipelines.keys().collect(), pipelines.common().storage);
    // Nothing is made for a test where an earlier one has found all right.
    if keys.iter().all(|&key| context.verdict(&test_name(key, storage)) == Some(None)) {
        return Ok(pipelines);
    }
    let mut bench = Bench::new(context, pipelines, LARGEST).await?;
    let mut wrong: BTreeMap<Key, Fault> = BTreeMap::new();
    for key in keys {
        if let Some(fault) = fault(&mut bench, key).await? {
            wrong.insert(key, fault);
        }
    }
    if wrong.is_empty() {
        return Ok(bench.pipelines);
    }
    let biggest = space.lower(&space.biggest())?;
    let layers: Vec<LayerShape> =
        biggest.layers.iter().map(|layer| layer.shape).chain(space.layer_kinds().iter().copied()).collect();
    for (&key, fault) in &wrong {
        let (test, Fault { found, expected }) = (described(key.0, &key.1), fault.clone());
        match right_way(&mut bench, key, &wrong, planner, &layers).await? {
            Some(other) => {
                let by = described(other.0, &other.1);
                bench.pipelines.replace(key, other, Replaced { wrong: test, by, found, expected });
            }
            None => {
                let facts = context.facts();
                let adapter = format!("{} ({})", facts.name, facts.driver_text());
                let instead = "another adapter, or a newer driver";
                return Err(Error::SelfTest { test, adapter, found, expected, instead });
            }
        }
    }
    Ok(bench.pipelines)
}

/// The first other pipeline that is right, and can run what is planned for this one.
async fn right_way(
    bench: &mut Bench,
    key: Key,
    wrong: &BTreeMap<Key, Fault>,
    planner: &Planner,
    layers: &[LayerShape],
) -> Result<Option<Key>, Error> {
    for other in planner.alternatives(key.0, &key.1) {
        let fits = !wrong.contains_key(&other) && layers.iter().all(|shape| can_run(planner, key, other, shape));
        if fits && fault(bench, other).await?.is_none() {
            return Ok(Some(other));
        }
    }
    Ok(None)
}

/// Whether `other` can run what is planned for `key`.
fn can_run(planner: &Planner, key: Key, other: Key, shape: &LayerShape) -> bool {
    let is_planned = |plan: Result<LayerPlan, Error>| plan.is_ok_and(|plan| (plan.kernel, plan.specialisation) == key);
    let concerned = is_planned(planner.plan(shape)) || is_planned(planner.plan_fallback(shape));
    !concerned || grid(other.0, other.1, shape).is_ok()
}

/// The name of a pipeline's test.
fn test_name(key: Key, storage: WeightStorage) -> String {
    format!("{key:?} with weights stored as {storage}")
}

/// The fault of a pipeline, if it has one; tested once a context, or once for all where the app keeps the results.
async fn fault(bench: &mut Bench, key: Key) -> Result<Option<Fault>, Error> {
    let (context, name) = (bench.context().clone(), test_name(key, bench.storage()));
    if let Some(known) = context.verdict(&name) {
        if known.is_none() {
            bench.pipelines.add_all(&context, &Wanted::from([key])).await?;
        }
        return Ok(known);
    }
    let found = tested(bench, key).await?;
    context.remember_verdict(&name, found.clone());
    Ok(found)
}

/// The same. The pipeline is built if it is not there.
async fn tested(bench: &mut Bench, (kernel, one): Key) -> Result<Option<Fault>, Error> {
    if matches!(kernel, Kernel::ResizeColumns | Kernel::ResizeRows) {
        return resize::tested(bench, kernel, one).await;
    }
    for case in probes(kernel, &one) {
        let case = LayerCase { storage: bench.storage(), arithmetic: one.arithmetic, ..case };
        let plan = grid(kernel, one, &case.layer.shape)?;
        if let Some(fault) = bench.refused(&plan).await? {
            return Ok(Some(fault));
        }
        let drawn = Drawn::of(&case);
        let (worst, fault) = bench.compared(&case, &plan, &drawn).await?;
        if worst > FAR_OFF {
            return Ok(fault);
        }
    }
    Ok(None)
}

/// Small layers that a pipeline can run: sizes that no tile divides, over more than one workgroup where that is small. None
/// for kernels that compute no layer. The resize has [a test of its own](resize).
fn probes(kernel: Kernel, one: &Specialisation) -> Vec<LayerCase> {
    let activation = match one.epilogue {
        Epilogue::Fixed(activation) | Epilogue::Mixed(activation) => activation,
        Epilogue::AsLayer => Activation::Relu6,
    };
    let gated = one.gate != Gate::None;
    let kind = |operator, size, stride, activation, gated| {
        let none = Shape { channels: 0, height: 0, width: 0 };
        LayerShape { operator, kernel: size, stride, activation, residual: false, gated, input: none, output: none }
    };
    let case = |kind: LayerShape, (channels, height, width): (u32, u32, u32), outputs| {
        let slice = Slice { kernel: kind.kernel, more_inputs: 0, more_outputs: 1, padding: Padding::Symmetric };
        LayerCase::new(kind, slice, Shape { channels, height, width }, outputs, 7)
    };
    let Specialisation { kernel: size, stride, rows, workgroup, tile, input_channels, .. } = *one;
    let identity = Activation::Identity;
    match kernel {
        Kernel::Dense => vec![case(kind(Operator::Dense, size, stride, activation, false), (input_channels, 9, 7), 24)],
        Kernel::Depthwise => {
            vec![case(kind(Operator::Depthwise, size, stride, activation, false), (12, rows * stride + 3, 9), 12)]
        }
        Kernel::Pointwise => {
            let pixels = workgroup * tile.pixels + 3;
            vec![case(kind(Operator::Pointwise, 1, 1, activation, gated), (20, pixels, 1), 4 * (tile.groups + 1))]
        }
        Kernel::PointwiseSmall => vec![case(kind(Operator::Pointwise, 1, 1, activation, gated), (36, 3, 5), 20)],
        Kernel::LinearWide => vec![case(kind(Operator::Linear, 1, 1, identity, false), (340, 1, 1), 22)],
        Kernel::Fallback => vec![
            case(kind(Operator::Pointwise, 1, 1, activation, true), (20, 3, 5), 12),
            case(kind(Operator::Depthwise, 3, 2, activation, false), (12, 7, 5), 12),
            case(kind(Operator::Dense, 3, 2, activation, false), (3, 9, 7), 12),
        ],
        Kernel::Pool | Kernel::PoolWide => vec![case(kind(Operator::Pool, 1, 1, identity, false), (24, 7, 5), 24)],
        Kernel::AveragePool => {
            vec![case(kind(Operator::AveragePool, size, stride, identity, false), (12, 7, 5), 12)]
        }
        Kernel::ResizeColumns
        | Kernel::TextureColumns
        | Kernel::ResizeRows
        | Kernel::ReadWeights
        | Kernel::Moments
        | Kernel::Normalise => Vec::new(),
    }
}
