//! `cargo xtask doctor`: does every device of this machine compute what it should?

use crate::latency::devices;
use crate::programs::{Programs, write_json};
use crate::{process, setup, workspace};
use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Runs `nestling-device doctor` on each device, for the demo's bundle and for known networks; fails if anything deviates or
/// was left out. Writes a file for each to `target/doctor`.
pub fn run() -> Result<()> {
    setup::ensure()?;
    let programs = Programs::build()?;
    let folder = workspace::target().join("doctor");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let bundle = workspace::root().join("examples/assets/fashion.nestling").to_string_lossy().into_owned();
    let mut faults = Vec::new();
    for device in devices::find(&programs)? {
        // A software device computes slower than a GPU, and its drivers compile for long.
        for (name, arguments) in [("fashion", vec!["doctor", &bundle]), ("known-networks", vec!["doctor"])] {
            let mut command = device.command(&programs, &arguments);
            let found = process::document(command.args(["--seconds", "300", "--json"]))?;
            let path = folder.join(format!("{}.{name}.json", device.file_name()));
            write_json(&path, &found)?;
            println!("{}, {name}: {}", device.label, in_words(&found));
            faults.extend(fault(&found).map(|fault| format!("{}, {name}: {fault}", device.label)));
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

/// The reason why a report is not clean.
fn fault(found: &Value) -> Option<String> {
    if let Some(message) = found["error"]["message"].as_str() {
        return Some(message.to_owned());
    }
    let (cases, skipped) = (sum(found, "cases"), sum(found, "skipped"));
    if let Some(first) = found["replaced"].as_array().and_then(|replaced| replaced.first()) {
        return Some(format!("replaced: {first}"));
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
        assert_eq!(fault(&report(5, 0)), None);
        assert!(fault(&report(5, 1)).is_some() && fault(&report(0, 0)).is_some() && fault(&json!({})).is_some());
        let mut replaced = report(5, 0);
        replaced["replaced"] = json!(["kernel `dense` by kernel `fallback`"]);
        assert!(fault(&replaced).unwrap().contains("dense"));
        assert_eq!(fault(&json!({ "error": { "message": "lost" } })).as_deref(), Some("lost"));
        assert!(in_words(&report(5, 1)).contains("5 cases, 0 wrong, 1 left out"));
    }
}
