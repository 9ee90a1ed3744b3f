//! Not tests but tables: `cargo test -p nestling --lib engine::tests::speed -- --ignored --nocapture`.

use super::*;
use crate::engine::arena::{Arena, Route, Sizes};
use crate::engine::pipelines::Common;
use crate::engine::prepare::shape_parameters;
use crate::gpu::Upload;
use crate::input::Image;
use crate::space::{LayerShape, Operator};
use nestling_shaders::LayerParameters;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// CPU milliseconds of all threads of this process: on a software adapter, the honest GPU time.
pub(super) fn cpu_ms() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    10.0 * (ticks(11) + ticks(12)) // user and system, in hundredths of a second
}

#[test]
#[ignore = "prints times; asserts nothing"]
fn table() {
    let mut random = random(11);
    for (context, name) in [(&*CONTEXT, "all features"), (&*PLAIN_CONTEXT, "no subgroups, no timestamps")] {
        println!("\n{} ({name})", context.facts());
        for space in [SearchSpace::fashion(), SearchSpace::table1_without_squeeze(), SearchSpace::table1()] {
            let weights = random_weights(&space, &mut random);
            let supernet = load(context, &space, &weights, &EngineOptions::default());
            let set_up = supernet.set_up();
            println!(
                "{}: loaded in {} ({} pipelines in {}, upload {}); {}",
                space.name,
                set_up.total_time,
                set_up.pipelines,
                set_up.pipeline_time,
                set_up.upload_time,
                supernet.memory()
            );
            for child in [space.smallest(), space.biggest()] {
                let child = random_statistics(&space, &child, &mut random);
                let before = Instant::now();
                let prepared = supernet.prepare(&child).unwrap();
                let prepare_ms = before.elapsed().as_secs_f64() * 1e3;
                let side = child.child().resolution;
                let pixels = vec![127; (side * side * 4) as usize];
                let image = Image::rgba8(side, side, &pixels).unwrap();
                let before = Instant::now();
                supernet.infer(&prepared, &image).unwrap();
                let first_ms = before.elapsed().as_secs_f64() * 1e3;
                let runs = if space.name == "fashion" { 100 } else { 5 };
                let cpu = cpu_ms();
                let mut walls = supernet.time_whole(&prepared, &image, runs).unwrap();
                let cpu = (cpu_ms() - cpu) / (runs + 1) as f64;
                walls.sort_by(|a, b| a.0.total_cmp(&b.0));
                println!(
                    "  {prepared}\n    prepare {prepare_ms:.2} ms, first {first_ms:.1} ms, wall p50 {} min {}, CPU {cpu:.2} ms",
                    walls[runs / 2],
                    walls[0]
                );
                let times = supernet.time_layers(&prepared, 3).unwrap();
                let mut by_operator: BTreeMap<Operator, (f64, u64)> = BTreeMap::new();
                for layer in &times.layers {
                    let sum = by_operator.entry(layer.shape.operator).or_default();
                    sum.0 += layer.time.0;
                    sum.1 += layer.shape.madds();
                    if std::env::var_os("NESTLING_LAYERS").is_some() {
                        let rate = layer.shape.madds() as f64 * 2e-6 / layer.time.0;
                        println!(
                            "      {:<28} {:>9.3} ms {rate:>6.1} GFLOP/s  {}",
                            layer.name, layer.time.0, layer.shape
                        );
                    }
                }
                for (operator, (ms, madds)) in by_operator {
                    let rate = madds as f64 * 2e-6 / ms;
                    println!("    {operator:?}: {ms:.2} ms, {rate:.1} GFLOP/s ({:?})", times.clock);
                }
            }
        }
    }
}

