//! `cargo xtask doctor`: does every device of this machine compute what it should?

use crate::latency::devices;
use crate::programs::{Programs, write_json};
use crate::{process, setup, workspace};
use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Name of the report with the time that a user's has.
const BY_DEFAULT: &str = "fashion-in-time";
/// Longest time of a doctor that is given no other.
const MOST_SECONDS: f64 = 20.0;

/// Runs `nestling-device doctor` on each device: for the demo's bundle as it is by default, which must end in time, then for
/// the bundle and for known networks with all the time that they need. Fails if anything deviates, or was left out of those.
/// Writes a file for each to `target/doctor`.
pub fn run() -> Result<()> {
    setup::ensure()?;
    let programs = Programs::build()?;
    let folder = workspace::target().join("doctor");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let bundle = workspace::root().join("examples/assets/fashion.nestling").to_string_lossy().into_owned();
    let mut faults = Vec::new();
    for device in devices::find(&programs)? {
        // A software device computes slower than a GPU, and its drivers compile for long.
        let all = ["--seconds", "300"];
        let runs: [(&str, Vec<&str>); 3] = [
            (BY_DEFAULT, vec!["doctor", &bundle]),
            ("fashion", [&["doctor", &bundle][..], &all].concat()),
            ("known-networks", [&["doctor"][..], &all].concat()),
        ];
        for (name, arguments) in runs {
            let mut command = device.command(&programs, &arguments);
            let found = process::document(command.arg("--json"))?;
            let path = folder.join(format!("{}.{name}.json", device.file_name()));
            write_json(&path, &found)?;
            println!("{}, {name}: {}", device.label, in_words(&found));
            faults.extend(fault(&found, name == BY_DEFAULT).map(|fault| format!("{}, {name}: {fault}", device.label)));
        }
    }
    println!("written to {}", folder.display());
    match faults.len() {
        0 => Ok(()),
        count => bail!("{count} reports are not clean:\n  {}", faults.join("\n  ")),
    }
}

fn sum(found: &Value, of: &str) -> u64 {
    found["checks"].as_array().into_iter().flatten().filter_map(|check| check[of].as_u64()).sum()
}

fn in_words(found: &Value) -> String {
    let checks = found["checks"].as_array().map_or(0, Vec::len);
    format!(
        "{checks} checks, {} cases, {} wrong, {} left out, {:.1} s",
        sum(found, "cases"),
        sum(found, "deviations"),
        sum(found, "skipped"),
        found["seconds"].as_f64().unwrap_or_default()
    )
}

/// The reason why a report is not clean. One `in_time` may leave cases out, and must end in [`MOST_SECONDS`].
fn fault(found: &Value, in_time: bool) -> Option<String> {
    if let Some(message) = found["error"]["message"].as_str() {
        return Some(message.to_owned());
    }
    let (cases, skipped, deviations) = (sum(found, "cases"), sum(found, "skipped"), sum(found, "deviations"));
    if let Some(first) = found["replaced"].as_array().and_then(|replaced| replaced.first()) {
        return Some(format!("replaced: {first}"));
    }
    if deviations > 0 {
        return Some(format!("{deviations} of {cases} cases are wrong"));
    }
    if in_time {
        let seconds = found["seconds"].as_f64().unwrap_or(f64::INFINITY);
        return (cases == 0 || seconds > MOST_SECONDS)
            .then(|| format!("{cases} cases were compared in {seconds:.1} s"));
    }
    (cases == 0 || skipped > 0).then(|| format!("{cases} cases were compared and {skipped} left out"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_report_is_clean_only_if_all_of_it_was_compared() {
        let report = |cases, skipped| json!({ "checks": [{ "cases": cases, "deviations": 0, "skipped": skipped }] });
        let fault = |found: &Value| fault(found, false);
        assert_eq!(fault(&report(5, 0)), None);
        let mut wrong = report(5, 0);
        wrong["checks"][0]["deviations"] = json!(2);
        assert_eq!(fault(&wrong).as_deref(), Some("2 of 5 cases are wrong"));
        assert!(fault(&report(5, 1)).is_some() && fault(&report(0, 0)).is_some() && fault(&json!({})).is_some());
        let mut replaced = report(5, 0);
        replaced["replaced"] = json!(["kernel `dense` by kernel `fallback`"]);
        assert!(fault(&replaced).unwrap().contains("dense"));
        assert_eq!(fault(&json!({ "error": { "message": "lost" } })).as_deref(), Some("lost"));
        assert!(in_words(&report(5, 1)).contains("5 cases, 0 wrong, 1 left out"));
    }

    #[test]
    fn a_report_in_time_may_leave_cases_out_and_must_end() {
        let report = |seconds: f64, deviations: u64| json!({ "seconds": seconds, "checks": [{ "cases": 5, "deviations": deviations, "skipped": 1 }] });
        assert_eq!(fault(&report(19.0, 0), true), None);
        assert!(fault(&report(21.0, 0), true).is_some() && fault(&report(19.0, 1), true).is_some());
        assert!(fault(&json!({ "seconds": 1.0 }), true).is_some(), "nothing was compared");
    }
}
