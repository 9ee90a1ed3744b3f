//! Nestling's device runtime: slices a child network out of one resident supernet so that it keeps within a latency
//! budget on the GPU it really runs on, in milliseconds and with no retraining.
//!
//! # Ten lines
//! ```no_run
//! use nestling::{Budget, Bundle, Image, Millis, Runtime, RuntimeOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (width, height, bytes) = (28, 28, vec![0; 28 * 28 * 4]);
//! let bundle = Bundle::open("fashion.nestling")?; // mapped, verified, nothing trusted
//! let runtime = Runtime::new(&bundle, RuntimeOptions::default())?; // adapter, shared weights uploaded once, pipelines
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

pub mod accuracy;
pub mod atomic_file;
pub mod bundle;
#[cfg(feature = "gpu")]
pub mod engine;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod input;
pub mod latency;
#[cfg(feature = "page")]
pub mod page;
mod percentiles;
mod rank_correlation;
pub mod reference;
#[cfg(all(feature = "gpu", feature = "page"))]
pub mod report;
#[cfg(feature = "gpu")]
pub mod runtime;
pub mod select;
pub mod space;
pub mod units;
pub mod weights;

pub use bundle::Bundle;
pub use input::Image;
#[cfg(feature = "gpu")]
pub use runtime::{Runtime, RuntimeOptions};
pub use select::Budget;
#[cfg(feature = "gpu")]
pub use select::Choice;
pub use units::{MAdds, Millis};
pub use weights::WeightStorage;
