//! The targets that the summary must meet.

use super::table::{rows, text};
use anyhow::{Result, bail};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Condition on a figure.
enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// Below another figure of the summary; no figure is below one that is missing.
    Below(Option<f64>),
    Above(Option<f64>),
    True,
}

impl Bound {
    fn holds(&self, got: &Value) -> bool {
        match (self, got.as_f64()) {
            (Self::AtMost(bound), Some(got)) => got <= *bound,
            (Self::AtLeast(bound), Some(got)) => got >= *bound,
            (Self::Below(Some(bound)), Some(got)) => got < *bound,
            (Self::Above(Some(bound)), Some(got)) => got > *bound,
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
            Self::Above(Some(bound)) => format!("> {bound:.3}"),
            Self::Above(None) => "> -".to_owned(),
            Self::True => "true".to_owned(),
        }
    }
}

/// A target as the summary shows it. A missing figure meets no target.
fn target(name: &str, wanted: &Bound, got: &Value) -> Value {
    json!({ "name": name, "wanted": wanted.text(), "got": got, "met": wanted.holds(got) })
}

/// A simpler predictor that the fit must beat.
struct Baseline {
    /// Part of its name.
    kind: &'static str,
    /// Whether it knows other devices' tables; it is then compared with the fit that knows them too.
    knows_tables: bool,
    /// Whether it ranks children in its own way; a factor changes no rank.
    ranks: bool,
}

const BASELINES: [Baseline; 4] = [
    Baseline { kind: "MAdds only", knows_tables: false, ranks: true },
    Baseline { kind: "sum of isolated layers", knows_tables: false, ranks: true },
    Baseline { kind: ", unscaled", knows_tables: true, ranks: false },
    Baseline { kind: ", one factor", knows_tables: true, ranks: true },
];

/// All targets, in the order of the summary.
pub fn of(summary: &Value) -> Vec<Value> {
    let mut all: Vec<Value> = rows(&summary["prediction"]).flat_map(of_prediction).collect();
    all.extend(of_coverage(&summary["prediction"]));
    let (choices, governor, switch) = (&summary["choices"], &summary["governor"], &summary["switch"]);
    let gain = &summary["whole_space"]["worst_gain_points"];
    all.extend([
        target("shares for which devices take different children", &Bound::AtLeast(1.0), &differing(&summary["fleet"])),
        target("budgets", &Bound::AtLeast(200.0), &choices["budgets"]),
        target("budgets kept at p95, %", &Bound::AtLeast(95.0), &choices["kept_percent"]),
        target("top-1 short of the oracle, points on average", &Bound::AtMost(0.3), &choices["mean_regret_points"]),
        target("whole space against shipped children, points at worst", &Bound::AtLeast(0.0), gain),
        target("governor: traces", &Bound::AtLeast(1000.0), &governor["traces"]),
        target("governor: switches a minute", &Bound::AtMost(2.0), &governor["max_switches_per_minute"]),
        target("governor: windows kept, %", &Bound::AtLeast(95.0), &governor["kept_percent"]),
        target("switch: p99, us", &Bound::AtMost(100.0), &switch["p99_us"]),
        target("switch: bytes of weights", &Bound::AtMost(0.0), &switch["weight_bytes"]),
        target("switch: answers equal a fresh load's", &Bound::True, &switch["outputs_equal_fresh_load"]),
    ]);
    all
}

/// Targets of one device and space. They are lower for software adapters, which share their cores with other work.
fn of_prediction(one: &Value) -> Vec<Value> {
    let name = |what: &str| format!("{}, {}: {what}", text(&one["space"]), text(&one["adapter"]));
    let software = one["device_type"] == "cpu";
    let (most, rank) = if software { (12.0, 0.95) } else { (5.0, 0.98) };
    let mut all = vec![
        target(&name("held-out children"), &Bound::AtLeast(100.0), &one["children"]),
        target(&name("MAPE, %"), &Bound::AtMost(most), &one["mape_percent"]),
    ];
    if !software {
        all.push(target(&name("within 10 %, %"), &Bound::AtLeast(95.0), &one["within_10_percent"]));
    }
    all.push(target(&name("Spearman"), &Bound::AtLeast(rank), &one["spearman"]));
    for Baseline { kind, knows_tables, ranks } in BASELINES {
        let (fit, from) = if knows_tables { (&one["from_nearest"], " from the nearest table") } else { (one, "") };
        let mut beaten = |predictor: &str, baseline: &Value| {
            let below = name(&format!("MAPE{from}, % below that of `{predictor}`"));
            all.push(target(&below, &Bound::Below(baseline["mape_percent"].as_f64()), &fit["mape_percent"]));
            if ranks {
                let above = name(&format!("Spearman{from} above that of `{predictor}`"));
                all.push(target(&above, &Bound::Above(baseline["spearman"].as_f64()), &fit["spearman"]));
            }
        };
        let mut known = rows(&one["baselines"]).filter(|row| text(&row["predictor"]).contains(kind)).peekable();
        if known.peek().is_none() {
            beaten(kind.trim_start_matches(", "), &Value::Null);
        }
        known.for_each(|row| beaten(text(&row["predictor"]), row));
    }
    all
}

