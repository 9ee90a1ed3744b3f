//! Simulated devices: the time of each child at any moment is known, so that a governor can be judged.

use super::{Ladder, Rung, ThermalHint};
use crate::metrics::{Latency, Millis};
use crate::supply::Supply;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A course of load, heat and budget on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Noise only.
    Steady,
    /// Pauses of the app, one at a time.
    Spikes,
    /// Another app takes a share of the GPU: some inferences take a multiple.
    Contention,
    /// Another app takes the GPU, and gives it back.
    LoadSteps,
    /// Another program interrupts the device for some ms at a time, more or less often.
    Interrupted,
    /// Throttled after minutes, whatever the app does; cools down.
    HeatCurve,
    /// A larger child heats more, and a hot device throttles.
    Warming,
    /// No child keeps the budget.
    TooSlow,
    /// The app changes its budget.
    Budgets,
}

impl Scenario {
    pub const ALL: [Self; 9] = [
        Self::Steady,
        Self::Spikes,
        Self::Contention,
        Self::LoadSteps,
        Self::Interrupted,
        Self::HeatCurve,
        Self::Warming,
        Self::TooSlow,
        Self::Budgets,
    ];
}

/// A value from each moment on, in seconds.
pub type Steps = Vec<(f64, f64)>;

/// The value at a moment, and since when.
pub fn at(steps: &Steps, now: f64) -> (f64, f64) {
    *steps.iter().rfind(|step| step.0 <= now).unwrap_or(&steps[0])
}

/// How heat comes and goes.
#[derive(Clone, Copy, Debug)]
enum Heat {
    None,
    /// Rises from the first to the second moment, falls from the third to the fourth.
    Curve([f64; 4]),
    /// Gains so much a second of computing; loses its part of what it has each second.
    Feedback {
        gain: f64,
        loss: f64,
    },
}

/// A device and its app.
#[derive(Clone, Debug)]
pub struct Device {
    pub seconds: f64,
    /// True medians in ms when nothing slows the device down; the fastest child first.
    pub times: Vec<f64>,
    /// Standard deviation of the logarithm of a time.
    pub noise: f64,
    pub limits: Steps,
    pub loads: Steps,
    /// The rung that serves first, if the app says.
    pub start: Option<usize>,
    /// The ratio of true to predicted times.
    optimism: f64,
    /// Seconds between inferences, if they are quick enough.
    interval: f64,
    /// Pauses a second, and the longest in ms.
    pauses: (f64, f64),
    /// The part of the inferences that take a multiple, and which.
    contended: (f64, f64),
    supply: Option<Supply>,
    heat: Heat,
    throttled: f64,
    /// Whether the system reports heat.
    tells: bool,
    random: ChaCha8Rng,
    now: f64,
    /// As Android counts: 1 is throttled.
    warmth: f64,
}

/// One inference, of whichever child.
pub struct Moment {
    pub now: f64,
    pub limit: f64,
    /// Factor on the median times.
    pub slow_down: f64,
    factor: f64,
    pause: f64,
    supply: Option<Supply>,
    pub hint: ThermalHint,
}

impl Moment {
    /// The time of a child in ms, given its median.
    pub fn time(&self, median: f64) -> f64 {
        let work = median * self.factor;
        // Each child would begin at the same moment.
        self.supply.clone().map_or(work, |mut supply| supply.run(work).0) + self.pause
    }
}

impl Device {
    pub fn random(scenario: Scenario, seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut times = vec![random.random_range(1.0..8.0)];
        for _ in 1..random.random_range(2..9) {
            times.push(times[times.len() - 1] * random.random_range(1.1..1.7));
        }
        let noise = random.random_range(0.02..0.12);
        let p95 = |median: f64| median * f64::exp(1.645 * noise);
        let wanted = p95(times[random.random_range(0..times.len())]) * random.random_range(1.05..1.7);
        let seconds = random.random_range(240.0..480.0);
        let mut steps = |range: std::ops::Range<f64>, first: f64| {
            let mut all = vec![(0.0, first)];
            while all[all.len() - 1].0 < seconds {
                all.push((all[all.len() - 1].0 + random.random_range(40.0..150.0), random.random_range(range.clone())));
            }
            all
        };
        let loads = match scenario {
            Scenario::LoadSteps => steps(1.0..3.0, 1.0),
            // The other program's share of a period.
            Scenario::Interrupted => steps(0.0..1.0, 0.0),
            _ => vec![(0.0, 1.0)],
        };
        let limits = match scenario {
            Scenario::Budgets => steps(p95(times[0])..1.3 * p95(times[times.len() - 1]), wanted),
            Scenario::TooSlow => vec![(0.0, times[0] * random.random_range(0.3..2.0))],
            Scenario::Steady
            | Scenario::Spikes
            | Scenario::Contention
            | Scenario::LoadSteps
            | Scenario::Interrupted
            | Scenario::HeatCurve
            | Scenario::Warming => vec![(0.0, wanted)],
        };
        // The profiled speed differs from the true one.
        let optimism = if scenario == Scenario::TooSlow { 2.5 } else { random.random_range(0.8..1.6) };
        let heat = match scenario {
            Scenario::HeatCurve => {
                let (from, long) = (random.random_range(30.0..120.0), random.random_range(30.0..120.0));
                let until = from + long + random.random_range(30.0..90.0);
                Heat::Curve([from, from + long, until, until + random.random_range(20.0..60.0)])
            }
            Scenario::Warming => {
                Heat::Feedback { gain: random.random_range(0.01..0.08), loss: random.random_range(0.005..0.02) }
            }
            Scenario::Steady
            | Scenario::Spikes
            | Scenario::Contention
            | Scenario::LoadSteps
            | Scenario::Interrupted
            | Scenario::TooSlow
            | Scenario::Budgets => Heat::None,
        };
        let pauses = if scenario == Scenario::Spikes {
            (1.0 / random.random_range(4.0..30.0), random.random_range(20.0..150.0))
        } else {
            (0.0, 0.0)
        };
        let contended = if scenario == Scenario::Contention {
            (random.random_range(0.01..0.15), random.random_range(1.3..4.0))
        } else {
            (0.0, 1.0)
        };
        Self {
            optimism,
            start: if random.random_range(0..2) == 0 { Some(random.random_range(0..times.len())) } else { None },
            interval: 1.0 / [5.0, 10.0, 15.0, 30.0, 60.0][random.random_range(0..5)],
            throttled: random.random_range(1.3..3.0),
            tells: random.random_range(0..2) == 0,
            warmth: 0.5,
            now: 0.0,
            seconds,
            times,
            noise,
            limits,
            loads,
            pauses,
            contended,
            supply: (scenario == Scenario::Interrupted).then(|| Supply::new(0.0, seed)),
            heat,
            random,
        }
    }

