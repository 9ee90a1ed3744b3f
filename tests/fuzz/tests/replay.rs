//! Every target's seeds and kept inputs, and random changes of them. Coverage and AddressSanitizer come with
//! `cargo xtask torture --only fuzz`.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]
#![cfg(unix)]

use nestling_fuzz::memory::Counting;
use nestling_fuzz::{Parts, Target, allowed_time, fields_of, file_of, parts_of, targets, thread_time};
use nestling_torture::Campaign;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

#[global_allocator]
static COUNTING: Counting = Counting;

/// Inputs that a campaign found and that are kept: each once reached code that no other one reached.
fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Another input: a few bits, bytes, numbers or pieces of it are changed.
fn changed(input: &[u8], others: &[Vec<u8>], most: usize, random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..random.random_range(1..=4) {
        if bytes.is_empty() {
            bytes.push(random.random());
        }
        let at = random.random_range(0..bytes.len());
        match random.random_range(0..8) {
            0 => bytes[at] ^= 1 << random.random_range(0..8),
            1 => bytes[at] = random.random(),
            2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.random_range(0..5)],
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(at..(at + random.random_range(1..9)).min(bytes.len()))),
            5 => bytes.insert(at, random.random()),
            6 => {
                let from = &others[random.random_range(0..others.len())];
                let start = random.random_range(0..=from.len());
                let piece = &from[start..(start + random.random_range(0..64)).min(from.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
            _ => {
                let number = [u64::MAX, 1 << 63, 1 << 32, 1 << 31, u64::from(random.random::<u16>())];
                let number = number[random.random_range(0..5)].to_le_bytes();
                let length = [2, 4, 8][random.random_range(0..3)].min(bytes.len() - at);
                bytes[at..at + length].copy_from_slice(&number[..length]);
            }
        }
    }
    bytes.truncate(most);
    bytes
}

/// Gives the input to the target; returns the fault.
fn fault(target: &Target, input: &[u8]) -> Option<String> {
    let started = thread_time();
    let outcome = catch_unwind(AssertUnwindSafe(|| target.check(input)));
    let text = |panic: Box<dyn std::any::Any + Send>| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned())).unwrap_or_default()
    };
    match outcome {
        Err(panic) => Some(text(panic)),
        Ok(()) => {
            let took = thread_time() - started;
            (took > allowed_time(input.len())).then(|| format!("{took:?} for {} bytes", input.len()))
        }
    }
}

/// Keeps an input that found a fault, for the engineer.
fn kept(target: &Target, input: &[u8]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("nestling-fault-{}", target.name));
    std::fs::write(&path, input).unwrap();
    path
}

/// The target of a turn. All take turns; those that need a GPU give 49 of 50 to the readers.
fn of_turn(all: &[Target], turn: u64) -> usize {
    let (round, place) = (turn / all.len() as u64, (turn % all.len() as u64) as usize);
    if !all[place].needs_gpu || round.is_multiple_of(50) {
        return place;
    }
    let readers: Vec<usize> = (0..all.len()).filter(|&place| !all[place].needs_gpu).collect();
    readers[(round % readers.len() as u64) as usize]
}

#[test]
fn no_reader_panics_hangs_or_takes_all_memory() {
    let all = targets();
    let mut turns = vec![0; all.len()];
    let mut campaign = Campaign::new("inputs of readers, changed at random", 40_000, 40_000_000);
    let inputs: Vec<Vec<Vec<u8>>> = all.iter().map(|target| [(target.seeds)(), corpus(target)].concat()).collect();
    for (target, inputs) in all.iter().zip(&inputs) {
        assert!(!inputs.is_empty(), "{} has no seed", target.name);
        for input in inputs {
            if let Some(fault) = fault(target, input) {
                campaign.fault(format!("{}, {}: {fault}", target.name, kept(target, input).display()));
            }
        }
    }
    while let Some(index) = campaign.next() {
        let mut random = ChaCha8Rng::seed_from_u64(campaign.seed(index));
        let place = of_turn(&all, index);
        let (target, inputs) = (&all[place], &inputs[place]);
        turns[place] += 1;
        let input = &inputs[random.random_range(0..inputs.len())];
        let input = changed(input, inputs, target.most, &mut random);
        if let Some(fault) = fault(target, &input) {
            campaign.fault(format!("{}, {}: {fault}", target.name, kept(target, &input).display()));
        }
    }
    all.iter().zip(&turns).for_each(|(target, turns)| println!("{}: {turns} changed inputs", target.name));
    assert!(!turns.contains(&0), "a target had no turn: {turns:?}");
    campaign.finish();
}

#[test]
fn the_seal_is_that_of_the_format() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden");
    for name in ["bundle-v5.nestling", "bundle-v6.nestling", "bundle-v7.nestling", "bundle-v8.nestling"] {
        let file = std::fs::read(golden.join(name)).unwrap();
        let parts = parts_of(&file).unwrap();
        assert_eq!(file_of(&parts), file, "{name}");
        assert_eq!(parts.format < 6, fields_of(&parts.sections[0].1).len() < 9, "{name}");
    }
}

/// Fields that take one byte in the file and many in memory, as large as a manifest may be.
#[test]
fn a_manifest_of_four_megabytes_takes_no_more_memory_than_is_promised() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden/bundle-v8.nestling");
    let parts = parts_of(&std::fs::read(golden).unwrap()).unwrap();
    let fields = fields_of(&parts.sections[0].1);
    let target = targets().into_iter().find(|target| target.name == "bundle").unwrap();
    let length = (4 << 20) - 4096;
    // Counts in postcard's form, then zeros: empty texts, empty lists, nothing.
    let count =
        |count: u32| [count as u8 | 0x80, (count >> 7) as u8 | 0x80, (count >> 14) as u8 | 0x80, (count >> 21) as u8];
    for count in [&count(length as u32)[..], &count(length as u32 / 12), &count(1 << 14), &count(4096), &[1], &[]] {
        for fill in [0, 1, 2] {
            for (place, _) in fields.iter().enumerate() {
                let mut fields = fields.clone();
                fields[place].1 = [count, &vec![fill; length - 4]].concat();
                let field = |(number, bytes): &(u32, Vec<u8>)| {
                    [&number.to_le_bytes()[..], &(bytes.len() as u32).to_le_bytes(), bytes].concat()
                };
                let mut sections = parts.sections.clone();
                sections[0].1 = fields.iter().flat_map(field).collect();
                let file = file_of(&Parts { format: parts.format, sections });
                assert_eq!(fault(&target, &file), None, "field {}, fill {fill}", fields[place].0);
            }
        }
    }
}
