//! Pages of a device's measurements: a report with plots and tables, and one inference on a time line.
//!
//! [`DeviceReport`] holds all of it as data; drawing the page computes only what a plot needs.
//!
//! ```text
//! assemble       a profile, and further measurements
//! layers         where a child's time goes, layer by layer
//! warm_up        the first answer after loading, and later ones
//! page, charts   the same as HTML
//! trace_events   an inference as Chrome and Perfetto read it
//! ```

mod assemble;
mod charts;
mod layers;
mod page;
#[cfg(test)]
mod tests;
mod trace_events;
mod warm_up;

pub use assemble::{DeviceReport, Errors, Opening, ReportOptions, ShippedChild};
pub use layers::{ChildLayers, LayerCost};
pub use page::html;
pub use trace_events::trace_events;
pub use warm_up::WarmUp;
