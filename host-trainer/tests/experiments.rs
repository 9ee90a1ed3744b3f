//! The experiments on a made-up data set: every value comes from a training that is kept, and can be traced to it.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

mod common;

use common::{SPACE, write_data};
use nestling_core::space::SearchSpace;
use nestling_stopwatch::Stopwatch;
use nestling_train::data::{LoadRequest, LoadedData, load};
use nestling_train::experiments::{
    Experiment, ExperimentError, Outcome, Plan, Record, Results, Setting, Training, Trainings, Watch, check, csv,
    four_children, markdown, neighbours, outcome, selection, write_report,
};
use nestling_train::torch;
use nestling_train::train::Method;
use nestling_train::train::{EpochReport, TrainConfig};
use std::path::Path;
use tch::Device;

/// Counts the trainings.
#[derive(Default)]
struct Counter {
    trainings: usize,
    epochs: usize,
}

impl Watch for Counter {
    fn training(&mut self, _: &Training) {
        self.trainings += 1;
    }
    fn step(&mut self, _: u64, _: u64) {}
    fn epoch(&mut self, _: &EpochReport, _: u32) {
        self.epochs += 1;
    }
    fn measured(&mut self, _: &Record) {}
}

fn setting() -> Setting {
    let space = toml::from_str::<toml::Table>(SPACE).unwrap()["space"].clone().try_into::<SearchSpace>().unwrap();
    let recipe = TrainConfig {
        batch_size: 8,
        workers: 1,
        held_out: 16,
        probe_calibration: 8,
        probe_images: 8,
        space,
        ..TrainConfig::default()
    };
    Setting { images: 24, epochs: 2, recipe }
}

fn data(folder: &Path) -> LoadedData {
    torch::initialise();
    write_data(&folder.join("data"), 0);
    let request = LoadRequest::new(Some(&folder.join("data")), 8, &folder.join("cache"));
    load(&request, &()).unwrap().for_space(&setting().recipe.space).unwrap()
}

fn trainings<'a>(folder: &Path, data: &'a LoadedData) -> Trainings<'a> {
    Trainings {
        folder: folder.join("trainings"),
        data,
        device: Device::Cpu,
        workers: 1,
        allowed_cpu_s: None,
        origin: ("a commit".to_owned(), "a command".to_owned()),
        stopwatch: Stopwatch::start(),
    }
}

fn run(experiment: Experiment, trainings: &Trainings<'_>, watch: &mut Counter) -> Result<Outcome, ExperimentError> {
    let mut plan = Plan::new(setting())?;
    if experiment.needs_four_children() {
        plan.children = four_children(&plan, trainings, watch)?;
    }
    outcome(experiment, &plan, 2, trainings, watch)
}

#[test]
fn every_experiment_gives_a_value_for_each_cell_and_seed() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let trainings = trainings(folder.path(), &data);
    let (mut results, out) = (Results::default(), folder.path().join("results"));
    let mut outcomes = Vec::new();
    for experiment in Experiment::ALL.into_iter().filter(|one| *one != Experiment::Map) {
        let outcome = run(experiment, &trainings, &mut Counter::default()).unwrap();
        assert!(!outcome.cells.is_empty() && outcome.cells.iter().all(|cell| cell.top1.len() == 2), "{outcome:?}");
        let lines = String::from_utf8(csv(&outcome).unwrap()).unwrap().lines().count();
        assert_eq!(lines, 1 + 2 * outcome.cells.len());
        assert_eq!(markdown(&outcome).lines().count(), 3 + outcome.children().len());
        results.take(&out, &outcome, "a command").unwrap();
        results.write(&out).unwrap();
        outcomes.push(outcome);
    }
    assert_eq!(check(&out).unwrap(), results);
    // The report has only the files of results, and gives each outcome again.
    let sections = write_report(&out, &results).unwrap();
    assert_eq!(sections.len(), outcomes.len());
    for (section, outcome) in sections.iter().zip(&outcomes) {
        assert_eq!((section.outcome.experiment, &section.outcome.cells), (outcome.experiment, &outcome.cells));
        assert_eq!((markdown(&section.outcome), &*section.command), (markdown(outcome), "a command"));
        let table = format!("{}-{}-24x2", outcome.experiment, outcome.space);
        assert_eq!(std::fs::read(out.join(format!("{table}.csv"))).unwrap(), csv(outcome).unwrap());
        let text = std::fs::read_to_string(out.join(format!("{table}.md"))).unwrap();
        let below = text.strip_prefix(&markdown(outcome)).unwrap();
        assert!(below.starts_with("\n2 seeds, ") && below.ends_with("commit a commit: `a command`\n"), "{text}");
    }
    let page = std::fs::read_to_string(out.join("experiments.html")).unwrap();
    assert_eq!(nestling_page::markup_fault(&page), None);
    // The paper's values stand beside ours, and every experiment has its section.
    assert!(page.contains("74.6 (-1.9)") && page.contains("75.3 (-1.2)"));
    assert!(outcomes.iter().all(|one| page.contains(&format!("<h2 id=\"{}\">", one.experiment))));
}

