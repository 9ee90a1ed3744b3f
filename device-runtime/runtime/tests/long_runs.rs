//! Long runs: threads that classify, switch and choose beside each other, and memory, threads and handles that stay what
//! they were.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]
#![cfg(target_os = "linux")]

use nestling::{Budget, Bundle, Error, Image, Millis, ProfileOptions, Runtime, RuntimeOptions, Start};
use nestling_torture::Campaign;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

static BUNDLE: LazyLock<Bundle> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/assets/fashion.nestling");
    Bundle::open(path).unwrap()
});

/// One after the other: each counts what the process holds, and the threads of other tests are a part of that.
#[test]
fn long_runs_answer_as_short_ones_and_leave_nothing() {
    threads_that_classify_switch_and_choose_answer_as_one_after_the_other();
    answers_and_switches_leave_nothing();
    runtimes_that_are_made_and_dropped_leave_nothing();
}

const SIDE: u32 = 28;

/// A made-up picture.
fn pixels(seed: usize) -> Vec<u8> {
    (0..(SIDE * SIDE) as usize).map(|index| (index * (37 + 2 * seed) % 251) as u8).collect()
}

fn image(pixels: &[u8]) -> Image<'_> {
    Image::grey8(SIDE, SIDE, pixels).unwrap()
}

/// One set of kernels: answers are compared bit for bit.
fn runtime() -> Runtime {
    Runtime::open(&BUNDLE, &RuntimeOptions::default().start(Start::Tuned)).unwrap()
}

fn bits(logits: &[f32]) -> Vec<u32> {
    logits.iter().map(|logit| logit.to_bits()).collect()
}

const THREADS: usize = 8;

/// The answers of a serial run: of each child to each picture.
struct Serial {
    pictures: Vec<Vec<u8>>,
    children: Vec<(String, Vec<Vec<u32>>)>,
}

impl Serial {
    fn new(runtime: &Runtime) -> Self {
        let pictures: Vec<Vec<u8>> = (0..4).map(pixels).collect();
        let child = |name: String| {
            runtime.switch_to(&name).unwrap();
            let answers = pictures.iter().map(|pixels| bits(&runtime.logits(image(pixels)).unwrap())).collect();
            (name, answers)
        };
        let children = runtime.children().map(|entry| entry.name.clone()).map(child).collect();
        Self { pictures, children }
    }

    /// Fails unless an answer is bit for bit that of the child that it names.
    fn check(&self, runtime: &Runtime, picture: usize) -> Result<(), String> {
        let answer = runtime.classify(image(&self.pictures[picture])).map_err(|error| error.to_string())?;
        let entry = runtime.children().find(|entry| entry.child == *answer.child());
        let name = entry.map(|entry| entry.name.clone()).ok_or("a child that does not ship answered")?;
        let (_, right) = self.children.iter().find(|(child, _)| *child == name).ok_or("an unknown child")?;
        let found = bits(answer.logits());
        if found == right[picture] { Ok(()) } else { Err(format!("child `{name}`, picture {picture}: another answer")) }
    }
}

