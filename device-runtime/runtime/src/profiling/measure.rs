use crate::Error;
use crate::engine::{PreparedChild, Supernet};
use crate::profiling::DriftMeter;
use crate::progress::{OnProgress, Phase, Progress, report};
use nestling_bundle::{ChildTimes, Measurements};
use nestling_core::image::Image;
use nestling_core::latency::{
    Batches, Clock, CostFeature, DeviceKey, LatencyModel, LatencyTable, LayerTime, MAX_INFORMATIVE, Sample,
    informative_children,
};
use nestling_core::metrics::{Latency, Millis, Spread};
use nestling_core::space::{LayerShape, Network};
use nestling_core::tiles::Coverage;
use std::collections::{BTreeMap, BTreeSet};
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
    /// Called from time to time, for a progress bar; [`Progress`](crate::Progress) says what it must not do.
    pub progress: Option<OnProgress<'a>>,
}

impl<'a> ProfileOptions<'a> {
    nestling_core::setters! { time: Duration, children: usize, progress: Option<OnProgress<'a>> }
}

impl Default for ProfileOptions<'_> {
    fn default() -> Self {
        Self { time: Duration::from_secs(2), children: MAX_INFORMATIVE, progress: None }
    }
}

impl fmt::Debug for ProfileOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProfileOptions({:?}, {} children)", self.time, self.children)
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

/// Share of the time until which informative children are timed, and then shipped ones; layers take the rest.
const INFORMATIVE_SHARE: f64 = 0.7;
const SHIPPED_SHARE: f64 = 0.9;
/// More runs of a child in one batch add little.
const MAX_RUNS: usize = 200;
/// The largest number of batches of a child; a few at different moments are enough.
const ENOUGH_RUNS: usize = 1000;
/// Children that are always timed: one for the scale, two for the range.
const ALWAYS: usize = 3;
/// The least duration of a batch of runs: a short disturbance is a small part of it.
const BATCH: Duration = Duration::from_millis(50);

struct Timer<'a> {
    started: Instant,
    options: &'a ProfileOptions<'a>,
}

impl Timer<'_> {
    /// Reports progress; returns whether `share` of the time has passed.
    async fn is_past(&self, share: f64, phase: Phase) -> bool {
        let done = self.started.elapsed().as_secs_f64() / self.options.time.as_secs_f64().max(1e-3);
        report(self.options.progress, Progress { fraction: done.min(1.0), phase }).await;
        done >= share
    }
}

/// A child that is timed, and its runs so far.
struct Timed {
    network: Network,
    /// Runs of a batch.
    count: usize,
    batches: Batches,
}

/// Times informative children of the space whole and fits the latency model to them, then the subjects whole, then
/// layers.
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
    let mut bench = Bench { supernet, image, drift: DriftMeter::new(supernet, *image).await?, seen: BTreeSet::new() };
    let informative = bench.informative(&timer).await?;
    let shipped = bench.shipped(subjects, &timer).await?;
    let usual = bench.drift.usual();
    let (clock, clock_note, layers) = time_layers(supernet, subjects, &shipped, &timer).await?;

    let sample = |timed: &Timed| Sample::new(&timed.network, Latency::of(&timed.batches.drift_corrected(usual)).p50);
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
    let times = |name: Option<&str>, timed: Timed| {
        let predicted = table.predict(&timed.network);
        ChildTimes::new(name, timed.network.child, predicted, &timed.batches, usual)
    };
    let informative = informative.into_iter().map(|timed| times(None, timed)).collect();
    let children = (subjects.iter().zip(shipped))
        .filter(|(_, timed)| !timed.batches.is_empty())
        .map(|(subject, timed)| times(Some(subject.name), timed))
        .collect();
    Ok(Measurements { reference_ms: usual, table, informative, children, clock, clock_note, layers })
}

impl Timed {
    fn new(network: &Network) -> Self {
        Self { network: network.clone(), count: 1, batches: Batches::default() }
    }

    fn is_done(&self) -> bool {
        self.batches.len() >= ENOUGH_RUNS
    }
}

struct Bench<'a> {
    supernet: &'a Supernet,
    image: &'a Image<'a>,
    drift: DriftMeter<'a>,
    /// The parts that the device has run once: drivers may compile a kernel when it first runs.
    seen: BTreeSet<CostFeature>,
}

impl Bench<'_> {
    /// Runs a child until a batch lasts long enough, twice as many runs each time; the last batch counts, and says how
    /// many runs the next one takes.
    async fn batch(&mut self, child: &PreparedChild, timed: &mut Timed) -> Result<(), Error> {
        let works = CostFeature::of(child.network(), Coverage::EXACT).into_keys();
        if works.filter(|&work| self.seen.insert(work)).count() > 0 {
            self.supernet.infer_async(child, self.image).await?;
        }
        loop {
            let (reference, runs) = self.drift.time_beside(child, timed.count).await?;
            let took = Duration::from_secs_f64(runs.iter().map(|run| run.0).sum::<f64>() * 1e-3);
            if took >= BATCH || timed.count >= MAX_RUNS {
                timed.batches.push(reference, runs);
                return Ok(());
            }
            timed.count *= 2;
        }
    }

    /// In turns, which spread disturbances over all children.
    async fn informative(&mut self, timer: &Timer<'_>) -> Result<Vec<Timed>, Error> {
        let space = self.supernet.space();
        let most = timer.options.children.clamp(1, MAX_INFORMATIVE);
        let mut all: Vec<Timed> = Vec::new();
        for child in informative_children(space, most) {
            if timer.is_past(INFORMATIVE_SHARE, Phase::InformativeChildren).await && all.len() >= ALWAYS.min(most) {
                return Ok(all);
            }
            let prepared = self.supernet.prepare_to_time(&space.lower(&child)?).await?;
            let mut timed = Timed::new(prepared.network());
            self.batch(&prepared, &mut timed).await?;
            all.push(timed);
        }
        loop {
            if all.iter().all(Timed::is_done) {
                return Ok(all);
            }
            for timed in all.iter_mut().filter(|timed| !timed.is_done()) {
                if timer.is_past(INFORMATIVE_SHARE, Phase::InformativeChildren).await {
                    return Ok(all);
                }
                let prepared = self.supernet.prepare_to_time(&timed.network).await?;
                self.batch(&prepared, timed).await?;
            }
        }
    }

    async fn shipped(&mut self, subjects: &[Subject<'_>], timer: &Timer<'_>) -> Result<Vec<Timed>, Error> {
        let mut all: Vec<Timed> = subjects.iter().map(|subject| Timed::new(subject.prepared.network())).collect();
        loop {
            if all.iter().all(Timed::is_done) {
                return Ok(all);
            }
            for (timed, subject) in all.iter_mut().zip(subjects).filter(|(timed, _)| !timed.is_done()) {
                if timer.is_past(SHIPPED_SHARE, Phase::ShippedChildren).await {
                    return Ok(all);
                }
                self.batch(subject.prepared, timed).await?;
            }
        }
    }
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
