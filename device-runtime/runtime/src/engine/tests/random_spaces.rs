//! Spaces that nobody would design: the planner and its shaders must serve all that a bundle may hold.

use super::*;
use crate::Error;
use naga::valid::{Capabilities, ShaderStages, SubgroupOperationSet, ValidationFlags, Validator};
use nestling_core::space::{Activation, Block, ExpandRatio, Gate, HeadSpace, Padding, SqueezeExcite, SqueezeOf};
use nestling_core::space::{StageSpace, StemSpace};
use nestling_shaders::{Kernel, Specialisation};
use nestling_torture::Campaign;
use std::collections::HashSet;

/// Bounds of a random space.
struct Bounds {
    width: u32,
    depth: u32,
    stages: usize,
    resolution: u32,
}

/// All that a test can plan in a millisecond, and all that the reference can compute in some.
const LARGE: Bounds = Bounds { width: 1024, depth: 6, stages: 8, resolution: 320 };
const SMALL: Bounds = Bounds { width: 40, depth: 2, stages: 4, resolution: 26 };

fn pick<T: Copy>(from: &[T], random: &mut ChaCha8Rng) -> T {
    from[random.random_range(0..from.len())]
}

/// One to three values in rising order.
fn some(random: &mut ChaCha8Rng, mut one: impl FnMut(&mut ChaCha8Rng) -> u32) -> Vec<u32> {
    let mut values: Vec<u32> = (0..random.random_range(1..=3)).map(|_| one(random)).collect();
    values.sort_unstable();
    values.dedup();
    values
}

fn widths(most: u32, random: &mut ChaCha8Rng) -> Vec<u32> {
    some(random, |random| 4 * random.random_range(1..=most / 4))
}

fn kernels(random: &mut ChaCha8Rng) -> Vec<u32> {
    some(random, |random| pick(&[1, 3, 5, 7], random))
}

/// From 1 to 6, in hundredths.
fn ratios(random: &mut ChaCha8Rng) -> Vec<ExpandRatio> {
    let hundredths = some(random, |random| pick(&[100, 150, 200, 250, 300, 333, 400, 600], random));
    hundredths.into_iter().map(|one| ExpandRatio::from_hundredths(one).unwrap()).collect()
}

fn activation(random: &mut ChaCha8Rng) -> Activation {
    pick(&[Activation::Identity, Activation::Relu, Activation::Relu6, Activation::Swish, Activation::HardSwish], random)
}

fn stage(bounds: &Bounds, random: &mut ChaCha8Rng) -> StageSpace {
    let squeeze = |random: &mut ChaCha8Rng| SqueezeExcite {
        of: pick(&[SqueezeOf::BlockInput, SqueezeOf::Expanded], random),
        reduction: random.random_range(1..=8),
        multiple_of: pick(&[1, 4, 8], random),
        activation: None,
        gate: pick(&[Gate::Sigmoid, Gate::HardSigmoid], random),
    };
    let depths = some(random, |random| random.random_range(1..=bounds.depth));
    let block = pick(&[Block::InvertedResidual, Block::InvertedResidual, Block::Separable], random);
    let squeeze_excite = random.random_bool(0.4).then(|| squeeze(random));
    StageSpace {
        expand_ratios: if block == Block::Separable { vec![ExpandRatio::ONE] } else { ratios(random) },
        block,
        transition_skips: random.random_bool(0.3),
        squeeze_excite,
        activation: random.random_bool(0.3).then(|| activation(random)),
        padding: random.random_bool(0.3).then(|| pick(&[Padding::Same, Padding::Symmetric], random)),
        ..StageSpace::new(&widths(bounds.width, random), &depths, &kernels(random), &[1], random.random_range(1..=2))
    }
}

/// A space that is valid.
fn random_space(bounds: &Bounds, random: &mut ChaCha8Rng) -> ValidatedSpace {
    loop {
        let head = HeadSpace {
            widths: widths(bounds.width, random),
            expand_ratio: random.random_bool(0.5).then(|| ratios(random)[0]),
        };
        let space = SearchSpace {
            name: "random".into(),
            input_channels: pick(&[1, 3], random),
            resolutions: some(random, |random| random.random_range(8..=bounds.resolution)),
            classes: random.random_range(1..=1001.min(bounds.width)),
            activation: activation(random),
            padding: pick(&[Padding::Same, Padding::Symmetric], random),
            norm_epsilon: pick(&[1e-5, 1e-3], random),
            stem: StemSpace {
                widths: widths(bounds.width / 4, random),
                kernel: pick(&[1, 3, 5, 7], random),
                stride: pick(&[1, 2], random),
            },
            stages: (0..random.random_range(1..=bounds.stages)).map(|_| stage(bounds, random)).collect(),
            head: random.random_bool(0.8).then_some(head),
        };
        if let Ok(space) = space.validated() {
            return space;
        }
    }
}

