//! Nestling's device runtime: slices a child network out of one resident supernet so that it keeps within a latency
//! budget on the GPU it really runs on, in milliseconds and with no retraining.
//!
//! # Ten lines
//! ```no_run
//! use nestling_core::choosing::Budget;
//! use nestling_bundle::Bundle;
//! use nestling_core::image::Image;
//! use nestling_core::metrics::Millis;
//! use nestling::{Runtime, RuntimeOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (width, height, bytes) = (28, 28, vec![0; 28 * 28 * 4]);
//! let bundle = Bundle::open("fashion.nestling")?; // mapped, verified, nothing trusted
//! let runtime = Runtime::open(&bundle, &RuntimeOptions::default())?; // adapter, shared weights uploaded once, pipelines
//! let choice = runtime.choose(Budget::p90(Millis(8.0)))?; // measured on this device; active from now on
//! println!("{choice}"); // child, predicted and measured ms, accuracy, why
//! let answer = runtime.classify(&Image::rgba8(width, height, &bytes)?)?;
//! println!("{} {:.1} %", answer.top().label, 100.0 * answer.top().probability);
//! runtime.switch_to(choice.next_faster()?)?; // microseconds; copies nothing
//! # Ok(())
//! # }
//! ```
//!
//! # What to read next
//! | to | read |
//! | --- | --- |
//! | use it in an app | [`runtime`] and the programs in `examples/` |
//! | run a child that does not ship | [`Runtime::calibrate`], [`Runtime::prepare`] |
//! | hold a budget while the device warms up | [`runtime::Governed`], [`select::Governor`] |
//! | keep a device's measurements between starts | [`latency::DeviceProfile`] |
//! | keep compiled pipelines between starts | [`gpu::ContextOptions`], its `pipeline_cache` |
//! | know what a child is | [`space`] |
//! | read or write the file that ships | [`bundle`] |
//! | know how it runs on the GPU | [`engine`] |
//!
//! # Features
//! | feature | brings |
//! | --- | --- |
//! | `gpu` (default) | the engine and the runtime: everything that needs wgpu |
//! | `pictures` | `input::Picture`, which reads JPEG and PNG files |
//! | `page` | `page`: plots and tables as HTML; with `gpu`, `report`: a device's profile as a page and a trace |
//! | `cli` | the program `nestling-device` |

pub mod engine;
mod error;
pub mod gpu;
pub mod profiling;
mod progress;
pub mod session;

pub use engine::{Frame, FromTexture};
pub use error::Error;
pub use nestling_bundle::Bundle;
pub use nestling_core::choosing::{Budget, Choice};
pub use nestling_core::image::Image;
pub use nestling_core::metrics::{MAdds, Millis};
pub use nestling_core::weights::WeightStorage;
#[cfg(feature = "pictures")]
pub use nestling_pictures::Picture;
pub use progress::{OnProgress, Phase, Progress};
pub use session::{Runtime, RuntimeOptions};
/// The graphics library underneath: an app that gives its own device or textures must use this version.
pub use wgpu;
