//! A simulated device whose time is taken by another program, not only slowed down by a factor: for tests.

use crate::metrics::Millis;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

/// The other program works once in this time, in ms.
const PERIOD: f64 = 20.0;
/// A turn of each program while both want the processor, in ms.
const TURN: f64 = 3.0;
/// The other program's turns and ours vary by this share.
const JITTER: f64 = 0.3;
/// The same work takes so much more or less time.
const NOISE: f64 = 0.01;

/// A processor that is shared with a program which works for a part of each period. Time is virtual.
#[derive(Clone, Debug)]
pub(crate) struct Supply {
    pub(crate) duty: f64,
    now: f64,
    /// The rest of our turn.
    ours: f64,
    /// How fast the device is: 1, or less while its clock is low.
    pub(crate) speed: f64,
    random: Xoshiro256PlusPlus,
}

impl Supply {
    /// `duty` is the part of a period in which the other program wants the processor, from 0 to 1.
    pub(crate) fn new(duty: f64, seed: u64) -> Self {
        let random = Xoshiro256PlusPlus::seed_from_u64(seed);
        Self { duty, now: 0.0, ours: TURN, speed: 1.0, random }
    }

    /// The time now, in ms.
    pub(crate) fn now(&self) -> f64 {
        self.now
    }

    /// Sleeps until `time` in ms, if that is not over; who sleeps gets a new turn.
    pub(crate) fn sleep_until(&mut self, time: f64) {
        if time > self.now {
            (self.now, self.ours) = (time, self.turn());
        }
    }

    /// Does work that takes so many ms undisturbed; returns the time that it took.
    pub(crate) fn run(&mut self, work: f64) -> Millis {
        let started = self.now;
        let mut left = work / self.speed * self.random.random_range(1.0 - NOISE..1.0 + NOISE);
        while left > 1e-9 {
            let since = self.now % PERIOD;
            let contended_until = self.now - since + self.duty * PERIOD;
            let is_contended = self.duty >= 1.0 || since + 1e-9 < self.duty * PERIOD;
            let free_until = match (is_contended, self.duty >= 1.0) {
                (true, true) => f64::INFINITY,
                (true, false) => contended_until,
                (false, _) => self.now - since + PERIOD,
            };
            let mut step = left.min((free_until - self.now).max(1e-6));
            if is_contended {
                step = step.min(self.ours);
                self.ours -= step;
            }
            self.now += step;
            left -= step;
            if is_contended && self.ours <= 1e-9 {
                self.now += self.turn().min((free_until - self.now).max(0.0));
                self.ours = self.turn();
            }
        }
        Millis(self.now - started)
    }

    /// As many runs as take `time` ms undisturbed, one at least: a batch that ends with a run that was interrupted would
    /// have too many of them.
    pub(crate) fn batch(&mut self, work: f64, time: f64) -> Vec<Millis> {
        (0..((time / work).ceil() as usize).max(1)).map(|_| self.run(work)).collect()
    }

    fn turn(&mut self) -> f64 {
        TURN * self.random.random_range(1.0 - JITTER..1.0 + JITTER)
    }
}

/// How far `value` is from `truth`, in percent.
pub(crate) fn percent_off(value: f64, truth: f64) -> f64 {
    100.0 * (value / truth - 1.0)
}

#[test]
fn the_other_program_takes_its_part_of_the_time() {
    for (duty, expected) in [(0.0, 1.0), (0.5, 0.75), (1.0, 0.5)] {
        let mut device = Supply::new(duty, 3);
        for _ in 0..20_000 {
            device.run(0.5);
        }
        let share = 10_000.0 / device.now();
        assert!((share - expected).abs() < 0.04, "busy {duty}: {share}");
    }
}
