//! The document of three starts.

use crate::output::{Report, columns, row};
use anyhow::{Context as _, Result};
use nestling_core::latency::DeviceKey;
use nestling_core::metrics::Millis;
use serde::{Deserialize, Serialize};
use std::io::{self, Write};

/// One start: from nothing to a child's first answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Start {
    /// From the beginning of the program to the first answer.
    pub wall_ms: Millis,
    /// CPU time of all threads until then, also of loading the program; none where the system does not tell it.
    pub cpu_ms: Option<Millis>,
    /// Reading and verifying the bundle, a part of it.
    pub open_cpu_ms: Option<Millis>,
    /// Opening the adapter, sending the weights and building pipelines, a part of it.
    pub load_cpu_ms: Option<Millis>,
    /// The first inference, a part of it: some drivers compile in it.
    pub first_answer_cpu_ms: Option<Millis>,
    /// Whether the fast kernels gave the first answer; if not, the fallback ones did.
    pub fast_kernels: bool,
    /// From the beginning until the fast kernels were there.
    pub ready_after_ms: Millis,
    /// The next inference, by the fast kernels.
    pub steady_cpu_ms: Option<Millis>,
    /// Testing kernels before they answer, wall time, a part of loading or beside it: nothing is tested where an earlier
    /// start left the results.
    pub kernel_test_ms: Millis,
}

/// The starts of one process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Process {
    pub device: DeviceKey,
    /// The child that answered.
    pub child: String,
    /// Whether the driver keeps its cache where it is told to.
    pub empties_driver_cache: bool,
    /// Its start.
    pub start: Start,
    /// The second one in the same process: everything was closed, and is opened again.
    pub warm: Start,
}

/// Three figures, with all that they are the medians of.
#[derive(Debug, Serialize)]
pub struct Starts {
    device: DeviceKey,
    child: String,
    /// Whether the driver's own cache was empty at the first start, too.
    empties_driver_cache: bool,
    first_ever: Median,
    cached: Median,
    warm: Median,
    rounds: Vec<Round>,
}

/// The medians of one kind of start.
#[derive(Debug, Serialize)]
struct Median {
    wall_ms: Millis,
    cpu_ms: Option<Millis>,
    kernel_test_ms: Millis,
}

#[derive(Debug, Serialize)]
struct Round {
    first_ever: Start,
    cached: Start,
    warm: Start,
}

impl Starts {
    /// The number of rounds with a first and a cached process each.
    pub fn of(rounds: Vec<[Process; 2]>) -> Result<Self> {
        let [Process { device, child, empties_driver_cache, .. }, _] =
            rounds.first().context("nothing was measured")?;
        let (device, child, empties_driver_cache) = (device.clone(), child.clone(), *empties_driver_cache);
        let rounds: Vec<Round> = rounds
            .into_iter()
            .map(|[first, cached]| Round { first_ever: first.start, cached: cached.start, warm: cached.warm })
            .collect();
        let median = |start: fn(&Round) -> &Start| Median {
            wall_ms: middle(rounds.iter().map(|round| start(round).wall_ms).collect()),
            cpu_ms: rounds.iter().map(|round| start(round).cpu_ms).collect::<Option<Vec<_>>>().map(middle),
            kernel_test_ms: middle(rounds.iter().map(|round| start(round).kernel_test_ms).collect()),
        };
        let (first_ever, cached) = (median(|round| &round.first_ever), median(|round| &round.cached));
        let warm = median(|round| &round.warm);
        Ok(Self { device, child, empties_driver_cache, first_ever, cached, warm, rounds })
    }
}

/// The middle one; of two, the larger.
fn middle(mut times: Vec<Millis>) -> Millis {
    times.sort_by(|one, other| one.0.total_cmp(&other.0));
    times.get(times.len() / 2).copied().unwrap_or(Millis(f64::NAN))
}

const HEADS: [&str; 4] = ["start", "wall ms", "CPU ms", "kernel test ms"];

fn cells(name: &str, wall: Millis, cpu: Option<Millis>, test: Millis) -> Vec<String> {
    let cpu = cpu.map_or_else(|| "?".to_owned(), |cpu| format!("{:.0}", cpu.0));
    row([name, &format!("{:.0}", wall.0), &cpu, &format!("{:.1}", test.0)])
}

impl Report for Starts {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}\nfrom nothing to the first answer of {}:", self.device, self.child)?;
        let mut rows = vec![row(HEADS)];
        for (name, median) in [("first ever", &self.first_ever), ("cached", &self.cached), ("warm", &self.warm)] {
            rows.push(cells(name, median.wall_ms, median.cpu_ms, median.kernel_test_ms));
        }
        columns(out, &rows)?;
        if !self.empties_driver_cache {
            writeln!(
                out,
                "this driver may keep a cache that no program can empty: the first figure is that of a first start \
                 only after the driver or this program has changed"
            )?;
        }
        Ok(())
    }
}

impl Report for Process {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}\nfrom nothing to the first answer of {}:", self.device, self.child)?;
        let mut rows = vec![row(HEADS)];
        for (name, start) in [("this process", &self.start), ("warm", &self.warm)] {
            rows.push(cells(name, start.wall_ms, start.cpu_ms, start.kernel_test_ms));
        }
        columns(out, &rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_an_odd_and_an_even_count() {
        let middle_of = |times: &[f64]| middle(times.iter().copied().map(Millis).collect()).0;
        assert_eq!(middle_of(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(middle_of(&[2.0, 1.0]), 2.0);
    }
}
