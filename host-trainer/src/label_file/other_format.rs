//! Lists of labels in other formats. Taken line by line, their signs would become parts of the labels.

use serde_json::Value;

/// The format of a text and the text between its labels, if it is a list in another format.
pub(super) fn other_format(text: &str, lines: &[&str]) -> Option<(&'static str, &'static str)> {
    if matches!(serde_json::from_str(text), Ok(Value::Array(_) | Value::Object(_))) {
        return Some(("is a list in JSON", "brackets, quotation marks and commas"));
    }
    // Without the brackets of a list, and without empty lines.
    let inside = |line: &&str| !line.is_empty() && !["[", "]", "[]", "{", "}"].contains(line);
    let lines: Vec<&str> = lines.iter().copied().filter(inside).collect();
    let all = |is: fn(&str) -> bool| !lines.is_empty() && lines.iter().all(|line| is(line));
    if all(is_quoted) {
        return Some(("has quotation marks around its labels", "quotation marks and commas"));
    }
    if lines.len() > 1 && lines[..lines.len() - 1].iter().all(|line| line.ends_with([',', ';'])) {
        return Some(("has a comma behind each label", "commas"));
    }
    if lines.len() > 1 && all(|line| line.starts_with("- ")) {
        return Some(("is a list in YAML", "hyphens"));
    }
    // The first line may be a heading.
    let is_numbered = |lines: &[&str]| lines.len() > 1 && (numbered(lines, 0) || numbered(lines, 1));
    if is_numbered(&lines) || lines.get(1..).is_some_and(is_numbered) {
        return Some(("has the number of each class before its label", "numbers"));
    }
    None
}

/// Whether a label stands in quotation marks, perhaps with a comma or brackets of the list.
fn is_quoted(line: &str) -> bool {
    let line = line.trim_start_matches('[').trim_end_matches(']').trim().trim_end_matches([',', ';']).trim_end();
    ['"', '\''].iter().any(|&mark| line.len() >= 2 && line.starts_with(mark) && line.ends_with(mark))
}

/// Whether each line has its number, counted from `first`, and a sign behind it.
fn numbered(lines: &[&str], first: usize) -> bool {
    lines.iter().enumerate().all(|(index, line)| {
        let rest = line.strip_prefix(&(first + index).to_string());
        rest.is_some_and(|rest| rest.trim_start_matches(' ').starts_with([',', ';', ':', '\t']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<&'static str> {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        other_format(text, &lines).map(|(found, _)| found)
    }

    #[test]
    fn lists_of_other_formats_are_told_whatever_their_number_of_lines_is() {
        for text in [
            "[\"a\", \"b\"]",
            "[\n  \"a\",\n  \"b\"\n]\n",
            "{\"0\": \"a\",\n \"1\": \"b\"}",
            "\"a\",\n\"b\"",
            "\"a\"\n\"b\"",
            "['a',\n 'b']",
            "'a'",
            "a,\nb,\nc",
            "a,\nb,",
            "a,\nb",
            "- a\n- b",
            "0,a\n1,b",
            "1;a\n2;b",
            "0: a\n1: b",
            "names:\n  0: a\n  1: b",
            "index,label\n0,a\n1,b",
            "0\ta\n1\tb",
        ] {
            assert!(found(text).is_some(), "{text:?}");
        }
    }

    #[test]
    fn labels_with_such_signs_inside_are_labels() {
        for text in [
            "0\n1\n2",
            "[a]\n[b]",
            "5",
            "\"smooth\" newt\nnewt",
            "tench, Tinca tinca\ngoldfish, Carassius",
            "n01440764\ttench\nn01443537\tgoldfish",
            "1 o'clock\n2 o'clock",
            "10: ten\n20: twenty",
            "- none\nbag",
            "rock 'n' roll\n'tis",
        ] {
            assert_eq!(found(text), None, "{text:?}");
        }
    }
}
