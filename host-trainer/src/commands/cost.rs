//! `cost` and `spaces`: what children cost, and what there is to choose from.

use super::print;
use anyhow::{Result, bail};
use clap::Args;
use nestling_core::space::{Child, Cost, LayerShape, Preset, SearchSpace};
use nestling_train::spaces;
use rand::SeedableRng;
use serde_json::json;
use std::fmt::Write;

/// Prints parameters, MAdds and activation bytes of any child of any space.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  nestling cost --space table1 --child biggest --resolution 224\n  nestling cost --space \
                        efficientnet-b0\n  nestling cost --space my.toml --child random --seed 3 --layers"
)]
pub struct CostCommand {
    /// Preset (`nestling spaces` lists them) or TOML file
    #[arg(long, default_value = "table1")]
    space: String,
    /// `smallest`, `biggest`, `random`, or a child's text
    #[arg(long, default_value = "smallest")]
    child: String,
    /// Input size in pixels, instead of the child's own
    #[arg(long)]
    resolution: Option<u32>,
    /// Seed of `random`
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Also list every layer
    #[arg(long)]
    layers: bool,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

/// Reads a child as the commands take it; `random` is drawn with `seed`.
pub fn parse_child(space: &SearchSpace, text: &str, seed: u64) -> Result<Child> {
    if text.trim() == "random" {
        return Ok(space.sample(&mut rand_chacha::ChaCha8Rng::seed_from_u64(seed)));
    }
    Ok(space.parse_child(text)?)
}

impl CostCommand {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        let space = spaces::find(&self.space)?;
        let mut child = parse_child(&space, &self.child, self.seed)?;
        child.resolution = self.resolution.unwrap_or(child.resolution);
        let network = space.lower(&child)?;
        let Cost { params, madds, activation_bytes } = network.cost();
        let layers: Vec<(&str, LayerShape)> =
            network.layers.iter().map(|layer| (layer.name.as_str(), layer.shape)).collect();
        let mut document = json!({
            "space": space.name,
            "child": child.to_string(),
            "resolution": child.resolution,
            "params": params,
            "madds": madds,
            "activation_bytes": activation_bytes,
            "layer_count": layers.len(),
        });
        if self.layers {
            document["layers"] = (layers.iter())
                .map(|(name, shape)| {
                    json!({
                        "name": name, "shape": shape, "madds": shape.madds(), "weights": shape.weights(),
                        "bytes": shape.bytes(),
                    })
                })
                .collect();
        }
        print(self.json, &document, || {
            let mut text = format!(
                "{} {child}\n{:.3} M parameters, {:.1} M MAdds, {:.2} MB of activations in f32, {} layers\n",
                space.name,
                params as f64 / 1e6,
                madds.millions(),
                activation_bytes as f64 / 1e6,
                layers.len()
            );
            if self.layers {
                let _ = writeln!(text, "{:>12} {:>9}  layer", "MAdds", "weights");
                for (name, shape) in &layers {
                    let _ = writeln!(text, "{:>12} {:>9}  {name}: {shape}", shape.madds(), shape.weights());
                }
            }
            text
        })
    }
}

/// Lists the preset search spaces, or prints one (or a TOML file) resolved, as TOML to start your own from.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  nestling spaces\n  nestling spaces table1 > my.toml")]
pub struct Spaces {
    /// Preset or TOML file to print
    name: Option<String>,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Spaces {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        if let Some(name) = &self.name {
            let space = spaces::find(name)?;
            let text = toml::to_string(&space)?;
            return print(self.json, &space, || text);
        }
        let mut rows = Vec::new();
        for preset in Preset::ALL {
            let space = preset.space();
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
