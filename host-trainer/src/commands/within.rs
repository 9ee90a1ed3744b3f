//! `search --device`, `search --budget-madds`: the whole space under a limit.

use super::run::{Places, Trained, processors};
use super::{bar, preprocessing, print, say};
use anyhow::{Context, Result};
use clap::Args;
use nestling_bundle::Bundle;
use nestling_core::choosing::FoundChild;
use nestling_core::metrics::{MAdds, Millis};
use nestling_core::space::SearchSpace;
use nestling_train::fleet::{Joined, Known, Limit, Wanted, evaluate_found, join};
use nestling_train::run_folder::{RunFolder, SearchReport};
use nestling_train::time::Clock;
use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;

/// The limit of a search of the whole space.
#[derive(Args, Debug)]
#[command(next_help_heading = "Search of the whole space under a limit")]
pub struct Within {
    /// Latency on this device of the bundle: words that are parts of its adapter's name, precision, driver, backend or
    /// features, in any case (`nestling latency list` shows them)
    #[arg(long, value_name = "NAME", requires = "budget_ms")]
    device: Option<String>,
    /// Most milliseconds of the predicted median time, from image to logits
    #[arg(long, value_name = "MS", requires = "device", group = "budget", value_parser = parse_millis)]
    budget_ms: Option<Millis>,
    /// Most multiply-accumulates: in millions, or with a suffix (2.5M, 800k, 1G)
    #[arg(long, value_name = "MADDS", group = "budget", value_parser = parse_madds)]
    budget_madds: Option<MAdds>,
    /// Bundle with the latency tables [default: fashion.nestling in the run's folder]
    #[arg(long, requires = "budget")]
    bundle: Option<PathBuf>,
    /// Children that are evaluated, the most promising first
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    top: u32,
}

fn positive(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0)
}

fn parse_millis(text: &str) -> Result<Millis, String> {
    positive(text).map(Millis).ok_or_else(|| "give milliseconds above zero, as 2.5".to_owned())
}

/// A bare number is in millions.
fn parse_madds(text: &str) -> Result<MAdds, String> {
    let text = text.trim();
    let (number, unit) = match text.chars().last() {
        Some('k' | 'K') => (&text[..text.len() - 1], 1e3),
        Some('m' | 'M') => (&text[..text.len() - 1], 1e6),
        Some('g' | 'G') => (&text[..text.len() - 1], 1e9),
        _ => (text, 1e6),
    };
    positive(number)
        .map(|number| MAdds((number * unit).round() as u64))
        .ok_or_else(|| "give millions above zero, as 2.5, or a number with a suffix, as 2.5M or 800k".to_owned())
}

impl Within {
    /// The limit, if there is one.
    pub fn wanted(&self) -> Option<Wanted<'_>> {
        match (&self.device, self.budget_ms, self.budget_madds) {
            (Some(device), Some(most), _) => Some(Wanted::Time { device, most }),
            (_, _, most) => most.map(Wanted::MAdds),
        }
    }

    /// Runs the search.
    pub fn run(&self, wanted: Wanted<'_>, places: &Places, workers: Option<usize>) -> Result<()> {
        let clock = Clock::start(0.0, 0.0);
        let folder = RunFolder::open(&places.run);
        let run = if folder.is_trained() {
            let search = folder.searched()?;
            Some((Trained::load(places, &folder, search.calibration_images)?, search))
        } else {
            None
        };
        // Without a run the bundle is all there is; with one, MAdds need no bundle.
        let path = self.bundle.clone().unwrap_or_else(|| places.run.join("fashion.nestling"));
        let bundle = if self.device.is_some() || self.bundle.is_some() || run.is_none() {
            Some(Bundle::open(&path).with_context(|| format!("cannot use {}", path.display()))?)
        } else {
            None
        };
        let known = Known::new(
            &places.run,
            run.as_ref().map(|(trained, search)| (&trained.checkpoint.config.space, search)),
            bundle.as_ref().map(|bundle| (path.as_path(), bundle)),
        )?;
        let limit = known.limit(wanted)?;
        let predicted = known.candidates(&limit, self.top as usize)?;
        let space = known.space();
        let Some((trained, search)) = &run else {
            say("no trained run: the children are predicted, none is evaluated");
            let rows: Vec<Row> =
                predicted.iter().map(|one| Row::of(space, &limit, one, None)).collect::<Result<_>>()?;
            return show(places.json, &limit, &rows, None);
        };
        let mut search = search.clone();
        let workers = workers.unwrap_or_else(processors);
        let (rows, joined) = evaluate(trained, &mut search, &predicted, &limit, workers)?;
        let (cpu_s, wall_s) = clock.elapsed();
        search.cpu_s += cpu_s;
        search.wall_s += wall_s;
        folder.save_search(&search)?;
        let test = |name: &str| {
            let chosen = search.chosen.iter().find(|chosen| chosen.name == name)?;
            Some(chosen.test.percent())
        };
        show(places.json, &limit, &rows, Some((&joined, &test)))
    }
}

