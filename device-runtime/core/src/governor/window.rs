use super::WINDOW;

/// How many of [`WINDOW`] inferences may take longer than their p95, by nearest rank.
const SPARED: usize = WINDOW - (95 * WINDOW).div_ceil(100);
// `p95` looks for the second longest.
const _: () = assert!(SPARED == 1);

/// The last times of one rung.
#[derive(Clone, Debug)]
pub(super) struct Window {
    times: [f64; WINDOW],
    /// Times that were ever pushed since it was cleared.
    pushed: usize,
}

impl Window {
    pub fn new() -> Self {
        Self { times: [0.0; WINDOW], pushed: 0 }
    }

    pub fn clear(&mut self) {
        self.pushed = 0;
    }

    pub fn push(&mut self, time: f64) {
        self.times[self.pushed % WINDOW] = time;
        self.pushed += 1;
    }

    /// How many of the last `among` took longer than `limit`.
    pub fn misses(&self, among: usize, limit: f64) -> usize {
        let among = among.min(self.pushed).min(WINDOW);
        (1..=among).filter(|back| self.times[(self.pushed - back) % WINDOW] > limit).count()
    }

    /// The median of the last `among`, or of fewer; zero if there is none.
    pub fn median(&self, among: usize) -> f64 {
        let among = among.min(self.pushed).min(WINDOW);
        let mut last: [f64; WINDOW] = std::array::from_fn(|back| {
            if back < among { self.times[(self.pushed - 1 - back) % WINDOW] } else { f64::INFINITY }
        });
        last.sort_by(f64::total_cmp);
        if among > 0 { last[(among - 1) / 2] } else { 0.0 }
    }

    /// `None` until the window is full: of fewer inferences p95 would be the longest.
    pub fn p95(&self) -> Option<f64> {
        let (mut longest, mut second) = (0.0, 0.0);
        for &time in &self.times {
            if time > longest {
                (longest, second) = (time, longest);
            } else if time > second {
                second = time;
            }
        }
        (self.pushed >= WINDOW).then_some(second)
    }
}
