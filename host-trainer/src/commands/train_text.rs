//! The texts of the live view of a training.

use nestling_train::train::{EpochReport, Recipe, StepReport, TrainConfig, differences};

/// The configuration of a new run: the recipe that it was made from, and every key with another value.
pub fn recipe_text(recipe: Recipe, config: &TrainConfig) -> String {
    // A space is shown whole or not at all.
    let mut keys: Vec<String> =
        differences(&recipe.config(), &TrainConfig { space: recipe.config().space, ..config.clone() })
            .iter()
            .map(|difference| format!("{} = {}", difference.key, difference.now))
            .collect();
    keys.push(format!("search space {} of {} classes", config.space.name, config.space.classes));
    format!("recipe {recipe} with {}", keys.join(", "))
}

/// The line of an epoch that is done, with [`left_text`].
pub fn epoch_text(report: &EpochReport, left: &str) -> String {
    let probes: Vec<String> =
        report.probes.iter().map(|probe| format!("{} {:.2} %", probe.name, probe.held_out.percent())).collect();
    let left = if left.is_empty() { String::new() } else { format!(", {left}") };
    format!(
        "epoch {}: {}, loss {:.3}, learning rate {:.4}, {:.0} CPU-seconds so far{left}; {}",
        report.epoch,
        probes.join(", "),
        report.biggest_loss,
        report.learning_rate,
        report.cpu_s,
        report.speed()
    )
}

/// The figures of a step in an epoch that trains on so many images a second.
pub fn step_text(step: &StepReport, images_per_s: f64) -> String {
    format!(
        "loss {:.3}, divergence {:.3}, learning rate {:.4}, {images_per_s:.0} images/s, {:.1} % waiting for images",
        step.loss,
        step.divergence,
        step.learning_rate,
        100.0 * step.rates.waiting_share
    )
}

/// The time left of the whole run, if it is known; a run with patience may end before.
pub fn left_text(seconds: Option<f64>, has_patience: bool) -> String {
    let most = if has_patience { "at most " } else { "" };
    seconds.map_or_else(String::new, |seconds| format!("{most}{} left", duration(seconds)))
}

/// The accuracy of a probe child after the last of `epochs`, the change since the one before, and its best.
pub fn probe_text(name: &str, epochs: &[EpochReport]) -> String {
    let of = |epoch: &EpochReport| {
        let found = epoch.probes.iter().find(|probe| probe.name == name)?;
        Some((epoch.epoch, found.held_out.percent()))
    };
    let all: Vec<(u32, f64)> = epochs.iter().filter_map(of).collect();
    let Some(&(epoch, percent)) = all.last() else { return String::new() };
    let before = all.len().checked_sub(2).map(|at| all[at].1);
    let change = before.map_or_else(String::new, |before| format!(" ({:+.2})", percent - before));
    let best = all.iter().fold(f64::NEG_INFINITY, |best, &(_, percent)| best.max(percent));
    format!("{percent:6.2} % of the validation images after epoch {epoch}{change}, best {best:.2} %")
}

/// Seconds for people: `45 s`, `12 min`, `3 h 05 min`.
pub fn duration(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u64;
    match minutes {
        0..2 => format!("{seconds:.0} s"),
        2..60 => format!("{minutes} min"),
        _ => format!("{} h {:02} min", minutes / 60, minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_core::metrics::Top1;
    use nestling_core::space::SearchSpace;
    use nestling_train::train::{LoaderRates, Probe};

    fn epoch(number: u32, correct: u32) -> EpochReport {
        let child = SearchSpace::fashion().validated().unwrap().smallest();
        let probe = Probe { name: "smallest".to_owned(), child, held_out: Top1 { correct, images: 200 } };
        serde_json::from_value(serde_json::json!({
            "epoch": number, "step": 10 * number, "images": 160 * number, "cpu_s": 12.0, "wall_s": 6.0,
            "learning_rate": 0.125, "biggest_loss": 0.5, "smallest_divergence": 0.25, "probes": [probe],
        }))
        .unwrap()
    }

    #[test]
    fn a_recipe_is_told_with_the_keys_that_differ() {
        let mut config = TrainConfig { epochs: 3, learning_rate: 0.02, ..Recipe::OwnPictures.config() };
        config.augmentation.flip = false;
        config.space.classes = 7;
        let text = recipe_text(Recipe::OwnPictures, &config);
        for part in ["recipe own-pictures with ", "epochs = 3", "learning_rate = 0.02", " of 7 classes"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!text.contains("batch_size") && !text.contains("stages"), "{text}");
    }

    #[test]
    fn an_epoch_is_one_line_with_all_figures() {
        let text = epoch_text(&epoch(3, 181), &left_text(Some(725.0), true));
        let expected = "epoch 3: smallest 90.50 %, loss 0.500, learning rate 0.1250, 12 CPU-seconds so far, \
                        at most 12 min left; ";
        assert_eq!(text, format!("{expected}{}", epoch(3, 181).speed()));
        assert!(epoch_text(&epoch(3, 181), &left_text(None, true)).contains("so far; "));
        let rates = LoaderRates { loader_images_per_s: 9.0, step_images_per_s: 8.0, waiting_share: 0.031 };
        let step = StepReport { step: 7, loss: 1.5, divergence: 0.25, learning_rate: 0.3, rates };
        assert_eq!(
            step_text(&step, 640.0),
            "loss 1.500, divergence 0.250, learning rate 0.3000, 640 images/s, 3.1 % waiting for images"
        );
    }

    #[test]
    fn a_probe_child_shows_its_change_and_its_best() {
        let epochs = [epoch(1, 150), epoch(2, 180), epoch(3, 178)];
        assert_eq!(
            probe_text("smallest", &epochs),
            " 89.00 % of the validation images after epoch 3 (-1.00), best 90.00 %"
        );
        assert_eq!(
            probe_text("smallest", &epochs[..1]),
            " 75.00 % of the validation images after epoch 1, best 75.00 %"
        );
        assert_eq!(probe_text("middle", &epochs), "");
    }

    #[test]
    fn durations_have_the_unit_that_fits() {
        assert_eq!([0.4, 89.0, 725.0, 11_100.0].map(duration), ["0 s", "89 s", "12 min", "3 h 05 min"]);
    }
}
