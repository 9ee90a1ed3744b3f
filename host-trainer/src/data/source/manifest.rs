//! A list of pictures: CSV with a header, or a JSON document a line.

use super::files::Files;
use super::names::path_text;
use super::{Entry, read_file};
use crate::data::dataset::{DataError, Part};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Most bytes of a list.
const MAX_BYTES: u64 = 1 << 30;
/// Names of the columns, in the order of a [`Row`].
const COLUMNS: [(&str, &[&str]); 4] = [
    ("path", &["path", "file", "filename", "file_name", "filepath", "image", "image_path"]),
    ("label", &["label", "class", "category", "target"]),
    ("split", &["split", "part", "subset", "set"]),
    ("group", &["group", "group_id", "subject", "patient"]),
];

/// The values of the columns.
type Row = [Option<String>; 4];

/// Whether a file's name says that it is a list.
pub(super) fn is_named(path: &Path) -> bool {
    ending(path).is_some_and(|ending| ["csv", "tsv", "jsonl", "ndjson", "json"].contains(&ending.as_str()))
}

/// Reads a list. The pictures themselves are not looked at.
pub(super) fn open(path: &Path) -> Result<Files, DataError> {
    let bytes = read_file(path, MAX_BYTES + 1);
    let bytes = bytes.map_err(|source| DataError::Listing { path: path.to_owned(), source })?;
    let fail = |place: String, problem: String| DataError::List { path: path.to_owned(), place, problem };
    let whole = || "its text".to_owned();
    if bytes.len() as u64 > MAX_BYTES {
        return Err(fail(whole(), "it has more than 1 GiB; split it".to_owned()));
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| fail(format!("byte {}", error.valid_up_to()), "it is not UTF-8; save it so".to_owned()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let is_json = ending(path).is_some_and(|ending| ending.contains("json"));
    let rows = if is_json { json_rows(text) } else { csv_rows(text) };
    let mut files = Files::new("a list");
    let (folder, mut seen) = (path.parent().unwrap_or(Path::new("")), BTreeSet::new());
    for (line, row) in rows.map_err(|(place, problem)| fail(place, problem))? {
        let (entry, path) = entry(folder, row, &mut seen).map_err(|problem| fail(format!("line {line}"), problem))?;
        files.add(entry, path);
    }
    if files.entries.is_empty() {
        return Err(fail(whole(), "it lists no picture".to_owned()));
    }
    Ok(files)
}

/// A picture of a list in `folder`, and its path.
fn entry(folder: &Path, row: Row, seen: &mut BTreeSet<PathBuf>) -> Result<(Entry, PathBuf), String> {
    let [path, label, split, group] = row.map(|value| value.filter(|text| !text.trim().is_empty()));
    let path = PathBuf::from(path.ok_or("it has no path")?);
    let class = label.ok_or("it has no label")?;
    let part = match split.as_deref().map(str::trim) {
        None => None,
        Some(name) => {
            let unknown = || format!("its split `{name}` is none of train, val and test");
            Some(Part::of_name(name).ok_or_else(unknown)?)
        }
    };
    if !seen.insert(path.clone()) {
        return Err(format!("it lists {} again; each picture has one line and one label", path.display()));
    }
    let (name, class) = (path_text(&path), class.trim().to_owned());
    Ok((Entry { name, class, part, group }, folder.join(path)))
}

fn ending(path: &Path) -> Option<String> {
    path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase())
}

/// Rows with the number of their line, or the place and the kind of a fault.
type Rows = Result<Vec<(u64, Row)>, (String, String)>;

fn csv_rows(text: &str) -> Rows {
    // Some programs name the separator in a line above the header.
    let (declared, text) = match text.split_once('\n') {
        Some((first, rest)) if first.starts_with("sep=") => (first.as_bytes().get(4).copied(), rest),
        _ => (None, text),
    };
    let header = text.lines().next().unwrap_or_default();
    let guess =
        || [b',', b';', b'\t', b'|'].into_iter().max_by_key(|&one| (count(header, one), one == b',')).unwrap_or(b',');
    let delimiter = declared.unwrap_or_else(guess);
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let fault = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        (format!("line {line}"), error.to_string())
    };
    let header = reader.headers().map_err(fault)?.clone();
    let columns = COLUMNS
        .map(|(_, names)| header.iter().position(|column| names.contains(&column.to_ascii_lowercase().as_str())));
    for (column, (name, _)) in columns.iter().zip(COLUMNS).take(2) {
        if column.is_none() {
            let header = header.iter().collect::<Vec<_>>().join(", ");
            return Err(("line 1".to_owned(), format!("no column is called `{name}`, only: {header}")));
        }
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(fault)?;
        let line = record.position().map_or(0, csv::Position::line) + u64::from(declared.is_some());
        rows.push((line, columns.map(|column| record.get(column?).map(str::to_owned))));
    }
    Ok(rows)
}

