use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};

/// GPU objects made and bytes sent since the context was opened.
///
/// Two snapshots subtract, which is how "a switch copies nothing" is tested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Bytes of weights written.
    pub weight_bytes_uploaded: u64,
    /// Bytes of children written: layer parameters, scales and shifts; and what self-tests read.
    pub parameter_bytes_uploaded: u64,
    /// Bytes of images and their parameters written.
    pub input_bytes_uploaded: u64,
    /// Buffers made.
    pub buffers: u64,
    /// Bind groups made.
    pub bind_groups: u64,
    /// Pipelines made.
    pub pipelines: u64,
    /// Command buffers submitted.
    pub submissions: u64,
}

impl std::ops::Sub for Counters {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            weight_bytes_uploaded: self.weight_bytes_uploaded - before.weight_bytes_uploaded,
            parameter_bytes_uploaded: self.parameter_bytes_uploaded - before.parameter_bytes_uploaded,
            input_bytes_uploaded: self.input_bytes_uploaded - before.input_bytes_uploaded,
            buffers: self.buffers - before.buffers,
            bind_groups: self.bind_groups - before.bind_groups,
            pipelines: self.pipelines - before.pipelines,
            submissions: self.submissions - before.submissions,
        }
    }
}

/// The counter that an upload is added to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Upload {
    Weights,
    Parameters,
    Input,
}

#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) weights: AtomicU64,
    pub(super) parameters: AtomicU64,
    pub(super) input: AtomicU64,
    pub(super) buffers: AtomicU64,
    pub(super) bind_groups: AtomicU64,
    pub(super) pipelines: AtomicU64,
    pub(super) submissions: AtomicU64,
}

impl Tally {
    pub(super) fn uploaded(&self, kind: Upload, bytes: u64) {
        let count = match kind {
            Upload::Weights => &self.weights,
            Upload::Parameters => &self.parameters,
            Upload::Input => &self.input,
        };
        count.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn snapshot(&self) -> Counters {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counters {
            weight_bytes_uploaded: read(&self.weights),
            parameter_bytes_uploaded: read(&self.parameters),
            input_bytes_uploaded: read(&self.input),
            buffers: read(&self.buffers),
            bind_groups: read(&self.bind_groups),
            pipelines: read(&self.pipelines),
            submissions: read(&self.submissions),
        }
    }
}
