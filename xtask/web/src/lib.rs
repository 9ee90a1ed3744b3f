//! Everything about the package for browsers that needs no browser language: packing the module, serving files on this
//! machine, and driving a headless Chromium.

pub mod browser;
pub mod pack;
pub mod parity;
pub mod photograph;
pub mod server;
