//! Nestling's device runtime as the module `nestling._native` of Python. `docs/python.md` is the guide for apps.
//!
//! Python code calls the package `nestling` (`python/nestling`), which adds types, documentation and conversions; Rust
//! apps use the crate `nestling`.
//!
//! # Rules of the interface
//! - The interpreter's lock is released while a call waits for the GPU, a file or another thread.
//! - An error of the SDK is a `nestling.Error` with its code (`error`); an argument that cannot be is a `ValueError`.
//! - Ctrl-C and an exception of a progress callback end a measurement (`interruption`).
//! - Facts are dictionaries (`facts`): the package makes them into its own records.
//! - A closed runtime frees the GPU; calls of other threads that have begun end as usual (`runtime`).
//! - A panic becomes Python's `PanicException`, which PyO3 raises.
//!
//! # Modules
//! | module | purpose | uses |
//! | --- | --- | --- |
//! | `runtime` | the class `Runtime`; all open ones | all below |
//! | `governor` | the class `Governor` | `image`, `facts`, `error` |
//! | `bundle`, `image` | the classes `Bundle` and `Image` | `facts`, `error` |
//! | `options` | the options of a runtime | |
//! | `interruption` | calls that take seconds | `error` |
//! | `facts` | adapters, children, choices and answers as dictionaries | `options` |
//! | `error` | the exception | `words` |
//! | `words` | messages in terms of Python | |

mod bundle;
mod error;
mod facts;
mod governor;
mod image;
mod interruption;
mod options;
mod runtime;
mod words;

use pyo3::prelude::*;

/// Nestling's device runtime; use the package `nestling`.
#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::bundle::Bundle;
    #[pymodule_export]
    use crate::error::Error;
    #[pymodule_export]
    use crate::facts::list_adapters;
    #[pymodule_export]
    use crate::governor::Governor;
    #[pymodule_export]
    use crate::image::Image;
    #[pymodule_export]
    use crate::runtime::{Runtime, close_all};

    use pyo3::prelude::*;

    #[pymodule_init]
    fn initialise(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        crate::error::set_defaults(module.py())
    }
}
