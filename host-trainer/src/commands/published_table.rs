//! The table of published networks, with the cost of each by our own model.

use super::print;
use anyhow::Result;
use nestling_core::space::Cost;
use nestling_train::published::{Architecture, PublishedNetwork};
use serde::Serialize;
use std::fmt::Write;

/// A row of the document.
#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    published: &'static PublishedNetwork,
    /// Cost of the preset.
    computed: Option<Cost>,
}

/// Prints the table.
pub fn print_published(json: bool) -> Result<()> {
    let row = |published: &'static PublishedNetwork| Ok(Row { published, computed: published.computed()? });
    let rows: Vec<Row> = PublishedNetwork::ALL.iter().map(row).collect::<Result<_>>()?;
    print(json, &rows, || {
        let mut text = format!(
            "{:11} {:25} {:>14} {:>9} {:>5}  {:>14} {:>9}  preset\n",
            "group", "network", "M parameters", "M FLOPs", "top-1", "M parameters", "M MAdds"
        );
        for Row { published, computed } in &rows {
            let PublishedNetwork { group, family, params_millions, madds_millions, top1, .. } = published;
            let _ = write!(text, "{group:11} {family:25} {params_millions:>14.1} {madds_millions:>9.0} {top1:>5.1}");
            let _ = match computed {
                Some(cost) => write!(text, "  {:>14.2} {:>9.0}", cost.params as f64 / 1e6, cost.madds.millions()),
                None => write!(text, "  {:>14} {:>9}", "", ""),
            };
            let _ = writeln!(text, "  {}", known_from(published.architecture));
        }
        for Row { published, .. } in rows.iter().filter(|row| row.published.note.is_some()) {
            let _ = writeln!(text, "{}: {}", published.family, published.note.unwrap_or_default());
        }
        text
    })
}

fn known_from(architecture: Architecture) -> String {
    match architecture {
        Architecture::Same(preset) => preset.to_owned(),
        Architecture::Nearest(preset) => format!("nearest: {preset}"),
        Architecture::Unpublished => "published figures only: the architecture was not published".to_owned(),
        Architecture::OtherBlocks => "published figures only: other blocks".to_owned(),
    }
}