/// Evaluates what was found, with bars, and takes it into the search; rows are the best first.
fn evaluate(
    trained: &Trained,
    search: &mut SearchReport,
    predicted: &[FoundChild],
    limit: &Limit<'_>,
    workers: usize,
) -> Result<(Vec<Row>, Joined)> {
    let (space, preprocessing) = (&trained.checkpoint.config.space, preprocessing());
    let weights = trained.checkpoint.shipped_weights();
    let evaluator = trained.evaluator(weights, &trained.held_out, &preprocessing, workers);
    let progress = bar(0, "evaluate");
    let found = evaluate_found(predicted, search, &evaluator, &|done, total| {
        progress.set_length(total as u64);
        progress.set_position(done as u64);
    })?;
    progress.finish_and_clear();
    let rows: Vec<Row> = (found.iter())
        .map(|(one, measured)| Row::of(space, limit, one, Some(measured.held_out.percent())))
        .collect::<Result<_>>()?;
    let found: Vec<_> = found.into_iter().map(|(_, measured)| measured).collect();
    let joined = join(
        search,
        &found,
        |child| limit.allows(space, child),
        |child| -> Result<_> {
            let tester = trained.evaluator(weights, &trained.test, &preprocessing, 1);
            let bar = bar(1, "test");
            let tested = tester.evaluate(std::slice::from_ref(child), &|done| bar.set_position(done as u64))?;
            bar.finish_and_clear();
            tested.first().map(|one| one.held_out).context("the child was not evaluated: please report it")
        },
    )?;
    Ok((rows, joined))
}

/// A child that was found.
#[derive(serde::Serialize)]
struct Row {
    child: String,
    predicted_ms: Option<Millis>,
    madds: MAdds,
    params: u64,
    predicted_top1: f64,
    held_out_top1: Option<f64>,
}

impl Row {
    fn of(space: &SearchSpace, limit: &Limit<'_>, found: &FoundChild, held_out_top1: Option<f64>) -> Result<Self> {
        let network = space.lower(&found.child)?;
        let cost = network.cost();
        Ok(Self {
            child: found.child.to_string(),
            predicted_ms: limit.device().map(|_| Millis(limit.cost(&network))),
            madds: cost.madds,
            params: cost.params,
            predicted_top1: found.top1,
            held_out_top1,
        })
    }
}

type Outcome<'a> = (&'a Joined, &'a dyn Fn(&str) -> Option<f64>);

fn show(json: bool, limit: &Limit<'_>, rows: &[Row], outcome: Option<Outcome<'_>>) -> Result<()> {
    let ships = outcome.and_then(|(joined, test)| match joined {
        Joined::Ships { name } => Some((name, test(name))),
        Joined::Beaten { .. } | Joined::Nothing => None,
    });
    let beaten = outcome.and_then(|(joined, _)| match joined {
        Joined::Beaten { by } => Some(by),
        Joined::Ships { .. } | Joined::Nothing => None,
    });
    let (budget_ms, budget_madds) = match limit {
        Limit::Time { most, .. } => (Some(most), None),
        Limit::MAdds(most) => (None, Some(most)),
    };
    let document = json!({
        "device": limit.device(),
        "budget_ms": budget_ms,
        "budget_madds": budget_madds,
        "children": rows,
        "ships_as": ships.map(|(name, _)| name),
        "test_top1": ships.and_then(|(_, test)| test),
        "beaten_by": beaten,
    });
    print(json, &document, || {
        let mut text =
            format!("within {limit}\n{:>10} {:>9} {:>9} {:>9}  child\n", "predicted", "MAdds", "predicted", "held-out");
        for row in rows {
            let _ = writeln!(
                text,
                "{:>10} {:>9} {:>7.2} % {:>9}  {}",
                row.predicted_ms.map(|ms| ms.to_string()).unwrap_or_default(),
                row.madds.to_string(),
                row.predicted_top1,
                row.held_out_top1.map(|top1| format!("{top1:.2} %")).unwrap_or_default(),
                row.child
            );
        }
        if let Some((name, test)) = ships {
            let test = test.map(|top1| format!(" ({top1:.2} % on the test images)")).unwrap_or_default();
            let _ = writeln!(text, "the first ships as `{name}`{test} with the next `nestling pack`");
        }
        if let Some(by) = beaten {
            let _ = writeln!(text, "`{by}` ships already, keeps the limit and is as accurate");
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_millions_unless_they_say_otherwise() {
        for (text, madds) in [("2.5", 2_500_000), ("2.5M", 2_500_000), ("800k", 800_000), ("1G", 1_000_000_000)] {
            assert_eq!(parse_madds(text), Ok(MAdds(madds)));
        }
        for text in ["", "M", "-1", "x", "nan", "2.5µ", "0"] {
            assert!(parse_madds(text).unwrap_err().contains("as 2.5M"), "{text}");
        }
        assert!(parse_millis("inf").is_err() && parse_millis("-2").is_err());
    }
}
