//! The plan of a training that is not begun, for `nestling train --dry-run`.

use anyhow::Result;
use nestling_core::space::Cost;
use nestling_train::data::Listing;
use nestling_train::train::Method;
use nestling_train::train::{Estimate, Recipe, Schedule, TARGET_IMAGES_PER_S, TrainConfig};
use serde::Serialize;
use std::fmt::{self, Write};

/// Bytes of a GB, as sellers of GPUs and disks count.
const GB: f64 = 1e9;
/// Bytes of a MB.
const MB: f64 = 1e6;

/// A training that is planned.
#[derive(Serialize)]
pub struct DryRun {
    recipe: String,
    data: Listing,
    /// Pictures of each part after holding out.
    training: usize,
    held_out: usize,
    test: usize,
    estimate: Estimate,
    /// Where the images a second come from: `given`, or `target` if nobody gave any.
    images_per_s_from: &'static str,
    remarks: Vec<String>,
    config: TrainConfig,
}

impl DryRun {
    /// The plan of a run with the pictures of `data`.
    pub fn new(recipe: Recipe, config: TrainConfig, data: Listing, images_per_s: Option<f64>) -> Result<Self> {
        let (training, held_out) = match data.held_out {
            Some(held_out) => (data.training, held_out),
            None => (data.training.saturating_sub(config.held_out as usize), config.held_out as usize),
        };
        let training = config.count_drawn(training)?;
        let estimate = Estimate::new(&config, training, images_per_s.unwrap_or(TARGET_IMAGES_PER_S))?;
        Ok(Self {
            recipe: recipe.to_string(),
            training,
            held_out,
            test: data.test,
            images_per_s_from: if images_per_s.is_some() { "given" } else { "target" },
            remarks: remarks(&config, &estimate),
            data,
            estimate,
            config,
        })
    }

    /// The plan for people, with a line on a cache of at most `cache_bytes`.
    pub fn text(&self, cache_bytes: u64) -> Result<String> {
        let mut text = String::new();
        writeln!(text, "dry run of recipe {}: nothing is trained, written or decoded", self.recipe)?;
        self.write_data(&mut text, cache_bytes)?;
        self.write_steps(&mut text)?;
        self.write_memory(&mut text)?;
        for remark in &self.remarks {
            writeln!(text, "note: {remark}")?;
        }
        write!(text, "\nthe resolved configuration:\n\n{}", toml::to_string(&self.config)?)?;
        Ok(text)
    }

    fn write_data(&self, text: &mut String, cache_bytes: u64) -> fmt::Result {
        let Self { data, training, held_out, test, .. } = self;
        let Listing { kind, classes, notes, .. } = data;
        writeln!(
            text,
            "pictures       {classes} classes ({kind}): {training} train, {held_out} validate, {test} test"
        )?;
        for note in notes {
            writeln!(text, "               {note}")?;
        }
        if data.cache_bytes == 0 {
            return Ok(());
        }
        writeln!(text, "               as listed: a scan leaves out damaged pictures and copies")?;
        let (wanted, budget) = (data.cache_bytes as f64 / GB, cache_bytes as f64 / GB);
        write!(text, "cache          {wanted:.1} GB for all pictures, resized")?;
        if data.cache_bytes > cache_bytes {
            write!(text, "; --cache-budget allows {budget:.1} GB, so that every use decodes the original")?;
        }
        writeln!(text)
    }

