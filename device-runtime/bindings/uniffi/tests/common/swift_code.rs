//! Swift as text: its names and the labels of its calls. No compiler is at hand.

#![allow(dead_code, reason = "each test program uses a part")]

use std::collections::{BTreeMap, BTreeSet};

/// A source without its comments and without the text of its strings; code within strings stays.
pub fn code(source: &str) -> String {
    let mut code = String::new();
    let mut rest = source.chars().peekable();
    // Open parentheses of this piece of code, and of those around it: code within a string is a piece.
    let (mut depth, mut around) = (0_usize, Vec::new());
    let mut is_text = false;
    while let Some(next) = rest.next() {
        match (is_text, next, rest.peek()) {
            (true, '\\', Some('(')) => {
                rest.next();
                code.push('(');
                around.push(std::mem::take(&mut depth));
                is_text = false;
            }
            (true, '\\', _) => drop(rest.next()),
            (_, '"', _) => {
                is_text = !is_text;
                code.push('"');
            }
            (true, ..) => {}
            (false, '/', Some('/')) => while rest.next_if(|next| *next != '\n').is_some() {},
            (false, ')', _) if depth == 0 && !around.is_empty() => {
                code.push(')');
                depth = around.pop().unwrap_or(0);
                is_text = true;
            }
            (false, next, _) => {
                depth = if next == '(' { depth + 1 } else { depth.saturating_sub(usize::from(next == ')')) };
                code.push(next);
            }
        }
    }
    code
}

/// Without documentation in `/** */`, which generated code has.
pub fn without_blocks(source: &str) -> String {
    source.split("/*").map(|part| part.split_once("*/").map_or(part, |(_, code)| code)).collect()
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The names of a code and the places where they end, with the character before each.
fn names(code: &str) -> Vec<(Option<char>, &str, usize)> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, character) in code.char_indices().chain([(code.len(), ' ')]) {
        match (start, is_name(character)) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                let name = &code[from..at];
                if !name.starts_with(|first: char| first.is_numeric()) {
                    found.push((code[..from].chars().next_back(), name, at));
                }
                start = None;
            }
            _ => {}
        }
    }
    found
}

/// Names that a code uses of others: those behind a dot, and those of types.
pub fn used(code: &str) -> BTreeSet<String> {
    let is_used = |before: Option<char>, name: &str| {
        before == Some('.') || before != Some('@') && name.starts_with(|first: char| first.is_uppercase())
    };
    names(code).into_iter().filter(|(before, name, _)| is_used(*before, name)).map(|(_, name, _)| name.into()).collect()
}

/// Names that a code declares.
pub fn declared(code: &str) -> BTreeSet<String> {
    const WORDS: [&str; 9] = ["func", "case", "let", "var", "class", "struct", "enum", "protocol", "associatedtype"];
    let all = names(code);
    let pairs = all.iter().zip(all.iter().skip(1));
    pairs.filter(|((_, word, _), _)| WORDS.contains(word)).map(|(_, (_, name, _))| (*name).to_owned()).collect()
}

/// The labels in the parentheses that begin at `open`; `_` for an argument without one.
fn labels(code: &str, open: usize) -> Vec<String> {
    let (mut depth, mut argument, mut all) = (0, String::new(), Vec::new());
    for character in code[open..].chars() {
        match character {
            '(' | '[' | '{' if depth > 0 => argument.push(' '),
            ')' | ']' | '}' if depth == 1 => {
                all.push(std::mem::take(&mut argument));
                break;
            }
            ',' if depth == 1 => all.push(std::mem::take(&mut argument)),
            _ if depth == 1 => argument.push(character),
            _ => {}
        }
        depth += i32::from("([{".contains(character)) - i32::from(")]}".contains(character));
    }
    let label = |argument: &str| {
        let label = argument.split_once(':').map(|(label, _)| label.split_whitespace().next().unwrap_or_default());
        label.filter(|label| label.chars().all(is_name) && !label.is_empty()).unwrap_or("_").to_owned()
    };
    all.iter().filter(|argument| !argument.trim().is_empty()).map(|argument| label(argument)).collect()
}

/// The labels of every function and initialiser that a code declares, by the name that calls it.
pub fn signatures(code: &str) -> BTreeMap<String, Vec<Vec<String>>> {
    let mut all: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
    let (mut of_type, mut before) = (String::new(), "");
    for (_, name, end) in names(code) {
        let opens = code[end..].starts_with('(');
        match before {
            "class" | "struct" | "enum" | "protocol" | "extension" => of_type = name.to_owned(),
            "func" if opens => all.entry(name.to_owned()).or_default().push(labels(code, end)),
            _ if name == "init" && opens => all.entry(of_type.clone()).or_default().push(labels(code, end)),
            "case" if opens => all.entry(name.to_owned()).or_default().push(labels(code, end)),
            _ => {}
        }
        before = name;
    }
    all
}

/// Each call of a code: the name and its labels.
pub fn calls(code: &str) -> Vec<(String, Vec<String>)> {
    let (mut all, mut before) = (Vec::new(), "");
    for (_, name, end) in names(code) {
        if code[end..].starts_with('(') && !["func", "case", "let"].contains(&before) {
            all.push((name.to_owned(), labels(code, end)));
        }
        before = name;
    }
    all
}

/// Whether a call's labels are some of a declaration's, in its order.
pub fn fits(call: &[String], declared: &[String]) -> bool {
    let mut left = declared.iter();
    call.iter().all(|label| left.any(|one| one == label))
}
