//! Saves of a run that stop after each change of the disk and after each byte.

use super::RunFolder;
use crate::train::{Checkpoint, EpochReport, TrainConfig};
use nestling_bundle::atomic_file::stopped::{Stop, each_point, stop};
use nestling_core::space::{HeadSpace, SearchSpace, StageSpace, StemSpace};
use nestling_torture::Campaign;

/// A checkpoint of a small space, whose weights all are its step.
fn checkpoint(step: u64) -> Checkpoint {
    let space = SearchSpace {
        name: "tiny".into(),
        resolutions: vec![8],
        stem: StemSpace { widths: vec![4], kernel: 3, stride: 2 },
        stages: vec![StageSpace::new(&[4, 8], &[1], &[3], &[1], 1)],
        head: Some(HeadSpace { widths: vec![4], expand_ratio: None }),
        ..SearchSpace::fashion()
    };
    let config = TrainConfig { space, ..TrainConfig::default() };
    let weights = vec![step as f32; config.validate().unwrap().layout().len()];
    Checkpoint {
        config,
        step,
        cpu_s: 0.0,
        wall_s: 0.0,
        images: None,
        split: None,
        classes: None,
        preprocessing: None,
        from: None,
        momentum: weights.clone(),
        average: weights.clone(),
        weights,
        square: None,
        best: None,
        teacher: None,
        running: None,
    }
}

fn epochs(last: u64) -> Vec<EpochReport> {
    let report = |epoch: u64| {
        serde_json::from_value(serde_json::json!({
            "epoch": epoch, "step": epoch, "images": epoch, "cpu_s": 0.0, "wall_s": 0.0, "learning_rate": 0.25,
            "biggest_loss": 0.5, "smallest_divergence": 0.0, "probes": [],
        }))
        .unwrap()
    };
    (1..=last).map(report).collect()
}

/// The step that the run goes on from, and the last line of its log.
fn state(folder: &RunFolder) -> Result<(u64, u64), String> {
    let checkpoint = folder.trained().map_err(|error| error.to_string())?;
    let epochs = folder.epochs(checkpoint.step).map_err(|error| error.to_string())?;
    let is_whole = checkpoint.weights.iter().all(|&weight| weight == checkpoint.step as f32);
    if !is_whole {
        return Err("its weights are of another step".to_owned());
    }
    Ok((checkpoint.step, epochs.last().map_or(0, |epoch| epoch.step)))
}

#[test]
fn a_run_goes_on_from_a_whole_epoch_wherever_its_save_stops() {
    let mut campaign = Campaign::new("stopped saves of a run", 1, 1);
    let place = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(&place.path().join("run"), &[]).unwrap();
    let mut attempts = 0u64;
    let mut attempt = |at: Stop, campaign: &mut Campaign| {
        folder.save(&checkpoint(2), &epochs(2)).unwrap();
        let (result, is_stopped) = stop(at, || folder.save(&checkpoint(3), &epochs(3)));
        match (&result, state(&folder)) {
            // The checkpoint tells; its line of the log is there.
            (_, Ok((3, 3))) | (Err(_), Ok((2, 2))) => {}
            (_, found) => campaign.fault(format!("{at:?}: {result:?}, then {found:?}")),
        }
        attempts += 1;
        if attempts.is_multiple_of(7) || !is_stopped {
            let next = folder.save(&checkpoint(4), &epochs(4)).map_err(|error| error.to_string());
            let files = place.path().join("run").read_dir().unwrap().count();
            if next.is_err() || state(&folder) != Ok((4, 4)) || files != 2 {
                campaign.fault(format!("{at:?}: the next save: {next:?}, {files} files"));
            }
        }
        is_stopped
    };
    let stride = if campaign.is_long() { 1 } else { 211 };
    let count = each_point(stride, |at| attempt(at, &mut campaign));
    campaign.add(count);
    campaign.finish();
}
