//! Bundles as files of all kinds, and files that change while they are used.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod common;

use nestling_bundle::{Bundle, BundleError};
use nestling_core::weights::WeightStorage;
use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The example's bundle, which has images, as a file of its own.
fn example(folder: &Path) -> PathBuf {
    let path = folder.join("example.nestling");
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/assets/fashion.nestling"), &path).unwrap();
    path
}

fn stored_as(storage: WeightStorage) -> Vec<u8> {
    let bundle = common::bundle();
    let (mut manifest, weights) = (bundle.manifest().clone(), bundle.weights().unwrap());
    manifest.weight_storage = storage;
    let children = bundle.calibrated();
    nestling_bundle::BundleContents { manifest: &manifest, weights: &weights, children, images: &[], golden: None }
        .encode()
        .unwrap()
}

#[test]
fn a_file_that_is_cut_off_or_changed_after_opening_is_a_typed_error_and_the_rest_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle.nestling");
    for storage in WeightStorage::ALL {
        let bytes = stored_as(storage);
        let whole = Bundle::from_bytes(&bytes).unwrap();
        for cut in [0, 1, 4096, bytes.len() as u64 / 2, bytes.len() as u64 - whole.weight_bytes() as u64] {
            std::fs::write(&path, &bytes).unwrap();
            let bundle = Bundle::open(&path).unwrap();
            assert_eq!(bundle.weights().unwrap(), whole.weights().unwrap());
            OpenOptions::new().write(true).open(&path).unwrap().set_len(cut).unwrap();
            let error = bundle.weights().unwrap_err();
            assert!(matches!(error, BundleError::Changed { .. }), "{storage}, {cut}: {error}");
            assert!(error.to_string().contains("bundle.nestling was changed or cut off"), "{error}");
            assert_eq!((bundle.manifest(), bundle.calibrated()), (whole.manifest(), whole.calibrated()));
        }
        // Other weights in the same place, which may be no weights at all.
        std::fs::write(&path, &bytes).unwrap();
        let bundle = Bundle::open(&path).unwrap();
        let mut file = OpenOptions::new().write(true).open(&path).unwrap();
        file.seek(SeekFrom::Start(bytes.len() as u64 / 2)).unwrap();
        file.write_all(&[0xff; 64]).unwrap();
        let error = bundle.weights().unwrap_err();
        assert!(matches!(error, BundleError::Changed { .. }), "{storage}: {error}");
    }
}

#[test]
fn images_are_in_memory_and_tables_cannot_be_added_to_a_file_that_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = example(folder.path());
    let (bundle, whole) = (Bundle::open(&path).unwrap(), common::trained());
    std::fs::write(&path, b"").unwrap();
    let images = |bundle: &Bundle| {
        let all = bundle.calibration_images().chain(bundle.check_images().map(|(image, _)| image));
        all.map(|image| image.value(14, 14, 0, 1)).collect::<Vec<f64>>()
    };
    assert!(images(&bundle) == images(&whole) && images(&whole).len() > 200);
    assert!(matches!(bundle.with_latency_tables(Vec::new()), Err(BundleError::Changed { .. })));
    // A new file under the old name leaves the open one as it was.
    let bundle = Bundle::open(example(folder.path())).unwrap();
    std::fs::write(folder.path().join("new"), b"another file").unwrap();
    std::fs::rename(folder.path().join("new"), &path).unwrap();
    assert_eq!(bundle.weights().unwrap(), whole.weights().unwrap());
}

#[test]
fn a_file_that_changes_all_the_time_is_read_whole_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle.nestling");
    let bytes = common::bundle_bytes();
    std::fs::write(&path, &bytes).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    let expected = common::bundle().weights().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut cut = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                cut = (cut + 7919) % bytes.len();
                OpenOptions::new().write(true).open(&path).unwrap().set_len(cut as u64).unwrap();
                std::fs::write(&path, &bytes).unwrap();
                std::thread::yield_now();
            }
        });
        for _ in 0..300 {
            // The kind of error depends on the moment; that there is no other end is the point.
            if let Ok(weights) = Bundle::open(&path).and_then(|bundle| bundle.weights()) {
                assert!(weights == expected);
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn a_folder_says_that_it_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let error = Bundle::open(folder.path()).unwrap_err();
    assert_eq!(error.code(), "bundle_open");
    assert!(error.to_string().contains(": it is a folder; "), "{error}");
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::process::Command;

    /// The reader's message on bytes that come through a pipe.
    fn piped(bytes: &[u8], more: usize) -> Result<Bundle, BundleError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut pipe = OpenOptions::new().write(true).open(&path).unwrap();
                // A reader that has seen enough goes away.
                let written = pipe.write_all(bytes);
                let _ = written.and_then(|()| (0..more).try_for_each(|_| pipe.write_all(&[0; 4096])));
            });
            Bundle::open(&path)
        })
    }

    #[test]
    fn a_pipe_is_read_into_memory() {
        let bytes = common::bundle_bytes();
        let (bundle, expected) = (piped(&bytes, 0).unwrap(), common::bundle());
        assert_eq!((bundle.id(), bundle.file_bytes()), (expected.id(), bytes.len()));
        assert_eq!(bundle.weights().unwrap(), expected.weights().unwrap());
        assert!(matches!(piped(&bytes[..bytes.len() - 1], 0), Err(BundleError::Truncated { .. })));
        assert!(matches!(piped(&bytes[..100], 0), Err(BundleError::Truncated { given: 100 })));
        assert!(matches!(piped(b"a photograph, and not a small one", 0), Err(BundleError::NotABundle)));
        assert!(matches!(piped(b"", 0), Err(BundleError::Empty)));
    }

    #[test]
    fn a_pipe_or_a_device_that_never_ends_is_not_read_for_ever() {
        let bytes = common::bundle_bytes();
        let error = piped(&bytes, 1 << 30).unwrap_err();
        assert!(matches!(error, BundleError::TooLong { expected, .. } if expected == bytes.len() as u64), "{error}");
        assert!(matches!(Bundle::open("/dev/zero"), Err(BundleError::NotABundle)));
        assert!(matches!(Bundle::open("/dev/null"), Err(BundleError::Empty)));
    }
}
