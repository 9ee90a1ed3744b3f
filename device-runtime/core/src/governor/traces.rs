//! A thousand simulated devices: figures of the governor.

use super::simulation::{Device, Scenario, at};
use super::*;
use serde::Serialize;

const TRACES: u64 = 1000;
/// At a new load or budget the governor may take several steps: the first seconds are not constant load yet.
const SETTLING: f64 = 20.0;
/// A child whose p95 takes this part of the limit keeps it, also if it is timed again.
const CLEAR: f64 = 0.95;

/// Inferences of a trial.
const TRIAL: u64 = 16;

/// Totals over some traces; printed as one line of JSON.
#[derive(Clone, Debug, Default, Serialize)]
struct Figures {
    scenario: String,
    traces: u64,
    simulated_minutes: f64,
    inferences: u64,
    switches: usize,
    /// In any 60 seconds at constant load.
    most_switches_a_minute: usize,
    /// The same with the first seconds of each load.
    most_switches_a_minute_with_settling: usize,
    /// Windows that some child could keep within the budget.
    windows: u64,
    windows_kept: u64,
    windows_kept_percent: f64,
    /// Traces with less than 95 % of their windows kept.
    traces_below_95_percent: u64,
    /// Mean rungs below the best child that keeps the budget with a little room, once settled.
    rungs_below_best: f64,
    /// Inferences of that mean.
    #[serde(skip)]
    settled: u64,
    /// Misses within the first inferences after a step up, in percent of all inferences.
    trial_misses_percent: f64,
    /// Seconds from the end of a load to the best child that clearly keeps the budget.
    #[serde(skip)]
    recoveries: Vec<f64>,
    median_recovery_seconds: f64,
}

impl Figures {
    fn add(&mut self, other: &Self) {
        let below = self.rungs_below_best * self.settled as f64 + other.rungs_below_best * other.settled as f64;
        self.settled += other.settled;
        let missed =
            self.trial_misses_percent * self.inferences as f64 + other.trial_misses_percent * other.inferences as f64;
        self.traces += other.traces;
        self.simulated_minutes += other.simulated_minutes;
        self.inferences += other.inferences;
        self.switches += other.switches;
        self.most_switches_a_minute = self.most_switches_a_minute.max(other.most_switches_a_minute);
        self.most_switches_a_minute_with_settling =
            self.most_switches_a_minute_with_settling.max(other.most_switches_a_minute_with_settling);
        self.windows += other.windows;
        self.windows_kept += other.windows_kept;
        self.windows_kept_percent = 100.0 * self.windows_kept as f64 / self.windows.max(1) as f64;
        self.traces_below_95_percent += other.traces_below_95_percent;
        self.rungs_below_best = below / self.settled.max(1) as f64;
        self.trial_misses_percent = missed / self.inferences.max(1) as f64;
        self.recoveries.extend(&other.recoveries);
        self.recoveries.sort_by(f64::total_cmp);
        self.median_recovery_seconds = self.recoveries.get(self.recoveries.len() / 2).copied().unwrap_or_default();
    }
}

/// The last inferences, as one bit each: a miss.
#[derive(Default)]
struct Misses(u32, u64);

impl Misses {
    fn push(&mut self, missed: bool) {
        (self.0, self.1) = (self.0 << 1 | u32::from(missed), self.1 + 1);
    }

    /// p95 of a full window is within the limit.
    fn kept(&self) -> Option<bool> {
        (self.1 >= WINDOW as u64).then_some(self.0.count_ones() <= 1)
    }
}

/// Most of these moments in any 60 seconds.
fn most_in_a_minute(moments: &[f64]) -> usize {
    // Less than a nanosecond is nothing to the governor's clock.
    let count_from = |from: f64| moments.iter().filter(|&&moment| (from..from + 60.0 - 1e-9).contains(&moment)).count();
    moments.iter().map(|&from| count_from(from)).max().unwrap_or(0)
}