/// Targets that something left out would miss.
fn of_coverage(prediction: &Value) -> Vec<Value> {
    let mut devices: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for one in rows(prediction) {
        devices.entry(text(&one["space"])).or_default().insert(text(&one["adapter"]));
    }
    let mut all = vec![target("spaces", &Bound::AtLeast(2.0), &devices.len().into())];
    let of_space = |(space, devices): (&str, BTreeSet<_>)| {
        target(&format!("{space}: devices"), &Bound::AtLeast(3.0), &devices.len().into())
    };
    all.extend(devices.into_iter().map(of_space));
    all
}

/// Number of budgets, each the same share of the children's times on all devices, for which devices take different
/// children.
fn differing(fleet: &Value) -> Value {
    let count = |shares: &Vec<Value>| shares.iter().filter(|row| row["differ"] == true).count();
    fleet["shares"].as_array().map(count).into()
}

/// Fails if a target is missed, and names every such target.
pub fn judge(targets: &[Value]) -> Result<()> {
    let missed: Vec<String> = (targets.iter().filter(|one| one["met"] != true))
        .map(|one| format!("  {}: {} wanted, {} got", text(&one["name"]), text(&one["wanted"]), got(one)))
        .collect();
    match missed.len() {
        0 => Ok(()),
        count => bail!("{count} of {} targets are missed:\n{}", targets.len(), missed.join("\n")),
    }
}