#[test]
fn a_row_that_its_records_do_not_give_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let outcome = run(Experiment::Shrink, &trainings(folder.path(), &data), &mut Counter::default()).unwrap();
    let (mut results, out) = (Results::default(), folder.path().join("results"));
    results.take(&out, &outcome, "a command").unwrap();
    results.write(&out).unwrap();
    check(&out).unwrap();
    let good = std::fs::read_to_string(out.join("results.json")).unwrap();
    let mean = results.experiments[0].rows[0].top1_mean;
    let wrong = good.replacen(&format!("\"top1_mean\": {mean:?}"), &format!("\"top1_mean\": {:?}", mean + 1.0), 1);
    assert_ne!(good, wrong);
    std::fs::write(out.join("results.json"), wrong).unwrap();
    assert!(check(&out).unwrap_err().to_string().contains("mean or spread"));
    for (figure, problem) in [("\"cpu_hours\": ", "CPU-hours"), ("\"epochs\": ", "epochs"), ("\"images\": ", "images")]
    {
        std::fs::write(out.join("results.json"), good.replacen(figure, &format!("{figure}1"), 1)).unwrap();
        assert!(check(&out).unwrap_err().to_string().contains(problem), "{figure}");
    }
    let twice = good.replace(&outcome.records[3].key, &outcome.records[0].key);
    assert_ne!(good, twice);
    std::fs::write(out.join("results.json"), twice).unwrap();
    check(&out).unwrap_err();
    std::fs::write(out.join("results.json"), good).unwrap();
    let record = out.join("runs").join(format!("{}.json", outcome.records[0].key));
    let text = std::fs::read_to_string(&record).unwrap();
    std::fs::write(&record, text.replacen("a commit", "another", 1)).unwrap();
    assert!(check(&out).unwrap_err().to_string().contains("checksum"));
    std::fs::remove_file(&record).unwrap();
    assert_eq!(check(&out).unwrap_err().code(), "experiment_results");
}

#[test]
fn values_that_a_later_call_leaves_out_stay_or_the_call_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let all = trainings(folder.path(), &data);
    let of = |variants: &[&str], seeds: u32| {
        let mut plan = Plan::new(setting()).unwrap();
        plan.variants = variants.iter().map(|&variant| variant.to_owned()).collect();
        outcome(Experiment::Convergence, &plan, seeds, &all, &mut Counter::default()).unwrap()
    };
    let (mut results, out) = (Results::default(), folder.path().join("results"));
    results.take(&out, &of(&["constant ending"], 2), "first").unwrap();
    results.take(&out, &of(&["no constant ending"], 2), "second").unwrap();
    results.write(&out).unwrap();
    assert_eq!(check(&out).unwrap(), results);
    let entry = &results.experiments[0];
    assert_eq!((results.experiments.len(), entry.rows.len(), &*entry.command), (1, 4, "first && second"));
    let kept = results.clone();
    let error = results.take(&out, &of(&["constant ending"], 1), "fewer").unwrap_err();
    assert!(error.code() == "experiment_results" && error.to_string().contains("cannot stay"), "{error}");
    assert_eq!(results.experiments, kept.experiments);
    results.take(&out, &of(&[], 1), "all").unwrap();
    results.write(&out).unwrap();
    assert_eq!((check(&out).unwrap(), results.experiments[0].seeds), (results.clone(), 1));
    // Trainings of another data set are not taken for this one's.
    let mut other = data.clone();
    other.name = "another".to_owned();
    let other = trainings(folder.path(), &other);
    let plan = Plan::new(setting()).unwrap();
    let error = outcome(Experiment::Convergence, &plan, 1, &other, &mut Counter::default()).unwrap_err();
    assert!(error.to_string().contains("not on another"), "{error}");
}

