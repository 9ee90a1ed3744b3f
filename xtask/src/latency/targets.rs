//! What the summary should reach, and whether it does.

use super::table::{rows, text};
use serde_json::{Value, json};

/// What a figure must be.
enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// A figure of the summary too: without it nothing is beaten.
    Below(Option<f64>),
    True,
}

impl Bound {
    fn holds(&self, got: &Value) -> bool {
        match (self, got.as_f64()) {
            (Self::AtMost(bound), Some(got)) => got <= *bound,
            (Self::AtLeast(bound), Some(got)) => got >= *bound,
            (Self::Below(Some(bound)), Some(got)) => got < *bound,
            (Self::True, _) => *got == true,
            _ => false,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::AtMost(bound) => format!("<= {bound}"),
            Self::AtLeast(bound) => format!(">= {bound}"),
            Self::Below(Some(bound)) => format!("< {bound:.1}"),
            Self::Below(None) => "< -".to_owned(),
            Self::True => "true".to_owned(),
        }
    }
}

/// A target as the summary has it. A figure that is missing meets none.
fn target(name: &str, wanted: &Bound, got: &Value) -> Value {
    json!({ "name": name, "wanted": wanted.text(), "got": got, "met": wanted.holds(got) })
}

/// What the names of simpler predictors contain, one a kind, and whether it knows other devices' tables.
const BASELINES: [(&str, bool); 4] =
    [("MAdds only", false), ("sum of isolated layers", false), (", unscaled", true), (", one factor", true)];

/// All targets, in the order of the summary.
pub fn of(summary: &Value) -> Vec<Value> {
    let mut all: Vec<Value> = rows(&summary["prediction"]).flat_map(of_prediction).collect();
    let (choices, governor, switch) = (&summary["choices"], &summary["governor"], &summary["switch"]);
    let gain = &summary["whole_space"]["worst_gain_points"];
    all.extend([
        target("budgets kept at p95, %", &Bound::AtLeast(95.0), &choices["kept_percent"]),
        target("top-1 short of the oracle, points on average", &Bound::AtMost(0.3), &choices["mean_regret_points"]),
        target("whole space against shipped children, points at worst", &Bound::AtLeast(0.0), gain),
        target("governor: switches a minute", &Bound::AtMost(2.0), &governor["max_switches_per_minute"]),
        target("governor: windows kept, %", &Bound::AtLeast(95.0), &governor["kept_percent"]),
        target("switch: p99, us", &Bound::AtMost(100.0), &switch["p99_us"]),
        target("switch: bytes of weights", &Bound::AtMost(0.0), &switch["weight_bytes"]),
        target("switch: answers equal a fresh load's", &Bound::True, &switch["outputs_equal_fresh_load"]),
    ]);
    all
}

/// Of one device and space: software adapters share their cores with everything else, so less is asked of them.
fn of_prediction(one: &Value) -> Vec<Value> {
    let name = |what: &str| format!("{}, {}: {what}", text(&one["space"]), text(&one["adapter"]));
    let mape = &one["mape_percent"];
    let software = one["device_type"] == "cpu";
    let (most, rank) = if software { (12.0, 0.95) } else { (5.0, 0.98) };
    let mut all = vec![target(&name("MAPE, %"), &Bound::AtMost(most), mape)];
    if !software {
        all.push(target(&name("within 10 %, %"), &Bound::AtLeast(95.0), &one["within_10_percent"]));
    }
    all.push(target(&name("Spearman"), &Bound::AtLeast(rank), &one["spearman"]));
    for (kind, knows_tables) in BASELINES {
        // Each against the fit that knows as much.
        let (fit, own) = match knows_tables {
            false => ("MAPE", mape),
            true => ("MAPE from the nearest table", &one["from_nearest"]["mape_percent"]),
        };
        let below = |predictor: &str| name(&format!("{fit}, % below that of `{predictor}`"));
        let mut known = rows(&one["baselines"]).filter(|row| text(&row["predictor"]).contains(kind)).peekable();
        if known.peek().is_none() {
            all.push(target(&below(kind.trim_start_matches(", ")), &Bound::Below(None), own));
        }
        all.extend(
            known.map(|row| target(&below(text(&row["predictor"])), &Bound::Below(row["mape_percent"].as_f64()), own)),
        );
    }
    all
}

