//! Hostile input for every reader of files, and for the library for C.
//!
//! A [`Target`] takes any bytes and gives them to a reader. A panic, an abort, a report of AddressSanitizer, a second of
//! time or more memory than [`allowed`] is a fault. Checksums are made right first ([`seal`]), because a hostile writer
//! makes them right too.
//!
//! * `tests/replay.rs` gives each target its seeds, the kept `corpus/` and random changes of both: in every test run.
//! * `main.rs` is the same for libFuzzer, with coverage and AddressSanitizer: `cargo xtask torture --only fuzz`.
//!
//! | module | readers |
//! | --- | --- |
//! | `bundle` | header, whole files, files that arrive in pieces, manifests, single fields, single sections |
//! | `device_files` | device profiles, pipeline caches, pictures, IDX files |
//! | `trainer_files` | published weights, checkpoints, recipes, search spaces, labels (feature `trainer`) |
//! | `c_calls` | sequences of calls of the library for C (feature `runtime`) |

mod bundle;
#[cfg(feature = "runtime")]
mod c_calls;
mod device_files;
pub mod memory;
mod seal;
#[cfg(feature = "trainer")]
mod trainer_files;

pub use seal::{Parts, fields_of, file_of, parts_of};

/// A reader of untrusted bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: that of its folder in `corpus/`.
    pub name: &'static str,
    /// Most bytes of an input that is worth trying.
    pub most: usize,
    /// Gives bytes to the reader.
    pub run: fn(&[u8]),
    /// Inputs that are right: others are made of them.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets that this build has.
pub fn targets() -> Vec<Target> {
    #[allow(unused_mut, reason = "features add some")]
    let mut targets = [bundle::TARGETS, device_files::TARGETS].concat();
    #[cfg(feature = "trainer")]
    targets.extend(trainer_files::TARGETS);
    #[cfg(feature = "runtime")]
    targets.extend(c_calls::TARGETS);
    targets
}

/// Most bytes of memory that reading so many bytes may take at once, beside those bytes: `docs/security.md`.
pub fn allowed(length: usize) -> usize {
    2 * length + (64 << 20)
}

impl Target {
    /// Gives bytes to the reader, and panics if it takes more memory than [`allowed`].
    pub fn check(&self, bytes: &[u8]) {
        let (peak, ()) = memory::peak(|| (self.run)(bytes));
        let most = allowed(bytes.len());
        assert!(
            peak <= most,
            "{}: {peak} bytes of memory for an input of {}, more than {most}",
            self.name,
            bytes.len()
        );
    }
}
