//! A thousand simulated devices: figures of the governor.

use super::simulation::{Device, Scenario, at};
use super::*;
use serde::Serialize;

const TRACES: u64 = 1000;
/// At a new load or budget the governor may go down rung by rung: the first seconds are not constant load yet.
const SETTLING: f64 = 20.0;
/// Far enough below the limit that the governor should try it, with a margin for wrong predictions.
const CLEAR: f64 = 0.7;

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
    /// Mean rungs below the best child that clearly keeps the budget, once settled.
    rungs_below_best: f64,
}

impl Figures {
    fn add(&mut self, other: &Self) {
        let settled = self.rungs_below_best * self.inferences as f64 + other.rungs_below_best * other.inferences as f64;
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
        self.rungs_below_best = settled / self.inferences.max(1) as f64;
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
        if moment.now - since > 180.0 {
            let p95 = |median: f64| median * moment.slow_down * f64::exp(1.645 * device.noise);
            let best = device.times.iter().rposition(|&time| p95(time) <= CLEAR * moment.limit).unwrap_or(0);
            below += best.saturating_sub(rung) as f64;
            settled += 1;
        }
        let said = governor.observe(Duration::from_secs_f64(moment.now), Millis(took), moment.hint);
        match said {
            Decision::StepDown { to, .. } => assert!(to < rung),
            Decision::StepUp { to } => assert!(to == rung + 1 && scenario != Scenario::TooSlow),
            Decision::TooSlow => assert_eq!(rung, 0),
            Decision::Stay => (),
        }
        if governor.current() != rung {
            switches.push((moment.now, since));
        }
    }
    if scenario == Scenario::TooSlow {
        assert!(governor.is_too_slow() && governor.current() == 0, "{seed}");
    }
    figures.switches = switches.len();
    figures.windows_kept_percent = 100.0 * figures.windows_kept as f64 / figures.windows.max(1) as f64;
    figures.traces_below_95_percent = u64::from(figures.windows > 0 && figures.windows_kept_percent < 95.0);
    figures.rungs_below_best = if settled > 0 { below / settled as f64 } else { 0.0 };
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
    // Serving the fastest child for ever would keep every budget, too.
    assert!(total.rungs_below_best < 0.5, "{total:?}");
}
