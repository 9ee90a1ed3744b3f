/// The progress of an audit, an evaluation or a report.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Part that is done, from 0 to 1.
    pub fraction: f64,
    /// The current phase of the work, in words.
    pub doing: &'static str,
}
