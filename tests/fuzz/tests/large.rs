//! Time and memory of opening a large bundle: the part of the promises that grows with the file.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]
#![cfg(unix)]

use nestling_bundle::{Bundle, BundleContents, BundleError, BundleStream, Manifest, Trained};
use nestling_core::image::{Fit, Preprocessing};
use nestling_core::metrics::Top1;
use nestling_core::space::{CalibratedChild, ChildEntry, SearchSpace, StageSpace};
use nestling_core::weights::WeightStorage;
use nestling_fuzz::memory::{Counting, peak};
use nestling_fuzz::{allowed, allowed_time, thread_time};
use std::path::Path;

#[global_allocator]
static COUNTING: Counting = Counting;

/// A bundle with two stages of so many channels, of which one takes most of the file.
fn file(width: u32, weight_storage: WeightStorage) -> Vec<u8> {
    let stages = vec![StageSpace::new(&[16], &[1], &[3], &[2], 1), StageSpace::new(&[width], &[2], &[3], &[6], 2)];
    let space = SearchSpace { stages, ..SearchSpace::fashion() }.validated().unwrap();
    let network = space.lower(&space.biggest()).unwrap();
    let measured = Top1 { correct: 900, images: 1000 };
    let (cost, child) = (network.cost(), space.biggest());
    let entry = ChildEntry { name: "biggest".into(), child, cost, held_out: measured, test: measured };
    let manifest = Manifest {
        name: "large".into(),
        provenance: "made-up weights".into(),
        preprocessing: Preprocessing {
            means: vec![0.3],
            standard_deviations: vec![0.3],
            centre_fraction: 1.0,
            fit: Fit::Crop,
        },
        labels: (0..space.classes).map(|class| class.to_string()).collect(),
        children: vec![entry],
        latency_tables: Vec::new(),
        trained: Trained::WholeSpace,
        weight_storage,
        accuracy_predictor: None,
        images: None,
        split: None,
        space: space.definition().clone(),
    };
    let weights: Vec<f32> = (0..space.layout().len()).map(|index| (index % 251) as f32 / 251.0 - 0.5).collect();
    let children = [CalibratedChild::neutral(&network)];
    let contents =
        BundleContents { manifest: &manifest, weights: &weights, children: &children, images: &[], golden: None };
    contents.encode().unwrap()
}

fn from_file(path: &Path, _: &[u8]) -> Result<Bundle, BundleError> {
    Bundle::open(path)
}

fn from_memory(_: &Path, file: &[u8]) -> Result<Bundle, BundleError> {
    Bundle::from_bytes(file)
}

fn in_pieces(_: &Path, file: &[u8]) -> Result<Bundle, BundleError> {
    let mut stream = BundleStream::default();
    file.chunks(1 << 16).try_for_each(|piece| stream.push(piece))?;
    stream.finish()
}

type Way = fn(&Path, &[u8]) -> Result<Bundle, BundleError>;

#[test]
fn a_bundle_of_200_megabytes_takes_no_more_time_and_memory_than_is_promised() {
    let ways: [(&str, Way); 3] = [("from a file", from_file), ("from memory", from_memory), ("in pieces", in_pieces)];
    let folder = tempfile::tempdir().unwrap();
    for (storage, least) in [(WeightStorage::F32, 200_000_000), (WeightStorage::Int8, 50_000_000)] {
        let file = file(2048, storage);
        assert!(file.len() >= least, "{} bytes", file.len());
        let path = folder.path().join("large.nestling");
        std::fs::write(&path, &file).unwrap();
        for (name, open) in ways {
            let before = thread_time();
            let (bytes, opened) = peak(|| open(&path, &file));
            let took = thread_time() - before;
            assert!(opened.unwrap().is_whole());
            println!("{} bytes of {storage} {name}: {took:.2?}, {} MiB", file.len(), bytes >> 20);
            assert!(bytes <= allowed(file.len()), "{name}: {bytes} bytes of memory for {}", file.len());
            assert!(took <= allowed_time(file.len()), "{name}: {took:?} for {} bytes", file.len());
        }
    }
}
