//! The rows that campaigns left, as one file and as a table.

use crate::process;
use crate::programs::write_json;
use crate::values::{list, number, word};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Writes `summary.json`: the rows of every campaign that ran last, by name.
pub fn write(folder: &Path) -> Result<()> {
    write_json(&folder.join("summary.json"), &json!({ "rows": rows(&folder.join("rows"))? }))
}

/// Leaves a row for a campaign that could not run, and why.
pub fn skipped(rows: &Path, what: &str, why: &str) -> Result<()> {
    let row = json!({ "what": what, "count": 0, "faults": 0, "seconds": 0.0, "skipped": why });
    write_json(&rows.join("skipped.json"), &row)
}

/// Notes in each row when it was made, and with which factor of all counts.
pub fn stamp(rows: &Path, scale: f64) -> Result<()> {
    let date = process::answer("date", &["-u", "+%Y-%m-%d"]).unwrap_or_default();
    for path in documents(rows)? {
        let mut row = read(&path)?;
        (row["date"], row["scale"]) = (json!(date), json!(scale));
        write_json(&path, &row)?;
    }
    Ok(())
}

/// The same as text.
pub fn table(folder: &Path) -> Result<String> {
    let summary = read(&folder.join("summary.json"))?;
    let line = |row: &Value| {
        let (what, date, scale) = (word(&row["what"]), word(&row["date"]), number(&row["scale"]));
        if let Some(why) = row["skipped"].as_str() {
            return format!("| {what} | skipped: {why} | | | {date} | |\n");
        }
        let (count, faults, seconds) = (&row["count"], &row["faults"], number(&row["seconds"]));
        format!("| {what} | {count} | {faults} | {seconds:.0} | {date} | {scale} |\n")
    };
    let lines: String = list(&summary["rows"]).iter().map(line).collect();
    Ok(format!("| what | count | faults | seconds | date | scale |\n| --- | --- | --- | --- | --- | --- |\n{lines}"))
}

fn read(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))
}

/// The rows in a campaign's folder.
fn documents(rows: &Path) -> Result<Vec<PathBuf>> {
    Ok(sorted(rows)?.into_iter().filter(|path| path.extension().is_some_and(|end| end == "json")).collect())
}

fn rows(folder: &Path) -> Result<Vec<Value>> {
    let mut rows = Vec::new();
    for campaign in sorted(folder)? {
        for path in documents(&campaign)? {
            let mut row = read(&path)?;
            row["campaign"] = json!(campaign.file_name().map(|name| name.to_string_lossy()));
            rows.push(row);
        }
    }
    Ok(rows)
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_all_campaigns_make_one_table() {
        let folder = tempfile::tempdir().unwrap();
        for (campaign, what) in [("b", "pictures"), ("a", "profiles")] {
            let rows = folder.path().join("rows").join(campaign);
            std::fs::create_dir_all(&rows).unwrap();
            let row = json!({ "what": what, "count": 5, "faults": 0, "seconds": 2.4 });
            std::fs::write(rows.join("row.json"), row.to_string()).unwrap();
            stamp(&rows, 0.5).unwrap();
        }
        let rows = folder.path().join("rows/c");
        std::fs::create_dir_all(&rows).unwrap();
        skipped(&rows, "parsers", "no Miri").unwrap();
        write(folder.path()).unwrap();
        let found = table(folder.path()).unwrap();
        let date = word(&read(&folder.path().join("summary.json")).unwrap()["rows"][0]["date"]).to_owned();
        assert_eq!(date.len(), "2026-12-01".len(), "{date}");
        let expected = format!("| profiles | 5 | 0 | 2 | {date} | 0.5 |\n| pictures | 5 | 0 | 2 | {date} | 0.5 |\n");
        assert!(found.contains(&expected) && found.contains("| parsers | skipped: no Miri |"), "{found}");
    }
}
