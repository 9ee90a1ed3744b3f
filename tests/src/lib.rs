//! Made-up data for tests that cross crates.
#![allow(clippy::expect_used, reason = "helpers of tests are tests too")]

pub mod pictures;

use nestling_core::image::Preprocessing;
use nestling_core::space::{Activation, Block, ExpandRatio, Padding, SearchSpace, SqueezeExcite};
use nestling_train::data::{Augmentation, Dataset, FASHION_MNIST};
use nestling_train::model::{Regularisation, Resizer};
use nestling_train::train::{Batch, TrainConfig};
use rand::{RngExt, SeedableRng};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use tch::Tensor;

/// Grey images of 28x28 pixels in ten classes that can be learned: the place of a bright square in noise is the class.
pub fn made_up_images(count: usize, seed: u64) -> Dataset {
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let mut pixels = Vec::with_capacity(count * 784);
    let mut labels = Vec::with_capacity(count);
    for _ in 0..count {
        let label = random.random_range(0..10u8);
        let (top, left) = (usize::from(label / 5) * 14, usize::from(label % 5) * 5);
        for pixel in 0..784 {
            let inside = (top..top + 12).contains(&(pixel / 28)) && (left..left + 6).contains(&(pixel % 28));
            pixels.push(if inside { random.random_range(120..=255u8) } else { random.random_range(0..=110u8) });
        }
        labels.push(u16::from(label));
    }
    Dataset::in_memory(28, 1, pixels, labels, 10).expect("as many pixels as labels")
}

/// The pixels of all images.
pub fn all_pixels(images: &Dataset) -> Vec<u8> {
    images.batches(256).flat_map(|pixels| pixels.expect("they are in memory")).collect()
}

/// Writes the four files of Fashion-MNIST with made-up images.
pub fn write_made_up_dataset(folder: &Path, training: usize, test: usize) -> std::io::Result<()> {
    for (prefix, count, seed) in [("train", training, 1), ("t10k", test, 2)] {
        let data = made_up_images(count, seed);
        let mut images = std::fs::File::create(folder.join(format!("{prefix}-images-idx3-ubyte")))?;
        for number in [0x803, count as u32, 28, 28] {
            images.write_all(&number.to_be_bytes())?;
        }
        images.write_all(&all_pixels(&data))?;
        let mut labels = std::fs::File::create(folder.join(format!("{prefix}-labels-idx1-ubyte")))?;
        for number in [0x801, count as u32] {
            labels.write_all(&number.to_be_bytes())?;
        }
        labels.write_all(&data.labels.iter().map(|&label| label as u8).collect::<Vec<_>>())?;
    }
    Ok(())
}

/// A configuration that trains in seconds.
pub fn quick_config() -> TrainConfig {
    TrainConfig {
        epochs: 3,
        batch_size: 32,
        held_out: 64,
        probe_calibration: 64,
        probe_images: 64,
        dropout: 0.2,
        augmentation: Augmentation { flip: false, ..Augmentation::default() },
        space: SearchSpace::fashion(),
        ..TrainConfig::default()
    }
}

/// The demo's space with every option of a stage in use: squeeze-and-excite of both kinds, transition skips, elastic
/// expand ratios, a separable stage, other activations, paddings and epsilons.
pub fn every_option() -> SearchSpace {
    let mut space = SearchSpace { name: "every-option".into(), ..SearchSpace::fashion() };
    let [first, second, third] = &mut space.stages[..] else { return space };
    first.squeeze_excite = Some(SqueezeExcite::EFFICIENT_NET);
    first.activation = Some(Activation::Swish);
    second.transition_skips = true;
    second.squeeze_excite = Some(SqueezeExcite::MOBILE_NET_V3);
    second.expand_ratios = [2.0, 2.5, 4.0].into_iter().filter_map(ExpandRatio::new).collect();
    second.padding = Some(Padding::Same);
    second.activation = Some(Activation::Relu6);
    third.norm_epsilon = Some(1e-3);
    third.padding = Some(Padding::Same);
    let mut separable = third.clone();
    separable.block = Block::Separable;
    separable.expand_ratios = vec![ExpandRatio::ONE];
    separable.stride = 1;
    separable.activation = Some(Activation::Relu);
    space.stages.push(separable);
    if let Some(head) = &mut space.head {
        head.expand_ratio = Some(ExpandRatio::whole(2));
    }
    space
}

/// The normalisation of every test.
pub fn preprocessing() -> Preprocessing {
    FASHION_MNIST.preprocessing()
}

/// The `nestling` program beside the calling test.
///
/// `cargo test --workspace` builds it for the trainer's own tests. Before a single test, run
/// `cargo build -p nestling-train`.
///
/// # Panics
/// If it is not there.
pub fn nestling() -> Command {
    program("nestling", "nestling-train")
}

/// The `nestling-device` program beside the calling test.
///
/// `cargo test --workspace` builds it for the lab's own tests. Before a single test, run `cargo build -p nestling-lab`.
///
/// # Panics
/// If it is not there.
pub fn nestling_device() -> Command {
    program("nestling-device", "nestling-lab")
}

#[allow(clippy::unwrap_used, reason = "only tests call this")]
fn program(name: &str, package: &str) -> Command {
    let mut path = std::env::current_exe().unwrap();
    path.pop(); // deps
    path.pop();
    let path = path.join(name);
    assert!(path.exists(), "{} is missing: run `cargo build -p {package}`", path.display());
    Command::new(path)
}

/// A file that `cargo xtask test` sets up under the repository's `target` folder.
///
/// # Panics
/// If it is not there.
pub fn set_up_file(path: &str) -> PathBuf {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target").join(path);
    assert!(
        file.exists(),
        "{} is missing: run `cargo xtask photo --fetch-only` and `cargo xtask setup --onnx`",
        file.display()
    );
    file
}

/// A step's batch of `count` made-up images, without mixing and without regularisation.
pub fn made_up_batch(count: usize, seed: u64, resizer: &Resizer) -> Batch {
    let images = made_up_images(count, seed);
    let classes: Vec<i64> = images.labels.iter().map(|&label| i64::from(label)).collect();
    Batch {
        images: resizer.upload(&all_pixels(&images)),
        classes: Tensor::from_slice(&classes),
        partners: None,
        regularisation: Regularisation::default(),
    }
}
