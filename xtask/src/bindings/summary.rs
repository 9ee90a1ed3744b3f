//! The table of all languages, its limits and its verdict.

use super::FRAMES;
use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Largest difference of a logit, over the largest logit of its frame: as for golden pictures.
const TOLERANCE: f64 = 1e-3;

/// Artefacts whose size is limited.
const LIMITED: usize = 3;

/// A language.
pub struct Row {
    pub language: &'static str,
    pub pictures: usize,
    /// Share of frames with Rust's best class.
    pub top1_agreement: f64,
    pub max_relative_error: f64,
    /// The call whose overhead was measured.
    pub call: String,
    pub call_overhead_us: f64,
    /// Microseconds of a classification above Rust's.
    pub classify_overhead_us: f64,
    pub first_result_ms: f64,
    pub artefact_bytes: u64,
}

/// An artefact and the most that it may have.
pub struct Limit {
    artefact: &'static str,
    bytes: u64,
    limit_bytes: u64,
}

impl Limit {
    pub fn arm64(bytes: u64) -> Self {
        Self { artefact: "arm64 cdylib, stripped", bytes, limit_bytes: 5_000_000 }
    }

    pub fn wasm(bytes: u64) -> Self {
        Self { artefact: "WebAssembly module, gzip", bytes, limit_bytes: 400_000 }
    }

    pub fn wheel(bytes: u64) -> Self {
        Self { artefact: "Python wheel", bytes, limit_bytes: 6_000_000 }
    }
}

/// All that the command found.
#[derive(Default)]
pub struct Summary {
    pub rows: Vec<Row>,
    pub limits: Vec<Limit>,
    /// Bytes of the examples' bundle in format 8 until its first child can answer, over all its bytes.
    pub share_until_first_answer: f64,
    /// The same of the demo's bundle, where there is one.
    pub share_of_demo: Option<f64>,
}

impl Summary {
    /// The document.
    pub fn json(&self) -> Value {
        let row = |row: &Row| {
            json!({
                "language": row.language,
                "pictures": row.pictures,
                "top1_agreement": row.top1_agreement,
                "max_relative_error": row.max_relative_error,
                "call": row.call,
                "call_overhead_us": row.call_overhead_us,
                "classify_overhead_us": row.classify_overhead_us,
                "first_result_ms": row.first_result_ms,
                "artefact_bytes": row.artefact_bytes,
            })
        };
        let limit =
            |one: &Limit| json!({ "artefact": one.artefact, "bytes": one.bytes, "limit_bytes": one.limit_bytes });
        let mut progressive = json!({ "share_until_first_answer": self.share_until_first_answer });
        if let Some(share) = self.share_of_demo {
            progressive["share_until_first_answer_of_demo"] = json!(share);
        }
        json!({
            "rows": self.rows.iter().map(row).collect::<Vec<_>>(),
            "limits": self.limits.iter().map(limit).collect::<Vec<_>>(),
            "progressive": progressive,
        })
    }