fn count(header: &str, delimiter: u8) -> usize {
    header.bytes().filter(|&byte| byte == delimiter).count()
}

fn json_rows(text: &str) -> Rows {
    let fault =
        |error: serde_json::Error| (format!("line {}, column {}", error.line(), error.column()), problem(&error));
    // A document that is one array is a list, too.
    if text.trim_start().starts_with('[') {
        let values: Vec<Value> = serde_json::from_str(text).map_err(fault)?;
        return Ok(values.iter().zip(1..).map(|(value, number)| (number, json_row(value))).collect());
    }
    let mut rows = Vec::new();
    for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
        let value = serde_json::from_str::<Value>(line);
        let value = value.map_err(|error| (format!("line {number}, column {}", error.column()), problem(&error)))?;
        rows.push((number, json_row(&value)));
    }
    Ok(rows)
}

/// The fault without the place: the parser counts lines from where it began to read.
fn problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text[..end].to_owned()
}

fn json_row(value: &Value) -> Row {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    COLUMNS.map(|(_, names)| names.iter().find_map(|name| text(value.get(name)?)))
}

#[cfg(test)]
mod tests {
    use super::super::Source;
    use super::*;

    fn read(name: &str, text: &str) -> Result<Files, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        open(&path)
    }

    fn entry(name: &str, class: &str, part: Option<Part>, group: Option<&str>) -> Entry {
        Entry { name: name.to_owned(), class: class.to_owned(), part, group: group.map(str::to_owned) }
    }

    #[test]
    fn every_usual_form_of_one_list_gives_the_same_pictures() {
        let expected = [
            entry("a/1.png", "cat, small", Some(Part::Training), Some("p1")),
            entry("b 2.png", "7", Some(Part::HeldOut), None),
        ];
        for (name, text) in [
            ("a.csv", "path,label,split,group\na/1.png,\"cat, small\",train,p1\nb 2.png,7,val,\n"),
            ("a.csv", "\u{feff}group;Split;LABEL;Path\r\np1;Train;cat, small;a/1.png\r\n;validation;7;b 2.png\r\n\r\n"),
            ("a.tsv", "filename\tclass\tsplit\tgroup\na/1.png\tcat, small\ttraining\tp1\nb 2.png\t7\tvalid\n"),
            ("a.CSV", "sep=;\npath;label;split;group\na/1.png;cat, small;train;p1\nb 2.png;7;val;\n"),
            (
                "a.jsonl",
                "{\"path\":\"a/1.png\",\"label\":\"cat, small\",\"split\":\"train\",\"group\":\"p1\"}\n\n\
                 {\"file_name\":\"b 2.png\",\"label\":7,\"split\":\"val\",\"group\":null}",
            ),
            (
                "a.json",
                "[{\"path\":\"a/1.png\",\"label\":\"cat, small\",\"split\":\"train\",\"group\":\"p1\"},\
                 {\"image\":\"b 2.png\",\"class\":\"7\",\"split\":\"val\"}]",
            ),
        ] {
            let manifest = read(name, text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(manifest.entries, expected, "{text}");
            let path = manifest.file(0).unwrap();
            assert!(path.ends_with("a/1.png") && path.is_absolute());
        }
    }

    #[test]
    fn a_fault_is_named_with_its_line() {
        for (name, text, expected) in [
            ("a.csv", "path,kind\na,b\n", "no column is called `label`, only: path, kind"),
            ("a.csv", "path,label\na,b\n,c\n", "line 3: it has no path"),
            ("a.csv", "path,label\na,\n", "line 2: it has no label"),
            ("a.csv", "path,label,split\na,b,later\n", "line 2: its split `later` is none of"),
            ("a.csv", "path,label\na,b\na,c\n", "line 3: it lists a again"),
            ("a.csv", "path,label\n", "lists no picture"),
            ("a.jsonl", "{\"path\":\"a\",\"label\":1}\n{", "line 2, column 1: EOF while parsing an object"),
            ("a.json", "[{\"path\":\"a\",\"label\":1},\n 3 4]", "line 2, column 4: expected `,` or `]`"),
            ("a.jsonl", "{\"path\":\"a\"}", "line 1: it has no label"),
        ] {
            let error = read(name, text).unwrap_err();
            assert_eq!(error.code(), "data_list");
            let error = error.to_string();
            assert!(error.contains(expected) && !error.contains("at line"), "{text}: {error}");
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.csv"), b"path,label\n\xff,b\n").unwrap();
        let error = open(&folder.path().join("a.csv")).unwrap_err().to_string();
        assert!(error.contains("byte 11") && error.contains("UTF-8"), "{error}");
    }
}
