//! Keeps a latency budget while an app runs: a state machine that gets each inference's time, and decides when to
//! step to a faster or to a more accurate child.
//!
//! It reads no clock, allocates nothing per inference and switches nothing itself, so that a test can run hours of a
//! hot phone in a moment.

mod decision;
mod ladder;
mod options;
mod relief;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
mod thermal;
#[cfg(test)]
mod traces;
mod window;

pub use decision::{Decision, Reason};
pub use ladder::{Ladder, Rung};
pub use options::{GovernorError, GovernorOptions};
pub use thermal::ThermalHint;

use crate::metrics::Millis;
use options::check_limit;
use relief::Relief;
use std::time::Duration;
use thermal::Heat;
use window::Window;

/// Number of inferences in the window of the p95.
pub const WINDOW: usize = 32;

/// The part of the limit that the first rung's predicted median may take: its p95 is not known yet.
const START: f64 = 0.8;
/// The wait for a step up after inferences became faster: what was true of the load before says nothing now.
const RELIEVED: Duration = Duration::from_secs(10);

/// Holds p95 of the last [`WINDOW`] inferences within a limit, with the most accurate child that can.
///
/// | step | when |
/// | --- | --- |
/// | down | 3 of the last 8 inferences missed the limit: one or two, such as a garbage collector's, are ignored |
/// | down | p95 was over the limit for a whole window of inferences: few misses, but lasting |
/// | down | [`ThermalHint::Critical`], once |
/// | up | for 30 seconds p95, scaled to the next rung, left 10 % free; no switch for a minute; the device is not hot |
/// | up | the same for 10 seconds only, within a minute after inferences became faster for good (a CUSUM notices that) |
///
/// A p95 is scaled to another rung by the predicted times. A step up goes to the highest rung that has room. A step down
/// goes to the next rung; if the last 3 inferences all missed the limit, to the highest that their median, scaled, leaves
/// 10 % free.
///
/// After two switches within a minute, the third must be a step down because most of the last 8 inferences missed, or
/// for heat: scattered misses at a constant load cause two switches a minute at most.
///
/// A step up that is taken back within five minutes doubles the 30 seconds for that rung, up to 16 minutes, until
/// inferences become faster. A rung is a child that is ready to serve; more may [join](Governor::add)
/// while it runs. All numbers are [`GovernorOptions`].
///
/// ```
/// use nestling_core::metrics::Millis;
/// use nestling_core::governor::{Decision, Governor, GovernorOptions, Ladder, Reason, Rung, ThermalHint};
/// use std::time::Duration;
///
/// let rung = |name: &str, ms, accuracy| Rung { name: name.to_owned(), predicted: Millis(ms), accuracy };
/// let ladder = Ladder::new([rung("small", 2.0, 88.0), rung("large", 5.0, 92.0)])?;
/// let mut governor = Governor::new(ladder, GovernorOptions::new(Millis(8.0)))?;
/// assert_eq!(governor.rung().name, "large");
/// // Another app wants the GPU, too: the large child takes 9 ms.
/// let mut said = Decision::Stay;
/// for frame in 0..3 {
///     said = governor.observe(Duration::from_millis(33 * frame), Millis(9.0), ThermalHint::Unknown);
/// }
/// assert_eq!(said, Decision::StepDown { to: 0, why: Reason::Misses });
/// assert_eq!(governor.rung().name, "small");
/// # Ok::<(), nestling_core::governor::GovernorError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Governor {
    ladder: Ladder,
    options: GovernorOptions,
    known: Box<[Known]>,
    current: usize,
    /// Times of the current rung only.
    window: Window,
    /// Number of consecutive inferences with p95 over the limit.
    over_for: usize,
    too_slow: bool,
    now: Duration,
    /// The last two switches, the latest first.
    switches: [Option<Duration>; 2],
    /// Since when the next rung is predicted to fit.
    room_since: Option<Duration>,
    heat: Heat,
    relief: Relief,
    /// When inferences last became faster for good.
    relieved_at: Option<Duration>,
}

/// The history of a rung.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// When it was last stepped up to.
    climbed_at: Option<Duration>,
    /// Steps up to it in a row that had to be taken back.
    taken_back: u32,
}

impl Governor {
    /// Starts at the rung that the options name.
    ///
    /// # Errors
    /// [`GovernorError`] if the options are invalid.
    pub fn new(ladder: Ladder, options: GovernorOptions) -> Result<Self, GovernorError> {
        let rungs = ladder.rungs().len();
        options.check(rungs)?;
        Ok(Self {
            current: options.start.unwrap_or_else(|| ladder.best_within(Millis(START * options.limit.0))),
            ladder,
            options,
            known: vec![Known::default(); rungs].into(),
            window: Window::new(),
            over_for: 0,
            too_slow: false,
            now: Duration::ZERO,
            switches: [None; 2],
            room_since: None,
            heat: Heat::default(),
            relief: Relief::default(),
            relieved_at: None,
        })
    }

