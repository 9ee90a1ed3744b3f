//! Names and other texts that come from outside: the rules for them, and a form that is safe to print.
//!
//! A name identifies: a child's or a space's, which becomes part of a path and is typed on a command line. A label is
//! only shown.

use std::borrow::Cow;

/// Most bytes of a name: a file name of most systems holds 255, with its ending.
pub const MAX_NAME_BYTES: usize = 200;

/// Why a text is refused as a name or as a label.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a valid {kind}: {problem}", printable(.text))]
pub struct NameError {
    text: String,
    kind: &'static str,
    problem: String,
}

impl NameError {
    /// A stable name of this error, for programs.
    pub fn code(&self) -> &'static str {
        "invalid_name"
    }
}

/// Accepts a text that can identify something and be a part of a path on every system.
///
/// ```
/// use nestling_core::names::check_name;
/// assert!(check_name("pareto-3").is_ok());
/// assert!(["", " ", "..", "../../escaped", "a\\b", "two\nlines"].iter().all(|name| check_name(name).is_err()));
/// ```
///
/// # Errors
/// [`NameError`] if it is empty or too long, holds a path separator or a control character, or names a folder or a
/// drive.
pub fn check_name(name: &str) -> Result<(), NameError> {
    let fail = |problem: String| Err(NameError { text: beginning(name), kind: "name", problem });
    if name.len() > MAX_NAME_BYTES {
        return fail(format!("it has {} bytes, at most {MAX_NAME_BYTES} are allowed", name.len()));
    }
    if name.trim().is_empty() {
        return fail("it is empty".to_owned());
    }
    if let Some(hidden) = name.chars().find(|&c| is_unprintable(c)) {
        return fail(format!("it holds the control character {}", hidden.escape_default()));
    }
    if let Some(separator) = name.chars().find(|c| matches!(c, '/' | '\\')) {
        return fail(format!("it holds `{separator}`, which separates the parts of a path"));
    }
    // Some systems drop dots and spaces at the end of a name.
    if name.trim_end_matches(['.', ' ']).is_empty() {
        return fail("it means a folder".to_owned());
    }
    if name.as_bytes()[0].is_ascii_alphabetic() && name[1..].starts_with(':') {
        return fail("it begins with a drive".to_owned());
    }
    Ok(())
}

/// Accepts a text that can be shown as the name of a class.
///
/// Tabs and a byte-order mark are allowed: files with labels of other programs hold them.
///
/// # Errors
/// [`NameError`] if it is empty or holds a line break or another control character.
pub fn check_label(label: &str) -> Result<(), NameError> {
    let fail = |problem: String| Err(NameError { text: beginning(label), kind: "label", problem });
    if label.trim().is_empty() {
        return fail("it is empty".to_owned());
    }
    match label.chars().find(|&c| is_unprintable(c) && !matches!(c, '\t' | BYTE_ORDER_MARK)) {
        Some(hidden) => fail(format!("it holds the control character {}", hidden.escape_default())),
        None => Ok(()),
    }
}

const BYTE_ORDER_MARK: char = '\u{feff}';

/// The text with every character escaped that would move a cursor, clear a line, start an escape sequence or reorder
/// what stands beside it. Everything that is printed and comes from a file or a driver goes through here.
///
/// ```
/// use nestling_core::names::printable;
/// assert_eq!(printable("ankle boot"), "ankle boot");
/// assert_eq!(printable("red\u{1b}[31m\nbag"), "red\\u{1b}[31m\\nbag");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    printable_except(text, |_| false)
}

/// As [`printable`], for a text of several lines.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    printable_except(text, |c| c == '\n')
}

fn printable_except(text: &str, stays: fn(char) -> bool) -> Cow<'_, str> {
    let escaped = |c: char| is_unprintable(c) && !stays(c);
    if !text.chars().any(escaped) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if escaped(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// Control characters, line and paragraph separators, overrides and isolates of the writing direction, and the
/// byte-order mark. The marks and joiners that some scripts need are none of them.
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | BYTE_ORDER_MARK)
}

/// The beginning of a text that an error quotes: it may be of any length.
fn beginning(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_escape_a_folder_or_disturb_a_terminal_are_refused_with_the_reason() {
        let long = "n".repeat(MAX_NAME_BYTES + 1);
        for (name, problem) in [
            ("", "it is empty"),
            (" \u{a0} ", "it is empty"),
            (&long, "it has 201 bytes, at most 200"),
            ("../../escaped", "it holds `/`"),
            ("/etc/passwd", "it holds `/`"),
            ("..\\escaped", "it holds `\\`"),
            (".", "it means a folder"),
            ("..", "it means a folder"),
            ("... .", "it means a folder"),
            ("C:escaped", "it begins with a drive"),
            ("two\nlines", "control character \\n"),
            ("nul\0", "control character \\u{0}"),
            ("red\u{1b}[31m", "control character \\u{1b}"),
            ("c1\u{9b}31m", "control character \\u{9b}"),
            ("gnp.\u{202e}exe", "control character \\u{202e}"),
            ("\u{feff}first", "control character \\u{feff}"),
        ] {
            let error = check_name(name).unwrap_err();
            assert!(error.to_string().contains(problem), "{name:?}: {error}");
            assert!(!error.to_string().chars().any(is_unprintable) && error.to_string().len() < 300, "{error}");
            assert_eq!(error.code(), "invalid_name");
        }
    }

    #[test]
    fn names_and_labels_of_many_languages_are_accepted() {
        let persian = "می\u{200c}خواهم";
        for text in
            ["pareto-3", "lite0", "r16 w8", ".hidden", "v1:2", "a..b", "ankle boot", "Stiefel für Füße", persian]
        {
            assert_eq!((check_name(text), check_label(text)), (Ok(()), Ok(())), "{text}");
        }
        assert_eq!(check_name(&"n".repeat(MAX_NAME_BYTES)), Ok(()));
    }

    #[test]
    fn a_label_is_no_path_but_one_line_without_controls() {
        for label in ["T-shirt/top", "n01440764\ttench", "\u{feff}tench", "..", &"long ".repeat(100)] {
            assert_eq!(check_label(label), Ok(()), "{label:?}");
        }
        for label in ["", "\u{3000}", "two\nlines", "two\rlines", "bell\u{7}", "\u{2028}"] {
            assert!(check_label(label).unwrap_err().to_string().contains("not a valid label"), "{label:?}");
        }
    }

    #[test]
    fn only_what_disturbs_is_escaped() {
        assert!(matches!(printable("Füße, \\ and `\u{200d}`"), Cow::Borrowed(_)));
        assert_eq!(printable("a\tb\nc\u{9b}d\u{2066}\u{feff}"), "a\\tb\\nc\\u{9b}d\\u{2066}\\u{feff}");
        assert_eq!(printable_lines("a\nb\rc"), "a\nb\\rc");
    }
}
