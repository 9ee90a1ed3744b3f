use super::{ChildTimes, DeviceKey, Latency, LatencyTable, LayerTime};
use crate::engine::{Clock, EngineError, PreparedChild, Supernet};
use crate::input::Image;
use crate::space::{LayerShape, Network};
use crate::units::Millis;
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// How a device is measured.
#[derive(Clone, Copy)]
pub struct ProfileOptions<'a> {
    /// About how long to measure. The fastest and the slowest child are always measured, however slow they are.
    pub time: Duration,
    /// Called now and then, for a progress bar.
    pub progress: Option<&'a dyn Fn(Progress)>,
}

impl Default for ProfileOptions<'_> {
    fn default() -> Self {
        Self { time: Duration::from_secs(2), progress: None }
    }
}

impl fmt::Debug for ProfileOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProfileOptions({:?})", self.time)
    }
}

/// How far a measurement is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// From 0 to 1.
    pub done: f64,
    /// What is being timed.
    pub doing: &'static str,
}

/// A shipped child to be measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) name: &'a str,
    pub(crate) prepared: &'a PreparedChild,
}

/// What was measured.
#[derive(Clone, Debug)]
pub(crate) struct Measurements {
    pub(crate) clock: Clock,
    pub(crate) table: LatencyTable,
    pub(crate) children: Vec<ChildTimes>,
}

/// Share of the time that goes to layers; the rest goes to whole children.
const LAYER_SHARE: f64 = 0.4;
/// Runs of a child before the next one's turn: turns spread what disturbs a device over all children.
const RUNS_A_TURN: usize = 5;
/// More runs of a child say little more.
const MOST_RUNS: usize = 100;
/// The slowest and the fastest child: a fit needs both.
const ALWAYS: usize = 2;

struct Timer<'a> {
    started: Instant,
    options: &'a ProfileOptions<'a>,
}

impl Timer<'_> {
    /// Says how far it is; returns whether `share` of the time has passed.
    fn is_past(&self, share: f64, doing: &'static str) -> bool {
        let done = self.started.elapsed().as_secs_f64() / self.options.time.as_secs_f64().max(1e-3);
        if let Some(progress) = self.options.progress {
            progress(Progress { done: done.min(1.0), doing });
        }
        done >= share
    }
}

/// Times the distinct layers of the subjects, then the subjects whole, and fits a table to both.
///
/// Subjects come fewest MAdds first.
pub(crate) fn measure(
    supernet: &Supernet,
    subjects: &[Subject<'_>],
    image: &Image<'_>,
    device: DeviceKey,
    options: &ProfileOptions<'_>,
) -> Result<Measurements, EngineError> {
    let timer = Timer { started: Instant::now(), options };
    let mut order: Vec<usize> = (0..subjects.len()).collect();
    if subjects.len() > ALWAYS {
        order.rotate_right(1); // the slowest, the fastest, and the rest if there is time
    }
    let (clock, layers) = time_layers(supernet, subjects, &order, &timer)?;
    let runs = time_children(supernet, subjects, &order, image, &timer)?;

    let timed: Vec<(usize, Latency)> = (order.iter().copied())
        .filter(|&index| !runs[index].is_empty())
        .map(|index| (index, Latency::of(&runs[index])))
        .collect();
    let points: Vec<(&Network, Millis)> =
        timed.iter().map(|&(index, latency)| (subjects[index].prepared.network(), latency.p50)).collect();
    let table = LatencyTable::fit(device, layers, &points);
    let mut children: Vec<(usize, ChildTimes)> = (timed.into_iter())
        .map(|(index, latency)| {
            let Subject { name, prepared } = subjects[index];
            let times = ChildTimes {
                name: name.to_owned(),
                child: prepared.child().clone(),
                predicted_ms: table.predict(prepared.network()),
                measured_p50_ms: latency.p50,
                measured_p90_ms: latency.p90,
                runs_ms: runs[index].clone(),
            };
            (index, times)
        })
        .collect();
    children.sort_by_key(|(index, _)| *index);
    Ok(Measurements { clock, table, children: children.into_iter().map(|(_, times)| times).collect() })
}

fn time_layers(
    supernet: &Supernet,
    subjects: &[Subject<'_>],
    order: &[usize],
    timer: &Timer<'_>,
) -> Result<(Clock, Vec<LayerTime>), EngineError> {
    const DOING: &str = "timing layers";
    let share = timer.options.time.as_secs_f64() * LAYER_SHARE / order.len().max(1) as f64;
    let mut clock = Clock::Wall;
    let mut times: BTreeMap<LayerShape, Vec<Millis>> = BTreeMap::new();
    for (turn, &index) in order.iter().enumerate() {
        if timer.is_past(LAYER_SHARE, DOING) && turn >= ALWAYS {
            break;
        }
        let prepared = subjects[index].prepared;
        if prepared.network().layers.iter().all(|layer| times.contains_key(&layer.shape)) {
            continue;
        }
        let before = Instant::now();
        supernet.time_layers(prepared, 1)?; // tells how many repeats its share of the time allows
        let repeats = share / before.elapsed().as_secs_f64().max(1e-6);
        let measured = supernet.time_layers(prepared, repeats.clamp(3.0, 50.0) as usize)?;
        clock = measured.clock;
        for layer in measured.layers {
            times.entry(layer.shape).or_default().push(layer.time);
        }
    }
    let median = |(shape, times): (LayerShape, Vec<Millis>)| LayerTime { shape, latency_ms: Latency::of(&times).p50 };
    Ok((clock, times.into_iter().map(median).collect()))
}

fn time_children(
    supernet: &Supernet,
    subjects: &[Subject<'_>],
    order: &[usize],
    image: &Image<'_>,
    timer: &Timer<'_>,
) -> Result<Vec<Vec<Millis>>, EngineError> {
    let mut runs: Vec<Vec<Millis>> = vec![Vec::new(); subjects.len()];
    for round in 0..MOST_RUNS / RUNS_A_TURN {
        for (turn, &index) in order.iter().enumerate() {
            if timer.is_past(1.0, "timing children") && (round > 0 || turn >= ALWAYS) {
                return Ok(runs);
            }
            runs[index].extend(supernet.time_whole(subjects[index].prepared, image, RUNS_A_TURN)?);
        }
    }
    Ok(runs)
}
