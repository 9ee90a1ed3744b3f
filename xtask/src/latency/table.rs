//! The summary as tables for `docs/latency.md`.

use super::targets;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write;

fn number(value: &Value, digits: usize) -> String {
    value.as_f64().map_or("-".to_owned(), |value| format!("{value:.digits$}"))
}

pub(super) fn rows(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Markdown.
pub fn markdown(summary: &Value) -> String {
    let mut out = String::new();
    let machine = &summary["machine"];
    let _ = writeln!(
        out,
        "{}, {} cores, load {} at the start and {} at the end.\n",
        text(&machine["processor"]),
        machine["cores"],
        text(&machine["load_at_start"]),
        text(&machine["load_at_end"])
    );
    let held: BTreeSet<&str> = rows(&summary["prediction"])
        .filter(|one| one["on_one_core"] == true)
        .map(|one| text(&one["adapter"]))
        .collect();
    if !held.is_empty() {
        let names: Vec<&str> = held.into_iter().collect();
        let _ = writeln!(out, "Held on one core, lavapipe without worker threads: {}.\n", names.join(", "));
    }
    let _ = writeln!(
        out,
        "| space | device | profile | predictor | MAPE, % | within 10 %, % | Spearman |\n| --- | --- | --- | --- | --- | --- | --- |"
    );
    for one in rows(&summary["prediction"]) {
        let (space, adapter) = (text(&one["space"]), text(&one["adapter"]));
        let profile = format!("{} s, {} children", number(&one["profile_seconds"], 0), one["measured_children"]);
        let mut line = |predictor: &str, accuracy: &Value| {
            let _ = writeln!(
                out,
                "| {space} | {adapter} | {profile} | {predictor} | {} | {} | {} |",
                number(&accuracy["mape_percent"], 1),
                number(&accuracy["within_10_percent"], 0),
                number(&accuracy["spearman"], 3)
            );
        };
        line("**fit**", one);
        line("**fit, from the nearest table**", &one["from_nearest"]);
        for baseline in rows(&one["baselines"]) {
            line(text(&baseline["predictor"]), baseline);
        }
    }
    let _ = writeln!(
        out,
        "\n| space | device | profile | measured children: MAPE, % | from the nearest table | rounds rank alike by | pace |\n| --- | --- | --- | --- | --- | --- | --- |"
    );
    for one in rows(&summary["prediction"]) {
        let curve = |name: &str| -> String {
            let points: Vec<String> = rows(&one[name])
                .map(|point| format!("{}: {}", point[0], number(&point[1]["mape_percent"], 1)))
                .collect();
            points.join(", ")
        };
        let _ = writeln!(
            out,
            "| {} | {} | {} s | {} | {} | {} | {} |",
            text(&one["space"]),
            text(&one["adapter"]),
            number(&one["profile_seconds"], 0),
            curve("curve"),
            curve("curve_from_nearest"),
            number(&one["repeatability"], 3),
            number(&one["pace"], 2)
        );
    }
    let (choices, whole, governor, switch) =
        (&summary["choices"], &summary["whole_space"], &summary["governor"], &summary["switch"]);
    let _ = writeln!(out, "\n| what | figure |\n| --- | --- |");
    let mut fact = |what: &str, figure: String| {
        let _ = writeln!(out, "| {what} | {figure} |");
    };
    fact(
        "budgets kept at p95 when timed again",
        format!(
            "{} % of {} ({} % at the pace of the choice), {} refused",
            number(&choices["kept_percent"], 1),
            choices["budgets"],
            number(&choices["kept_at_pace_percent"], 1),
            choices["refused"]
        ),
    );
    fact(
        "top-1 short of the oracle",
        format!(
            "{} points on average, {} at worst",
            number(&choices["mean_regret_points"], 2),
            number(&choices["worst_regret_points"], 2)
        ),
    );
    fact(
        "whole space against shipped children, test top-1",
        format!(
            "{} points on average, {} at worst; {} of {} budgets adopted another child, {} % of all kept when timed again",
            number(&whole["mean_gain_points"], 2),
            number(&whole["worst_gain_points"], 2),
            whole["adopted"],
            whole["budgets"],
            number(&whole["kept_percent"], 0)
        ),
    );
    fact(
        "governor, simulated devices",
        format!(
            "{} traces, {} % of windows kept, {} traces with less than 95 % of them kept",
            governor["traces"],
            number(&governor["kept_percent"], 2),
            number(&governor["traces_below_95_percent"], 0)
        ),
    );
    fact(
        "its switches in any minute at constant load and budget, at most",
        format!(
            "{}; {} where the 20 s after a change of load or budget count too, in which it goes to its new child rung by rung",
            number(&governor["max_switches_per_minute"], 0),
            number(&governor["max_switches_per_minute_with_settling"], 0)
        ),
    );
    fact("switch", format!("p99 {} us, {} bytes of weights", number(&switch["p99_us"], 1), switch["weight_bytes"]));
    let _ = writeln!(out, "\n| target | wanted | got | met |\n| --- | --- | --- | --- |");
    for one in rows(&summary["targets"]) {
        let met = if one["met"] == true { "yes" } else { "**no**" };
        let _ = writeln!(out, "| {} | {} | {} | {met} |", text(&one["name"]), text(&one["wanted"]), targets::got(one));
    }
    out
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
