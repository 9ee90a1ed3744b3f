//! The files are read by a decoder of their own, written from the formats' descriptions.

use super::{Curves, EventFile, STEPS_BETWEEN};
use crate::train::{EpochReport, LoaderRates, Probe, StepReport};
use nestling_bundle::atomic_file::stopped::{each_point, stop};
use nestling_core::metrics::Top1;
use nestling_core::space::SearchSpace;
use nestling_torture::Campaign;
use std::path::Path;

/// CRC-32C bit by bit, as RFC 3720 has it, then masked.
fn masked_crc32c(bytes: &[u8]) -> u32 {
    let crc = !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 })
    });
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

fn records(file: &[u8]) -> Vec<&[u8]> {
    let (mut rest, mut all) = (file, Vec::new());
    while !rest.is_empty() {
        let word = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        let bytes = &rest[12..12 + length];
        assert_eq!((word(8), word(12 + length)), (masked_crc32c(&rest[..8]), masked_crc32c(bytes)));
        all.push(bytes);
        rest = &rest[16 + length..];
    }
    all
}

/// Number and contents of each field of a message.
fn fields(message: &[u8]) -> Vec<(u64, &[u8])> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                break;
            }
        }
        value
    }
    let (mut rest, mut all) = (message, Vec::new());
    while !rest.is_empty() {
        let key = varint(&mut rest);
        let before = rest;
        let length = match key & 7 {
            0 => {
                varint(&mut rest);
                let length = before.len() - rest.len();
                rest = before;
                length
            }
            1 => 8,
            2 => varint(&mut rest) as usize,
            5 => 4,
            other => panic!("wire type {other}"),
        };
        all.push((key >> 3, &rest[..length]));
        rest = &rest[length..];
    }
    all
}

/// Step, tag and value of every scalar; checks the version, and that the steps never fall.
fn scalars(path: &Path) -> Vec<(u64, String, f32)> {
    let file = std::fs::read(path).unwrap();
    let mut all = Vec::new();
    let mut last = 0;
    for (index, record) in records(&file).into_iter().enumerate() {
        let event = fields(record);
        let field = |number: u64| event.iter().find(|(found, _)| *found == number).map(|(_, bytes)| *bytes);
        let seconds = f64::from_le_bytes(field(1).unwrap().try_into().unwrap());
        assert!(seconds > 1.7e9, "{seconds}");
        let step =
            field(2).map_or(0, |bytes| bytes.iter().rev().fold(0, |step, byte| step << 7 | u64::from(byte & 127)));
        assert!(step >= last);
        last = step;
        assert_eq!(field(3), (index == 0).then_some(&b"brain.Event:2"[..]));
        for (_, value) in field(5).map(fields).unwrap_or_default() {
            let value = fields(value);
            let tag = String::from_utf8(value[0].1.to_vec()).unwrap();
            assert_eq!((value[0].0, value[1].0), (1, 2));
            all.push((step, tag, f32::from_le_bytes(value[1].1.try_into().unwrap())));
        }
    }
    all
}

fn report(epoch: u32) -> EpochReport {
    let child = SearchSpace::fashion().validated().unwrap().smallest();
    let held_out = Top1 { correct: 80 + epoch, images: 100 };
    serde_json::from_value(serde_json::json!({
        "epoch": epoch, "step": 50 * epoch, "images": 800 * epoch, "cpu_s": 1.0, "wall_s": 1.0,
        "learning_rate": 0.25, "biggest_loss": 0.5, "smallest_divergence": 0.0, "waiting_share": 0.125,
        "probes": [Probe { name: "smallest".to_owned(), child, held_out }],
    }))
    .unwrap()
}

/// Writes epochs of fifty steps.
fn train(path: &Path, epochs: std::ops::RangeInclusive<u32>) {
    try_train(path, epochs).unwrap();
}

fn try_train(path: &Path, epochs: std::ops::RangeInclusive<u32>) -> std::io::Result<()> {
    let mut curves = Curves::new(EventFile::open(path, 50 * u64::from(epochs.start() - 1))?);
    for epoch in epochs {
        for step in 50 * u64::from(epoch - 1) + 1..=50 * u64::from(epoch) {
            let rates = LoaderRates { loader_images_per_s: 9.0, step_images_per_s: 8.0, waiting_share: 0.0 };
            let report = StepReport { step, loss: step as f64, divergence: 0.1, learning_rate: 0.5, rates };
            curves.step(&report)?;
        }
        curves.epoch(&report(epoch), 640.0)?;
    }
    Ok(())
}

