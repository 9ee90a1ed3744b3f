//! Nestling's device runtime as a C library: the functions of `include/nestling.h`. `docs/c.md` is the guide for apps.
//!
//! Rust apps use the crate `nestling`; this crate adds nothing to it.
//!
//! # Rules of the interface
//! - Every function that can fail returns a [`nestling_status`]: 0, or a number for each error of the SDK, whose name is
//!   that error's code. The text of the last failure of a thread is in [`nestling_last_error`].
//! - A handle is a number that looks like a pointer and is never followed (`registry`). A freed or foreign one gives
//!   `NESTLING_BAD_HANDLE`, always.
//! - All results go to memory of the caller. No text or array is allocated for it, so there is nothing to free but the
//!   runtime.
//! - Constants of the caller are plain numbers here: an unknown one gives `NESTLING_INVALID_ARGUMENT`.
//! - A panic ends at the boundary (`fault`) and gives `NESTLING_PANIC`.
//! - Any thread may call any function at any time.
//!
//! # Modules
//! | module | purpose | uses |
//! | --- | --- | --- |
//! | `opening`, `facts`, `measuring`, `running`, `governing`, `messages` | the functions | all below |
//! | `registry` | live handles | `session` |
//! | `session` | a runtime and its governor | |
//! | `image` | a frame of the caller as an image of the SDK | `memory` |
//! | `memory` | every use of a pointer of the caller | `fault` |
//! | `types` | structs and constants | |
//! | `fault` | errors, panics, the last text | `status`, `words` |
//! | `words` | messages of the SDK in terms of C | |
//! | `status` | all statuses | |
// A C interface consists of pointers and unmangled names. Each block says why it is sound.
#![allow(unsafe_code)]
#![warn(clippy::undocumented_unsafe_blocks)]
#![allow(non_camel_case_types, reason = "types have the names that C apps write")]

mod facts;
mod fault;
mod governing;
mod image;
mod measuring;
mod memory;
mod messages;
mod opening;
mod registry;
mod running;
mod session;
mod status;
mod types;
mod words;

pub use facts::{
    nestling_get_adapter, nestling_get_child, nestling_get_facts, nestling_get_label, nestling_get_replaced,
};
pub use governing::{
    nestling_get_governor, nestling_govern, nestling_set_thermal_hint, nestling_thermal_hint_of_headroom,
};
pub use measuring::{nestling_choose, nestling_ensure_profile};
pub use messages::{nestling_last_error, nestling_status_name, nestling_version};
pub use opening::{nestling_free, nestling_open, nestling_open_bytes};
pub use running::{nestling_classify, nestling_get_active_child, nestling_switch_to};
pub use status::{FIRST_OF_SDK, NAMES, nestling_status};
pub use types::*;