    /// Takes one inference of the current rung: its end since any fixed start, its duration, and the thermal state that
    /// the system reports. A returned step counts as taken: the next time must be of the new rung.
    ///
    /// A latency that is negative or not a number is ignored; an infinite one is a miss. An end before the last one
    /// counts as the same moment.
    pub fn observe(&mut self, now: Duration, latency: Millis, hint: ThermalHint) -> Decision {
        self.now = self.now.max(now);
        let hot = self.heat.asks(self.now, hint, self.options.up_after);
        if latency.0 >= 0.0 {
            if self.relief.is_noticed(latency.0) {
                self.relieve();
            }
            self.window.push(latency.0);
            let over = self.window.p95().is_some_and(|p95| p95 > self.options.limit.0);
            self.over_for = if over { self.over_for + 1 } else { 0 };
        }
        match (self.too_much(), self.next_down()) {
            (Some(why), Some(next)) => self.step_down(self.far_down(next, why), why),
            (None, Some(to)) if hot => self.step_down(to, Reason::Heat),
            (why, _) => {
                // A window that keeps the limit ends the state, not one quick inference.
                let kept = self.window.p95().is_some_and(|p95| p95 <= self.options.limit.0);
                self.too_slow = why.is_some() || self.too_slow && !kept;
                if self.too_slow { Decision::TooSlow } else { self.try_up(hint) }
            }
        }
    }

    /// Changes what 95 of 100 inferences may take, from the next inference on. Waits that grew are reset.
    ///
    /// # Errors
    /// [`GovernorError::NoDuration`]; the old limit stays.
    pub fn set_budget(&mut self, limit: Millis) -> Result<(), GovernorError> {
        check_limit(limit)?;
        if limit != self.options.limit {
            self.options.limit = limit;
            (self.over_for, self.too_slow, self.room_since) = (0, false, None);
            self.known.iter_mut().for_each(|known| known.taken_back = 0);
        }
        Ok(())
    }

    /// Adds a child that became ready while another served; until then no step goes to it. A dominated child is no
    /// rung: the new child is left out if a rung dominates it, and every rung that it dominates is removed. If it
    /// dominates the rung that serves, it serves instead: the next time must be of the [`rung`](Self::rung) that there
    /// is then.
    ///
    /// Returns whether it is a rung. The history of the other rungs stays; the wait for a step up starts again.
    ///
    /// ```
    /// use nestling_core::metrics::Millis;
    /// use nestling_core::governor::{Governor, GovernorOptions, Ladder, Rung};
    ///
    /// let rung = |name: &str, ms, accuracy| Rung { name: name.to_owned(), predicted: Millis(ms), accuracy };
    /// let mut governor = Governor::new(Ladder::new([rung("small", 2.0, 88.0)])?, GovernorOptions::new(Millis(8.0)))?;
    /// assert!(governor.add(rung("calibrated meanwhile", 5.0, 92.0))?);
    /// assert!(!governor.add(rung("slower and no better", 6.0, 91.0))?);
    /// assert_eq!((governor.rung().name.as_str(), governor.ladder().rungs().len()), ("small", 2));
    /// # Ok::<(), nestling_core::governor::GovernorError>(())
    /// ```
    ///
    /// # Errors
    /// [`GovernorError::Rung`] if its time or accuracy is not a number, or a rung has its name; the ladder stays.
    pub fn add(&mut self, rung: Rung) -> Result<bool, GovernorError> {
        let (added, serving) = (rung.name.clone(), self.rung().name.clone());
        let ladder = Ladder::pareto(self.ladder.rungs().iter().cloned().chain([rung]))?;
        let known = |rung: &Rung| self.ladder.position(&rung.name).map_or(Known::default(), |old| self.known[old]);
        self.known = ladder.rungs().iter().map(known).collect();
        self.ladder = ladder;
        self.room_since = None;
        let place = self.ladder.position(&added);
        match self.ladder.position(&serving) {
            Some(current) => self.current = current,
            // Rungs do not dominate each other, so it was the new one.
            None => self.go(place.unwrap_or(0)),
        }
        Ok(place.is_some())
    }

    /// The rung that serves.
    pub fn rung(&self) -> &Rung {
        &self.ladder.rungs()[self.current]
    }

    /// Its number, from 0, the fastest.
    pub fn current(&self) -> usize {
        self.current
    }

    /// The rungs.
    pub fn ladder(&self) -> &Ladder {
        &self.ladder
    }

