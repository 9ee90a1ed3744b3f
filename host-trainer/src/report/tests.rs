use super::{Demo, Evaluation, RunPage, html, write};
use crate::classification::{ClassificationReport, ClassifiedImages, TestedChild};
use crate::data::{Dataset, FASHION_MNIST};
use crate::evaluate::Answer;
use crate::run_folder::{RunError, RunFolder, write_json};
use crate::search::{Chosen, Evaluated, SearchReport, coarse_grid, name_shipped};
use crate::synthetic::table;
use crate::train::{EpochReport, Probe};
use nestling_bundle::{ChildTimes, DeviceProfile, Measurements, NetworkId, ProfileKey};
use nestling_core::latency::Clock;
use nestling_core::metrics::{Load, Millis, Quantile, Top1};
use nestling_core::space::{Child, SearchSpace, ValidatedSpace};
use nestling_core::tiles::{TileVariant, Tiles};
use nestling_lab::documents::{ChosenChild, Classified, ClassifiedImage, Guess, Tried};
use nestling_page::markup_fault;
use serde_json::json;
use std::io::Write;
use std::path::Path;

fn measured(share: f64) -> Top1 {
    Top1 { correct: (10_000.0 * share) as u32, images: 10_000 }
}

/// The search of a made-up demo.
fn searched(space: &ValidatedSpace) -> SearchReport {
    let evaluated: Vec<Evaluated> = (coarse_grid(space).into_iter().enumerate())
        .map(|(index, child)| {
            let cost = space.lower(&child).unwrap().cost();
            let noise = ((index * 37) % 17) as f64 * 4e-4;
            let held_out = measured(0.934 - 0.018 / (0.4 + cost.madds.millions()) - noise);
            Evaluated { child, cost, held_out }
        })
        .collect();
    let chosen = (name_shipped(space, &evaluated, 8).into_iter())
        .map(|(name, index)| Chosen { name, index, test: measured(evaluated[index].held_out.percent() / 100.5) })
        .collect();
    SearchReport {
        calibration_images: 2000,
        evaluated,
        kept_from_predictor: Vec::new(),
        accuracy_predictor: None,
        chosen,
        cpu_s: 60.0,
        wall_s: 31.0,
    }
}

fn predicted(evaluated: &Evaluated) -> Millis {
    Millis(1.1 + 1.35 * evaluated.cost.madds.millions())
}

/// The profile of a device that timed the shipped children.
fn profile(search: &SearchReport) -> DeviceProfile {
    let times = |(index, (chosen, evaluated)): (usize, (&Chosen, &Evaluated))| {
        let predicted = predicted(evaluated);
        let times = |factor: f64| Millis(factor * predicted.0);
        ChildTimes {
            name: Some(chosen.name.clone()),
            child: evaluated.child.clone(),
            predicted_ms: predicted,
            calm_ms: Some(predicted),
            measured_p50_ms: times(0.97 + 0.02 * (index % 4) as f64),
            measured_p90_ms: times(1.09),
            measured_p95_ms: times(1.1),
            runs_ms: vec![predicted],
        }
    };
    let table = table("made-up", 1.0);
    let tiles = Tiles::new([TileVariant::ONE; 3]);
    let key = ProfileKey { device: table.device.clone(), network: NetworkId(1), kernels: 2, tiles, image_side: 28 };
    let children = search.shipped().enumerate().map(times).collect();
    let clock = Clock::Wall;
    let reference_ms = Millis(1.0);
    let (informative, layers, timeline_ms) = (Vec::new(), Vec::new(), Vec::new());
    let (conditions, clock_note) = (None, None);
    let measured =
        Measurements { reference_ms, timeline_ms, conditions, table, informative, children, clock, clock_note, layers };
    DeviceProfile::new(&key, measured)
}

