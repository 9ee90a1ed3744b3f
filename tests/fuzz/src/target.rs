use crate::memory;
use std::time::Duration;

/// A reader of untrusted bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: that of its folder in `corpus/`.
    pub name: &'static str,
    /// Most bytes of an input that is worth trying.
    pub most: usize,
    /// Gives bytes to the reader.
    pub run: fn(&[u8]),
    /// Inputs that are right: others are made of them.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Whether it calls a GPU: it takes a thousand times as long as a reader.
    pub needs_gpu: bool,
}

/// Most bytes of memory that reading so many bytes may take at once, beside those bytes: `docs/security.md`.
pub fn allowed(length: usize) -> usize {
    2 * length + (64 << 20)
}

/// CPU time that reading so many bytes may take: `docs/security.md`.
pub fn allowed_time(length: usize) -> Duration {
    Duration::from_secs(1) + Duration::from_secs_f64(length as f64 / 1e8)
}

/// CPU time of this thread so far: other tests run beside it.
#[cfg(unix)]
pub fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

impl Target {
    /// A reader, which needs no GPU.
    pub(crate) const fn reader(name: &'static str, most: usize, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Self {
        Self { name, most, run, seeds, needs_gpu: false }
    }

    /// Gives bytes to the reader, and panics if it takes more memory than [`allowed`].
    pub fn check(&self, bytes: &[u8]) {
        let (peak, ()) = memory::peak(|| (self.run)(bytes));
        let most = allowed(bytes.len());
        assert!(
            peak <= most,
            "{}: {peak} bytes of memory for an input of {}, more than {most}",
            self.name,
            bytes.len()
        );
    }
}
