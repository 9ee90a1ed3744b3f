//! Every kernel that a supernet uses, over layers of many sizes.

use super::{Bench, Drawn, LayerCase, Slice};
use crate::Error;
use crate::engine::plan::{LayerPlan, Planner};
use crate::gpu::Fault;
use nestling_core::arithmetic::Arithmetic;
use nestling_core::space::{LayerShape, Operator, Padding, Shape};
use nestling_shaders::{Epilogue, Gate, Kernel, Specialisation};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Output channels: 8 to 256 in steps of 8, in an order that has small and large ones early.
const STEPS: u32 = 32;
const STRIDE: u32 = 13;
/// Outputs from which on a layer is large, and medium: those of `OutputSize`.
const LARGE: u32 = 16_384;
const MEDIUM: u32 = 2_048;

/// The result of one kind of check, over some cases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// The thing that was checked, in words: a kernel with its specialisation, the resize, repeated answers.
    pub name: String,
    /// Cases that were compared.
    pub cases: usize,
    /// Cases for which there was no time.
    pub skipped: usize,
    /// Cases that were wrong.
    pub deviations: usize,
    /// The largest error as a part of what is allowed; beyond one it is wrong. `None` in a document stands for what is no
    /// number.
    pub worst: Option<f64>,
    /// The first case that was wrong, in words.
    pub first: Option<String>,
}

impl Check {
    pub(in crate::engine) fn new(name: String) -> Self {
        Self { name, cases: 0, skipped: 0, deviations: 0, worst: Some(0.0), first: None }
    }

    /// Takes a case: its largest error over what is allowed, and its fault.
    pub(in crate::engine) fn add(&mut self, case: &str, worst: f64, fault: Option<Fault>) {
        self.cases += 1;
        self.worst = self.worst.map(|most| most.max(worst)).filter(|most| most.is_finite());
        if let Some(Fault { found, expected }) = fault {
            self.deviations += 1;
            self.first.get_or_insert_with(|| format!("{case}: {found}; expected {expected}"));
        }
    }

    /// Whether every case was compared, and was right.
    pub fn is_right(&self) -> bool {
        self.cases > 0 && self.skipped == 0 && self.deviations == 0
    }
}

/// Compares the pipelines of `bench`, and those that it lacks, with the reference: for all kinds of layers, over many
/// output channels, with sizes for each tile. `is_over` says whether the time is used up, and gets the share that is done.
pub(in crate::engine) async fn check_kernels(
    bench: &mut Bench,
    planner: &Planner,
    kinds: &[LayerShape],
    mut is_over: impl AsyncFnMut(f64) -> bool,
) -> Result<BTreeMap<(Kernel, Specialisation), Check>, Error> {
    let mut checks: BTreeMap<(Kernel, Specialisation), Check> = BTreeMap::new();
    let mut has_ended = false;
    for step in 0..STEPS {
        for kind in kinds {
            let is_used_up = is_over(f64::from(step) / f64::from(STEPS)).await;
            // One kind is compared on the slowest device too.
            has_ended = has_ended || is_used_up && !checks.is_empty();
            for case in cases(kind, step, bench, planner) {
                let drawn = (!has_ended).then(|| Drawn::of(&case));
                for plan in plans(&case, planner, bench)? {
                    let key = (plan.kernel, plan.specialisation);
                    let check = checks.entry(key).or_insert_with(|| Check::new(described(key.0, &key.1)));
                    match &drawn {
                        None => check.skipped += 1,
                        Some(drawn) => check_one(bench, &case, &plan, drawn, check).await?,
                    }
                }
            }
        }
    }
    Ok(checks)
}

async fn check_one(
    bench: &mut Bench,
    case: &LayerCase,
    plan: &LayerPlan,
    drawn: &Drawn,
    check: &mut Check,
) -> Result<(), Error> {
    let shape = case.layer.shape.to_string();
    match bench.require(plan).await {
        Ok(()) => {}
        Err(Error::Refused { reason, .. }) => {
            let fault = Fault { found: reason, expected: "a driver that compiles it".to_owned() };
            check.add(&shape, f64::INFINITY, Some(fault));
            return Ok(());
        }
        Err(error) => return Err(error),
    }
    let (worst, fault) = bench.compared(case, plan, drawn).await?;
    check.add(&shape, worst, fault);
    Ok(())
}

/// The plan of a case's layer, and that of the fallback: what runs any convolution or matrix must run this one too.
fn plans(case: &LayerCase, planner: &Planner, bench: &Bench) -> Result<Vec<LayerPlan>, Error> {
    let shape = &case.layer.shape;
    let as_run = |plan| bench.pipelines.as_run(plan, shape);
    let (own, fallback) = (as_run(planner.plan(shape)?)?, as_run(planner.plan_fallback(shape)?)?);
    Ok(if own == fallback { vec![own] } else { vec![own, fallback] })
}

