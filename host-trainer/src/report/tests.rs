use super::{Demo, html, write};
use crate::run_folder::{Chosen, RunError, RunFolder, SearchReport, write_json};
use crate::search::{Evaluated, coarse_grid, named};
use crate::train::{EpochReport, Probe};
use nestling_core::metrics::Top1;
use nestling_core::space::SearchSpace;
use nestling_page::markup_fault;
use serde_json::json;
use std::io::Write;
use std::path::Path;

fn measured(share: f64) -> Top1 {
    Top1 { correct: (10_000.0 * share) as u32, images: 10_000 }
}

/// A demo with made-up numbers that look like real ones.
fn made_up(folder: &Path) {
    let space = SearchSpace::fashion();
    let evaluated: Vec<Evaluated> = (coarse_grid(&space).into_iter().enumerate())
        .map(|(index, child)| {
            let cost = space.lower(&child).unwrap().cost();
            let noise = ((index * 37) % 17) as f64 * 4e-4;
            let held_out = measured(0.934 - 0.018 / (0.4 + cost.madds.millions()) - noise);
            Evaluated { child, cost, held_out }
        })
        .collect();
    let chosen: Vec<Chosen> = (named(&space, &evaluated, 8).into_iter())
        .map(|(name, index)| Chosen { name, index, test: measured(evaluated[index].held_out.percent() / 100.5) })
        .collect();
    let found = |chosen: &Chosen| evaluated[chosen.index].clone();
    let ms = |chosen: &Chosen| 1.1 + 1.35 * found(chosen).cost.madds.millions();
    let child = |chosen: &Chosen| {
        let Evaluated { child, cost, held_out } = found(chosen);
        json!({"name": chosen.name, "child": child.to_string(), "params": cost.params, "madds": cost.madds,
               "test_top1": chosen.test.percent(), "held_out_top1": held_out.percent()})
    };
    let times = |(index, chosen): (usize, &Chosen)| {
        json!({"name": chosen.name, "child": found(chosen).child.to_string(), "predicted_ms": ms(chosen),
               "measured_p50_ms": ms(chosen) * (0.97 + 0.02 * (index % 4) as f64),
               "measured_p90_ms": ms(chosen) * 1.09, "runs_ms": [1.0]})
    };
    let budget = |(index, factor): (usize, f64)| {
        let mut row = child(&chosen[index]);
        let (predicted, top1) = (ms(&chosen[index]), row["test_top1"].clone());
        let more = json!({"budget_ms": (predicted * factor * 10.0).round() / 10.0, "predicted_ms": predicted,
            "measured_p50_ms": predicted * 1.01, "measured_p90_ms": predicted * 1.09, "switch_us": 41.3, "top1": top1});
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        row
    };
    let children: Vec<_> = chosen.iter().map(child).collect();
    let last = chosen.len() - 1;
    let budgets = [(0, 1.2), (last / 2, 1.15), (last, 1.05)].map(budget);
    let summary = json!({
        "train": {"cpu_s": 1162.4, "wall_s": 604.2, "images": 768_000, "steps": 6_000},
        "children": children,
        "device": {"adapter": "llvmpipe <LLVM 15> & \"friends\"", "backend": "Vulkan", "precision": "f32"},
        "budgets": budgets,
        "switch": {"weight_bytes": 0, "buffers": 0, "bind_groups": 0, "pipelines": 0, "switches": 1000},
        "parity": {"children": 22, "images": 256, "max_relative_error": 3.1e-6,
                   "max_relative_error_to_reference": 2.2e-6, "top1_agreement": 1.0},
        "something new": 1,
    });
    let profile = json!({"format": 1, "children": chosen.iter().enumerate().map(times).collect::<Vec<_>>()});
    let labels =
        ["T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"];
    let images: Vec<_> = (0..24)
        .map(|index| {
            let pixels: Vec<u32> = (0..784).map(|at| (at % 28 * 9 + at / 28 * index) % 256).collect();
            let label = labels[index as usize % 10];
            let said = |budget: usize| if budget == 0 && index % 7 == 3 { labels[6] } else { label };
            let answer = |(budget, child): (usize, usize)| {
                let probability = 0.55 + 0.02 * f64::from(index % 20);
                json!({"name": chosen[child].name, "label": said(budget), "probability": probability})
            };
            let answers: Vec<_> = [0, last / 2, last].into_iter().enumerate().map(answer).collect();
            json!({"pixels": pixels, "width": 28, "height": 28, "label": label, "answers": answers})
        })
        .collect();
    let run = RunFolder::create(&folder.join("run")).unwrap();
    run.save_search(&SearchReport {
        calibration_images: 2000,
        evaluated: evaluated.clone(),
        kept_from_predictor: Vec::new(),
        accuracy_predictor: None,
        chosen,
        cpu_s: 60.0,
        wall_s: 31.0,
    })
    .unwrap();
    let mut log = std::fs::File::create(folder.join("run/train.jsonl")).unwrap();
    for epoch in 1..=14u32 {
        let at = f64::from(epoch);
        let probe = |name: &str, child, best: f64| {
            let held_out = measured(best - 0.09 / at - if epoch == 1 { 0.1 } else { 0.0 });
            Probe { name: name.to_owned(), child, held_out }
        };
        let probes = vec![
            probe("smallest", space.smallest(), 0.905),
            probe("middle", evaluated[evaluated.len() / 2].child.clone(), 0.924),
            probe("biggest", space.biggest(), 0.935),
        ];
        let report = EpochReport {
            epoch,
            step: 429 * u64::from(epoch),
            images: 54_912 * u64::from(epoch),
            cpu_s: 83.0 * at,
            wall_s: 43.0 * at,
            learning_rate: 0.3 * 0.85f64.powf(at),
            biggest_loss: 0.4,
            smallest_divergence: 0.05,
            probes,
        };
        writeln!(log, "{}", serde_json::to_string(&report).unwrap()).unwrap();
    }
    write_json(&folder.join("profile.json"), &profile).unwrap();
    write_json(&folder.join("samples.json"), &json!({"images": images})).unwrap();
    write_json(&folder.join("summary.json"), &summary).unwrap();
}