    /// The time limit, in ms, that 95 of 100 inferences should keep.
    pub fn limit(&self) -> Millis {
        self.options.limit
    }

    /// p95 of the last [`WINDOW`] inferences of this rung; `None` while it has served fewer.
    pub fn p95(&self) -> Option<Millis> {
        self.window.p95().map(Millis)
    }

    /// Whether even the fastest child breaks the budget.
    pub fn is_too_slow(&self) -> bool {
        self.too_slow
    }

    fn too_much(&self) -> Option<Reason> {
        let GovernorOptions { limit, misses, among, .. } = self.options;
        let missed = self.window.misses(among, limit.0);
        // A new load makes most inferences miss; scattered misses must not cause a step down.
        // At the fastest there is nothing to switch: it reports as soon as it may.
        let switched_often = self.current > 0 && self.within_quiet(self.switches[1]);
        if missed >= if switched_often { misses.max(among / 2 + 1) } else { misses } {
            return Some(Reason::Misses);
        }
        // Two misses next to each other are over the limit for one inference less than a window.
        (!switched_often && self.over_for >= WINDOW).then_some(Reason::P95)
    }

    fn within_quiet(&self, switch: Option<Duration>) -> bool {
        switch.is_some_and(|at| self.now - at < self.options.quiet)
    }

    fn next_down(&self) -> Option<usize> {
        self.current.checked_sub(1)
    }

    /// The rung for a step down: the next one, or further down if the last inferences all missed. A new load is no
    /// chance, and each rung on the way would miss, too.
    fn far_down(&self, next: usize, why: Reason) -> usize {
        let GovernorOptions { limit, misses, .. } = self.options;
        if why != Reason::Misses || self.window.misses(misses, limit.0) < misses {
            return next;
        }
        let usual = self.window.median(misses);
        (0..=next).rev().find(|&rung| self.leaves_room(rung, usual)).unwrap_or(0)
    }

    /// Forgets what was true of a load that ended.
    fn relieve(&mut self) {
        self.relieved_at = Some(self.now);
        self.window.clear();
        (self.over_for, self.room_since) = (0, None);
        self.known.iter_mut().for_each(|known| known.taken_back = 0);
    }

    fn step_down(&mut self, to: usize, why: Reason) -> Decision {
        let left = &mut self.known[self.current];
        if let Some(climbed_at) = left.climbed_at.take() {
            let proven = self.now - climbed_at >= self.options.proven_after;
            left.taken_back = if proven { 0 } else { left.taken_back.saturating_add(1) };
        }
        self.go(to);
        Decision::StepDown { to, why }
    }

    fn try_up(&mut self, hint: ThermalHint) -> Decision {
        let next = self.current + 1;
        if hint >= ThermalHint::Serious || !self.fits(next) {
            self.room_since = None;
            return Decision::Stay;
        }
        let room_for = self.now - *self.room_since.get_or_insert(self.now);
        if self.within_quiet(self.switches[0]) || room_for < self.wait(next) {
            return Decision::Stay;
        }
        let is_due = |&rung: &usize| self.fits(rung) && room_for >= self.wait(rung);
        let to = (next..self.ladder.rungs().len()).rev().find(is_due).unwrap_or(next);
        self.known[to].climbed_at = Some(self.now);
        self.go(to);
        Decision::StepUp { to }
    }

    /// Whether a rung exists and p95 would leave the margin there.
    fn fits(&self, rung: usize) -> bool {
        self.window.p95().is_some_and(|p95| self.leaves_room(rung, p95))
    }

    /// Whether a time of the current rung, scaled to another, leaves the margin.
    fn leaves_room(&self, rung: usize, time: f64) -> bool {
        let roomy = self.options.limit.0 * (1.0 - self.options.margin);
        let other = self.ladder.rungs().get(rung);
        other.is_some_and(|other| other.predicted.0 * (time / self.rung().predicted.0) <= roomy)
    }

    /// How long a rung must be predicted to fit before it is tried.
    fn wait(&self, rung: usize) -> Duration {
        let GovernorOptions { up_after, longest_wait, .. } = self.options;
        let doubled = 1u32.checked_shl(self.known[rung].taken_back).unwrap_or(u32::MAX);
        let wait = if self.within_quiet(self.relieved_at) { up_after.min(RELIEVED) } else { up_after };
        wait.saturating_mul(doubled).min(longest_wait.max(up_after))
    }

    fn go(&mut self, to: usize) {
        self.current = to;
        self.window.clear();
        self.relief = Relief::default();
        (self.over_for, self.too_slow, self.room_since) = (0, false, None);
        self.switches = [Some(self.now), self.switches[0]];
    }
}