    /// The children with predictions that are somewhat wrong, as those of a profile are.
    pub fn ladder(&mut self) -> Ladder {
        let predicted: Vec<f64> = self.times.clone().iter().map(|time| time * (0.08 * self.normal()).exp()).collect();
        let rungs = predicted.into_iter().enumerate().map(|(place, time)| Rung {
            name: format!("child-{place}"),
            predicted: Millis(time),
            accuracy: 80.0 + place as f64,
        });
        let ladder = Ladder::pareto(rungs).unwrap();
        // A child that the predictions leave out does not exist.
        self.times = ladder.rungs().iter().map(|rung| self.times[rung.accuracy as usize - 80]).collect();
        ladder
    }

    /// When the app infers next, after an inference that took so long.
    pub fn next(&mut self, took: f64) -> Option<Moment> {
        let passed = self.interval.max(took / 1e3);
        self.now += passed;
        self.warmth = match self.heat {
            Heat::None => 0.5,
            Heat::Curve([from, to, until, end]) => {
                let risen = ((self.now - from) / (to - from)).clamp(0.0, 1.0);
                let fallen = ((self.now - until) / (end - until)).clamp(0.0, 1.0);
                0.5 + 0.6 * (risen - fallen)
            }
            Heat::Feedback { gain, loss } => self.warmth + gain * took / 1e3 - loss * self.warmth * passed,
        };
        let heat = 1.0 + (self.throttled - 1.0) * ((self.warmth - 0.9) / 0.2).clamp(0.0, 1.0);
        let load = at(&self.loads, self.now).1;
        if let Some(supply) = &mut self.supply {
            supply.duty = load;
            supply.sleep_until(1e3 * self.now);
        }
        let slow_down = self.optimism * if self.supply.is_some() { 1.0 } else { load } * heat;
        let paused = self.random.random_range(0.0..1.0) < self.pauses.0 * passed;
        let (least, most) = (self.pauses.1 / 4.0, self.pauses.1);
        let contended = if self.random.random_range(0.0..1.0) < self.contended.0 { self.contended.1 } else { 1.0 };
        let moment = Moment {
            now: self.now,
            limit: at(&self.limits, self.now).1,
            slow_down,
            factor: slow_down * contended * (self.noise * self.normal()).exp(),
            supply: self.supply.clone(),
            pause: if paused { self.random.random_range(least..most) } else { 0.0 },
            hint: if self.tells {
                ThermalHint::from_android_headroom(self.warmth as f32)
            } else {
                ThermalHint::Unknown
            },
        };
        (self.now < self.seconds).then_some(moment)
    }

    /// p95 of each child from `moment` on, while nothing else changes.
    pub fn p95s(&self, moment: &Moment) -> Vec<f64> {
        let Some(supply) = &moment.supply else {
            let contended = if self.contended.0 > 0.05 { self.contended.1 } else { 1.0 };
            let slow = contended * moment.slow_down * f64::exp(1.645 * self.noise);
            return self.times.iter().map(|median| slow * median).collect();
        };
        let p95 = |&median: &f64| {
            let mut supply = supply.clone();
            let run = |place: u32| {
                supply.sleep_until(1e3 * (moment.now + f64::from(place) * self.interval));
                supply.run(median * moment.slow_down)
            };
            f64::exp(self.noise) * Latency::of(&(1..=300).map(run).collect::<Vec<_>>()).p95.0
        };
        self.times.iter().map(p95).collect()
    }

    fn normal(&mut self) -> f64 {
        let (radius, angle): (f64, f64) =
            (self.random.random_range(f64::MIN_POSITIVE..1.0), self.random.random_range(0.0..1.0));
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }
}
