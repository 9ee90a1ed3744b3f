//! A process without memory: each large allocation of opening a bundle and a runtime fails in turn, and is an error.
//!
//! An allocation that cannot be an error ends the process, so all of it happens in processes of their own, which say how
//! far they came.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]
#![allow(unsafe_code, reason = "an allocator that fails on purpose")]
#![cfg(unix)]

use nestling::{Bundle, Image, Runtime, RuntimeOptions, Start, WeightStorage};
use nestling_bundle::BundleStream;
use nestling_torture::Campaign;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

/// Large allocations that still succeed; negative while none is to fail.
static LEFT: AtomicI64 = AtomicI64::new(-1);
/// Bytes of the allocation that failed.
static FAILED: AtomicUsize = AtomicUsize::new(0);

/// Larger than any buffer of a fixed size on the way: sizes beyond are a file's or a caller's.
const LARGE: usize = (64 << 10) + 1;

/// Whether no file decides its size: wgpu and naga ask for what this crate's kernels need and turn no refusal into an error,
/// and the self-test of f16 holds each of its numbers, at most 1 MiB.
fn is_of_fixed_size() -> bool {
    thread_local! {
        static LOOKING: Cell<bool> = const { Cell::new(false) };
    }
    if LOOKING.replace(true) {
        return true; // the trace's own
    }
    let trace = std::backtrace::Backtrace::force_capture().to_string();
    LOOKING.set(false);
    if trace.contains("::check_storage") {
        return true;
    }
    let functions = trace.lines().filter_map(|line| line.trim_start().split_once(": ").map(|(_, name)| name));
    let of = |name: &str, crates: &[&str]| crates.iter().any(|one| name.trim_start_matches('<').starts_with(one));
    let first = functions.into_iter().find(|name| of(name, &["nestling", "naga", "wgpu", "memory_full::answer"]));
    first.is_none_or(|name| !of(name, &["nestling", "memory_full"]))
}

struct Failing;

impl Failing {
    fn fails(bytes: usize) -> bool {
        if bytes < LARGE || LEFT.load(Ordering::SeqCst) < 0 || is_of_fixed_size() {
            return false;
        }
        let fails = LEFT.fetch_sub(1, Ordering::SeqCst) == 0;
        if fails {
            FAILED.store(bytes, Ordering::SeqCst);
        }
        fails
    }
}

// SAFETY: it gives what the system's allocator gives, or no memory.
unsafe impl GlobalAlloc for Failing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract.
        if Self::fails(layout.size()) { std::ptr::null_mut() } else { unsafe { System.alloc(layout) } }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract.
        if Self::fails(layout.size()) { std::ptr::null_mut() } else { unsafe { System.alloc_zeroed(layout) } }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: the caller's contract.
        if Self::fails(bytes) { std::ptr::null_mut() } else { unsafe { System.realloc(old, layout, bytes) } }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Failing = Failing;

/// Ways to open a bundle.
const WAYS: [&str; 5] = ["file", "memory", "stream", "f16", "int8"];

/// Environment variables of a process that fails: the way, and the first allocation.
const WAY: &str = "NESTLING_MEMORY_WAY";
const FIRST: &str = "NESTLING_MEMORY_FIRST";
const LAST: &str = "NESTLING_MEMORY_LAST";

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/assets/fashion.nestling")
}

/// Bits of the answer to a picture after opening a bundle in this way, or the code of the error.
fn answer(way: &str, bytes: &[u8]) -> Result<Vec<u32>, String> {
    let code = |error: nestling::Error| error.code().to_owned();
    let bundle = match way {
        "memory" => Bundle::from_bytes(bytes),
        "stream" => {
            let mut stream = BundleStream::default();
            let pushed = bytes.chunks(50_000).try_for_each(|piece| stream.push(piece));
            pushed.and_then(|()| stream.bundle()).map(Option::unwrap)
        }
        _ => Bundle::open(path()),
    };
    let bundle = bundle.map_err(|error| error.code().to_owned())?;
    let mut options = RuntimeOptions::default().start(Start::Tuned).image_side(Some(300));
    match way {
        "f16" => options.weight_storage = Some(WeightStorage::F16),
        "int8" => options.weight_storage = Some(WeightStorage::Int8),
        _ => {}
    }
    let runtime = Runtime::open(&bundle, &options).map_err(code)?;
    let pixels = [90; 28 * 28];
    let logits = runtime.logits(Image::grey8(28, 28, &pixels).unwrap()).map_err(code)?;
    Ok(logits.iter().map(|logit| logit.to_bits()).collect())
}

/// A process that fails: a line for each allocation, `end` after the last one.
#[test]
fn process_without_memory() {
    let Ok(way) = std::env::var(WAY) else { return };
    let number = |name: &str| std::env::var(name).unwrap().parse::<i64>().unwrap();
    let bytes = std::fs::read(path()).unwrap();
    let right = answer(&way, &bytes).unwrap();
    println!(); // the test's name is on this line
    for index in number(FIRST)..number(LAST) {
        println!("begin {index}");
        FAILED.store(0, Ordering::SeqCst);
        LEFT.store(index, Ordering::SeqCst);
        let outcome = answer(&way, &bytes);
        LEFT.store(-1, Ordering::SeqCst);
        let failed = FAILED.load(Ordering::SeqCst);
        if failed == 0 {
            println!("end");
            return;
        }
        let code = outcome.map_or_else(|code| code, |_| "no error".to_owned());
        let again = if answer(&way, &bytes).as_ref() == Ok(&right) { "right" } else { "wrong" };
        println!("done {index} {failed} bytes: {code}, then {again}");
    }
    println!("end");
}

/// The lines that a process printed, and how it ended.
fn run(way: &str, first: u64, last: u64) -> (Vec<String>, String) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "process_without_memory", "--nocapture", "--test-threads=1"])
        .env(WAY, way)
        .env(FIRST, first.to_string())
        .env(LAST, last.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    (said, String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

#[test]
fn each_large_allocation_of_opening_that_fails_is_an_error_and_opening_again_answers_right() {
    if std::env::var_os(WAY).is_some() {
        return;
    }
    let mut campaign = Campaign::new("large allocations of opening that fail", 1, 1);
    let most = if campaign.is_long() { 100_000 } else { 40 };
    for way in WAYS {
        let mut first = 0;
        loop {
            let (said, error) = run(way, first, most);
            let done: Vec<&String> = said.iter().filter(|line| line.starts_with("done ")).collect();
            campaign.add(done.len() as u64);
            for line in &done {
                println!("{way}: {line}");
                // A stream that may not double its memory takes no more than it needs.
                let is_spared = way == "stream" && line.contains(": no error, then right");
                if !is_spared && !line.contains(": out_of_memory, then right") {
                    campaign.fault(format!("{way}: {line}"));
                }
            }
            if said.iter().any(|line| line == "end") {
                break;
            }
            let begun = said.iter().rev().find_map(|line| line.strip_prefix("begin ")?.parse::<u64>().ok());
            campaign.fault(format!("{way}: allocation {begun:?} ended the process: {error}"));
            let Some(begun) = begun else { break };
            first = begun + 1;
        }
    }
    campaign.finish();
}
