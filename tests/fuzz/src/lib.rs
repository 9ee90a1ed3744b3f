//! Hostile input for every reader of files, and for the library for C.
//!
//! A [`Target`] takes any bytes and gives them to a reader. A panic, an abort, a report of AddressSanitizer, more CPU time
//! than a second and one for each 100 MB (five seconds under AddressSanitizer, which slows all down), or more memory than
//! [`allowed`] is a fault. Checksums are made right first (`seal`), because a hostile writer makes them right too.
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
//! | `run` | bundles that open a runtime and classify (feature `runtime`) |

mod bundle;
#[cfg(feature = "runtime")]
mod c_calls;
/// The reader's own file: it is private, and uses nothing of its crate.
#[path = "../../../device-runtime/runtime/src/gpu/cache_file.rs"]
#[allow(dead_code, missing_docs, unreachable_pub, clippy::pedantic, reason = "it belongs to another crate")]
mod cache_file;
/// How a profile is sealed.
#[path = "../../../device-runtime/bundle/src/canonical.rs"]
#[allow(dead_code, reason = "it belongs to another crate")]
mod canonical;
mod device_files;
pub mod memory;
#[cfg(feature = "runtime")]
mod run;
mod seal;
mod target;
#[cfg(feature = "trainer")]
mod trainer_files;

pub use seal::{Parts, fields_of, file_of, parts_of};
#[cfg(unix)]
pub use target::thread_time;
pub use target::{Target, allowed, allowed_time};

/// All targets that this build has.
pub fn targets() -> Vec<Target> {
    #[allow(unused_mut, reason = "features add some")]
    let mut targets = [bundle::TARGETS, device_files::TARGETS].concat();
    #[cfg(feature = "trainer")]
    targets.extend(trainer_files::TARGETS);
    #[cfg(feature = "runtime")]
    targets.extend([c_calls::TARGETS, run::TARGETS].concat());
    targets
}
