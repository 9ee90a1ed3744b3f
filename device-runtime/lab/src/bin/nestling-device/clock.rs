//! Wall time, and CPU time of all threads of this process beside it.
//!
//! A software driver computes on threads of this process: there the CPU time is what an inference costs, and it holds
//! while other programs share the cores.

use nestling_core::metrics::Millis;
use std::time::Instant;

/// What something took.
#[derive(Clone, Copy)]
pub struct Spent {
    pub wall: Millis,
    /// `None` where the system does not tell.
    pub cpu: Option<Millis>,
}

/// Measures from its start.
pub struct Clock {
    wall: Instant,
    cpu: Option<Millis>,
}

impl Clock {
    pub fn start() -> Self {
        Self { cpu: process_cpu(), wall: Instant::now() }
    }

    pub fn elapsed(&self) -> Spent {
        let wall = self.wall.elapsed().into();
        let cpu = self.cpu.zip(process_cpu()).map(|(before, now)| Millis(now.0 - before.0));
        Spent { wall, cpu }
    }
}

#[cfg(unix)]
fn process_cpu() -> Option<Millis> {
    use rustix::time::{ClockId, clock_gettime};
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Some(Millis(now.tv_sec as f64 * 1e3 + now.tv_nsec as f64 * 1e-6))
}

#[cfg(not(unix))]
fn process_cpu() -> Option<Millis> {
    None
}
