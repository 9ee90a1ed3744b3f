//! Libraries and programs that packages of other languages carry: small, and slow to build.

/// The profile of the workspace's manifest that they are built with.
pub const PROFILE: &str = "wheel";

/// Flags of the last step: few functions of other crates are inlined.
pub const FLAGS: [&str; 4] = ["-C", "llvm-args=-inline-threshold=25", "-C", "llvm-args=-inlinehint-threshold=25"];

/// Flag for linkers of LLVM: functions with the same code become one.
const SAME_CODE: [&str; 2] = ["-C", "link-arg=-Wl,--icf=all"];

/// Flag for the NDK's linker: addresses that the loader corrects take a tenth of the room, from Android 6 on.
const PACKED: [&str; 2] = ["-C", "link-arg=-Wl,--pack-dyn-relocs=android"];

/// The flags for Android.
pub fn flags_of_android() -> Vec<&'static str> {
    [&FLAGS[..], &SAME_CODE, &PACKED].concat()
}

/// The flags for this machine: on Linux, rustc links by LLVM's linker.
pub fn flags_of_host() -> Vec<&'static str> {
    if cfg!(target_os = "linux") { [&FLAGS[..], &SAME_CODE].concat() } else { Vec::new() }
}