/// Validates a module as wgpu does; returns the fault.
fn fault(kernel: Kernel, specialisation: &Specialisation, storage: WeightStorage) -> Option<String> {
    let text = specialisation.wgsl(kernel, storage);
    let module = match naga::front::wgsl::parse_str(&text) {
        Ok(module) => module,
        Err(error) => return Some(error.emit_to_string(&text)),
    };
    let mut capabilities = Capabilities::SUBGROUP | Capabilities::SHADER_FLOAT16_IN_FLOAT32;
    capabilities.set(Capabilities::SHADER_FLOAT16, specialisation.arithmetic == Arithmetic::F16);
    let mut validator = Validator::new(ValidationFlags::all(), capabilities);
    validator.subgroup_stages(ShaderStages::COMPUTE).subgroup_operations(SubgroupOperationSet::all());
    validator.validate(&module).err().map(|error| error.emit_to_string(&text))
}

#[test]
fn random_spaces_become_valid_shaders() {
    let mut campaign = Campaign::new("random spaces that become valid shaders", 1000, 1_000_000);
    let mut seen: HashSet<(Kernel, Specialisation, WeightStorage)> = HashSet::new();
    let (mut planned, mut refused) = (0_u64, 0_u64);
    while let Some(index) = campaign.next() {
        let mut random = random(campaign.seed(index));
        let space = random_space(&LARGE, &mut random);
        let storage = pick(&WeightStorage::ALL, &mut random);
        let arithmetic = pick(&[Arithmetic::F32, Arithmetic::F16], &mut random);
        let traits = Traits { arithmetic, ..traits(pick(&Vendor::ALL, &mut random), random.random_bool(0.5)) };
        let planner = Planner::new(&space, traits);
        let all = planner.all_pipelines(&space);
        for child in [space.smallest(), space.biggest(), space.sample(&mut random)] {
            for layer in &space.lower(&child).unwrap().layers {
                match (planner.plan(&layer.shape), planner.plan_fallback(&layer.shape)) {
                    (Ok(plan), Ok(_)) => {
                        planned += 1;
                        if !all.contains(&(plan.kernel, plan.specialisation)) {
                            campaign.fault(format!("{}: no pipeline for {plan:?}", layer.shape));
                        }
                    }
                    // A loop or a grid beyond every adapter.
                    (Err(Error::TooLarge { .. }), _) | (_, Err(Error::TooLarge { .. })) => refused += 1,
                    (plan, fallback) => campaign.fault(format!("{}: {plan:?}, {fallback:?}", layer.shape)),
                }
            }
        }
        for (kernel, specialisation) in all {
            if seen.insert((kernel, specialisation, storage))
                && let Some(fault) = fault(kernel, &specialisation, storage)
            {
                campaign.fault(format!("{specialisation:?}: {fault}"));
            }
        }
    }
    println!("{planned} layers planned, {refused} too large, {} modules validated", seen.len());
    assert!(planned > 50 * refused && seen.len() > 300, "{planned} planned, {refused} refused, {} modules", seen.len());
    campaign.finish();
}

/// The ways in which one context computes, each with the error that it may have.
fn ways(context: &Context) -> Vec<(EngineOptions, f64)> {
    let exact = EngineOptions::default();
    let mut ways = vec![(exact, 1e-3)];
    if context.facts().f16 {
        ways.push((EngineOptions { arithmetic: Arithmetic::F16, ..exact }, 2e-2));
    }
    ways
}

#[test]
fn random_children_of_random_spaces_agree_with_the_reference() {
    let mut campaign = Campaign::new("random children against the reference", 16, 5000);
    let (mut index, mut worst) = (0, [0.0_f64; 2]);
    let mut left = true;
    while left {
        let mut random = random(campaign.seed(index));
        let context = if index.is_multiple_of(2) { &*CONTEXT } else { &*PLAIN_CONTEXT };
        let space = random_space(&SMALL, &mut random);
        let weights = random_weights(&space, &mut random);
        index += 1;
        for (way, (options, allowed)) in ways(context).into_iter().enumerate() {
            let supernet = load(context, &space, &weights, &options);
            for _ in 0..4 {
                left = campaign.next().is_some();
                if !left {
                    break;
                }
                let child = random_statistics(&space, &space.sample(&mut random), &mut random);
                let prepared = supernet.prepare(&child).unwrap();
                let tensor = random_tensor(prepared.network().input.len(), &mut random);
                let logits = supernet.infer_tensor(&prepared, &tensor).unwrap();
                let error = relative_error(&logits, &reference_logits(&space, &weights, &child, &tensor));
                worst[way] = worst[way].max(error);
                if error > allowed {
                    campaign
                        .fault(format!("{error} of {allowed}, seed {index}: {prepared} of {:?}", space.definition()));
                }
            }
        }
    }
    println!("worst: f32 {:.1e}, f16 {:.1e}", worst[0], worst[1]);
    campaign.finish();
}