    fn write_steps(&self, text: &mut String) -> fmt::Result {
        let Self { estimate, config, .. } = self;
        let Estimate { steps, steps_per_epoch, head_steps, step, rate, .. } = estimate;
        let (epochs, batch) = (config.epochs, config.batch_size);
        writeln!(text, "steps          {steps_per_epoch} an epoch, {steps} in {epochs} epochs, {batch} images each")?;
        if *head_steps > 0 {
            writeln!(text, "               {head_steps} steps of the classifier alone before them")?;
        }
        let form = match rate.schedule {
            Schedule::Exponential => "exponentially",
            Schedule::Cosine => "as a cosine",
        };
        let ending = rate.ending_step.map_or("at the last step".to_owned(), |step| format!("from step {step} on"));
        let (warmup, highest, last) = (rate.warmup_steps, rate.highest, rate.ending);
        writeln!(text, "learning rate  {warmup} steps of warm-up to {highest}, then {form} to {last:.3e} {ending}")?;
        writeln!(text, "forward pass   of one image; the backward pass has about twice the multiply-adds")?;
        let mut row = |name: &str, madds: f64, bytes: u64| {
            writeln!(text, "  {name:<12} {madds:9.1} M MAdds, {:7.1} MB of activations in f32", bytes as f64 / MB)
        };
        let of = |cost: &Cost| (cost.madds.millions(), cost.activation_bytes);
        for (name, (madds, bytes)) in [("biggest", of(&step.biggest)), ("smallest", of(&step.smallest))] {
            row(name, madds, bytes)?;
        }
        row("mean step", step.madds.millions(), step.activation_bytes)?;
        writeln!(text, "               of {:.1} children a step", step.children)?;
        let from = if self.images_per_s_from == "given" {
            "as given"
        } else {
            "the target for Table 1 on one H200; not measured"
        };
        let Estimate { gpu_hours, images, images_per_s, .. } = estimate;
        writeln!(
            text,
            "time           {gpu_hours:.1} GPU-hours for {images} images at {images_per_s} images/s ({from})"
        )
    }

    fn write_memory(&self, text: &mut String) -> fmt::Result {
        let memory = &self.estimate.memory;
        let [weights, gradient, optimiser, average] =
            [memory.weights, memory.gradient, memory.optimiser, memory.average].map(|bytes| bytes as f64 / MB);
        writeln!(
            text,
            "memory         {weights:.1} MB of weights, {gradient:.1} of gradient, {optimiser:.1} of optimiser state, \
             {average:.1} of averaged weights"
        )?;
        writeln!(text, "               kept for the backward pass of the biggest child, counted and not measured:")?;
        for (name, image, batch) in
            [("f32", memory.image_f32, memory.batch_f32), ("bf16", memory.image_bf16, memory.batch_bf16)]
        {
            let (image, batch) = (image as f64 / MB, batch as f64 / GB);
            writeln!(
                text,
                "  {name:<12} {image:9.1} MB an image, {batch:9.1} GB a batch of {}",
                self.config.batch_size
            )?;
        }
        let [f32, bf16] = [memory.peak_f32, memory.peak_bf16].map(|bytes| bytes as f64 / GB);
        writeln!(
            text,
            "  {:<12} {f32:.2} GB in f32, {bf16:.2} in bf16: all tensors of a step at their most",
            "together"
        )?;
        for fits in &memory.fits {
            let name = format!("in {} GB", fits.gigabytes);
            let (f32, bf16) = (fits.f32, fits.bf16);
            writeln!(
                text,
                "  {name:<12} at most {f32} images in f32, {bf16} in bf16; a tenth of the memory is left free"
            )?;
        }
        Ok(())
    }
}

/// Sentences on what the figures leave out.
fn remarks(config: &TrainConfig, estimate: &Estimate) -> Vec<String> {
    let mut remarks = Vec::new();
    if config.accumulate > 1 {
        remarks.push(format!("a step takes its images in {} parts: the memory is that of one", config.accumulate));
    }
    let largest = estimate.memory.fits.iter().map(|fits| fits.bf16).max().unwrap_or(0);
    let at_once = u64::from(config.batch_size / config.accumulate.max(1));
    if largest > 0 && at_once > largest {
        let parts = u64::from(config.batch_size).div_ceil(largest).next_power_of_two();
        remarks.push(format!(
            "{at_once} images at once fit into none of these: take a step in parts with accumulate = {parts}, or share it over \
             {parts} GPUs with --processes; recompute = true needs less memory, too"
        ));
    }
    if config.method != Method::BigNas {
        remarks.push(format!(
            "the mean step is that of the sandwich rule over the space; {} draws other children of it",
            config.method
        ));
    }
    if config.join_epochs > 0.0 {
        remarks.push(format!("in the first {} epochs a step trains the biggest child alone", config.join_epochs));
    }
    remarks
}