/// The figure that was reached, as text.
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
        let baseline = |predictor: &str, mape: f64, spearman: f64| json!({ "predictor": predictor, "mape_percent": mape, "spearman": spearman });
        let prediction = json!({
            "space": "demo",
            "adapter": "A",
            "device_type": "cpu",
            "children": 100,
            "mape_percent": 7.5,
            "within_10_percent": 80.0,
            "spearman": 0.94,
            "from_nearest": { "mape_percent": 7.9, "spearman": 0.96 },
            "baselines": [
                baseline("MAdds only", 20.0, 0.9),
                baseline("sum of isolated layers", 7.5, 0.94),
                baseline("table of B, unscaled", 30.0, 0.95),
                baseline("table of C, unscaled", 40.0, 0.97),
                baseline("table of B, one factor", 8.0, 0.95),
                baseline("table of C, one factor", 9.0, 0.97),
            ],
        });
        json!({
            "prediction": [prediction],
            "fleet": { "shares": [{ "differ": false }, { "differ": true }] },
            "choices": { "budgets": 200, "kept_percent": 95.0, "mean_regret_points": 0.31 },
            "whole_space": { "worst_gain_points": 0.0 },
            "governor": { "traces": 1000, "max_switches_per_minute": 2, "kept_percent": 99.1 },
            "switch": { "p99_us": 1.4, "weight_bytes": 0, "outputs_equal_fresh_load": true },
        })
    }

    /// The same figures of every device in every space.
    fn everywhere(mut summary: Value) -> Value {
        let mut all = Vec::new();
        for space in ["demo", "table1"] {
            for adapter in ["A", "B", "C"] {
                let mut one = summary["prediction"][0].clone();
                (one["space"], one["adapter"]) = (space.into(), adapter.into());
                all.push(one);
            }
        }
        summary["prediction"] = all.into();
        summary
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
            ("held-out children", vec![true]),
            ("demo, A: MAPE, %", vec![true, true, false]),
            ("demo, A: MAPE from the nearest table, %", vec![true; 4]),
            ("demo, A: Spearman", vec![false, true, false, true, false]),
            ("A: Spearman above that of `sum of isolated layers`", vec![false]),
            ("A: Spearman from the nearest table above that of `table of B, one factor`", vec![true]),
            ("within 10 %", vec![]),
            ("isolated layers`", vec![false, false]),
            // A factor changes no rank.
            ("unscaled`", vec![true, true]),
            ("shares", vec![true]),
            ("budgets", vec![true, true]),
            ("oracle", vec![false]),
            ("whole space", vec![true]),
            ("governor", vec![true, true, true]),
            ("switch: ", vec![true, true, true]),
        ] {
            assert_eq!(met(&summary, name), wanted, "{name}");
        }
        let message = judge(&of(&summary)).unwrap_err().to_string();
        assert!(
            message.starts_with("7 of 26 targets are missed:\n  demo, A: Spearman: >= 0.95 wanted, 0.94 got"),
            "{message}"
        );
        assert!(message.contains("`table of C, one factor`: > 0.970 wanted, 0.96 got"), "{message}");
        assert!(message.ends_with("points on average: <= 0.3 wanted, 0.31 got"), "{message}");
        let met: Vec<Value> = of(&summary).into_iter().filter(|one| one["met"] == true).collect();
        judge(&met).unwrap();
    }

    #[test]
    fn measurements_left_out_miss_a_target() {
        let whole = everywhere(summary());
        let changed = |change: fn(&mut Value)| {
            let mut changed = whole.clone();
            change(&mut changed);
            changed
        };
        assert_eq!([met(&whole, "spaces"), met(&whole, ": devices")].concat(), [true, true, true]);
        let without_a_device = changed(|summary| drop(summary["prediction"].as_array_mut().unwrap().pop()));
        assert_eq!(met(&without_a_device, ": devices"), [true, false]);
        let twice = changed(|summary| summary["prediction"][5]["adapter"] = "A".into());
        assert_eq!(met(&twice, ": devices"), [true, false]);
        let quick = changed(|summary| summary["prediction"].as_array_mut().unwrap().truncate(3));
        assert_eq!([met(&quick, "spaces"), met(&quick, ": devices")].concat(), [false, true]);
        let few = changed(|summary| summary["prediction"][0]["children"] = 99.into());
        assert_eq!(met(&few, "held-out children").iter().filter(|met| !**met).count(), 1);
        let same = changed(|summary| summary["fleet"]["shares"][1]["differ"] = false.into());
        assert_eq!(met(&same, "shares"), [false]);
        let short = changed(|summary| {
            (summary["choices"]["budgets"], summary["governor"]["traces"]) = (199.into(), 999.into());
        });
        assert_eq!([met(&short, "budgets"), met(&short, "traces")].concat(), [false, true, false]);
    }

    #[test]
    fn targets_of_a_gpu_are_higher() {
        let mut summary = summary();
        summary["prediction"][0]["device_type"] = "integrated gpu".into();
        assert!(!met(&summary, "A: MAPE, %")[0]);
        assert_eq!(met(&summary, "within 10 %"), [false]);
        let one = &mut summary["prediction"][0];
        (one["mape_percent"], one["within_10_percent"], one["spearman"]) = (5.0.into(), 95.0.into(), 0.98.into());
        assert_eq!(met(&summary, "within 10 %"), [true]);
        assert!(met(&summary, "A: Spearman")[0]);
        assert!(met(&summary, "A: MAPE, %").iter().all(|met| *met));
    }

    #[test]
    fn missing_figures_meet_no_target() {
        let mut summary = summary();
        summary["prediction"][0]["baselines"] = json!([]);
        summary["prediction"][0]["spearman"] = Value::Null;
        summary["fleet"] = Value::Null;
        summary["choices"] = Value::Null;
        summary["whole_space"] = Value::Null;
        summary["switch"] = json!({ "outputs_equal_fresh_load": false });
        let targets = of(&summary);
        let missed: Vec<&Value> = targets.iter().filter(|one| one["met"] == false).collect();
        assert_eq!((targets.len(), missed.len()), (23, 18));
        assert_eq!(met(&summary, "`one factor`"), [false, false]);
        let message = judge(&targets).unwrap_err().to_string();
        assert!(message.contains("budgets kept at p95, %: >= 95 wanted, - got"), "{message}");
        assert!(message.ends_with("fresh load's: true wanted, false got"), "{message}");
    }
}
