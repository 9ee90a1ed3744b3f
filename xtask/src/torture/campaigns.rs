//! Every campaign, and the tests that it runs.

/// Tests of one kind.
pub struct Campaign {
    /// What `--only` looks for.
    pub name: &'static str,
    /// What it proves.
    pub about: &'static str,
    /// Arguments of `cargo test`, one set for each call.
    pub tests: &'static [&'static [&'static str]],
}

/// All of them.
pub const CAMPAIGNS: &[Campaign] = &[
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
