//! The rows that campaigns left, as one file and as a table.

use crate::programs::write_json;
use crate::values::{list, number, word};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Writes `summary.json`: the rows of every campaign that ran last, by name.
pub fn write(folder: &Path) -> Result<()> {
    write_json(&folder.join("summary.json"), &json!({ "rows": rows(&folder.join("rows"))? }))
}

/// The same as text.
pub fn table(folder: &Path) -> Result<String> {
    let path = folder.join("summary.json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let summary: Value = serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))?;
    let line = |row: &Value| {
        let (count, faults, seconds) = (&row["count"], &row["faults"], number(&row["seconds"]));
        format!("| {} | {count} | {faults} | {seconds:.0} |\n", word(&row["what"]))
    };
    let lines: String = list(&summary["rows"]).iter().map(line).collect();
    Ok(format!("| what | count | faults | seconds |\n| --- | --- | --- | --- |\n{lines}"))
}

fn rows(folder: &Path) -> Result<Vec<Value>> {
    let mut rows = Vec::new();
    for campaign in sorted(folder)? {
        for path in sorted(&campaign)?.iter().filter(|path| path.extension().is_some_and(|end| end == "json")) {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let mut row: Value =
                serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))?;
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
        }
        write(folder.path()).unwrap();
        let table = table(folder.path()).unwrap();
        assert!(table.ends_with("| profiles | 5 | 0 | 2 |\n| pictures | 5 | 0 | 2 |\n"), "{table}");
    }
}