fn run(scenario: Scenario, seed: u64) -> Figures {
    let mut device = Device::random(scenario, seed);
    let ladder = device.ladder();
    let start = device.start.map(|rung| rung.min(ladder.rungs().len() - 1));
    let options = GovernorOptions { start, ..GovernorOptions::new(Millis(device.limits[0].1)) };
    let mut governor = Governor::new(ladder, options).unwrap();
    let mut figures = Figures { traces: 1, simulated_minutes: device.seconds / 60.0, ..Figures::default() };
    let (mut served, mut fastest) = (Misses::default(), Misses::default());
    // When it switched, and since when load and budget were the same.
    let mut switches: Vec<(f64, f64)> = Vec::new();
    let (mut took, mut below, mut settled) = (0.0, 0.0, 0u64);
    let (mut since_up, mut trial_misses) = (u64::MAX, 0u64);
    let (mut load, mut recovering): (f64, Option<(f64, usize)>) = (at(&device.loads, 0.0).1, None);
    let mut bests: Option<(f64, Vec<f64>)> = None;
    while let Some(moment) = device.next(took) {
        governor.set_budget(Millis(moment.limit)).unwrap();
        let rung = governor.current();
        took = moment.time(device.times[rung]);
        served.push(took > moment.limit);
        // Whatever slows one child down slows all down: if any child keeps a window, the fastest does.
        fastest.push(moment.time(device.times[0]) > moment.limit);
        if fastest.kept() == Some(true) {
            figures.windows += 1;
            figures.windows_kept += u64::from(served.kept() == Some(true));
        }
        figures.inferences += 1;
        let since = at(&device.loads, moment.now).0.max(at(&device.limits, moment.now).0);
        trial_misses += u64::from(since_up < TRIAL && took > moment.limit);
        since_up = since_up.saturating_add(1);
        // It is the same while load and heat are.
        if bests.as_ref().is_none_or(|(of, _)| *of != moment.slow_down + since) {
            bests = Some((moment.slow_down + since, device.p95s(&moment)));
        }
        let p95s = bests.as_ref().map_or(&[][..], |(_, p95s)| p95s);
        let best = p95s.iter().rposition(|&p95| p95 <= CLEAR * moment.limit).unwrap_or(0);
        if moment.now - since > 90.0 {
            below += best.saturating_sub(rung) as f64;
            settled += 1;
        }
        let now_loaded = at(&device.loads, moment.now).1;
        if now_loaded < load && rung < best {
            // A second relief is the same recovery, to a better child.
            recovering = Some((recovering.map_or(moment.now, |(from, _)| from), best));
        }
        if now_loaded > load && recovering.take().is_some() {
            figures.recoveries.push(f64::INFINITY);
        }
        load = now_loaded;
        if let Some((from, _)) = recovering.filter(|&(_, best)| rung >= best) {
            figures.recoveries.push(moment.now - from);
            recovering = None;
        }
        let said = governor.observe(Duration::from_secs_f64(moment.now), Millis(took), moment.hint);
        match said {
            Decision::StepDown { to, .. } => assert!(to < rung),
            Decision::StepUp { to } => {
                assert!(to > rung && scenario != Scenario::TooSlow);
                since_up = 0;
            }
            Decision::TooSlow => assert_eq!(rung, 0),
            Decision::Stay => (),
        }
        if governor.current() != rung {
            switches.push((moment.now, since));
        }
    }
    // One that is still open took too long, if it had the time.
    if recovering.is_some_and(|(from, _)| device.seconds - from > 45.0) {
        figures.recoveries.push(f64::INFINITY);
    }
    if scenario == Scenario::TooSlow {
        assert!(governor.is_too_slow() && governor.current() == 0, "{seed}");
    }
    figures.switches = switches.len();
    figures.windows_kept_percent = 100.0 * figures.windows_kept as f64 / figures.windows.max(1) as f64;
    figures.traces_below_95_percent = u64::from(figures.windows > 0 && figures.windows_kept_percent < 95.0);
    figures.settled = settled;
    figures.rungs_below_best = if settled > 0 { below / settled as f64 } else { 0.0 };
    figures.trial_misses_percent = 100.0 * trial_misses as f64 / figures.inferences.max(1) as f64;
    // Heat is not a constant load.
    if !matches!(scenario, Scenario::HeatCurve | Scenario::Warming) {
        let mut loads: Vec<f64> = switches.iter().map(|&(_, since)| since).collect();
        loads.dedup();
        for load in loads {
            let of_load = switches.iter().filter(|&&(_, since)| since == load).map(|&(moment, _)| moment);
            let all: Vec<f64> = of_load.collect();
            let settled = all.iter().position(|moment| moment - load >= SETTLING).unwrap_or(all.len());
            figures.most_switches_a_minute = figures.most_switches_a_minute.max(most_in_a_minute(&all[settled..]));
            figures.most_switches_a_minute_with_settling =
                figures.most_switches_a_minute_with_settling.max(most_in_a_minute(&all));
        }
    }
    figures
}

#[test]
fn a_thousand_devices_are_kept_within_their_budgets_without_oscillating() {
    let named = |scenario: String| Figures { scenario, ..Figures::default() };
    let mut total = named("all".to_owned());
    let mut by_scenario = Vec::new();
    for (place, &scenario) in (0..).zip(&Scenario::ALL) {
        let mut figures = named(format!("{scenario:?}"));
        let scenarios = Scenario::ALL.len() as u64;
        for seed in (place..TRACES).step_by(scenarios as usize) {
            figures.add(&run(scenario, seed));
        }
        println!("{}", serde_json::to_string(&figures).unwrap());
        total.add(&figures);
        by_scenario.push(figures);
    }
    println!("{}", serde_json::to_string(&total).unwrap());
    assert_eq!(total.traces, TRACES);
    for figures in &by_scenario {
        assert!(figures.most_switches_a_minute <= 2, "{figures:?}");
        assert!(figures.windows_kept as f64 >= 0.95 * figures.windows as f64, "{figures:?}");
    }
    assert!(total.windows_kept_percent >= 98.5 && total.trial_misses_percent <= 1.0, "{total:?}");
    // Serving the fastest child for ever would keep every budget, too.
    assert!(total.rungs_below_best <= 0.3 && total.median_recovery_seconds <= 45.0, "{total:?}");
}
