//! Whole modules to read, under `shaders/generated/`: several of each generated kernel, one of each hand-written one.
#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use nestling_core::arithmetic::Arithmetic;
use nestling_core::space::Activation;
use nestling_core::tiles::Tile;
use nestling_core::weights::WeightStorage;
use nestling_shaders::{Epilogue, Gate, Kernel, Specialisation};
use std::path::Path;

/// Writes the files instead of comparing them.
const BLESS: &str = "NESTLING_BLESS";
const COMMAND: &str = "NESTLING_BLESS=1 cargo test -p nestling-shaders --test generated";

/// The files' names without their ending, and what they hold.
fn renderings() -> Vec<(&'static str, String)> {
    use WeightStorage::{F16, F32, Int8};
    let generic = Specialisation::generic(64);
    let dense = Specialisation {
        epilogue: Epilogue::Fixed(Activation::HardSwish),
        gate: Gate::None,
        kernel: 3,
        stride: 2,
        input_channels: 3,
        ..generic
    };
    let depthwise = Specialisation { epilogue: Epilogue::Fixed(Activation::Relu6), rows: 4, ..dense };
    let pointwise = Specialisation {
        epilogue: Epilogue::Mixed(Activation::Swish),
        gate: Gate::Every,
        tile: Tile { pixels: 4, groups: 2 },
        ..generic
    };
    let broadcast = Specialisation { gate: Gate::None, broadcast: true, ..pointwise };
    let in_f16 = |specialisation| Specialisation { arithmetic: Arithmetic::F16, ..specialisation };
    let named = vec![
        ("dense", dense.wgsl(Kernel::Dense, F32)),
        ("depthwise", depthwise.wgsl(Kernel::Depthwise, F32)),
        ("depthwise_f16", in_f16(depthwise).wgsl(Kernel::Depthwise, F32)),
        ("pointwise", pointwise.wgsl(Kernel::Pointwise, F32)),
        ("pointwise_f16", in_f16(pointwise).wgsl(Kernel::Pointwise, F16)),
        ("pointwise_broadcast", broadcast.wgsl(Kernel::Pointwise, F32)),
        ("pointwise_broadcast_f16", in_f16(broadcast).wgsl(Kernel::Pointwise, Int8)),
    ];
    let is_named = |kernel: &Kernel| [Kernel::Dense, Kernel::Depthwise, Kernel::Pointwise].contains(kernel);
    let others = Kernel::ALL.into_iter().filter(|kernel| !is_named(kernel));
    named.into_iter().chain(others.map(|kernel| (kernel.entry_point(), generic.wgsl(kernel, F32)))).collect()
}

#[test]
fn the_renderings_are_those_of_today() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("generated");
    let bless = std::env::var_os(BLESS).is_some();
    let mut wrong = Vec::new();
    for (name, text) in renderings() {
        let file = folder.join(name).with_extension("wgsl");
        if bless {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, &text).unwrap();
        } else if std::fs::read_to_string(&file).map(|known| known.replace("\r\n", "\n")).ok() != Some(text) {
            wrong.push(format!("{name}.wgsl is not what the generators write"));
        }
    }
    for entry in folder.read_dir().unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        if !renderings().iter().any(|(name, _)| format!("{name}.wgsl") == file) {
            wrong.push(format!("{file} is not a rendering: delete it"));
        }
    }
    assert!(
        wrong.is_empty(),
        "shaders/generated: {}.\nWrite the files, and read the change: {COMMAND}",
        wrong.join("; ")
    );
}

#[test]
fn renderings_are_indented_and_name_their_kernel() {
    for (name, text) in renderings() {
        assert!(text.starts_with("// kernel      "), "{name}");
        let mut depth = 0;
        for (number, line) in (1..).zip(text.lines()) {
            let code = line.trim_start();
            let closed = code.chars().take_while(|&c| "})".contains(c)).count();
            let indent = line.len() - code.len();
            assert!(code.is_empty() || indent == 4 * (depth - closed), "{name}.wgsl:{number}: `{line}`");
            assert_eq!(line, line.trim_end(), "{name}.wgsl:{number}");
            let code = code.split("//").next().unwrap();
            depth = depth + code.matches(['{', '(']).count() - code.matches(['}', ')']).count();
        }
        assert!(!text.contains("\n\n\n"), "{name}: two empty lines");
    }
}
