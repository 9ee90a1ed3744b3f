//! The memory of the program, as the system counts it.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]
#![cfg(target_os = "linux")]

#[path = "../../bundle/tests/common/mod.rs"]
mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The most kibibytes that a process has held so far; `None` of one that has ended.
fn peak(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// The most kibibytes that classifying pictures takes.
fn peak_of(bundle: &Path, pictures: &[PathBuf]) -> u64 {
    let mut child = Command::new(env!("CARGO_BIN_EXE_nestling-device"))
        .arg("run")
        .arg(bundle)
        .args(pictures)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut most = 0;
    let status = loop {
        most = most.max(peak(child.id()).unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    assert!(status.success() && most > 0);
    most
}

/// A photograph of this size, and the same under many names.
fn photographs(folder: &Path, (width, height): (u32, u32), count: usize) -> Vec<PathBuf> {
    let first = folder.join("photo-0.jpg");
    let pixel =
        |x: u32, y: u32| image::Rgb([(x * 255 / width) as u8, (y * 255 / height) as u8, (x / 64 % 2 * 90) as u8]);
    image::RgbImage::from_fn(width, height, pixel).save(&first).unwrap();
    let mut paths = vec![first.clone()];
    for index in 1..count {
        paths.push(folder.join(format!("photo-{index}.jpg")));
        std::fs::hard_link(&first, &paths[index]).unwrap();
    }
    paths
}

fn check(count: usize) {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::write_bundle(folder.path());
    let photographs = photographs(folder.path(), (4000, 3000), count);
    let (one, all) = (peak_of(&bundle, &photographs[..1]), peak_of(&bundle, &photographs));
    println!("one photograph of 12 megapixels: {one} kB; {count}: {all} kB");
    assert!(all as f64 <= 1.2 * one as f64, "{count} photographs take {all} kB, one takes {one} kB");
}

#[test]
fn many_photographs_take_no_more_memory_than_one() {
    check(12);
}

#[test]
#[ignore = "takes a minute: the same for forty"]
fn forty_photographs_take_no_more_memory_than_one() {
    check(40);
}
