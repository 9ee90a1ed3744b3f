//! `spaces`: the preset search spaces.

use super::print;
use super::published_table::print_published;
use anyhow::{Result, bail};
use clap::Args;
use nestling_core::space::{Cost, Preset};
use nestling_train::space_file::preset_or_file;
use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;

/// Lists the preset search spaces, or prints one (or a TOML file) resolved, as TOML to start your own from.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  nestling spaces\n  nestling spaces table1 > my.toml\n  nestling spaces --published"
)]
pub struct Spaces {
    /// Preset or TOML file to print
    name: Option<PathBuf>,
    /// Print BigNAS's table of published networks, with the cost of each by our own model
    #[arg(long, conflicts_with = "name")]
    published: bool,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Spaces {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        if let Some(name) = &self.name {
            let space = preset_or_file(name)?;
            let text = toml::to_string(space.definition())?;
            return print(self.json, space.definition(), || text);
        }
        if self.published {
            return print_published(self.json);
        }
        let mut rows = Vec::new();
        for preset in Preset::ALL {
            let space = preset.space().validated()?;
            let costs = [space.smallest(), space.biggest()].map(|child| Ok(space.lower(&child)?.cost()));
            let [Ok(smallest), Ok(biggest)] = costs as [Result<Cost>; 2] else {
                bail!("preset `{}` is broken: please report it", preset.name)
            };
            rows.push((preset, smallest, biggest));
        }
        let document: Vec<_> = (rows.iter())
            .map(|(preset, smallest, biggest)| {
                json!({"name": preset.name, "source": preset.source, "smallest": smallest, "biggest": biggest})
            })
            .collect();
        print(self.json, &document, || {
            let mut text = format!("{:<26} {:>15} {:>17}  from\n", "space", "M parameters", "M MAdds");
            for (preset, small, big) in &rows {
                let range = |small: f64, big: f64, digits: usize| {
                    if small == big {
                        format!("{small:.digits$}")
                    } else {
                        format!("{small:.digits$} - {big:.digits$}")
                    }
                };
                let params = range(small.params as f64 / 1e6, big.params as f64 / 1e6, 2);
                let madds = range(small.madds.millions(), big.madds.millions(), 0);
                let _ = writeln!(text, "{:<26} {params:>15} {madds:>17}  {}", preset.name, preset.source);
            }
            text
        })
    }
}
