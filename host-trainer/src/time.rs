//! CPU time of this process beside wall time.

use rustix::time::{ClockId, clock_gettime};
use std::time::Instant;

/// CPU seconds of all threads of this process so far.
pub fn process_cpu_s() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
}

/// Measures CPU and wall seconds, on top of what was spent before.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    cpu_before: f64,
    wall_before: f64,
    cpu_start: f64,
    wall_start: Instant,
}

impl Clock {
    /// Starts, with seconds already spent.
    pub fn start(cpu_before: f64, wall_before: f64) -> Self {
        Self { cpu_before, wall_before, cpu_start: process_cpu_s(), wall_start: Instant::now() }
    }

    /// CPU seconds and wall seconds.
    pub fn elapsed(&self) -> (f64, f64) {
        let cpu = process_cpu_s() - self.cpu_start;
        (self.cpu_before + cpu, self.wall_before + self.wall_start.elapsed().as_secs_f64())
    }
}