/// Layers of a kind with the output channels of a step: one pixel, odd sizes, and a size for each tile.
fn cases(kind: &LayerShape, step: u32, bench: &Bench, planner: &Planner) -> Vec<LayerCase> {
    let outputs = 8 * (1 + step * STRIDE % STEPS);
    let seed = u64::from(step);
    let groups = outputs / 4;
    // At least so many pixels, odd on both sides.
    let odd = |pixels: u32| {
        let height = pixels.isqrt() | 1;
        (height, pixels.div_ceil(height) | 1)
    };
    let few = [(1, 1), (5 + 2 * (step % 3), 7)];
    let sides: Vec<(u32, u32)> = match kind.operator {
        Operator::Linear => vec![(1, 1)],
        Operator::Pointwise => few.into_iter().chain([odd(MEDIUM / groups), odd(LARGE / groups)]).collect(),
        Operator::Dense | Operator::Depthwise | Operator::Pool | Operator::AveragePool => {
            few.into_iter().chain([(17, 9 + step % 4)]).collect()
        }
    };
    let case = |(turn, (height, width)): (usize, (u32, u32))| {
        let inputs = match kind.operator {
            Operator::Dense => kind.input.channels,
            Operator::Depthwise | Operator::Pool | Operator::AveragePool => outputs,
            Operator::Pointwise | Operator::Linear if height * width == 1 => 4 * (1 + 37 * step % 200),
            // As many as the buffers hold: 16 bytes for each group of a pixel.
            Operator::Pointwise | Operator::Linear => 4 * (1 + 7 * step % 11).min((1 << 15) / (height * width)).max(1),
        };
        let slice = Slice {
            kernel: kind.kernel + if kind.operator == Operator::Depthwise { 2 * (step % 2) } else { 0 },
            more_inputs: if kind.operator == Operator::Dense { 0 } else { step % 3 },
            more_outputs: step % 4,
            padding: if (step as usize + turn).is_multiple_of(2) { Padding::Symmetric } else { Padding::Same },
        };
        let input = Shape { channels: inputs, height, width };
        let case = LayerCase::new(*kind, slice, input, outputs, seed);
        LayerCase { storage: bench.storage(), arithmetic: planner.traits().arithmetic, ..case }
    };
    sides.into_iter().enumerate().map(case).collect()
}

/// A pipeline in words.
pub(super) fn described(kernel: Kernel, one: &Specialisation) -> String {
    let mut text = format!("kernel `{}`", kernel.entry_point());
    let mut say = |more: String| text.push_str(&format!(", {more}"));
    match kernel {
        Kernel::Pointwise => say(format!("{}x{} outputs a thread", one.tile.pixels, 4 * one.tile.groups)),
        Kernel::Dense | Kernel::Depthwise | Kernel::AveragePool => {
            say(format!("{0}x{0}, stride {1}", one.kernel, one.stride));
        }
        _ => {}
    }
    if one.broadcast {
        say("broadcast in the subgroup".to_owned());
    }
    match one.epilogue {
        Epilogue::Fixed(activation) => say(activation.row().name.to_owned()),
        Epilogue::Mixed(activation) => say(format!("{} or none", activation.row().name)),
        Epilogue::AsLayer => {}
    }
    if one.gate == Gate::Every {
        say("gated".to_owned());
    }
    if one.arithmetic == Arithmetic::F16 {
        say("16-bit products".to_owned());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::plan::Traits;
    use crate::engine::resources::{Common, Pipelines};
    use crate::engine::trial::layers::LARGEST;
    use crate::gpu::{Context, ContextOptions, block_on};
    use nestling_core::space::Preset;
    use nestling_core::weights::WeightStorage;
    use std::collections::BTreeSet;

    #[test]
    fn the_steps_are_all_channels_from_8_to_256() {
        let channels: BTreeSet<u32> = (0..STEPS).map(|step| 8 * (1 + step * STRIDE % STEPS)).collect();
        assert_eq!(channels, (1..=32).map(|one| 8 * one).collect());
    }

    #[test]
    fn every_pipeline_of_every_preset_is_reached_and_right() {
        let context = Context::new(&ContextOptions::default()).unwrap();
        // One of each activation that pipelines are specialised to; more would compile for minutes.
        for name in ["table1", "mobilenet-v3-large-1.0x", "fashion"] {
            let preset = Preset::find(name).unwrap();
            let space = preset.space().validated().unwrap();
            let planner = Planner::new(&space, Traits::of(context.facts()));
            let pipelines = Pipelines::new(&Common::new(&context, WeightStorage::F32));
            let mut bench = block_on(Bench::new(&context, pipelines, LARGEST)).unwrap();
            // A few steps: a doctor takes all of them.
            let is_over = async |share: f64| share > 0.1;
            let checks = block_on(check_kernels(&mut bench, &planner, space.layer_kinds(), is_over)).unwrap();
            let wrong: Vec<&Check> = checks.values().filter(|check| check.deviations > 0).collect();
            assert!(wrong.is_empty(), "{wrong:?}");
            let of_layers = planner.all_pipelines(&space);
            let resize = [Kernel::ResizeColumns, Kernel::ResizeRows];
            for one in of_layers.iter().filter(|(kernel, _)| !resize.contains(kernel)) {
                let check = checks.get(one).unwrap_or_else(|| panic!("{preset:?}: {one:?} is never compared"));
                assert!(check.cases > 0 && check.skipped > 0 && !check.is_right(), "{check:?}");
            }
        }
    }
}