#[test]
fn the_page_shows_every_chart_and_table_of_a_demo_and_needs_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    made_up(folder.path());
    let output = folder.path().join("report.html");
    write(folder.path(), &output).unwrap();
    let page = std::fs::read_to_string(&output).unwrap();
    if let Some(copy) = std::env::var_os("NESTLING_REPORT_COPY") {
        std::fs::copy(&output, copy).unwrap();
    }
    assert_eq!(markup_fault(&page), None);
    for id in ["accuracy-latency", "predicted-measured", "curves", "learning-rate", "search"] {
        assert!(page.contains(&format!("<figure id=\"{id}\">")), "{id}");
    }
    assert_eq!(page.matches("<svg").count(), 5);
    assert_eq!(page.matches("data:image/png;base64,").count(), 24);
    assert!(page.contains("llvmpipe &lt;LLVM 15&gt; &amp; &quot;friends&quot;"));
    assert!(page.contains("of weights uploaded by 1,000 switches") && page.contains("Mean absolute error"));
    assert!(page.contains("✗ shirt"), "a wrong answer is marked");
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("<script"));
    assert!(!page.contains("NaN") && !page.contains("inf\""));
}

#[test]
fn a_step_that_was_left_out_leaves_its_part_of_the_page_out() {
    let folder = tempfile::tempdir().unwrap();
    made_up(folder.path());
    std::fs::remove_file(folder.path().join("samples.json")).unwrap();
    std::fs::remove_file(folder.path().join("run/train.jsonl")).unwrap();
    let children = json!([{"name": "biggest"}, {"name": "a<b>", "test_top1": 91.0}]);
    for summary in [json!({}), json!({"children": children, "budgets": [{"budget_ms": 3}], "train": {}})] {
        write_json(&folder.path().join("summary.json"), &summary).unwrap();
        write_json(&folder.path().join("profile.json"), &json!({"children": []})).unwrap();
        let page = html(&Demo::read(folder.path()).unwrap());
        assert_eq!(markup_fault(&page), None);
        assert!(!page.contains("NaN") && !page.contains("<b>a<b>") && page.contains("left no epochs"));
    }
}

#[test]
fn a_missing_file_is_an_error_that_says_what_makes_it() {
    let folder = tempfile::tempdir().unwrap();
    let expect = |file: &str, command: &str| {
        let error = write(folder.path(), &folder.path().join("report.html")).unwrap_err();
        assert!(matches!(error, RunError::Missing { .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains(file) && message.contains(command), "{message}");
    };
    expect("summary.json", "`cargo xtask demo`");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is made on the way");
    write_json(&folder.path().join("summary.json"), &json!({})).unwrap();
    expect("profile.json", "`cargo xtask demo`");
    write_json(&folder.path().join("profile.json"), &json!({"children": []})).unwrap();
    expect("search.json", "`nestling search`");
}

#[test]
fn samples_of_the_wrong_size_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    made_up(folder.path());
    let image = json!({"pixels": [1, 2, 3], "width": 2, "height": 2, "label": "bag", "answers": []});
    write_json(&folder.path().join("samples.json"), &json!({"images": [image]})).unwrap();
    let message = Demo::read(folder.path()).unwrap_err().to_string();
    assert!(message.contains("samples.json") && message.contains("image 0 has 3 pixels, not 2 x 2"), "{message}");
}
