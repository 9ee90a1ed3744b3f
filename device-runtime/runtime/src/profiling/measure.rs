use crate::Error;
use crate::engine::{PreparedChild, Supernet};
use crate::profiling::rounds::{Bench, Rounds, Timed};
use crate::progress::{OnProgress, Phase, Progress, report};
use nestling_bundle::{ChildTimes, Conditions, Measurements};
use nestling_core::governor::ThermalHint;
use nestling_core::image::Image;
use nestling_core::latency::{
    Clock, DeviceKey, LatencyModel, LatencyTable, LayerTime, MAX_INFORMATIVE, Moment, Sample,
};
use nestling_core::metrics::{Latency, Millis, PowerMode, Spread};
use nestling_core::space::LayerShape;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use web_time::{Instant, SystemTime, UNIX_EPOCH};

/// Options of measuring a device.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct ProfileOptions<'a> {
    /// About how long to measure. Three children are always measured, however slow they are.
    pub time: Duration,
    /// Most informative children to time: [`MAX_INFORMATIVE`] is enough.
    pub children: usize,
    /// The cadence of the app: every run begins so long after the beginning of the one before, or at once if that was
    /// longer; back to back if not given. Between its inferences a device rests, lowers its clocks and serves others
    /// first, so an app that infers ten times a second sees other times than runs back to back. It is stored in the
    /// profile, and a choice with that profile times children at the same cadence. There are fewer runs in the same time:
    /// give ten to twenty seconds. At most a minute.
    pub every: Option<Duration>,
    /// The thermal state that the system reports, to be stored in the profile.
    pub thermal_hint: ThermalHint,
    /// The power that the device runs on, to be stored in the profile.
    pub power_mode: PowerMode,
    /// Called from time to time, for a progress bar; [`Progress`](crate::Progress) says what it must not do.
    pub progress: Option<OnProgress<'a>>,
}

impl<'a> ProfileOptions<'a> {
    nestling_core::setters! {
        time: Duration,
        children: usize,
        every: Option<Duration>,
        thermal_hint: ThermalHint,
        power_mode: PowerMode,
        progress: Option<OnProgress<'a>>,
    }
}

impl Default for ProfileOptions<'_> {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(2),
            children: MAX_INFORMATIVE,
            every: None,
            thermal_hint: ThermalHint::Unknown,
            power_mode: PowerMode::Unknown,
            progress: None,
        }
    }
}

impl fmt::Debug for ProfileOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProfileOptions({:?}, {} children", self.time, self.children)?;
        self.every.map_or(Ok(()), |every| write!(f, ", every {every:?}"))?;
        write!(f, ", {:?}, {:?})", self.thermal_hint, self.power_mode)
    }
}

/// A shipped child to be measured.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its name in the bundle.
    pub name: &'a str,
    /// The child, ready to run.
    pub prepared: &'a PreparedChild,
}

/// Runs of the reference that a profile keeps.
const KEPT_RUNS: usize = 1024;

pub(super) struct Timer<'a> {
    started: Instant,
    pub(super) options: &'a ProfileOptions<'a>,
}

impl Timer<'_> {
    /// Reports progress; returns whether `share` of the time has passed.
    pub(super) async fn is_past(&self, share: f64, phase: Phase) -> bool {
        let done = self.started.elapsed().as_secs_f64() / self.options.time.as_secs_f64().max(1e-3);
        report(self.options.progress, Progress { fraction: done.min(1.0), phase }).await;
        done >= share
    }
}

