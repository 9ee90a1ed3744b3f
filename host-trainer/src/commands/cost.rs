//! `cost`: parameters, MAdds and memory of a child.

use super::new_bundle::parse_child;
use super::print;
use anyhow::Result;
use clap::Args;
use nestling_core::space::{Cost, LayerShape};
use nestling_train::space_file::preset_or_file;
use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;

/// Prints parameters, MAdds and activation bytes of any child of any space.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  nestling cost --space table1 --child biggest --resolution 224\n  nestling cost --space \
                        efficientnet-b0\n  nestling cost --space my.toml --child random --seed 3 --layers"
)]
pub struct CostCommand {
    /// Preset (`nestling spaces` lists them) or TOML file
    #[arg(long, default_value = "table1")]
    space: PathBuf,
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

impl CostCommand {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        let space = preset_or_file(&self.space)?;
        let mut child = parse_child(&space, &self.child, self.seed)?;
        child.resolution = self.resolution.unwrap_or(child.resolution);
        let network = space.lower(&child)?;
        let Cost { params, madds, activation_bytes } = network.cost();
        let layers: Vec<(&str, LayerShape)> = network.layers.iter().map(|layer| (&*layer.name, layer.shape)).collect();
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
                list_layers(&mut text, &layers);
            }
            text
        })
    }
}

fn list_layers(text: &mut String, layers: &[(&str, LayerShape)]) {
    let _ = writeln!(text, "{:>12} {:>9}  layer", "MAdds", "weights");
    for (name, shape) in layers {
        let _ = writeln!(text, "{:>12} {:>9}  {name}: {shape}", shape.madds(), shape.weights());
    }
}
