//! The memory of a training over its epochs, as the system counts it.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too
#![cfg(target_os = "linux")]

use nestling_core::space::SearchSpace;
use nestling_train::data::{LoadRequest, RandomCrop, load};
use nestling_train::torch;
use nestling_train::train::{Beginning, TrainConfig, Trainer, TrainingData};
use std::path::Path;
use tch::Device;

/// Epochs in which everything is set aside that is kept.
const FIRST: u32 = 2;
const EPOCHS: u32 = 10;
/// The rise that is allowed.
const MOST: f64 = 1.02;

/// Kibibytes of this process that are in memory.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().trim().parse().unwrap()
}

/// Photographs that are larger than their squares: one that is not given back is seen.
fn write_pictures(folder: &Path) {
    for number in 0..48u32 {
        let class = folder.join(["a", "b", "c"][number as usize % 3]);
        std::fs::create_dir_all(&class).unwrap();
        let pixel = |x: u32, y: u32| {
            let mixed = (x / 20 + 40 * (y / 20) + 4000 * number).wrapping_mul(2_654_435_761);
            image::Rgb([24, 16, 8].map(|shift| (mixed >> shift) as u8))
        };
        image::RgbImage::from_fn(640, 480, pixel).save(class.join(format!("{number}.jpg"))).unwrap();
    }
}

/// Kibibytes after each epoch.
fn train(folder: &Path, cache_bytes: u64) -> Vec<f64> {
    let request = LoadRequest::new(Some(&folder.join("pictures")), 40, &folder.join("cache")).cache_bytes(cache_bytes);
    let data = load(&request, &()).unwrap();
    assert_eq!(data.is_cached, cache_bytes > 0);
    let space = SearchSpace { input_channels: 3, classes: 3, ..SearchSpace::fashion() };
    let mut config = TrainConfig {
        epochs: EPOCHS,
        batch_size: 8,
        probe_calibration: 8,
        probe_images: 8,
        space,
        ..TrainConfig::default()
    };
    config.augmentation.crop = Some(RandomCrop::default());
    // libtorch keeps what it prepared for each shape; these few steps would meet new ones in every epoch.
    config.random_children = 0;
    let mut trainer = Trainer::new(config, Beginning::Random, &TrainingData::from(&data), Device::Cpu).unwrap();
    let mut after = Vec::new();
    while !trainer.has_ended() {
        trainer.epoch(|_| ()).unwrap();
        after.push(resident());
    }
    after
}

#[test]
fn memory_stays_flat_over_ten_epochs_with_and_without_a_cache() {
    torch::initialise();
    let folder = tempfile::tempdir().unwrap();
    write_pictures(&folder.path().join("pictures"));
    for cache_bytes in [0, 1 << 30] {
        let after = train(folder.path(), cache_bytes);
        let (first, rest) = after.split_at(FIRST as usize);
        let (start, most) = (first[first.len() - 1], rest.iter().copied().fold(0.0, f64::max));
        println!("{cache_bytes} bytes of cache, kB after each epoch: {after:?}");
        assert_eq!(after.len(), EPOCHS as usize);
        assert!(most <= MOST * start, "it rises from {start} to {most} kB: {after:?}");
    }
}
