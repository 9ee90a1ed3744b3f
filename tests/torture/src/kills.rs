//! Processes that are killed at random moments while they write files.
//!
//! A test is also the program that is killed: it runs itself again with an environment variable. That process writes
//! files with rising numbers for ever and says on its standard output which are done. After the kill each file must hold
//! what was said last or what came next.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Environment variable: the folder that the process to be killed writes to.
const FOLDER: &str = "NESTLING_TORTURE_WRITER";
/// Longest time until a process writes its first file.
const PATIENCE: Duration = Duration::from_secs(120);
/// Marks the lines of this module among those of the test harness.
const DONE: &str = "done: ";

/// The folder to write to, in the process that is killed.
pub fn folder_of_writer() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// Writes for ever: `save` is given each name and the number of its contents, which start after those that are there.
///
/// # Panics
/// If a file cannot be written.
pub fn write_for_ever(names: &[&str], mut number: u64, mut save: impl FnMut(&str, u64)) -> ! {
    loop {
        for name in names {
            save(name, number);
            // At once, past the harness, which keeps what a test prints.
            let line = format!("\n{DONE}{name} {number}\n");
            assert!(std::io::stdout().lock().write_all(line.as_bytes()).is_ok(), "nobody listens");
        }
        number += 1;
    }
}

/// A small random number generator: which moments are hit need not be the same twice.
#[derive(Debug)]
pub struct Moments(u64);

impl Moments {
    /// Starts with a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A time below a bound.
    pub fn below(&mut self, bound: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        bound.mul_f64((self.0 >> 11) as f64 / (1u64 << 53) as f64)
    }
}

/// Runs the test of this name again as a writer in `folder`, kills it within `bound` after its first file, and returns
/// the last number that it said of each file.
///
/// # Panics
/// If it does not start or ends by itself.
pub fn kill_writer(test: &str, folder: &Path, bound: Duration, moments: &mut Moments) -> BTreeMap<String, u64> {
    let Ok(program) = std::env::current_exe() else { panic!("this program has no path") };
    let mut command = Command::new(program);
    command.args(["--exact", test, "--nocapture", "--include-ignored"]).env(FOLDER, folder);
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn();
    let Ok(mut process) = spawned else { panic!("the writer does not start: {spawned:?}") };
    let Some(output) = process.stdout.take() else { panic!("it has a pipe") };
    let (told, first) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut last = BTreeMap::new();
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let done = line.strip_prefix(DONE).and_then(|text| text.split_once(' '));
            if let Some((name, number)) = done.and_then(|(name, number)| Some((name, number.parse().ok()?))) {
                last.insert(name.to_owned(), number);
                let _ = told.send(());
            }
        }
        last
    });
    let started = Instant::now();
    let is_begun = first.recv_timeout(PATIENCE).is_ok();
    std::thread::sleep(moments.below(bound));
    let is_alive = matches!(process.try_wait(), Ok(None));
    let _ = process.kill();
    let _ = process.wait();
    assert!(is_begun && is_alive, "the writer ended by itself, or wrote nothing in {:?}", started.elapsed());
    reader.join().unwrap_or_default()
}