    /// The table as Markdown.
    pub fn table(&self) -> String {
        let mut text = String::from(
            "| language | frames | same top-1 | largest error | a call | us | `classify` | first result | size |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        );
        for row in &self.rows {
            let _ = writeln!(
                text,
                "| {} | {} | {:.0} % | {:.1e} | `{}` | {} | {:.0} us | {:.0} ms | {:.2} MB |",
                row.language,
                row.pictures,
                100.0 * row.top1_agreement,
                row.max_relative_error,
                row.call,
                significant(row.call_overhead_us),
                row.classify_overhead_us,
                row.first_result_ms,
                row.artefact_bytes as f64 / 1e6
            );
        }
        text.push_str("\n| artefact | size | limit |\n| --- | --- | --- |\n");
        for limit in &self.limits {
            let (bytes, most) = (limit.bytes as f64 / 1e6, limit.limit_bytes as f64 / 1e6);
            let _ = writeln!(text, "| {} | {bytes:.3} MB | {most:.1} MB |", limit.artefact);
        }
        let _ = writeln!(
            text,
            "\n{:.1} % of the bundle must arrive before its first child answers",
            100.0 * self.share_until_first_answer
        );
        if let Some(share) = self.share_of_demo {
            let _ = writeln!(text, "{:.1} % of the demo's", 100.0 * share);
        }
        text
    }

    /// Fails with all that is out of bounds.
    pub fn check(&self) -> Result<()> {
        let mut faults = Vec::new();
        for row in &self.rows {
            if row.top1_agreement < 1.0 {
                let share = 100.0 * row.top1_agreement;
                faults.push(format!("{} has Rust's best class for {share:.1} % of the frames", row.language));
            }
            if row.max_relative_error.is_nan() || row.max_relative_error > TOLERANCE {
                let error = row.max_relative_error;
                faults.push(format!("{} differs by {error:.1e}, and may by {TOLERANCE:.0e}", row.language));
            }
        }
        for limit in self.limits.iter().filter(|limit| limit.bytes > limit.limit_bytes) {
            faults.push(format!("{}: {} bytes, and may have {}", limit.artefact, limit.bytes, limit.limit_bytes));
        }
        ensure!(!self.rows.is_empty(), "no language answered");
        ensure!(self.limits.len() == LIMITED, "{} of {LIMITED} artefacts were measured", self.limits.len());
        for row in &self.rows {
            ensure!(row.pictures == FRAMES, "{} answered {} of {FRAMES} frames", row.language, row.pictures);
        }
        ensure!(faults.is_empty(), "{}", faults.join("; "));
        Ok(())
    }
}

/// Two significant digits at least.
fn significant(value: f64) -> String {
    if value >= 10.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary() -> Summary {
        let row = Row {
            language: "C",
            pictures: 64,
            top1_agreement: 1.0,
            max_relative_error: 1e-6,
            call: "nothing".to_owned(),
            call_overhead_us: 0.05,
            classify_overhead_us: 12.0,
            first_result_ms: 123.0,
            artefact_bytes: 5_000_000,
        };
        let limits = vec![Limit::arm64(4_800_000), Limit::wasm(386_000), Limit::wheel(5_000_000)];
        Summary { rows: vec![row], limits, share_until_first_answer: 0.25, share_of_demo: None }
    }

    #[test]
    fn the_document_has_the_form_that_readers_expect() {
        let document = summary().json();
        let keys = |value: &Value| value.as_object().map(|object| object.keys().cloned().collect::<Vec<_>>());
        assert_eq!(keys(&document).unwrap(), ["limits", "progressive", "rows"]);
        for key in ["language", "pictures", "top1_agreement", "max_relative_error", "call_overhead_us"] {
            assert!(!document["rows"][0][key].is_null(), "{key}");
        }
        assert!(document["rows"][0]["first_result_ms"].is_f64() && document["rows"][0]["artefact_bytes"].is_u64());
        assert_eq!(document["limits"][1]["limit_bytes"], 400_000);
        assert_eq!(document["progressive"]["share_until_first_answer"], 0.25);
        assert!(
            summary().table().contains("| C | 64 | 100 % | 1.0e-6 | `nothing` | 0.05 | 12 us | 123 ms | 5.00 MB |")
        );
    }

    #[test]
    fn whatever_is_out_of_bounds_fails() {
        summary().check().unwrap();
        assert!(Summary::default().check().is_err());
        let fails = |change: fn(&mut Summary), part: &str| {
            let mut summary = summary();
            change(&mut summary);
            let text = summary.check().unwrap_err().to_string();
            assert!(text.contains(part), "{text}");
        };
        fails(|summary| summary.rows[0].top1_agreement = 63.0 / 64.0, "98.4 %");
        fails(|summary| summary.rows[0].max_relative_error = 2e-3, "differs by 2.0e-3");
        fails(|summary| summary.rows[0].max_relative_error = f64::NAN, "NaN");
        fails(|summary| summary.limits[0].bytes = 5_000_001, "arm64 cdylib, stripped: 5000001 bytes");
        fails(|summary| summary.limits[1].bytes = 400_001, "400000");
        fails(|summary| summary.limits[2].bytes = 6_000_001, "wheel");
        fails(|summary| summary.limits.truncate(2), "2 of 3 artefacts");
        fails(|summary| summary.rows[0].pictures = 63, "63 of 64 frames");
    }
}
