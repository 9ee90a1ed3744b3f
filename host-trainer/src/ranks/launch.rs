//! Starts all ranks on this host, and ends them together.

use super::RankError;
use super::c10d::Store;
use super::place::AGENT_STORE;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The exit code of a rank whose fault lies in another one: that one says more.
pub const LOST: u8 = 75;
/// Set for ranks that [`launch`] started.
const LAUNCHED: &str = "NESTLING_LAUNCHED";
/// The address of a group on this host.
const THIS_HOST: &str = "127.0.0.1";
/// Time that the other ranks have to end by themselves, once one failed.
const GRACE: Duration = Duration::from_secs(5);
/// Time between two looks at the processes.
const POLL: Duration = Duration::from_millis(20);
/// Bytes of a rank's standard error that are kept.
const KEPT: usize = 16 << 10;

/// Whether this process was started by [`launch`], which prints the errors that lie in other ranks.
pub fn is_launched() -> bool {
    std::env::var_os(LAUNCHED).is_some()
}

/// Lets a rank end when the process that started it is gone: nobody would look after it.
pub(super) fn end_with_parent() {
    if is_launched() {
        std::thread::spawn(|| {
            // The other end of the pipe is held by the parent, which writes nothing.
            while std::io::stdin().read(&mut [0; 16]).is_ok_and(|bytes| bytes > 0) {}
            std::process::exit(i32::from(LOST));
        });
    }
}

/// Runs a program as `count` ranks on this host until all have ended. Rank 0 has this process's standard output and
/// error.
///
/// # Errors
/// For the first rank that failed [`RankError::First`] or [`RankError::Process`]; the others are ended.
/// [`RankError::Start`] if a process cannot be started.
pub fn launch(count: u32, program: &Path, arguments: &[OsString]) -> Result<(), RankError> {
    let fail = |problem: String| RankError::Start { count, problem };
    // Served here, so that the port is known and free, and a message outlives the rank that left it.
    let store = Store::open(THIS_HOST, 0, true, GRACE).map_err(fail)?;
    let mut ranks = Running(Vec::new());
    for rank in 0..count {
        let mut command = Command::new(program);
        command.args(arguments).env(LAUNCHED, "1").env(AGENT_STORE, "True").stdin(Stdio::piped());
        command.env("MASTER_ADDR", THIS_HOST).env("MASTER_PORT", store.port().to_string());
        for (name, value) in [("RANK", rank), ("LOCAL_RANK", rank), ("WORLD_SIZE", count), ("LOCAL_WORLD_SIZE", count)]
        {
            command.env(name, value.to_string());
        }
        if rank > 0 {
            command.stdout(Stdio::null()).stderr(Stdio::piped());
        }
        ranks.0.push(Rank::new(command.spawn().map_err(|error| fail(error.to_string()))?));
    }
    let (first, status) = match ranks.first_failure().map_err(|error| fail(error.to_string()))? {
        None => return Ok(()),
        Some(failed) => failed,
    };
    ranks.end();
    if let (0, Some(code)) = (first, status.code()) {
        return Err(RankError::First { exit_code: u8::try_from(code).unwrap_or(1) });
    }
    let message = ranks.0[first].said();
    Err(RankError::Process { rank: first as u32, count, how: how(status), message })
}

/// How a process ended.
fn how(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("was killed by signal {signal}");
    }
    status.code().map_or_else(|| "ended".to_owned(), |code| format!("failed with exit code {code}"))
}

/// The processes; those that still run are killed with the value.
struct Running(Vec<Rank>);

impl Running {
    /// Waits until all have ended well, or one has not: its number and how it ended. A rank that only lost another one is
    /// no cause, as long as another is found.
    fn first_failure(&mut self) -> std::io::Result<Option<(usize, ExitStatus)>> {
        let (mut lost, mut since): (Option<(usize, ExitStatus)>, Option<Instant>) = (None, None);
        loop {
            let mut running = 0;
            for (number, rank) in self.0.iter_mut().enumerate() {
                match rank.process.try_wait()? {
                    None => running += 1,
                    Some(status) if status.success() => {}
                    Some(status) if status.code() == Some(i32::from(LOST)) => {
                        lost = lost.or(Some((number, status)));
                        since = since.or_else(|| Some(Instant::now()));
                    }
                    Some(status) => return Ok(Some((number, status))),
                }
            }
            if running == 0 || since.is_some_and(|since| since.elapsed() > GRACE) {
                return Ok(lost);
            }
            std::thread::sleep(POLL);
        }
    }

    /// Gives the others time to end, then kills them.
    fn end(&mut self) {
        let started = Instant::now();
        while started.elapsed() < GRACE && self.0.iter_mut().any(|rank| matches!(rank.process.try_wait(), Ok(None))) {
            std::thread::sleep(POLL);
        }
        self.kill();
    }

    fn kill(&mut self) {
        for rank in &mut self.0 {
            let _ = rank.process.kill();
            let _ = rank.process.wait();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// One process, and the end of what it wrote to standard error.
struct Rank {
    process: Child,
    written: Arc<Mutex<VecDeque<u8>>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Rank {
    fn new(mut process: Child) -> Self {
        let written: Arc<Mutex<VecDeque<u8>>> = Arc::default();
        let reader = process.stderr.take().map(|mut stderr| {
            let written = written.clone();
            std::thread::spawn(move || {
                let mut bytes = [0; 4096];
                while let Ok(count @ 1..) = stderr.read(&mut bytes) {
                    let mut kept = written.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.extend(&bytes[..count]);
                    let surplus = kept.len().saturating_sub(KEPT);
                    kept.drain(..surplus);
                }
            })
        });
        Self { process, written, reader }
    }

    /// Its last error, else its last line.
    fn said(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        let mut bytes = Vec::new();
        let _ = bytes.write_all(self.written.lock().unwrap_or_else(PoisonError::into_inner).make_contiguous());
        let text = String::from_utf8_lossy(&bytes);
        let error = text.lines().rev().find_map(|line| line.strip_prefix("error: "));
        error.or_else(|| text.lines().rev().find(|line| !line.trim().is_empty())).unwrap_or_default().to_owned()
    }
}
