//! Programs that the tests of the library for C use besides a compiler.

use super::packages;
use crate::process;
use anyhow::Result;

/// Each program, an argument with which it ends at once, and Debian's package.
const TOOLS: [(&str, &str, &str); 5] = [
    ("c++", "--version", "g++"),
    ("make", "--version", "make"),
    ("cmake", "--version", "cmake"),
    ("pkg-config", "--version", "pkg-config"),
    ("valgrind", "--version", "valgrind"),
];

/// Installs those that are missing.
pub fn ensure() -> Result<()> {
    let is_missing = |program: &str, argument: &str| process::answer(program, &[argument]).is_none();
    let missing = TOOLS.into_iter().filter(|(program, argument, _)| is_missing(program, argument));
    packages::install(&missing.map(|(_, _, package)| package).collect::<Vec<_>>())
}