/// The child that was chosen for a budget of `factor` times its predicted latency.
fn chosen_child(search: &SearchReport, index: usize, factor: f64) -> ChosenChild {
    let (chosen, evaluated) = search.shipped().nth(index).unwrap();
    let predicted_ms = predicted(evaluated);
    let times = |factor: f64| Millis(factor * predicted_ms.0);
    ChosenChild {
        budget_ms: Millis((times(factor).0 * 10.0).round() / 10.0),
        quantile: Quantile::P90,
        name: chosen.name.clone(),
        child: evaluated.child.to_string(),
        predicted_ms,
        measured_p50_ms: times(1.01),
        measured_p90_ms: times(1.09),
        measured_p95_ms: times(1.1),
        interval_ms: Some([times(1.05), times(1.15)]),
        load: Load { share: 1.0 },
        top1: Some(chosen.test.percent()),
        held_out_top1: Some(evaluated.held_out.percent()),
        madds: evaluated.cost.madds,
        params: evaluated.cost.params,
        switch_us: 41.3,
        why: "the most accurate".to_owned(),
        adopted: None,
    }
}

/// Answers of one child for 30 images; the child of the first budget gets some wrong.
fn classified(name: &str, budget: usize) -> Classified {
    let labels = FASHION_MNIST.labels;
    let images = (0..30)
        .map(|index| {
            let expected = labels[index % 10].to_owned();
            let label = if budget == 0 && index % 7 == 3 { labels[6].to_owned() } else { expected.clone() };
            let probability = 0.55 + 0.02 * (index % 20) as f64;
            let top = vec![Guess { label: label.clone(), probability }];
            let source = index.to_string();
            Tried::Done(ClassifiedImage { source, label, probability, expected: Some(expected), top })
        })
        .collect();
    Classified {
        is_data_set: true,
        device: table("made-up", 1.0).device,
        name: Some(name.to_owned()),
        child: "r28".to_owned(),
        images,
        labelled: 30,
        correct: 26,
        top1: Some(86.7),
        ms_per_image: 1.0,
    }
}

/// The images that were classified.
fn test_images() -> Dataset {
    let pixels = (0..30 * 784).map(|at| ((at % 28) * 9 + at / 784) as u8).collect();
    let labels = (0..30).map(|index| index % 10).collect();
    Dataset::in_memory(28, 1, pixels, labels, 10).unwrap()
}

fn epoch(search: &SearchReport, epoch: u32) -> EpochReport {
    let (space, at) = (SearchSpace::fashion().validated().unwrap(), f64::from(epoch));
    let probe = |name: &str, child, best: f64| {
        let held_out = measured(best - 0.09 / at - if epoch == 1 { 0.1 } else { 0.0 });
        Probe { name: name.to_owned(), child, held_out }
    };
    let middle = search.evaluated[search.evaluated.len() / 2].child.clone();
    EpochReport {
        epoch,
        step: 429 * u64::from(epoch),
        images: 54_912 * u64::from(epoch),
        cpu_s: 83.0 * at,
        wall_s: 43.0 * at,
        learning_rate: 0.3 * 0.85f64.powf(at),
        biggest_loss: 0.4,
        smallest_divergence: 0.05,
        loader_images_per_s: 40_000.0,
        step_images_per_s: 1300.0,
        waiting_share: 0.01,
        probes: vec![
            probe("smallest", space.smallest(), 0.905),
            probe("middle", middle, 0.924),
            probe("biggest", space.biggest(), 0.935),
        ],
        gpu: None,
    }
}

