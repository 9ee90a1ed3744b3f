//! Tests with two lengths: a short one in every test run, a long one in a campaign (`cargo xtask torture`).
//!
//! ```
//! use nestling_torture::Campaign;
//! let mut campaign = Campaign::new("sums that are the same in both orders", 100, 1_000_000);
//! while let Some(index) = campaign.next() {
//!     if index + 1 != 1 + index {
//!         campaign.fault(format!("{index}"));
//!     }
//! }
//! campaign.finish();
//! ```
//!
//! A campaign is a test that runs with the environment variables below. The test is the same: only its count differs.

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Environment variable: a folder. If it is set, tests have their long counts and leave a row there.
pub const ROWS: &str = "NESTLING_TORTURE_ROWS";
/// Environment variable: a factor of the long counts; 1 if it is not set.
pub const SCALE: &str = "NESTLING_TORTURE_SCALE";
/// Environment variable: a number that begins all random sequences; 0 if it is not set.
pub const SEED: &str = "NESTLING_TORTURE_SEED";

/// Faults whose text is kept. All of them are counted.
const MAX_KEPT: usize = 20;
/// Time between two lines of progress.
const BEAT: Duration = Duration::from_secs(20);

/// A test, and how often it does what it does.
#[derive(Debug)]
pub struct Campaign {
    what: &'static str,
    rows: Option<PathBuf>,
    seed: u64,
    count: u64,
    done: u64,
    faults: u64,
    kept: Vec<String>,
    started: Instant,
    told: Instant,
}

impl Campaign {
    /// A test that counts `what`: `short` times in a usual run, `long` times in a campaign.
    pub fn new(what: &'static str, short: u64, long: u64) -> Self {
        let rows = std::env::var_os(ROWS).map(PathBuf::from);
        let scale = number(SCALE).unwrap_or(1.0);
        let count = if rows.is_some() { (long as f64 * scale).ceil() as u64 } else { short };
        let seed = number(SEED).unwrap_or(0.0) as u64;
        let now = Instant::now();
        Self { what, rows, seed, count: count.max(1), done: 0, faults: 0, kept: Vec::new(), started: now, told: now }
    }

    /// Whether this is the long form.
    pub fn is_long(&self) -> bool {
        self.rows.is_some()
    }

    /// How often it is to be done.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The beginning of a random sequence: another one for each index and each campaign.
    pub fn seed(&self, index: u64) -> u64 {
        self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ index
    }

    /// The index of the next one, until all are done. Tells the progress of a campaign every 20 seconds.
    #[allow(clippy::should_implement_trait, reason = "an iterator could not be told a fault meanwhile")]
    pub fn next(&mut self) -> Option<u64> {
        if self.done >= self.count {
            return None;
        }
        if self.is_long() && self.told.elapsed() >= BEAT {
            self.told = Instant::now();
            let left = self.started.elapsed().as_secs_f64() * (self.count - self.done) as f64 / self.done.max(1) as f64;
            eprintln!("{}: {} of {}, {} faults, {left:.0} s left", self.what, self.done, self.count, self.faults);
        }
        self.done += 1;
        Some(self.done - 1)
    }

    /// Counts more than one at once: those of another process, or of a call that does many.
    pub fn add(&mut self, count: u64) {
        self.done += count;
    }

    /// Notes a fault. The test goes on.
    pub fn fault(&mut self, text: impl Into<String>) {
        self.faults += 1;
        if self.kept.len() < MAX_KEPT {
            let text = text.into();
            eprintln!("{}: fault: {text}", self.what);
            self.kept.push(text);
        }
    }

    /// Leaves a row if this is a campaign.
    ///
    /// # Panics
    /// If there were faults or nothing was done, as a test does; or if the row cannot be written.
    pub fn finish(self) {
        let row = serde_json::json!({
            "what": self.what,
            "count": self.done,
            "faults": self.faults,
            "seconds": self.started.elapsed().as_secs_f64(),
            "seed": self.seed,
            "texts": self.kept,
        });
        if let Some(folder) = &self.rows {
            let name: String = self.what.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
            let path = folder.join(format!("{name}.json"));
            let written = std::fs::write(&path, format!("{row:#}\n"));
            assert!(written.is_ok(), "cannot write {}: {written:?}", path.display());
        }
        assert!(self.done > 0, "{}: nothing was done", self.what);
        assert!(self.faults == 0, "{}: {} faults of {}: {:#?}", self.what, self.faults, self.done, self.kept);
    }
}

fn number(variable: &str) -> Option<f64> {
    std::env::var(variable).ok()?.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_run_counts_to_the_short_number() {
        let mut campaign = Campaign::new("numbers", 3, 1000);
        let found: Vec<u64> = std::iter::from_fn(|| campaign.next()).collect();
        assert_eq!((found, campaign.is_long()), (vec![0, 1, 2], false));
        assert_ne!(campaign.seed(0), campaign.seed(1));
        campaign.finish();
    }

    #[test]
    #[should_panic(expected = "1 faults of 1")]
    fn a_fault_fails_the_test() {
        let mut campaign = Campaign::new("numbers", 1, 1);
        campaign.next();
        campaign.fault("wrong");
        campaign.finish();
    }

    #[test]
    #[should_panic(expected = "nothing was done")]
    fn a_campaign_that_does_nothing_fails() {
        Campaign::new("numbers", 1, 1).finish();
    }
}
