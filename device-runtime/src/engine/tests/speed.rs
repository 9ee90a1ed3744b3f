//! Not tests but tables: `cargo test -p nestling --lib engine::tests::speed -- --ignored --nocapture`.

use super::*;
use crate::input::Image;
use crate::space::Operator;
use std::collections::BTreeMap;
use std::time::Instant;

/// CPU milliseconds of all threads of this process: on a software adapter, the honest GPU time.
fn cpu_ms() -> f64 {
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
fn storages_side_by_side() {
    let mut random = random(12);
    let space = SearchSpace::table1_without_squeeze();
    let weights = random_weights(&space, &mut random);
    let child = random_statistics(&space, &space.smallest(), &mut random);
    let side = child.child().resolution;
    let pixels = vec![127; (side * side * 4) as usize];
    let image = Image::rgba8(side, side, &pixels).unwrap();
    for (context, name) in [(&*CONTEXT, "all features"), (&*PLAIN_CONTEXT, "no subgroups, no timestamps")] {
        println!("\n{} ({name})", context.facts());
        let loaded = WeightStorage::ALL.map(|weight_storage| {
            let supernet =
                load(context, &space, &weights, &EngineOptions { weight_storage, ..EngineOptions::default() });
            let prepared = supernet.prepare(&child).unwrap();
            supernet.infer(&prepared, &image).unwrap(); // compiles
            (supernet, prepared)
        });
        // In turns, so that a busy machine slows all of them.
        let mut times = [const { Vec::new() }; 3];
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
                "  {:<4} weights {:>9} bytes, CPU p50 {:.1} ms, min {:.1} ms, {:.3} of f32; {prepared}",
                supernet.weight_storage(),
                supernet.memory().weights,
                own[own.len() / 2],
                own[0],
                own[own.len() / 2] / times[0][times[0].len() / 2],
            );
        }
    }
}
