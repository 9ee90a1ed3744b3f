//! Faulty drivers: each kernel made wrong, unstable, NaN, or writing elsewhere, in turn, must be found and named.

use super::*;
use crate::engine::plan::{Planner, Start, Traits, vendor_tiles};
use crate::engine::resources::{Common, Pipelines, Replaced, Wanted};
use crate::engine::trial::replace_wrong;
use crate::gpu::{Sabotage, Vendor, block_on};
use nestling_core::arithmetic::Arithmetic;
use nestling_core::image::Image;
use nestling_core::space::Preset;
use nestling_shaders::{Kernel, Specialisation};
use std::time::Duration;

/// A supernet of a preset on a device whose driver gets one kernel wrong.
fn faulty(preset: &str, kernel: Kernel, how: Sabotage) -> Supernet {
    let context = Context::new(&ContextOptions::default()).unwrap();
    context.sabotage(kernel.entry_point(), how);
    let space = Preset::find(preset).unwrap().space().validated().unwrap();
    let weights = random_weights(&space, &mut random(3));
    load(&context, &space, &weights, &EngineOptions { start: Start::Tuned, ..EngineOptions::default() })
}

/// The names of the kernels that were replaced at load, and of the checks that found something.
fn found(supernet: &Supernet) -> Vec<String> {
    let child = random_statistics(&supernet.space, &supernet.space.smallest(), &mut random(4));
    let prepared = supernet.prepare(&child).unwrap();
    // A few steps of channels.
    let mut checks = block_on(supernet.check_kernels_async(async |share| share > 0.04)).unwrap();
    checks.push(block_on(supernet.check_resize_async(&prepared)).unwrap());
    let pixels = vec![90; 28 * 28];
    let image = Image::grey8(28, 28, &pixels).unwrap();
    let times = (5, Duration::from_millis(1));
    checks.push(block_on(supernet.check_repeats_async(&[&prepared], &image, times, async |_| false)).unwrap());
    let wrong = checks.into_iter().filter(|check| check.deviations > 0).map(|check| check.name);
    supernet.replaced().into_iter().map(|one| one.wrong).chain(wrong).collect()
}

#[test]
fn every_kernel_that_is_wrong_unstable_or_no_number_is_found_and_named() {
    let layers =
        [Kernel::Dense, Kernel::Depthwise, Kernel::Pointwise, Kernel::PointwiseSmall, Kernel::Pool, Kernel::Fallback];
    for kernel in layers {
        for how in Sabotage::ALL {
            let names = found(&faulty("fashion", kernel, how));
            let own = format!("kernel `{}`", kernel.entry_point());
            assert!(names.iter().any(|name| name.starts_with(&own)), "{kernel:?} {how:?}: {names:?}");
            let others: Vec<_> =
                names.iter().filter(|name| name.starts_with("kernel") && !name.starts_with(&own)).collect();
            assert!(others.is_empty(), "{kernel:?} {how:?}: {others:?} are right");
        }
    }
    // Too little for the test at load: a hundredth of 255.
    let names = found(&faulty("fashion", Kernel::ResizeColumns, Sabotage::Wrong));
    assert!(names.iter().any(|name| name.starts_with("pictures to tensors")), "{names:?}");
}

/// Pipelines of a kernel that any adapter may need for any preset, two for each arithmetic and way to read weights, each
/// with its space and planner.
fn planned(kernel: Kernel) -> Vec<((Kernel, Specialisation), ValidatedSpace, Planner)> {
    let facts = CONTEXT.facts();
    let arithmetics = [Arithmetic::F32, Arithmetic::F16].into_iter().take(1 + usize::from(facts.f16));
    let mut found: Vec<((Kernel, Specialisation), ValidatedSpace, Planner)> = Vec::new();
    for arithmetic in arithmetics {
        for (preset, vendor) in Preset::ALL.iter().flat_map(|preset| Vendor::ALL.map(|vendor| (preset, vendor))) {
            let space = preset.space().validated().unwrap();
            let tiles = vendor_tiles(vendor, facts.subgroups);
            let planner = Planner::new(&space, Traits { software: vendor == Vendor::Software, tiles, arithmetic });
            let all = planner.all_pipelines(&space);
            for key in all.iter().chain(&planner.fallback_pipelines(&all)).filter(|key| key.0 == kernel) {
                let is_alike =
                    |one: &Specialisation| (one.arithmetic, one.broadcast) == (key.1.arithmetic, key.1.broadcast);
                let is_new = found.iter().all(|(other, ..)| other != key);
                if is_new && found.iter().filter(|(other, ..)| is_alike(&other.1)).count() < 2 {
                    found.push((*key, space.clone(), planner));
                }
            }
        }
    }
    found
}