/// The targets that are missed, one a line, for whoever reads no table.
pub fn verdict(targets: &[Value]) -> String {
    let missed: Vec<String> = (targets.iter().filter(|one| one["met"] != true))
        .map(|one| format!("  {}: {} wanted, {} got", text(&one["name"]), text(&one["wanted"]), got(one)))
        .collect();
    match missed.len() {
        0 => format!("all {} targets are met", targets.len()),
        count => format!("{count} of {} targets are missed:\n{}", targets.len(), missed.join("\n")),
    }
}

/// What was reached, as text.
pub fn got(target: &Value) -> String {
    match (&target["got"], target["got"].as_f64()) {
        (Value::Null, _) => "-".to_owned(),
        (_, Some(number)) => format!("{}", (number * 1e3).round() / 1e3),
        (other, None) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary() -> Value {
        let baseline = |predictor: &str, mape: f64| json!({ "predictor": predictor, "mape_percent": mape });
        let prediction = json!({
            "space": "demo",
            "adapter": "A",
            "device_type": "cpu",
            "mape_percent": 7.5,
            "within_10_percent": 80.0,
            "spearman": 0.94,
            "from_nearest": { "mape_percent": 7.9 },
            "baselines": [
                baseline("MAdds only", 20.0),
                baseline("sum of isolated layers", 7.5),
                baseline("table of B, unscaled", 30.0),
                baseline("table of C, unscaled", 40.0),
                baseline("table of B, one factor", 8.0),
            ],
        });
        json!({
            "prediction": [prediction],
            "choices": { "kept_percent": 95.0, "mean_regret_points": 0.31 },
            "whole_space": { "worst_gain_points": 0.0 },
            "governor": { "max_switches_per_minute": 2, "kept_percent": 99.1 },
            "switch": { "p99_us": 1.4, "weight_bytes": 0, "outputs_equal_fresh_load": true },
        })
    }

    /// The targets whose names contain a text: whether each is met.
    fn met(summary: &Value, name: &str) -> Vec<bool> {
        let named = |one: &Value| text(&one["name"]).contains(name).then(|| one["met"] == true);
        of(summary).iter().filter_map(named).collect()
    }

    #[test]
    fn a_figure_meets_its_target_or_misses_it() {
        let summary = summary();
        for (name, wanted) in [
            ("demo, A: MAPE, %", vec![true, true, false]),
            ("demo, A: MAPE from the nearest table, %", vec![true, true, true]),
            ("Spearman", vec![false]),
            ("within 10 %", vec![]),
            ("isolated layers`", vec![false]),
            ("unscaled`", vec![true, true]),
            ("budgets kept", vec![true]),
            ("oracle", vec![false]),
            ("whole space", vec![true]),
            ("governor", vec![true, true]),
            ("switch: ", vec![true, true, true]),
        ] {
            assert_eq!(met(&summary, name), wanted, "{name}");
        }
        let verdict = verdict(&of(&summary));
        assert!(
            verdict.starts_with("3 of 15 targets are missed:\n  demo, A: Spearman: >= 0.95 wanted, 0.94 got"),
            "{verdict}"
        );
        assert!(verdict.ends_with("points on average: <= 0.3 wanted, 0.31 got"), "{verdict}");
    }

    #[test]
    fn more_is_asked_of_a_gpu() {
        let mut summary = summary();
        summary["prediction"][0]["device_type"] = "integrated gpu".into();
        assert!(!met(&summary, "A: MAPE, %")[0]);
        assert_eq!(met(&summary, "within 10 %"), [false]);
        let one = &mut summary["prediction"][0];
        (one["mape_percent"], one["within_10_percent"], one["spearman"]) = (5.0.into(), 95.0.into(), 0.98.into());
        assert_eq!([met(&summary, "within 10 %"), met(&summary, "Spearman")].concat(), [true, true]);
        assert!(met(&summary, "A: MAPE, %").iter().all(|met| *met));
    }

    #[test]
    fn what_is_missing_is_not_met() {
        let mut summary = summary();
        summary["prediction"][0]["baselines"] = json!([]);
        summary["prediction"][0]["spearman"] = Value::Null;
        summary["choices"] = Value::Null;
        summary["whole_space"] = Value::Null;
        summary["switch"] = json!({ "outputs_equal_fresh_load": false });
        let targets = of(&summary);
        let missed: Vec<&Value> = targets.iter().filter(|one| one["met"] == false).collect();
        assert_eq!((targets.len(), missed.len()), (14, 11));
        assert_eq!(met(&summary, "`one factor`"), [false]);
        assert!(verdict(&targets).contains("budgets kept at p95, %: >= 95 wanted, - got"), "{}", verdict(&targets));
        assert!(verdict(&targets).ends_with("fresh load's: true wanted, false got"));
    }
}
