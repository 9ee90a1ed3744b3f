/// How far an audit, an evaluation or a report is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Part that is done, from 0 to 1.
    pub fraction: f64,
    /// Part of the work that is under way, in words.
    pub doing: &'static str,
}
