//! Nestling's device runtime for Kotlin and Swift. `docs/kotlin.md` and `docs/swift.md` are the guides for apps; Rust apps
//! use the crate `nestling`.
//!
//! UniFFI makes the Kotlin of `../android` and the Swift of `../swift` from this crate; a test compares them.
//!
//! # Rules of the interface
//! - One object, [`Runtime`]; everything else is a record, an enum or a listener of the app.
//! - Every failure is a [`NestlingError`], whose variants have the SDK's code and the fields that matter.
//! - A call that takes long is asynchronous and runs on a thread of its own, so that any thread may await it (`work`).
//!   Dropping its future, a [`Cancellation`] or an error of its listener ends it at its next report.
//! - Calls with borrowed bytes block: the bytes of a frame are read where they lie.
//! - No panic crosses the border (`guard`).
//!
//! # Modules
//! | module | purpose | uses |
//! | --- | --- | --- |
//! | `measuring`, `classifying` | methods of `Runtime` | all below |
//! | `runtime` | [`Runtime`]: opening, facts, switching | `session`, `work` |
//! | `session` | a runtime and its governor | `listeners` |
//! | `work`, `cancellation` | calls on threads of their own, and their end | `listeners`, `guard` |
//! | `frame` | frames of a camera as images | `error` |
//! | `options`, `records`, `listeners` | types of the interface | `error` |
//! | `guard` | panics as errors | `error` |
//! | `error`, `words` | the error, in terms of an app | |

mod cancellation;
mod classifying;
mod error;
mod frame;
mod guard;
mod listeners;
mod measuring;
mod options;
mod records;
mod runtime;
mod session;
mod words;
mod work;

pub use cancellation::Cancellation;
pub use error::NestlingError;
pub use frame::{PixelFormat, PixelLayout, YuvLayout, YuvMatrix, YuvRange};
pub use listeners::{CallProgress, GovernorEvent, GovernorListener, ProgressListener, StepReason};
pub use measuring::GovernorState;
pub use options::{
    Arithmetic, Options, Quantile, ThermalHint, WeightStorage, thermal_hint_of_headroom, thermal_hint_of_ios_state,
};
pub use records::{Adapter, Answer, BundleFacts, Child, Choice, Guess, Latency, Memory, ProfileFacts};
pub use runtime::{Runtime, library_version, list_adapters, read_bundle};

uniffi::setup_scaffolding!("nestling");
