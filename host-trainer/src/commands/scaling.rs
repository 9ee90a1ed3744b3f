//! `scaling`: a training on many GPUs, predicted.

use super::train::positive;
use super::{print, reserve, say};
use anyhow::Result;
use clap::Args;
use nestling_bundle::atomic_file::{check_outputs, write_atomically};
use nestling_train::new_file::check_page;
use nestling_train::scaling::{Measured, Prediction, Run, ending, page};
use nestling_train::space_file::preset_or_file;
use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;

/// Predicts images per second, hours and cost of a training on many GPUs, and says where it stops scaling.
///
/// The defaults are Table 1 by the ImageNet recipe on H200s: the target of 800 images a second each, which is not
/// measured, and the links of usual servers. Give what `nestling throughput` and `nestling bench` measured on yours.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  nestling scaling --images-per-s 650 --devices 1,8,64 --output scaling.html")]
pub struct Scaling {
    /// Preset or TOML file of the search space, whose weights have the gradient
    #[arg(long, default_value = "table1")]
    space: PathBuf,
    /// Images a second of whole steps on one device, with large batches
    #[arg(long, default_value_t = 800.0, value_parser = positive)]
    images_per_s: f64,
    /// Milliseconds of a step that do not depend on its images
    #[arg(long, default_value_t = 10.0, value_parser = not_negative)]
    fixed_ms: f64,
    /// GB a second from one device to another of its host
    #[arg(long, default_value_t = 300.0, value_parser = positive)]
    link_gb_s: f64,
    /// GB a second from one host to another
    #[arg(long, default_value_t = 25.0, value_parser = positive)]
    network_gb_s: f64,
    /// Microseconds until a message arrives
    #[arg(long, default_value_t = 20.0, value_parser = not_negative)]
    latency_us: f64,
    /// Images a second that the loader of a host makes
    #[arg(long, default_value_t = 8000.0, value_parser = positive)]
    loader_images_per_s: f64,
    /// Devices of a host
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1024))]
    devices_per_host: u32,
    /// Images a step, of all devices
    #[arg(long, default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
    /// Images of the whole run [default: 360 epochs of ImageNet]
    #[arg(long, default_value_t = 455_639_040.0, value_parser = positive)]
    images: f64,
    /// Price of a device for an hour
    #[arg(long, default_value_t = 4.0, value_parser = not_negative)]
    price: f64,
    /// Numbers of devices, separated by commas
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 64], value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    devices: Vec<u32>,
    /// Write a page, too; an older page there is replaced
    #[arg(long)]
    output: Option<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

fn not_negative(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "it is no number".to_owned())?;
    if number >= 0.0 && number.is_finite() { Ok(number) } else { Err("it must be 0 or more".to_owned()) }
}

impl Scaling {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        let space = preset_or_file(&self.space)?;
        if let Some(output) = &self.output {
            reserve(output, self.json);
            check_outputs([&**output], [&*self.space])?;
            check_page(output, false)?;
        }
        let measured = Measured {
            fixed_s: self.fixed_ms / 1e3,
            image_s: 1.0 / self.images_per_s,
            gradient_bytes: 4.0 * space.layout().len() as f64,
            link_bytes_per_s: self.link_gb_s * 1e9,
            network_bytes_per_s: self.network_gb_s * 1e9,
            latency_s: self.latency_us / 1e6,
            loader_images_per_s: self.loader_images_per_s,
            devices_per_host: self.devices_per_host,
        };
        let run = Run { batch: self.batch, images: self.images, price_per_hour: self.price };
        let shown: Vec<Prediction> = self.devices.iter().map(|&devices| measured.predict(devices, &run)).collect();
        let ending = ending(&measured, &run);
        if let Some(output) = &self.output {
            let page = page(&format!("Scaling of `{}`", space.name), &measured, &run, &shown);
            write_atomically(output, |file| file.write_all(page.as_bytes()))?;
            say(&format!("{} has the figure", output.display()));
        }
        let document = json!({
            "measured": measured,
            "run": run,
            "predictions": shown,
            "stops_at": measured.stops_at(&run).map(|stop| stop.devices),
        });
        print(self.json, &document, || text(&shown, &ending))
    }
}

fn text(shown: &[Prediction], ending: &str) -> String {
    let mut text = format!(
        "{:>8} {:>12} {:>10} {:>11} {:>10} {:>11} {:>9} {:>10}  bound\n",
        "devices", "images each", "step (ms)", "all-reduce", "images/s", "efficiency", "hours", "cost"
    );
    for found in shown {
        let Prediction { devices, images_per_device, step_ms, all_reduce_ms, images_per_s, efficiency, .. } = found;
        let _ = writeln!(
            text,
            "{devices:>8} {images_per_device:>12.1} {step_ms:>10.2} {all_reduce_ms:>11.3} {images_per_s:>10.0} \
             {:>9.1} % {:>9.1} {:>10.0}  {}",
            100.0 * efficiency,
            found.hours,
            found.cost,
            found.bound
        );
    }
    text + ending
}