/// A demo with made-up numbers that look like real ones.
fn made_up(folder: &Path) {
    let search = searched(&SearchSpace::fashion().validated().unwrap());
    let last = search.chosen.len() - 1;
    let budgets =
        [(0, 1.2), (last / 2, 1.15), (last, 1.05)].map(|(index, factor)| chosen_child(&search, index, factor));
    for (index, budget) in budgets.iter().enumerate() {
        write_json(&folder.join(format!("classified-{index}.json")), &classified(&budget.name, index)).unwrap();
    }
    let summary = json!({
        "train": {"cpu_s": 1162.4, "wall_s": 604.2, "images": 768_000, "steps": 6_000},
        "device": {"adapter": "llvmpipe <LLVM 15> & \"friends\"", "driver": "Mesa", "backend": "Vulkan",
                   "precision": "f32", "features": []},
        "budgets": budgets,
        "switch": {"weight_bytes": 0, "buffers": 0, "bind_groups": 0, "pipelines": 0, "switches": 1000,
                   "children": 30, "switch_us_p50": 1.0, "switch_us_p99": 2.0, "outputs_equal_fresh_load": true},
        "parity": {"children": 22, "images": 256, "max_relative_error": 3.1e-6, "reference_images": 4,
                   "max_relative_error_to_reference": 2.2e-6, "top1_agreement": 1.0, "adapter": "llvmpipe"},
        "something new": 1,
    });
    write_json(&folder.join("summary.json"), &summary).unwrap();
    profile(&search).save(&folder.join("device-profile.json")).unwrap();
    let run = RunFolder::create(&folder.join("run"), &[]).unwrap();
    run.save_search(&search).unwrap();
    let mut log = std::fs::File::create(folder.join("run/train.jsonl")).unwrap();
    for number in 1..=14 {
        writeln!(log, "{}", serde_json::to_string(&epoch(&search, number)).unwrap()).unwrap();
    }
}

#[test]
fn the_page_shows_every_chart_and_table_of_a_demo_and_needs_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    made_up(folder.path());
    let output = folder.path().join("report.html");
    let demo = Demo::read(folder.path(), Some(&test_images())).unwrap();
    write(&html(&demo, FASHION_MNIST.name, None), &output).unwrap();
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

/// Two children that get some of the test images wrong.
fn evaluation(classes: usize) -> Evaluation {
    let space = SearchSpace::fashion().validated().unwrap();
    let names: Vec<String> = (0..classes).map(|class| format!("class <{class}>")).collect();
    let child = |name: &str, child: Child, wrong: usize| TestedChild {
        name: name.to_owned(),
        cost: space.lower(&child).unwrap().cost(),
        child,
        answers: (0..30)
            .map(|image: usize| {
                let (truth, right) = (image % 10, !image.is_multiple_of(wrong));
                let class = if right { truth } else { (truth + 1) % classes };
                let probability = 0.5 + image as f64 / 100.0;
                let truth_probability = if right { probability } else { 0.1 };
                Answer { truth: truth as u16, class: class as u16, probability, truth_probability }
            })
            .collect(),
    };
    let path = |index: usize| Some(format!("<{index}>.png"));
    let images = ClassifiedImages { data: "made & up", classes: &names, path: &path };
    let children = [child("smallest", space.smallest(), 4), child("biggest", space.biggest(), 8)];
    Evaluation::new(ClassificationReport::new(&images, &children), &test_images()).unwrap()
}

#[test]
fn the_page_of_a_run_shows_every_childs_answers() {
    let folder = tempfile::tempdir().unwrap();
    made_up(folder.path());
    let demo = Demo::read(folder.path(), None).unwrap();
    let evaluation = evaluation(10);
    let page = RunPage { epochs: &demo.epochs, search: Some(&demo.search), evaluation: &evaluation }.html();
    if let Some(copy) = std::env::var_os("NESTLING_RUN_REPORT_COPY") {
        std::fs::write(copy, &page).unwrap();
    }
    assert_eq!(markup_fault(&page), None);
    for id in ["confusion-0", "reliability-0", "confusion-1", "reliability-1", "curves", "search"] {
        assert!(page.contains(&format!("<figure id=\"{id}\">")), "{id}");
    }
    // 0, 4, 8 and so on; the mistakes of the biggest are among them.
    assert_eq!(page.matches("data:image/png;base64,").count(), 8);
    assert_eq!(page.matches("<use href=\"#image-").count(), 8 + 4);
    assert!(page.contains("<code>&lt;28&gt;.png</code>") && page.contains("made &amp; up"));
    assert!(
        page.contains("<title>2 of 3 images of class &lt;4&gt; were taken for class &lt;5&gt; (66.67 %)"),
        "{page}"
    );
    assert!(page.contains("✗ class &lt;9&gt; 78.0 %") && page.matches("open=\"open\"").count() == 1);
    assert!(
        !page.contains("http://") && !page.contains("https://") && !page.contains("<script") && !page.contains("NaN")
    );
}

