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
pub const CAMPAIGNS: &[Campaign] = &[];
