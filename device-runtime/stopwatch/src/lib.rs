//! Wall time, and the CPU time of all threads of this process beside it.
//!
//! A software driver and libtorch compute on threads of this process. Their CPU time is the cost of the work, and it
//! holds while other programs share the cores.

use nestling_core::metrics::Millis;
use std::time::Instant;

/// The time between a start and now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Elapsed {
    /// Wall time.
    pub wall: Millis,
    /// CPU time of all threads; `None` where the system does not tell it.
    pub cpu: Option<Millis>,
}

impl Elapsed {
    /// Seconds of wall time.
    pub fn wall_s(&self) -> f64 {
        self.wall.0 * 1e-3
    }

    /// Seconds of CPU time; NaN where the system does not tell it.
    pub fn cpu_s(&self) -> f64 {
        self.cpu.map_or(f64::NAN, |cpu| cpu.0 * 1e-3)
    }
}

/// Measures from its start.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    wall: Instant,
    cpu: Option<Millis>,
}

impl Stopwatch {
    /// Starts.
    pub fn start() -> Self {
        Self { cpu: process_cpu(), wall: Instant::now() }
    }

    /// Starts with the process: its CPU time is all that the process ever took, also before `main`. Its wall time begins
    /// with this call, which belongs at the beginning of `main`.
    pub fn of_process() -> Self {
        Self { cpu: process_cpu().map(|_| Millis(0.0)), wall: Instant::now() }
    }

    /// The time since the start; the stopwatch runs on.
    pub fn elapsed(&self) -> Elapsed {
        let wall = self.wall.elapsed().into();
        let cpu = self.cpu.zip(process_cpu()).map(|(before, now)| Millis(now.0 - before.0));
        Elapsed { wall, cpu }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_wall_and_cpu_time_and_waiting_takes_wall_time_only() {
        let stopwatch = Stopwatch::start();
        std::thread::sleep(std::time::Duration::from_millis(30));
        let waited = stopwatch.elapsed();
        assert!(waited.wall.0 >= 30.0, "{waited:?}");
        let mut sum = 0.0f64;
        while stopwatch.elapsed().wall.0 < waited.wall.0 + 60.0 {
            sum += std::hint::black_box(1.0f64).sqrt();
        }
        let worked = stopwatch.elapsed();
        assert!(sum > 0.0 && worked.wall_s() >= 0.09);
        if cfg!(unix) {
            assert!(worked.cpu_s() > waited.cpu_s(), "{waited:?} {worked:?}");
        } else {
            assert!(worked.cpu.is_none() && worked.cpu_s().is_nan());
        }
        let whole = Stopwatch::of_process().elapsed();
        assert!(whole.wall.0 < worked.wall.0 && whole.cpu.is_none_or(|cpu| cpu.0 > 0.0), "{whole:?}");
        assert!(!cfg!(unix) || whole.cpu_s() >= worked.cpu_s(), "{whole:?} {worked:?}");
    }
}