/// The pipelines that take the places of those that a driver gets wrong, or the error where none can.
fn replacements(
    kernel: Kernel,
    how: Sabotage,
    (key, space, planner): &((Kernel, Specialisation), ValidatedSpace, Planner),
) -> Result<Vec<Replaced>, crate::Error> {
    let context = Context::new(&ContextOptions::default()).unwrap();
    context.sabotage(kernel.entry_point(), how);
    let common = Common::new(&context, WeightStorage::F32);
    let pipelines = block_on(Pipelines::build(&context, &common, &Wanted::from([*key]))).unwrap();
    block_on(replace_wrong(&context, pipelines, planner, space)).map(|right| right.replaced())
}

#[test]
fn every_kernel_of_every_adapter_that_is_faulty_is_replaced_or_refused_at_load() {
    let (mut tested, mut broadcasts, mut halves) = (Vec::new(), 0, 0);
    for kernel in Kernel::ALL {
        for planned in planned(kernel) {
            broadcasts += usize::from(planned.0.1.broadcast);
            halves += usize::from(planned.0.1.arithmetic == Arithmetic::F16);
            for how in Sabotage::ALL {
                // A hundredth: of 255, or beside what 16 bits may be off. The doctor finds the first.
                let is_exact = kernel != Kernel::ResizeColumns && planned.0.1.arithmetic == Arithmetic::F32;
                if matches!(how, Sabotage::Wrong) && !is_exact {
                    continue;
                }
                let (name, shown) = (format!("kernel `{}`", kernel.entry_point()), format!("{planned:?} {how:?}"));
                match replacements(kernel, how, &planned) {
                    Ok(replaced) => {
                        assert_eq!(replaced.len(), 1, "{shown}");
                        assert!(replaced[0].wrong.starts_with(&name) && !replaced[0].by.starts_with(&name), "{shown}");
                    }
                    Err(crate::Error::SelfTest { test, adapter, .. }) => {
                        assert!(test.starts_with(&name), "{shown}: {test}");
                        assert!(adapter.contains(&CONTEXT.facts().driver_text()), "{shown}: {adapter}");
                    }
                    Err(error) => panic!("{shown}: {error}"),
                }
            }
            if !tested.contains(&kernel) {
                tested.push(kernel);
            }
        }
    }
    // Those of textures and calibrations are in no plan, and the storage has a test of its own.
    let others = [Kernel::TextureColumns, Kernel::ReadWeights, Kernel::Moments, Kernel::Normalise];
    assert!(Kernel::ALL.iter().all(|kernel| tested.contains(kernel) != others.contains(kernel)), "{tested:?}");
    assert_eq!(broadcasts > 0, CONTEXT.facts().subgroups);
    assert_eq!(halves > 0, CONTEXT.facts().f16);
}

#[test]
fn a_resize_that_is_wrong_is_an_error_at_load() {
    for (kernel, how) in [(Kernel::ResizeColumns, Sabotage::NoNumber), (Kernel::ResizeRows, Sabotage::Wrong)] {
        for start in [Start::Tuned, Start::Within(Duration::ZERO)] {
            let context = Context::new(&ContextOptions::default()).unwrap();
            context.sabotage(kernel.entry_point(), how);
            let space = SearchSpace::fashion().validated().unwrap();
            let weights = random_weights(&space, &mut random(3));
            let options = EngineOptions { start, ..EngineOptions::default() };
            let error = Supernet::load(&context, &space, &weights, &preprocessing(&space), &options).unwrap_err();
            let text = error.to_string();
            assert!(matches!(error, crate::Error::SelfTest { .. }) && text.contains(kernel.entry_point()), "{text}");
        }
    }
}

#[test]
fn a_right_device_has_nothing_to_find() {
    let space = SearchSpace::fashion().validated().unwrap();
    let weights = random_weights(&space, &mut random(3));
    let supernet = load(&CONTEXT, &space, &weights, &EngineOptions::default());
    assert_eq!(found(&supernet), Vec::<String>::new());
}

