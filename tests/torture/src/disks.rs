//! Programs that run on a disk that takes nothing: full, read-only, or above a limit of the process.
//!
//! The first two are real file systems in memory, mounted where only the program sees them. That needs Linux and an
//! administrator, whom permissions of a folder would not stop.

use std::path::Path;
use std::process::{Command, Stdio};

/// A disk that takes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// It has no byte left.
    Full,
    /// It is mounted read-only.
    ReadOnly,
    /// The process may not make files larger than nothing.
    Limited,
}

/// The end of a program.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit code.
    pub code: i32,
    /// What it said on standard error.
    pub said: String,
    /// The files that changed, came or went, as a difference of checksums.
    pub changed: String,
}

/// Makes the disk, copies files to it, runs the program, and compares the checksums of all files. A log of TensorBoard may
/// change: it is appended to.
const SCRIPT: &str = r#"
disk=$1 from=$2 kind=$3
shift 3
case $kind in
    Full) mount -t tmpfs -o size=16m tmpfs "$disk" || exit 99; cp -a "$from/." "$disk"
        head -c 16m /dev/zero 2>/dev/null > "$disk/filler" ;;
    ReadOnly) mount -t tmpfs tmpfs "$disk" || exit 99; cp -a "$from/." "$disk"; mount -o remount,ro "$disk" || exit 99 ;;
    Limited) cp -a "$from/." "$disk"; trap '' XFSZ; ulimit -f 0 ;;
esac
sums() { (cd "$disk" && find . -type f ! -name 'events.out.*' -exec sha256sum {} + | sort -k 2); }
before=$(sums)
"$@" > /dev/null
code=$?
after=$(sums)
echo "code $code"
[ "$before" = "$after" ] || printf 'before:\n%s\nafter:\n%s\n' "$before" "$after"
"#;

impl Disk {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Full, Self::ReadOnly, Self::Limited];

    /// Runs `command`, without its environment, with a copy of the folder `from` on such a disk at `at`, an empty folder.
    /// None if this system does not let it be mounted.
    ///
    /// # Panics
    /// If there is no shell.
    pub fn run(self, from: &Path, at: &Path, command: &Command) -> Option<Outcome> {
        let mut shell = if self == Self::Limited { Command::new("sh") } else { Command::new("unshare") };
        if self != Self::Limited {
            shell.args(["--mount", "sh"]);
        }
        shell.args(["-c", SCRIPT, "sh"]).args([at, from]).arg(format!("{self:?}"));
        shell.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
        let Ok(output) = shell.output() else {
            assert!(self != Self::Limited, "there is no shell");
            return None;
        };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let Some((code, changed)) = text.strip_prefix("code ").and_then(|text| text.split_once('\n')) else {
            assert!(self != Self::Limited, "the script ended: {said}");
            return None;
        };
        Some(Outcome { code: code.parse().unwrap_or(-1), said, changed: changed.to_owned() })
    }
}