#[test]
#[ignore = "prints times; asserts nothing"]
fn storages_and_arithmetics_side_by_side() {
    let mut random = random(12);
    let space = SearchSpace::table1_without_squeeze();
    let weights = random_weights(&space, &mut random);
    let child = random_statistics(&space, &space.smallest(), &mut random);
    let side = child.child().resolution;
    let pixels = vec![127; (side * side * 4) as usize];
    let image = Image::rgba8(side, side, &pixels).unwrap();
    let without_subgroups = Context::new(&ContextOptions { use_subgroups: false, ..Default::default() }).unwrap();
    for (context, name) in [(&*CONTEXT, "all features"), (&without_subgroups, "no subgroups")] {
        println!("\n{} ({name})", context.facts());
        let arithmetics = Arithmetic::ALL.into_iter().filter(|&one| one == Arithmetic::F32 || context.facts().f16);
        let choices: Vec<_> =
            arithmetics.flat_map(|arithmetic| WeightStorage::ALL.map(|storage| (arithmetic, storage))).collect();
        let loaded = choices.into_iter().map(|(arithmetic, weight_storage)| {
            let options = EngineOptions { weight_storage, arithmetic, ..EngineOptions::default() };
            let supernet = load(context, &space, &weights, &options);
            let prepared = supernet.prepare(&child).unwrap();
            supernet.infer(&prepared, &image).unwrap(); // compiles
            (supernet, prepared)
        });
        let loaded: Vec<_> = loaded.collect();
        // In turns, so that a busy machine slows all of them.
        let mut times = vec![Vec::new(); loaded.len()];
        for _ in 0..12 {
            for ((supernet, prepared), times) in loaded.iter().zip(&mut times) {
                let before = cpu_ms();
                for _ in 0..3 {
                    supernet.infer(prepared, &image).unwrap();
                }
                times.push((cpu_ms() - before) / 3.0);
            }
        }
        for times in &mut times {
            times.sort_by(f64::total_cmp);
        }
        for ((supernet, prepared), own) in loaded.iter().zip(&times) {
            println!(
                "  {} {:<4} weights {:>9} bytes, CPU p50 {:.1} ms, min {:.1} ms, {:.3} of f32; {prepared}",
                supernet.arithmetic(),
                supernet.weight_storage(),
                supernet.memory().weights,
                own[own.len() / 2],
                own[0],
                own[own.len() / 2] / times[0][times[0].len() / 2],
            );
        }
    }
}

#[test]
#[ignore = "prints times; asserts nothing"]
fn tiles_that_tuning_finds() {
    for (context, name) in [(&*CONTEXT, "all features"), (&*PLAIN_CONTEXT, "no subgroups, no timestamps")] {
        println!("\n{} ({name})", context.facts());
        for space in [SearchSpace::fashion(), SearchSpace::table1_without_squeeze()] {
            let weights = random_weights(&space, &mut random(12));
            let child = random_statistics(&space, &space.smallest(), &mut random(13));
            let side = child.child().resolution;
            let pixels = vec![127; (side * side * 4) as usize];
            let image = Image::rgba8(side, side, &pixels).unwrap();
            let loaded = [TileChoice::Vendor, TileChoice::Timed(Duration::from_secs(60))].map(|tiles| {
                let before = Instant::now();
                let supernet = load(context, &space, &weights, &EngineOptions { tiles, ..EngineOptions::default() });
                println!("{}: loaded in {:.1} s with {}", space.name, before.elapsed().as_secs_f64(), supernet.tiles());
                let prepared = supernet.prepare(&child).unwrap();
                (supernet, prepared)
            });
            let mut best = [f64::INFINITY; 2];
            for _ in 0..8 {
                for ((supernet, prepared), best) in loaded.iter().zip(&mut best) {
                    let runs = if space.name == "fashion" { 100 } else { 3 };
                    let cpu = cpu_ms();
                    supernet.time_whole(prepared, &image, runs).unwrap();
                    *best = best.min((cpu_ms() - cpu) / (runs + 1) as f64);
                }
            }
            println!("  CPU of the smallest: {:.2} ms with the vendor's, {:.2} ms tuned", best[0], best[1]);
        }
    }
}