/// The answer of a supernet whose driver gets a kernel wrong beside the reference's, and what was replaced.
fn error_of(supernet: &Supernet) -> f64 {
    let space = &supernet.space;
    let weights = random_weights(space, &mut random(3));
    let child = random_statistics(space, &space.biggest(), &mut random(5));
    let prepared = supernet.prepare(&child).unwrap();
    let tensor = random_tensor(prepared.network().input.len(), &mut random(6));
    let expected = reference_logits(space, &weights, &child, &tensor);
    relative_error(&supernet.infer_tensor(&prepared, &tensor).unwrap(), &expected)
}

#[test]
fn a_kernel_that_is_wrong_is_replaced_at_load_and_answers_are_right() {
    for kernel in [Kernel::Dense, Kernel::Depthwise, Kernel::Pointwise, Kernel::PointwiseSmall, Kernel::Pool] {
        for how in Sabotage::ALL {
            let supernet = faulty("fashion", kernel, how);
            let replaced = supernet.replaced();
            let own = format!("kernel `{}`", kernel.entry_point());
            assert!(!replaced.is_empty() && replaced.iter().all(|one| one.wrong.starts_with(&own)), "{replaced:?}");
            assert!(replaced.iter().all(|one| !one.by.starts_with(&own)), "{replaced:?}");
            let error = error_of(&supernet);
            assert!(error < 1e-3, "{kernel:?} {how:?}: {error}");
        }
    }
}

#[test]
fn a_kernel_without_another_way_is_an_error_that_names_it_and_the_driver() {
    let context = Context::new(&ContextOptions::default()).unwrap();
    context.sabotage("fallback", Sabotage::NoNumber);
    let space = SearchSpace::fashion().validated().unwrap();
    let weights = random_weights(&space, &mut random(3));
    // The fast kernels are right: the fallback ones are not missed.
    let options = EngineOptions { start: Start::Within(Duration::ZERO), ..EngineOptions::default() };
    let supernet = load(&context, &space, &weights, &options);
    assert!(supernet.replaced().is_empty() && error_of(&supernet) < 1e-3);
    let context = Context::new(&ContextOptions::default()).unwrap();
    for kernel in ["dense", "fallback"] {
        context.sabotage(kernel, Sabotage::NoNumber);
    }
    let options = EngineOptions { start: Start::Tuned, ..EngineOptions::default() };
    let error = Supernet::load(&context, &space, &weights, &preprocessing(&space), &options).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, crate::Error::SelfTest { .. }), "{text}");
    assert!(text.contains("kernel `dense`") && text.contains(&context.facts().driver_text()), "{text}");
}

#[test]
fn what_is_compiled_later_is_tested_before_it_answers() {
    let context = Context::new(&ContextOptions::default()).unwrap();
    context.sabotage("depthwise", Sabotage::Wrong);
    let space = SearchSpace::fashion().validated().unwrap();
    let weights = random_weights(&space, &mut random(3));
    let options = EngineOptions { start: Start::Within(Duration::ZERO), ..EngineOptions::default() };
    let supernet = load(&context, &space, &weights, &options);
    assert!(error_of(&supernet) < 1e-3, "the fallback kernels");
    supernet.wait_until_ready().unwrap();
    assert!(!supernet.replaced().is_empty());
    assert!(error_of(&supernet) < 1e-3, "the fast kernels");
}

#[test]
fn a_calibration_uses_no_kernel_that_is_wrong() {
    let pixels: Vec<Vec<u8>> =
        (0..3).map(|image| (0..28 * 28).map(|at| (at * (7 + image) % 251) as u8).collect()).collect();
    let images: Vec<Image<'_>> = pixels.iter().map(|bytes| Image::grey8(28, 28, bytes).unwrap()).collect();
    let calibrated = |kernel: Kernel| {
        let supernet = faulty("fashion", kernel, Sabotage::Wrong);
        let child = supernet.space.biggest();
        let statistics = supernet.calibrate(&child, &images, None).unwrap().statistics().clone();
        [statistics.means, statistics.variances].concat()
    };
    // No network reads a texture here: nothing that runs is wrong.
    let right: Vec<f64> = calibrated(Kernel::TextureColumns).into_iter().map(f64::from).collect();
    for kernel in [Kernel::Dense, Kernel::Depthwise, Kernel::Pointwise] {
        let error = relative_error(&calibrated(kernel), &right);
        assert!(error < 1e-3, "{kernel:?}: {error}");
    }
}
