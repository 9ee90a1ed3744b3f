//! Every campaign, and the tests that it runs.

/// Tests of one kind.
pub struct Campaign {
    /// The name, which `--only` searches.
    pub name: &'static str,
    /// The claim that it checks.
    pub about: &'static str,
    /// Arguments of `cargo test`, one set for each call; none of [`FUZZ`], which has a program of its own.
    pub tests: &'static [&'static [&'static str]],
}

/// Name of the campaign that runs libFuzzer.
pub const FUZZ: &str = "fuzz";

/// All of them.
pub const CAMPAIGNS: &[Campaign] = &[
    Campaign { name: FUZZ, about: "readers of files and calls of C under libFuzzer with AddressSanitizer", tests: &[] },
    Campaign {
        name: "changed-inputs",
        about: "readers with inputs that are changed at random, in a build as apps have it",
        tests: &[&["-p", "nestling-fuzz", "--all-features", "--test", "replay"]],
    },
    Campaign {
        name: "random-spaces",
        about: "random search spaces to valid shaders, and random children against the reference",
        tests: &[&["-p", "nestling", "--lib", "random_spaces"]],
    },
    Campaign {
        name: "damaged-bundles",
        about: "every flipped bit and every truncation of a small bundle",
        tests: &[&["-p", "nestling-bundle", "--test", "bundle", "every_"]],
    },
    Campaign {
        name: "stopped-writes",
        about: "every file is old or new wherever its write stops, killed or without power",
        tests: &[
            &["--package", "nestling-bundle", "--lib", "stop_tests"],
            &["--package", "nestling", "--lib", "_stops"],
            &["--package", "nestling-train", "--lib", "_stops"],
        ],
    },
    Campaign {
        name: "kills-while-writing",
        about: "every file is old or new after a kill at a random moment",
        tests: &[
            &["--package", "nestling-bundle", "--test", "kills"],
            &["--package", "nestling-lab", "--test", "kills"],
            &["--package", "nestling-train", "--test", "kills", "a_killed_process"],
        ],
    },
    Campaign {
        name: "killed-training",
        about: "a training that is killed at random steps, or one of its two ranks, ends with the same weights, to the bit",
        tests: &[
            &["--package", "nestling-train", "--test", "kills", "a_training"],
            &["--package", "nestling-train", "--test", "ranks", "goes_on_bit_equal"],
        ],
    },
    Campaign {
        name: "miri",
        about: "no undefined behaviour in parsers and FFI, as Miri runs them (cargo +nightly miri)",
        tests: &[&["--package", "nestling-torture", "--test", "miri"]],
    },
    Campaign {
        name: "device-lost",
        about: "the GPU is lost, full or silent at every call of open, classify, switch, calibrate, profile and choose",
        tests: &[&["-p", "nestling", "--lib", "fault_tests"]],
    },
    Campaign {
        name: "memory-full",
        about: "each large allocation of opening fails in turn",
        tests: &[&["-p", "nestling", "--test", "memory_full"]],
    },
    Campaign {
        name: "long-runs",
        about: "threads beside each other, runtimes made and dropped, inferences and switches; all orders of the locks",
        tests: &[&["-p", "nestling", "--test", "long_runs"], &["-p", "nestling", "--test", "locks"]],
    },
];