#[test]
#[ignore = "prints times; asserts nothing"]
fn software_tiles_side_by_side() {
    let space = SearchSpace::table1_without_squeeze();
    let weights = random_weights(&space, &mut random(12));
    let children = [space.smallest(), space.biggest()];
    let children = children.map(|child| random_statistics(&space, &child, &mut random(13)));
    for (context, broadcast) in [(&*CONTEXT, true), (&*PLAIN_CONTEXT, false)] {
        let vendor = Tiles::of_vendor(Vendor::Software, broadcast);
        let variants: Vec<Variant> = (Tiles::candidates(true, broadcast).into_iter())
            .filter(|one| one.broadcast == broadcast && one.tile.pixels > 1)
            .collect();
        let mut loaded = Vec::new();
        for variant in variants {
            let tiles = TileChoice::Given(vendor.with(Size::Large, variant).with(Size::Medium, variant));
            let supernet = load(context, &space, &weights, &EngineOptions { tiles, ..EngineOptions::default() });
            let prepared: Vec<_> = children.iter().map(|child| supernet.prepare(child).unwrap()).collect();
            loaded.push((variant, supernet, prepared));
        }
        for index in 0..children.len() {
            let side = children[index].child().resolution;
            let pixels = vec![127; (side * side * 4) as usize];
            let image = Image::rgba8(side, side, &pixels).unwrap();
            let mut best = vec![f64::INFINITY; loaded.len()];
            for _ in 0..4 {
                for ((_, supernet, prepared), best) in loaded.iter().zip(&mut best) {
                    supernet.infer(&prepared[index], &image).unwrap();
                    let cpu = cpu_ms();
                    for _ in 0..2 {
                        supernet.infer(&prepared[index], &image).unwrap();
                    }
                    *best = best.min((cpu_ms() - cpu) / 2.0);
                }
            }
            for ((variant, ..), best) in loaded.iter().zip(best) {
                println!("{} px, {variant}: {best:.0} ms of CPU", side);
            }
        }
    }
}

/// What a pipeline for every layer of every child would gain: the layer's sizes and offsets as constants in the text.
#[test]
#[ignore = "prints times; asserts nothing"]
fn shapes_as_constants() {
    let space = SearchSpace::table1_without_squeeze();
    let network = space.lower(&space.smallest()).unwrap();
    let mut layers: BTreeMap<String, (LayerShape, u32, f64)> = BTreeMap::new();
    for layer in &network.layers {
        if matches!(layer.shape.operator, Operator::Dense | Operator::Depthwise | Operator::Pointwise) {
            layers.entry(layer.shape.to_string()).or_insert((layer.shape, layer.padding, 0.0)).2 += 1.0;
        }
    }
    for (context, name) in [(&*CONTEXT, "all features"), (&*PLAIN_CONTEXT, "no subgroups, no timestamps")] {
        println!("\n{} ({name})", context.facts());
        let planner = Planner::new(&space, Traits::of(context.facts()));
        let common = Common::new(context, WeightStorage::F32);
        let bytes = 16 << 20;
        let sizes = Sizes {
            image: 4,
            expanded: 4,
            block: bytes,
            filtered: bytes,
            weights: bytes,
            norms: bytes,
            parameters: 256,
            ..Sizes::default()
        };
        let arena = Arena::new(context, &common.groups, &sizes);
        let mut sums: BTreeMap<Operator, [f64; 2]> = BTreeMap::new();
        for (shape, padding, occurrences) in layers.values() {
            let plan = planner.plan(shape).unwrap();
            let groups = shape.input.channels.div_ceil(4);
            let area = shape.kernel * shape.kernel;
            let parameters = LayerParameters {
                weight_stride: if shape.operator == Operator::Depthwise { area } else { 4 * groups * area },
                padding: *padding,
                ..shape_parameters(shape)
            };
            context.upload(Upload::Parameters, &arena.parameters, 0, bytemuck::bytes_of(&parameters));
            let generic = plan.specialisation.wgsl(plan.kernel, nestling_shaders::WeightStorage::F32);
            let mut constant = generic.clone();
            for (field, value) in [
                ("input_width", parameters.input_width),
                ("input_height", parameters.input_height),
                ("input_groups", parameters.input_groups),
                ("output_width", parameters.output_width),
                ("output_height", parameters.output_height),
                ("output_groups", parameters.output_groups),
                ("weight_offset", 0),
                ("weight_stride", parameters.weight_stride),
                ("weight_kernel", parameters.weight_kernel),
                ("norm_offset", 0),
                ("padding", parameters.padding),
                ("how", parameters.how),
            ] {
                constant = constant.replace(&format!("layer.{field}"), &format!("{value}u"));
            }
            let pipelines = [generic, constant].map(|text| {
                let module = context.shader("layer", &text);
                context.pipeline("layer", &common.layout, &module)
            });
            let run = |pipeline: &wgpu::ComputePipeline, count: u32| {
                let before = cpu_ms();
                let mut commands = context.encoder();
                {
                    let mut pass = commands.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                    pass.set_pipeline(pipeline);
                    pass.set_bind_group(0, arena.bind_group(Route::FilteredToBlock), &[0]);
                    for _ in 0..count {
                        pass.dispatch_workgroups(plan.workgroups[0], plan.workgroups[1], plan.workgroups[2]);
                    }
                }
                context.wait("timing", context.submit(commands)).unwrap();
                cpu_ms() - before
            };
            for pipeline in &pipelines {
                run(pipeline, 1); // compiles
            }
            let mut count = 4;
            while run(&pipelines[0], count) < 150.0 {
                count *= 2;
            }
            let mut best = [f64::INFINITY; 2];
            for _ in 0..4 {
                for (pipeline, best) in pipelines.iter().zip(&mut best) {
                    *best = best.min(run(pipeline, count) / f64::from(count));
                }
            }
            let sum = sums.entry(shape.operator).or_default();
            sum[0] += occurrences * best[0];
            sum[1] += occurrences * best[1];
        }
        for (operator, [generic, constant]) in sums {
            println!(
                "  {operator:?}: {generic:.1} ms as shipped, {constant:.1} ms with constants: {:.2}",
                generic / constant
            );
        }
    }
}