/// Times informative children of the space and the subjects whole, in rounds, and fits the latency model to the
/// informative ones; then times layers.
///
/// Needs two free measuring slots. `tables` are other devices': the fit starts from the most similar one.
pub async fn measure(
    supernet: &Supernet,
    subjects: &[Subject<'_>],
    image: &Image<'_>,
    device: DeviceKey,
    tables: &[LatencyTable],
    options: &ProfileOptions<'_>,
) -> Result<Measurements, Error> {
    let timer = Timer { started: Instant::now(), options };
    let mut bench = Bench::new(supernet, image, options.every).await?;
    let Rounds { informative, shipped } = bench.rounds(subjects, &timer).await?;
    let usual = bench.drift().usual();
    let (clock, clock_note, layers) = time_layers(supernet, subjects, &shipped, &timer).await?;

    let sample = |timed: &Timed| Sample::new(&timed.network, timed.batches.calm(usual));
    let samples: Vec<Sample> = informative.iter().map(sample).collect();
    // As an app will see them: not corrected for drift.
    let raw: Vec<Vec<Millis>> = informative.iter().chain(&shipped).map(|timed| timed.batches.raw()).collect();
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut table = LatencyTable {
        device,
        measured_at: since_1970.map_or(0, |time| time.as_secs()),
        residual_percent: 0.0,
        children: 0,
        model: LatencyModel { coverage: supernet.tiles().coverage(), ..LatencyModel::nominal() },
        spread: Spread::of(raw.iter().map(Vec::as_slice)),
    };
    table.fit_to(&samples, tables);
    let moment = Moment::new(bench.drift().timeline(), usual);
    let times = |name: Option<&str>, timed: Timed| {
        let predicted = moment.latency(table.predict(&timed.network)).p50;
        ChildTimes::new(name, timed.network.child, predicted, &timed.batches, usual)
    };
    let informative = informative.into_iter().map(|timed| times(None, timed)).collect();
    let children = (subjects.iter().zip(shipped))
        .filter(|(_, timed)| !timed.batches.is_empty())
        .map(|(subject, timed)| times(Some(subject.name), timed))
        .collect();
    let timeline_ms = bench.drift().spread_runs(KEPT_RUNS);
    let conditions = Some(Conditions {
        cadence_ms: bench.drift().every().map(Millis::from),
        load: moment.load(),
        thermal_hint: options.thermal_hint,
        power_mode: options.power_mode,
    });
    let reference_ms = usual;
    Ok(Measurements { reference_ms, timeline_ms, conditions, table, informative, children, clock, clock_note, layers })
}

/// The slowest subject's layers first for which there is time, then others' that are new.
async fn time_layers(
    supernet: &Supernet,
    subjects: &[Subject<'_>],
    shipped: &[Timed],
    timer: &Timer<'_>,
) -> Result<(Clock, Option<String>, Vec<LayerTime>), Error> {
    /// More repeats add little.
    const MAX_REPEATS: f64 = 30.0;
    let mut times: BTreeMap<LayerShape, Millis> = BTreeMap::new();
    let (mut clock, mut note) = (Clock::Wall, None);
    let left = || timer.options.time.saturating_sub(timer.started.elapsed()).as_secs_f64();
    // Checking the clock, and the layers once, take four runs and more; subjects that are not timed had no time left.
    let too_slow = |timed: &&Timed| timed.batches.is_empty() || 6e-3 * Latency::of(&timed.batches.raw()).p50.0 > left();
    let passed_by = shipped.iter().rev().take_while(too_slow).count().min(subjects.len().saturating_sub(1));
    // No time means that no report is wanted.
    let subjects = if timer.options.time.is_zero() { &[] } else { subjects };
    for (turn, subject) in subjects.iter().rev().skip(passed_by).enumerate() {
        if timer.is_past(1.0, Phase::Layers).await && turn > 0 {
            break;
        }
        let is_new = |layer: &nestling_core::space::Layer| !times.contains_key(&layer.shape);
        if !subject.prepared.network().layers.iter().any(is_new) {
            continue;
        }
        if turn == 0 {
            note = supernet.check_timestamps(subject.prepared).await?;
        }
        let before = Instant::now();
        let once = supernet.time_layers_async(subject.prepared, 1).await?;
        // As many repeats as a share of what is left of the time allows.
        let share = left() / (subjects.len() - turn) as f64 / before.elapsed().as_secs_f64().max(1e-6);
        let measured = if share >= 2.0 {
            supernet.time_layers_async(subject.prepared, share.min(MAX_REPEATS) as usize).await?
        } else {
            once
        };
        clock = measured.clock;
        for layer in measured.layers {
            times.entry(layer.shape).or_insert(layer.latency_ms);
        }
    }
    let layers = times.into_iter().map(|(shape, latency_ms)| LayerTime { shape, latency_ms }).collect();
    Ok((clock, note, layers))
}