#[test]
fn many_classes_have_pairs_in_the_place_of_a_matrix() {
    let evaluation = evaluation(50);
    let page = RunPage { epochs: &[], search: None, evaluation: &evaluation }.html();
    assert_eq!(markup_fault(&page), None);
    assert!(!page.contains("id=\"confusion-0\"") && page.contains("Most confused pairs"));
    assert!(page.contains("The 40 classes of the lowest recall") && page.contains("left no epochs"));
    assert!(!page.contains("NaN") && !page.contains("inf"));
}

#[test]
fn a_step_that_was_left_out_leaves_its_part_of_the_page_out() {
    let folder = tempfile::tempdir().unwrap();
    made_up(folder.path());
    std::fs::remove_file(folder.path().join("run/train.jsonl")).unwrap();
    write_json(&folder.path().join("summary.json"), &json!({})).unwrap();
    let mut search = searched(&SearchSpace::fashion().validated().unwrap());
    profile(&SearchReport { chosen: Vec::new(), ..search.clone() })
        .save(&folder.path().join("device-profile.json"))
        .unwrap();
    search.chosen[0].name = "a<b>".to_owned();
    RunFolder::open(&folder.path().join("run")).save_search(&search).unwrap();
    let page = html(&Demo::read(folder.path(), None).unwrap(), FASHION_MNIST.name, None);
    assert_eq!(markup_fault(&page), None);
    assert!(page.contains("a&lt;b&gt;") && page.contains("left no epochs") && page.contains("No child was timed"));
    assert!(!page.contains("NaN") && !page.contains("a<b>") && !page.contains("<h2>Checks"));
    assert!(!page.contains("data:image/png"), "no image without the test images");
}

#[test]
fn a_missing_file_is_an_error_that_says_which_step_writes_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |file: &str| folder.path().join(file);
    let expect = |file: &str, step: &str| {
        let error = Demo::read(folder.path(), None).unwrap_err();
        assert!(matches!(error, RunError::Missing { .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains(file) && message.contains(step), "{message}");
    };
    expect("summary.json", "the demo writes it");
    write_json(&path("summary.json"), &json!({})).unwrap();
    expect("device-profile.json", "the demo writes it");
    profile(&searched(&SearchSpace::fashion().validated().unwrap())).save(&path("device-profile.json")).unwrap();
    expect("search.json", "the search writes it");
}

#[test]
fn a_damaged_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    made_up(folder.path());
    let fault = |file: &str, text: &str| {
        let path = folder.path().join(file);
        let before = std::fs::read(&path).unwrap();
        std::fs::write(&path, text).unwrap();
        let message = Demo::read(folder.path(), Some(&test_images())).unwrap_err().to_string();
        assert!(message.contains(file), "{message}");
        std::fs::write(&path, before).unwrap();
    };
    fault("summary.json", r#"{"budgets": [{"budget_ms": 3}]}"#);
    fault("device-profile.json", "{");
    fault("classified-1.json", r#"{"images": []}"#);
    let mut search = searched(&SearchSpace::fashion().validated().unwrap());
    search.chosen[0].index = search.evaluated.len();
    fault("run/search.json", &serde_json::to_string(&search).unwrap());
}