/// Calibration against classifying the same images: the floor of a pass that runs each layer of a block twice is 2.
#[test]
#[ignore = "prints times; asserts nothing"]
fn calibration_against_inference() {
    let mut random = random(14);
    let mut small_table1 = SearchSpace { resolutions: vec![64, 96], ..SearchSpace::table1() };
    small_table1.name = "table1 at 64 and 96 px".into();
    for (space, count) in [(SearchSpace::fashion(), 512), (small_table1, 24)] {
        let weights = random_weights(&space, &mut random);
        let supernet = load(&CONTEXT, &space, &weights, &EngineOptions::default());
        for child in [space.smallest(), space.biggest()] {
            let side = child.resolution;
            let pixels: Vec<Vec<u8>> =
                (0..count).map(|_| (0..side * side * 4).map(|_| random.random()).collect()).collect();
            let images: Vec<Image<'_>> = pixels.iter().map(|one| Image::rgba8(side, side, one).unwrap()).collect();
            let timed = |work: &mut dyn FnMut()| {
                work(); // compiles
                let mut best = [f64::INFINITY; 2];
                for _ in 0..3 {
                    let (started, cpu) = (Instant::now(), cpu_ms());
                    work();
                    best[0] = best[0].min(started.elapsed().as_secs_f64() * 1e3 / f64::from(count));
                    best[1] = best[1].min((cpu_ms() - cpu) / f64::from(count));
                }
                best
            };
            let mut calibrated = None;
            let calibration = timed(&mut || calibrated = Some(supernet.calibrate(&child, &images, None).unwrap()));
            let prepared = supernet.prepare(&calibrated.unwrap()).unwrap();
            let inference = timed(&mut || drop(supernet.infer_many(&prepared, &images).unwrap()));
            let single = timed(&mut || {
                images.iter().for_each(|image| drop(supernet.infer(&prepared, image).unwrap()));
            });
            let network = prepared.network();
            let work = crate::engine::calibrate::forwards(network);
            println!("{}: {child}, {count} images", space.name);
            println!("  calibration {:.3} ms an image, CPU {:.3} ms", calibration[0], calibration[1]);
            println!(
                "  inference   {:.3} ms an image, CPU {:.3} ms; one by one {:.3} ms",
                inference[0], inference[1], single[0]
            );
            println!(
                "  {:.2} inferences by wall, {:.2} by CPU; {work:.2} by multiplications",
                calibration[0] / inference[0],
                calibration[1] / inference[1]
            );
        }
    }
}