/// A step of a thread: mostly an answer, now and then a switch or a choice. `chosen` counts choices that were made: a
/// second one at a time is refused.
fn step(runtime: &Runtime, serial: &Serial, number: u64, chosen: &AtomicU64) -> Result<(), String> {
    let name = &serial.children[(number / 7) as usize % serial.children.len()].0;
    match number % 16 {
        3 | 9 => runtime.switch_to(name).map(drop).map_err(|error| error.to_string()),
        13 if number.is_multiple_of(5) => match runtime.choose(Budget::p50(Millis(60_000.0))) {
            Ok(_) => {
                chosen.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(Error::Busy { .. } | Error::BelowFastest { .. }) => Ok(()),
            Err(error) => Err(error.to_string()),
        },
        _ => serial.check(runtime, number as usize % serial.pictures.len()),
    }
}

fn threads_that_classify_switch_and_choose_answer_as_one_after_the_other() {
    let runtime = runtime();
    runtime.profile(&ProfileOptions::default().time(Duration::from_millis(100))).unwrap();
    let serial = Serial::new(&runtime);
    let mut campaign = Campaign::new("calls of 8 threads beside each other", 1600, 80_000);
    let (count, next, chosen) = (campaign.count(), AtomicU64::new(0), AtomicU64::new(0));
    let faults = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    if let Err(fault) = step(&runtime, &serial, number, &chosen) {
                        faults.lock().unwrap().push(format!("call {number}: {fault}"));
                    }
                }
            });
        }
    });
    campaign.add(count);
    let chosen = chosen.into_inner();
    println!("{chosen} choices were made");
    if chosen == 0 {
        campaign.fault("no choice was made");
    }
    faults.into_inner().unwrap().into_iter().for_each(|fault| campaign.fault(fault));
    campaign.finish();
}

/// Memory, threads and handles of the process.
#[derive(Clone, Copy, Debug)]
struct Held {
    kibibytes: u64,
    threads: u64,
    handles: u64,
}

impl Held {
    fn now() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        let handles = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64;
        Self { kibibytes: number("VmRSS:"), threads: number("Threads:"), handles }
    }

    /// Fails if more is held now than at the time of `self`.
    fn check(self, most_more_kibibytes: u64) -> Result<Self, String> {
        // A driver's threads end shortly after they were told to.
        let mut now = Self::now();
        for _ in 0..50 {
            if now.threads <= self.threads {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
            now = Self::now();
        }
        let is_flat = now.threads <= self.threads
            && now.handles <= self.handles
            && now.kibibytes <= self.kibibytes + most_more_kibibytes;
        if is_flat { Ok(now) } else { Err(format!("{self:?} after the first ones, {now:?} at the end")) }
    }
}

/// Pages that the allocators of Rust, the driver and its compiler keep, in KiB: noise and no leak.
const NOISE: u64 = 1024;

/// Notes what was held after warming up, and what is held at the end.
fn tell(campaign: &mut Campaign, before: Held, checked: Result<Held, String>) {
    match checked {
        Ok(now) => eprintln!("{before:?} after warming up, {now:?} at the end"),
        Err(fault) => campaign.fault(fault),
    }
}

fn runtimes_that_are_made_and_dropped_leave_nothing() {
    let (picture, mut before) = (pixels(0), None);
    let mut campaign = Campaign::new("runtimes made and dropped", 12, 100);
    // The first ten or so fill the caches of allocators and drivers: 5 MiB in all on lavapipe.
    let (warm, most) = (campaign.count() / 4, if campaign.is_long() { NOISE } else { 8 * NOISE });
    while let Some(index) = campaign.next() {
        let runtime = Runtime::open(&BUNDLE, &RuntimeOptions::default()).unwrap();
        runtime.classify(image(&picture)).unwrap();
        drop(runtime);
        if index == warm {
            before = Some(Held::now());
        }
    }
    let before = before.unwrap();
    tell(&mut campaign, before, before.check(most));
    campaign.finish();
}

fn answers_and_switches_leave_nothing() {
    let (runtime, picture) = (runtime(), pixels(1));
    let names: Vec<String> = runtime.children().map(|entry| entry.name.clone()).collect();
    let mut campaign = Campaign::new("inferences, with a switch before every tenth", 3000, 1_000_000);
    let (warm, mut before) = (campaign.count() / 10, None);
    let mut switches = 0;
    while let Some(index) = campaign.next() {
        if index % 10 == 0 {
            runtime.switch_to(&names[switches % names.len()]).unwrap();
            switches += 1;
        }
        runtime.classify(image(&picture)).unwrap();
        if index == warm {
            before = Some(Held::now());
        }
    }
    let before = before.unwrap();
    eprintln!("{switches} switches");
    tell(&mut campaign, before, before.check(NOISE));
    campaign.finish();
}
