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

/// A grey JPEG of this size, all 128, in six bits a block: an encoder would take seconds.
fn flat(folder: &Path, (width, height): (u16, u16)) -> PathBuf {
    let path = folder.join("flat.jpg");
    image::GrayImage::from_pixel(8, 8, image::Luma([128])).save(&path).unwrap();
    let mut file = std::fs::read(&path).unwrap();
    // One byte of data and the end marker.
    file.truncate(file.len() - 3);
    let frame = file.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    file[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    file[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    // Two bits for "the same mean" and four for "nothing else", as the standard's tables have them.
    let blocks = usize::from(width).div_ceil(8) * usize::from(height).div_ceil(8);
    file.extend([0x28, 0xa2, 0x8a].repeat(blocks.div_ceil(4)));
    file.extend([0xff, 0xd9]);
    std::fs::write(&path, file).unwrap();
    path
}

#[test]
fn a_photograph_of_200_megapixels_takes_as_much_as_one_of_12() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::write_bundle(folder.path());
    let small = peak_of(&bundle, &photographs(folder.path(), (4000, 3000), 1));
    let large = peak_of(&bundle, &[flat(folder.path(), (16_320, 12_240))]);
    assert!(large as f64 <= 1.2 * small as f64, "200 megapixels take {large} kB, 12 take {small} kB");
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
