use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A read that takes longer is named.
const SLOW: Duration = Duration::from_secs(10);
/// Time between two looks at the readers.
pub(super) const POLL: Duration = Duration::from_secs(1);

/// The image that each thread reads.
#[derive(Debug)]
pub(super) struct Readers {
    reading: Vec<Mutex<Option<Reading>>>,
    slow: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    image: u32,
    since: Instant,
    /// Once is enough.
    is_named: bool,
}

impl Readers {
    pub fn new(threads: usize) -> Self {
        Self { reading: (0..threads).map(|_| Mutex::new(None)).collect(), slow: SLOW }
    }

    fn of(&self, thread: usize) -> MutexGuard<'_, Option<Reading>> {
        self.reading[thread].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread begins to read an image.
    pub fn begin(&self, thread: usize, image: u32) {
        *self.of(thread) = Some(Reading { image, since: Instant::now(), is_named: false });
    }

    /// A thread has read its images.
    pub fn end(&self, thread: usize) {
        *self.of(thread) = None;
    }

    /// Images whose reader is slow and was not named, and the time so far.
    pub fn slow(&self) -> Vec<(u32, Duration)> {
        let name = |thread| {
            let mut reading = self.of(thread);
            let reading = reading.as_mut().filter(|one| !one.is_named && one.since.elapsed() > self.slow)?;
            reading.is_named = true;
            Some((reading.image, reading.since.elapsed()))
        };
        (0..self.reading.len()).filter_map(name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_reader_is_named_once_and_a_fast_one_never() {
        let readers = Readers { slow: Duration::from_millis(20), ..Readers::new(3) };
        readers.begin(0, 7);
        readers.begin(1, 8);
        readers.end(1);
        assert!(readers.slow().is_empty());
        std::thread::sleep(Duration::from_millis(40));
        readers.begin(2, 9);
        let slow = readers.slow();
        assert!(matches!(slow[..], [(7, time)] if time > Duration::from_millis(20)), "{slow:?}");
        assert!(readers.slow().is_empty(), "once is enough");
    }
}