#[test]
fn a_stopped_experiment_goes_on_and_trainings_are_shared() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let mut all = trainings(folder.path(), &data);
    all.allowed_cpu_s = Some(0.0);
    assert_eq!(run(Experiment::Shrink, &all, &mut Counter::default()).unwrap_err().code(), "experiment_out_of_time");
    all.allowed_cpu_s = None;
    let mut first = Counter::default();
    let outcome = run(Experiment::Shrink, &all, &mut first).unwrap();
    // Three supernets a seed, of two epochs each.
    assert_eq!((first.trainings, first.epochs), (6, 12));
    let mut again = Counter::default();
    let same = run(Experiment::Shrink, &all, &mut again).unwrap();
    assert_eq!((again.trainings, same.cells), (0, outcome.cells.clone()));
    // The supernets whose children join at once are there; each fine-tuning of the ends is new.
    let mut tuned = Counter::default();
    run(Experiment::Finetune, &all, &mut tuned).unwrap();
    assert!(tuned.trainings > 0 && tuned.trainings.is_multiple_of(6), "{}", tuned.trainings);
}

#[test]
fn methods_and_searches_are_compared_and_traced() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let all = trainings(folder.path(), &data);
    let mut base = setting();
    // A search needs something to search.
    base.recipe.space.stages[0].widths = vec![4, 8, 12, 16];
    base.recipe.space.stages[0].kernels = vec![3, 5];
    base.recipe.space.stages[0].depths = vec![1, 2];
    let plan = Plan::new(base).unwrap();
    let (mut results, out) = (Results::default(), folder.path().join("results"));
    let mut watch = Counter::default();
    let (rows, records) = neighbours(&plan, 1, &all, &mut watch).unwrap();
    assert_eq!(rows.iter().map(|row| row.mode).collect::<Vec<_>>(), Method::ALL);
    for row in &rows {
        let costs = [&row.smallest, &row.middle, &row.biggest].map(|child| child.madds);
        assert!(costs.is_sorted() && costs[0] > 0.0, "{row:?}");
    }
    // Four supernets, and AutoSlim's wide network with its three slimmed ones; an epoch of each but BigNAS's is timed.
    assert_eq!((watch.trainings, records.len()), (15, 8));
    for row in &rows {
        let selects = [Method::BigNas, Method::AutoSlim, Method::OnceForAll].contains(&row.mode);
        assert_eq!((row.evaluated > 0.0, row.after_training_cpu_hours > 0.0), (selects, selects), "{row:?}");
    }
    results.take_neighbours(&out, rows.clone(), &records, "one command").unwrap();
    let (selections, supernets) = selection(&plan, 1, &all, &mut Counter::default()).unwrap();
    results.take_selections(&out, (&selections, &supernets), "another command").unwrap();
    assert_eq!((&*results.neighbours[0].command, &*results.selection[0].command), ("one command", "another command"));
    assert_eq!(results.selection[0].supernets, [supernets[0].key.clone()]);
    results.write(&out).unwrap();
    assert_eq!(check(&out).unwrap(), results);
    // Another training with the same settings, as of another machine, does not take the place of the published one.
    let mut elsewhere = outcome(Experiment::Convergence, &plan, 1, &all, &mut Counter::default()).unwrap();
    results.take(&out, &elsewhere, "here").unwrap();
    let record = elsewhere.records[0].key.clone();
    elsewhere.records[0].curve[0].top1[0].1 += 1.0;
    elsewhere.seeds = 1;
    results.experiments[0].space = "another".to_owned();
    results.take(&out, &elsewhere, "elsewhere").unwrap();
    results.write(&out).unwrap();
    assert_eq!(check(&out).unwrap(), results);
    let named = results.records.keys().filter(|key| key.starts_with(&record)).count();
    assert_eq!(named, 2, "{:?}", results.records);
    // A bundle that started from it elsewhere names it as it is published.
    let ends = Plan { children: plan.ends().to_vec(), ..plan.clone() };
    let mut tuned = outcome(Experiment::Finetune, &ends, 1, &all, &mut Counter::default()).unwrap();
    tuned.records[0].curve[0].top1[0].1 += 1.0;
    results.take(&out, &tuned, "elsewhere").unwrap();
    results.write(&out).unwrap();
    assert_eq!(check(&out).unwrap(), results);
    let of_tuned = results.experiments.iter().find(|entry| entry.name == "finetune").unwrap();
    let [supernet, of_child] = [&of_tuned.rows[0], &of_tuned.rows[2]].map(|row| row.records[0].clone());
    assert!(supernet.len() > tuned.records[0].key.len(), "{supernet}");
    let record = Record::read(&out.join(format!("runs/{of_child}.json"))).unwrap().unwrap();
    assert!(record.settings.contains(&format!("start: {supernet}")), "{:?}", record.settings);
    // Records that no result comes from are removed.
    results.experiments.clear();
    results.write(&out).unwrap();
    assert_eq!(check(&out).unwrap(), results);
    assert!(!out.join(format!("runs/{supernet}.json")).exists());
    let mut unknown = Plan::new(setting()).unwrap();
    unknown.variants = vec!["sideways".to_owned()];
    let error = outcome(Experiment::Convergence, &unknown, 1, &all, &mut Counter::default()).unwrap_err();
    assert!(error.code() == "experiment_variants" && error.to_string().contains("no constant ending"), "{error}");
    // Both are found again.
    let mut again = Counter::default();
    assert_eq!(neighbours(&plan, 1, &all, &mut again).unwrap().0, rows);
    assert_eq!((selection(&plan, 1, &all, &mut again).unwrap().0, again.trainings), (selections, 0));
    assert!(write_report(&out, &results).unwrap().is_empty());
    let text = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    let page = text("experiments.html");
    assert_eq!(nestling_page::markup_fault(&page), None);
    assert!(page.contains("once-for-all") && page.contains("coarse to fine"));
    // Three children of each method, and three searches under each of four budgets, beside the line of names; below a
    // table an empty line and its caption.
    assert_eq!((text("neighbours.csv").lines().count(), text("neighbours.md").lines().count()), (16, 9));
    assert_eq!((text("selection.csv").lines().count(), text("selection.md").lines().count()), (13, 8));
    for wrong in [("top1_mean", "neighbour"), ("evolution", "selection")] {
        let good = std::fs::read_to_string(out.join("results.json")).unwrap();
        let at = good.find(&format!("\"{}\": ", wrong.0)).unwrap() + wrong.0.len() + 4;
        let mut bad = good.clone();
        bad.insert(at, '1');
        std::fs::write(out.join("results.json"), bad).unwrap();
        assert!(check(&out).unwrap_err().to_string().contains(wrong.1));
        std::fs::write(out.join("results.json"), good).unwrap();
    }
}

/// The results that the repository publishes.
#[test]
fn published_results_are_those_of_their_records() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/experiments");
    let results = check(&folder).unwrap();
    assert!(!results.experiments.is_empty());
    // A table in the text is the table of the results.
    let page = std::fs::read_to_string(folder.join("README.md")).unwrap();
    for table in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        if table.extension().is_some_and(|ending| ending == "md") && !table.ends_with("README.md") {
            let text = std::fs::read_to_string(&table).unwrap();
            assert!(page.contains(text.trim()), "README.md does not hold the table of {}", table.display());
        }
    }
}
