//! Programs that run on a disk that takes nothing: full, read-only, or above a limit of the process.
//!
//! The first two are real file systems in memory, mounted where only the program sees them. That needs Linux and an
//! administrator.

use std::path::Path;
use std::process::{Command, Stdio};

/// Environment variable that names features which may not be missing; `disks` among them are these.
const REQUIRE: &str = "NESTLING_REQUIRE";

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
    /// Its standard error.
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
    /// If there is no shell, or the disk cannot be mounted although `NESTLING_REQUIRE` has `disks`.
    pub fn run(self, from: &Path, at: &Path, command: &Command) -> Option<Outcome> {
        let mut shell = if self == Self::Limited { Command::new("sh") } else { Command::new("unshare") };
        if self != Self::Limited {
            shell.args(["--mount", "sh"]);
        }
        shell.args(["-c", SCRIPT, "sh"]).args([at, from]).arg(format!("{self:?}"));
        shell.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
        let Ok(output) = shell.output() else { return self.missing("there is no shell, or no `unshare`") };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let Some((code, changed)) = text.strip_prefix("code ").and_then(|text| text.split_once('\n')) else {
            return self.missing(&said);
        };
        Some(Outcome { code: code.parse().unwrap_or(-1), said, changed: changed.to_owned() })
    }

    /// No disk, unless there must be one.
    fn missing(self, why: &str) -> Option<Outcome> {
        let required = std::env::var(REQUIRE).unwrap_or_default();
        let must_be = self == Self::Limited || is_required(&required);
        assert!(!must_be, "no disk that is {self:?} ({REQUIRE} is `{required}`): {why}");
        None
    }
}

/// Whether a list of features, separated by commas or spaces, has the disks.
fn is_required(list: &str) -> bool {
    list.split([',', ' ']).any(|name| name == "disks")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_are_required_by_their_name() {
        assert!(is_required("disks") && is_required("f16, disks"));
        assert!(!is_required("") && !is_required("f16,subgroups"));
    }

    #[test]
    fn a_limited_process_fails_and_the_files_are_compared() {
        let place = std::env::temp_dir().join(format!("nestling-disks-{}", std::process::id()));
        let (from, at) = (place.join("from"), place.join("at"));
        for folder in [&from, &at] {
            std::fs::create_dir_all(folder).unwrap();
        }
        std::fs::write(from.join("old"), "old").unwrap();
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("echo new > '{}/new'", at.display()));
        let outcome = Disk::Limited.run(&from, &at, &command).unwrap();
        std::fs::remove_dir_all(place).unwrap();
        assert!(outcome.code != 0 && !outcome.said.is_empty(), "{outcome:?}");
        // An empty file is new, and is found.
        assert!(outcome.changed.contains("./new"), "{outcome:?}");
    }
}
