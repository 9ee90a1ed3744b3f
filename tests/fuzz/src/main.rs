//! One target under libFuzzer: `NESTLING_FUZZ` names it. Without fuzzing it writes the seeds of all targets.

#![cfg_attr(fuzzing, no_main)]
#![cfg_attr(fuzzing, allow(unsafe_code, reason = "libFuzzer calls a function by its name"))]

use nestling_fuzz::memory::Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

/// Environment variable: the name of the target.
#[cfg(fuzzing)]
const NAME: &str = "NESTLING_FUZZ";

#[cfg(fuzzing)]
static TARGET: std::sync::LazyLock<nestling_fuzz::Target> = std::sync::LazyLock::new(|| {
    let wanted = std::env::var(NAME).unwrap_or_default();
    let found = nestling_fuzz::targets().into_iter().find(|target| target.name == wanted);
    found.unwrap_or_else(|| panic!("{NAME}=`{wanted}` names no target"))
});

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| TARGET.check(bytes));

/// Prints each target with the most bytes of its inputs; with a folder, writes the seeds of each to a folder in it.
#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    for target in nestling_fuzz::targets() {
        println!("{} {}", target.name, target.most);
        let Some(folder) = std::env::args_os().nth(1) else { continue };
        let folder = std::path::Path::new(&folder).join(target.name);
        std::fs::create_dir_all(&folder)?;
        for (index, seed) in (target.seeds)().iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{index:03}")), seed)?;
        }
    }
    Ok(())
}