#[test]
fn another_decoder_reads_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.out.tfevents.test");
    train(&path, 1..=2);
    let of = |tag: &str| -> Vec<(u64, f32)> {
        scalars(&path).into_iter().filter(|(_, found, _)| found == tag).map(|(step, _, value)| (step, value)).collect()
    };
    // Means of the losses 1 to 20, 21 to 40, then 51 to 60: the epoch begins anew.
    assert_eq!(of("step/loss"), [(20, 10.5), (40, 30.5), (60, 55.5), (80, 70.5), (100, 90.5)]);
    assert_eq!(of("step/learning_rate").len() as u64, 100 / STEPS_BETWEEN);
    for (tag, value) in [
        ("epoch/biggest_loss", 0.5),
        ("epoch/smallest_divergence", 0.0),
        ("epoch/learning_rate", 0.25),
        ("epoch/images_per_s", 640.0),
        ("epoch/waiting_percent", 12.5),
    ] {
        assert_eq!(of(tag), [(50, value), (100, value)], "{tag}");
    }
    assert_eq!(of("held_out_top1/smallest"), [(50, 81.0), (100, 82.0)]);
}

#[test]
fn a_resumed_run_has_every_step_once_wherever_it_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    train(&path("whole"), 1..=3);
    let whole = scalars(&path("whole"));
    let length = std::fs::metadata(path("whole")).unwrap().len();
    let two = {
        train(&path("two"), 1..=2);
        std::fs::metadata(path("two")).unwrap().len()
    };
    // Killed within the third epoch, also in the middle of a record: its checkpoint is that of the second.
    for cut in two..=length {
        let all = std::fs::read(path("whole")).unwrap();
        std::fs::write(path("cut"), &all[..cut as usize]).unwrap();
        train(&path("cut"), 3..=3);
        assert_eq!(scalars(&path("cut")), whole, "cut at {cut}");
    }
    // Without a checkpoint the run begins again, and with it the file.
    train(&path("cut"), 1..=1);
    assert_eq!(scalars(&path("cut")), whole.iter().filter(|(step, ..)| *step <= 50).cloned().collect::<Vec<_>>());
}

/// Events are appended and not synced: a kill is what they survive.
#[test]
fn a_run_that_stops_after_any_change_or_byte_has_every_step_once() {
    let mut campaign = Campaign::new("stopped events of TensorBoard", 1, 1);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    train(&path("whole"), 1..=2);
    train(&path("one"), 1..=1);
    let (whole, one) = (scalars(&path("whole")), std::fs::read(path("one")).unwrap());
    let count = each_point(if campaign.is_long() { 1 } else { 7 }, |at| {
        if at.kept_percent < 100 {
            return false;
        }
        std::fs::write(path("stopped"), &one).unwrap();
        let (_, is_stopped) = stop(at, || try_train(&path("stopped"), 2..=2));
        train(&path("stopped"), 2..=2);
        if scalars(&path("stopped")) != whole {
            campaign.fault(format!("{at:?}"));
        }
        is_stopped
    });
    campaign.add(count);
    campaign.finish();
}

#[test]
fn a_file_without_events_is_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events");
    for contents in [&b""[..], b"my notes", &[0; 40]] {
        std::fs::write(&path, contents).unwrap();
        train(&path, 3..=3);
        assert_eq!(scalars(&path)[0].0, 120);
    }
}

/// A disk that takes no byte. The limit is one of a process: the test runs itself again.
#[cfg(unix)]
#[test]
fn a_full_disk_is_left_without_an_empty_file() {
    const FILE: &str = "NESTLING_TEST_FULL_DISK";
    if let Some(path) = std::env::var_os(FILE) {
        assert!(EventFile::open(Path::new(&path), 0).is_err());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events");
    let limited =
        "trap '' XFSZ; ulimit -f 0; exec \"$0\" --exact tensorboard::tests::a_full_disk_is_left_without_an_empty_file";
    let mut child = std::process::Command::new("sh");
    child.args(["-c", limited]).arg(std::env::current_exe().unwrap()).env(FILE, &path);
    let output = child.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(!path.exists());
}
