//! Nestling's device runtime. It holds the weights of one supernet on the GPU, and runs the most accurate child network
//! whose latency, measured on this device, is within a budget in milliseconds. No child needs retraining.
//!
//! # Ten lines
//! ```no_run
//! use nestling::{Budget, Bundle, Image, Millis, Runtime, RuntimeOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (width, height, bytes) = (28, 28, vec![0; 28 * 28 * 4]);
//! let bundle = Bundle::open("fashion.nestling")?; // verified, nothing trusted
//! let runtime = Runtime::open(&bundle, &RuntimeOptions::default())?; // adapter, shared weights, pipelines
//! let choice = runtime.choose(Budget::p90(Millis(8.0)))?; // measured on this device; active from now on
//! println!("{choice}"); // child, predicted and measured ms, accuracy, why
//! let answer = runtime.classify(&Image::rgba8(width, height, &bytes)?)?;
//! println!("{} {:.1} %", answer.top().label, 100.0 * answer.top().probability);
//! if let Some(faster) = choice.next_faster() {
//!     runtime.switch_to(faster)?; // microseconds; copies nothing
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # The public surface
//! An app may rely on the names at the root of this crate; `docs/api.md` lists them. [`low_level`] holds the rest, for
//! evaluation tools and trainers, and may change in any release.
//!
//! # Components
//! | module | purpose | uses |
//! | --- | --- | --- |
//! | `session` | [`Runtime`]: opens, measures, chooses, classifies, switches | all below |
//! | `profiling` | times children, corrects for drift | `engine` |
//! | `engine` | plans, loads, runs and calibrates children on the GPU | `gpu` |
//! | `gpu` | adapter, device, buffers read back, waiting | `error` |
//! | `error`, `progress` | [`Error`] and its codes, [`Progress`] | |
//!
//! # Features
//! | feature | adds |
//! | --- | --- |
//! | `pictures` | `Picture`, which reads JPEG, PNG and WebP files |
//! | `signatures` | `PublicKey`: bundles that are signed with Ed25519 |

mod engine;
mod error;
mod gpu;
pub mod low_level;
mod profiling;
mod progress;
mod session;

pub use engine::{Check, Frame, FromTexture, PreparedChild, Readiness, Replaced, Start, TileChoice};
pub use error::Error;
pub use gpu::{AdapterInfo, Context, ContextOptions, list_adapters_async};
#[cfg(not(target_arch = "wasm32"))]
pub use gpu::{block_on, list_adapters};
#[cfg(all(feature = "signatures", not(target_arch = "wasm32")))]
pub use nestling_bundle::PublicKey;
pub use nestling_bundle::{Bundle, BundleError, BundleStream, Conditions, DeviceProfile, ProfileError, Stale};
pub use nestling_core::arithmetic::Arithmetic;
pub use nestling_core::choosing::{Budget, Candidate, Choice, SearchBudget};
pub use nestling_core::governor::{Decision, Governor, GovernorOptions, Reason, Rung, ThermalHint};
pub use nestling_core::image::{Image, ImageError, Orientation, PixelFormat, Plane, YuvColour, YuvMatrix, YuvRange};
pub use nestling_core::metrics::{Latency, Load, MAdds, Millis, PowerMode, Quantile, Top1};
pub use nestling_core::space::{CalibratedChild, Child, ChildEntry, SpaceError};
pub use nestling_core::weights::WeightStorage;
#[cfg(feature = "pictures")]
pub use nestling_pictures::{Picture, PictureError, PictureOptions};
pub use profiling::ProfileOptions;
pub use progress::{OnProgress, Phase, Progress};
pub use session::{
    ActiveChild, Adopted, Answer, Governed, Guess, Runtime, RuntimeOptions, Target, Verification, VerifyOptions,
    WholeSpaceChoice, WholeSpaceOptions,
};
/// The version of wgpu whose devices and textures [`Context`] and [`Frame`] take.
pub use wgpu;
