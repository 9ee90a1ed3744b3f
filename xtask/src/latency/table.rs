//! The summary as tables for `docs/latency.md`.

use super::targets;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::{self, Write};

fn number(value: &Value, digits: usize) -> String {
    value.as_f64().map_or("-".to_owned(), |value| format!("{value:.digits$}"))
}

pub(super) fn rows(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The summary as Markdown.
pub fn markdown(summary: &Value) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_machine(&mut out, summary)
        .and_then(|()| write_prediction(&mut out, &summary["prediction"]))
        .and_then(|()| write_curves(&mut out, &summary["prediction"]))
        .and_then(|()| write_facts(&mut out, summary))
        .and_then(|()| write_targets(&mut out, &summary["targets"]));
    out
}

fn write_machine(out: &mut String, summary: &Value) -> fmt::Result {
    let machine = &summary["machine"];
    let (processor, cores) = (text(&machine["processor"]), &machine["cores"]);
    let (start, end) = (text(&machine["load_at_start"]), text(&machine["load_at_end"]));
    writeln!(out, "{processor}, {cores} cores, load {start} at the start and {end} at the end.\n")?;
    let held = rows(&summary["prediction"]).filter(|one| one["on_one_core"] == true);
    let held: BTreeSet<&str> = held.map(|one| text(&one["adapter"])).collect();
    if !held.is_empty() {
        let names: Vec<&str> = held.into_iter().collect();
        writeln!(out, "Held on one core, lavapipe without worker threads: {}.\n", names.join(", "))?;
    }
    Ok(())
}

fn write_prediction(out: &mut String, prediction: &Value) -> fmt::Result {
    write_header(out, &["space", "device", "profile", "predictor", "MAPE, %", "within 10 %, %", "Spearman"])?;
    for one in rows(prediction) {
        let (space, adapter) = (text(&one["space"]), text(&one["adapter"]));
        let profile = format!("{} s, {} children", number(&one["profile_seconds"], 0), one["measured_children"]);
        let mut line = |predictor: &str, accuracy: &Value| {
            writeln!(
                out,
                "| {space} | {adapter} | {profile} | {predictor} | {} | {} | {} |",
                number(&accuracy["mape_percent"], 1),
                number(&accuracy["within_10_percent"], 0),
                number(&accuracy["spearman"], 3)
            )
        };
        line("**fit**", one)?;
        line("**fit, from the nearest table**", &one["from_nearest"])?;
        for baseline in rows(&one["baselines"]) {
            line(text(&baseline["predictor"]), baseline)?;
        }
    }
    Ok(())
}

fn write_curves(out: &mut String, prediction: &Value) -> fmt::Result {
    let curve = |points: &Value| -> String {
        let points = rows(points).map(|point| format!("{}: {}", point[0], number(&point[1]["mape_percent"], 1)));
        points.collect::<Vec<_>>().join(", ")
    };
    writeln!(out)?;
    let (alone, from_nearest) = ("measured children: MAPE, %", "from the nearest table");
    write_header(out, &["space", "device", "profile", alone, from_nearest, "rank correlation of the rounds", "drift"])?;
    for one in rows(prediction) {
        writeln!(
            out,
            "| {} | {} | {} s | {} | {} | {} | {} |",
            text(&one["space"]),
            text(&one["adapter"]),
            number(&one["profile_seconds"], 0),
            curve(&one["curve"]),
            curve(&one["curve_from_nearest"]),
            number(&one["repeatability"], 3),
            number(&one["drift"], 2)
        )?;
    }
    Ok(())
}

fn write_facts(out: &mut String, summary: &Value) -> fmt::Result {
    writeln!(out)?;
    write_header(out, &["measured", "figure"])?;
    for (name, figure) in facts_of_choices(summary).into_iter().chain(facts_of_switches(summary)) {
        writeln!(out, "| {name} | {figure} |")?;
    }
    Ok(())
}

fn facts_of_choices(summary: &Value) -> [(&'static str, String); 3] {
    let (choices, whole) = (&summary["choices"], &summary["whole_space"]);
    let kept = format!(
        "{} % of {} ({} % without drift since the choice), {} refused",
        number(&choices["kept_percent"], 1),
        choices["budgets"],
        number(&choices["kept_without_drift_percent"], 1),
        choices["refused"]
    );
    let regret = format!(
        "{} points on average, {} at worst",
        number(&choices["mean_regret_points"], 2),
        number(&choices["worst_regret_points"], 2)
    );
    let gain = format!(
        "{} points on average, {} at worst; {} of {} budgets adopted another child, {} % of all kept when timed again",
        number(&whole["mean_gain_points"], 2),
        number(&whole["worst_gain_points"], 2),
        whole["adopted"],
        whole["budgets"],
        number(&whole["kept_percent"], 0)
    );
    [
        ("budgets kept at p95 when timed again", kept),
        ("top-1 short of the oracle", regret),
        ("whole space against shipped children, test top-1", gain),
    ]
}

fn facts_of_switches(summary: &Value) -> [(&'static str, String); 3] {
    let (governor, switch) = (&summary["governor"], &summary["switch"]);
    let traces = format!(
        "{} traces, {} % of windows kept, {} traces with less than 95 % of them kept",
        governor["traces"],
        number(&governor["kept_percent"], 2),
        number(&governor["traces_below_95_percent"], 0)
    );
    let switches = format!(
        "{}; {} where the 20 s after a change of load or budget count too, in which it goes to its new child rung by rung",
        number(&governor["max_switches_per_minute"], 0),
        number(&governor["max_switches_per_minute_with_settling"], 0)
    );
    let cost = format!("p99 {} us, {} bytes of weights", number(&switch["p99_us"], 1), switch["weight_bytes"]);
    [
        ("governor, simulated devices", traces),
        ("its switches in any minute at constant load and budget, at most", switches),
        ("switch", cost),
    ]
}

fn write_targets(out: &mut String, targets: &Value) -> fmt::Result {
    writeln!(out)?;
    write_header(out, &["target", "wanted", "got", "met"])?;
    for one in rows(targets) {
        let met = if one["met"] == true { "yes" } else { "**no**" };
        writeln!(out, "| {} | {} | {} | {met} |", text(&one["name"]), text(&one["wanted"]), targets::got(one))?;
    }
    Ok(())
}

fn write_header(out: &mut String, columns: &[&str]) -> fmt::Result {
    writeln!(out, "| {} |\n|{}", columns.join(" | "), " --- |".repeat(columns.len()))
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn targets_and_the_governors_figures_are_rows() {
        let target = |met: bool, got: Value| json!({ "name": "a", "wanted": "<= 2", "got": got, "met": met });
        let summary = json!({
            "governor": {
                "traces": 9,
                "kept_percent": 98.0,
                "traces_below_95_percent": 1,
                "max_switches_per_minute": 2,
                "max_switches_per_minute_with_settling": 7,
            },
            "targets": [target(true, json!(1.25)), target(false, Value::Null)],
        });
        let table = markdown(&summary);
        for row in [
            "| a | <= 2 | 1.25 | yes |",
            "| a | <= 2 | - | **no** |",
            "9 traces, 98.00 % of windows kept, 1 traces with less than 95 % of them kept |",
            "at most | 2; 7 where the 20 s after a change of load or budget count too",
        ] {
            assert!(table.contains(row), "{row}\n{table}");
        }
    }
}
