//! The native half of the package `@nestling/web`: the SDK as classes for JavaScript, made by wasm-bindgen.
//!
//! The package's worker (`js/worker.js`) is the only caller. It decodes pictures, keeps bundles and profiles, and
//! opens a lost device again. Every call that waits for the GPU returns a promise. Every failure is a JavaScript `Error`
//! with the SDK's code in `code`.
//!
//! | module | purpose |
//! | --- | --- |
//! | `bundle` | `Bundle`: verifies bytes, opens a runtime |
//! | `runtime` | `Runtime`: measures, chooses, switches, classifies |
//! | `governor` | `Governor`: holds a budget |
//! | `facts`, `object` | records as plain objects |
//! | `options`, `error`, `words`, `progress` | arguments, errors and callbacks of JavaScript |

mod bundle;
mod error;
mod facts;
mod governor;
mod object;
mod options;
mod progress;
mod runtime;
mod words;

pub use bundle::Bundle;
pub use governor::Governor;
pub use runtime::Runtime;
