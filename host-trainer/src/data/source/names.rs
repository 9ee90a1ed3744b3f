//! Names of files and classes.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fmt::Write;
use std::path::Path;

/// Files and folders that systems and programs leave beside pictures.
const LEFT_BEHIND: [&str; 6] = ["__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "@eadir"];

/// Whether a file or folder is none of the user's: hidden, or left behind by a program.
pub(super) fn is_hidden(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with('.') || LEFT_BEHIND.contains(&name.to_ascii_lowercase().as_str())
}

/// A name as text. Bytes that are no Unicode are written as `\xff`, so that two names never become one.
pub(super) fn text(name: &OsStr) -> String {
    let mut text = String::new();
    for chunk in name.as_encoded_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a text cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// A path below a folder as text, with `/` on every system.
pub(super) fn path_text(path: &Path) -> String {
    let parts: Vec<String> = path.components().map(|part| text(part.as_os_str())).collect();
    parts.join("/")
}

/// A number with its noun: `1 file`, `3 files`.
///
/// ```
/// use nestling_train::data::counted;
/// assert_eq!([0, 1, 2].map(|count| counted(count, "file")), ["0 files", "1 file", "2 files"]);
/// ```
pub fn counted(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

/// The order in which people count: `2` before `10`.
///
/// ```
/// use nestling_train::data::natural_order;
/// let mut names = ["b10", "b2", "a", "b02"];
/// names.sort_by(|a, b| natural_order(a, b));
/// assert_eq!(names, ["a", "b02", "b2", "b10"]);
/// ```
pub fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut x, mut y) = (a, b);
    loop {
        let (Some(first), Some(second)) = (x.chars().next(), y.chars().next()) else {
            return x.len().cmp(&y.len()).then_with(|| a.cmp(b));
        };
        if first.is_ascii_digit() && second.is_ascii_digit() {
            let (one, rest) = number(x);
            let (other, others) = number(y);
            match one.len().cmp(&other.len()).then_with(|| one.cmp(other)) {
                Ordering::Equal => (x, y) = (rest, others),
                unequal => return unequal,
            }
            continue;
        }
        match first.cmp(&second) {
            Ordering::Equal => (x, y) = (&x[first.len_utf8()..], &y[second.len_utf8()..]),
            unequal => return unequal,
        }
    }
}

/// The digits that a text begins with, without leading zeros, and what follows them.
fn number(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (text[..end].trim_start_matches('0'), &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_compared_as_numbers_and_no_two_names_are_equal() {
        let ordered = ["", "0", "1", "2", "10", "100", "a", "a1", "a01b", "a1b", "a2", "a10", "ä"];
        for (at, a) in ordered.iter().enumerate() {
            for (other, b) in ordered.iter().enumerate() {
                assert_eq!(natural_order(a, b), at.cmp(&other), "{a} {b}");
            }
        }
        let long = ["9".repeat(50), "1".to_owned() + &"0".repeat(50)];
        assert_eq!(natural_order(&long[0], &long[1]), Ordering::Less);
    }

    proptest! {
        #[test]
        fn the_order_is_total(a in "[0-2ab]{0,6}", b in "[0-2ab]{0,6}", c in "[0-2ab]{0,6}") {
            prop_assert_eq!(natural_order(&a, &b), natural_order(&b, &a).reverse());
            prop_assert_eq!(natural_order(&a, &b) == Ordering::Equal, a == b);
            if natural_order(&a, &b).is_le() && natural_order(&b, &c).is_le() {
                prop_assert!(natural_order(&a, &c).is_le());
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_unicode_stay_apart() {
        use std::os::unix::ffi::OsStrExt;
        let [a, b] = [b"caf\xe9", b"caf\xe8"].map(|name| text(OsStr::from_bytes(name)));
        assert_eq!([a.as_str(), b.as_str()], ["caf\\xe9", "caf\\xe8"]);
    }

    #[test]
    fn what_programs_leave_behind_is_hidden() {
        for name in [".DS_Store", ".ipynb_checkpoints", "__MACOSX", "Thumbs.db", "desktop.ini"] {
            assert!(is_hidden(OsStr::new(name)), "{name}");
        }
        assert!(!is_hidden(OsStr::new("cat.jpg")));
    }
}
