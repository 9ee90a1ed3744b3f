//! Licences of crates, compared with the list in `deny.toml`. cargo-deny reads the same list; this check runs without it.

use anyhow::{Context, Result, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The licences that crates may have.
#[derive(Debug, Default)]
pub struct Allowed {
    all: BTreeSet<String>,
    /// More of them for some crates.
    exceptions: BTreeMap<String, BTreeSet<String>>,
}

impl Allowed {
    /// Reads the lists `allow` and `exceptions` of the section `[licenses]`.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let section = text.split("[licenses]").nth(1).context("deny.toml has no section [licenses]")?;
        let section = section.split("\n[").next().unwrap_or_default();
        let list = |start: &str| section.split(start).nth(1).and_then(|rest| rest.split("\n]").next());
        let all = list("\nallow = [").context("deny.toml allows no licence")?;
        let mut allowed = Self { all: quoted(all).collect(), exceptions: BTreeMap::new() };
        for line in list("\nexceptions = [").unwrap_or_default().lines().filter(|line| line.contains("crate =")) {
            let mut words = quoted(line);
            if let Some(name) = words.next() {
                allowed.exceptions.entry(name).or_default().extend(words);
            }
        }
        ensure!(!allowed.all.is_empty(), "deny.toml allows no licence");
        Ok(allowed)
    }

    /// Says what is wrong with the licence of a crate.
    pub fn fault(&self, name: &str, licence: Option<&str>) -> Option<String> {
        let Some(licence) = licence else { return Some(format!("{name} has no licence")) };
        let words = words(licence);
        let own = self.exceptions.get(name);
        let is_allowed = |one: &str| self.all.contains(one) || own.is_some_and(|own| own.contains(one));
        let mut rest = &words[..];
        match either(&mut rest, &is_allowed) {
            Some(true) if rest.is_empty() => None,
            Some(_) if rest.is_empty() => Some(format!("{name}: deny.toml does not allow `{licence}`")),
            _ => Some(format!("{name}: `{licence}` cannot be read as a licence")),
        }
    }
}

/// The texts in quotation marks.
fn quoted(text: &str) -> impl Iterator<Item = String> + '_ {
    let code = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    code.flat_map(|line| line.split('"').skip(1).step_by(2)).map(str::to_owned)
}

/// The words of an SPDX expression; the slash of older manifests is an `OR`.
fn words(expression: &str) -> Vec<String> {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    spaced.split_whitespace().map(str::to_owned).collect()
}

/// `a OR b`: one of them is enough.
fn either(words: &mut &[String], is_allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let mut result = both(words, is_allowed)?;
    while take(words, "OR") {
        result |= both(words, is_allowed)?;
    }
    Some(result)
}

/// `a AND b`.
fn both(words: &mut &[String], is_allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let mut result = single(words, is_allowed)?;
    while take(words, "AND") {
        result &= single(words, is_allowed)?;
    }
    Some(result)
}

/// A licence, one `WITH` an exception, or an expression in parentheses.
fn single(words: &mut &[String], is_allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    if take(words, "(") {
        let result = either(words, is_allowed)?;
        return take(words, ")").then_some(result);
    }
    let (first, rest) = words.split_first()?;
    if ["OR", "AND", "WITH", ")"].contains(&first.as_str()) {
        return None;
    }
    *words = rest;
    if !take(words, "WITH") {
        return Some(is_allowed(first));
    }
    let (exception, rest) = words.split_first()?;
    *words = rest;
    Some(is_allowed(&format!("{first} WITH {exception}")))
}

fn take(words: &mut &[String], word: &str) -> bool {
    match words.split_first() {
        Some((first, rest)) if first == word => {
            *words = rest;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    #[test]
    fn the_lists_of_this_workspace_are_read() {
        let allowed = Allowed::read(&workspace::root().join("deny.toml")).unwrap();
        assert!(allowed.all.contains("MIT") && allowed.all.contains("Unicode-3.0") && !allowed.all.contains("MPL-2.0"));
        assert!(allowed.fault("uniffi", Some("MPL-2.0")).is_none());
        assert!(allowed.fault("another", Some("MPL-2.0")).unwrap().contains("does not allow `MPL-2.0`"));
    }

    #[test]
    fn an_expression_is_read_as_spdx_says() {
        let allowed = Allowed {
            all: ["MIT", "Zlib", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into(),
            exceptions: BTreeMap::from([("one".to_owned(), BTreeSet::from(["MPL-2.0".to_owned()]))]),
        };
        for good in ["MIT", "MIT OR GPL-3.0", "GPL-3.0/MIT", "MIT AND Zlib", "(MIT OR GPL-3.0) AND Zlib"] {
            assert_eq!(allowed.fault("x", Some(good)), None);
        }
        assert_eq!(allowed.fault("x", Some("GPL-3.0 OR Apache-2.0 WITH LLVM-exception")), None);
        assert_eq!(allowed.fault("one", Some("MPL-2.0 AND MIT")), None);
        for bad in ["GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0", "MPL-2.0", "(MIT AND GPL-3.0) OR GPL-2.0"] {
            assert!(allowed.fault("x", Some(bad)).unwrap().contains("does not allow"), "{bad}");
        }
        for odd in ["", "MIT OR", "(MIT", "MIT MIT", "WITH MIT", "MIT)"] {
            assert!(allowed.fault("x", Some(odd)).unwrap().contains("cannot be read"), "{odd}");
        }
        assert!(allowed.fault("x", None).unwrap().contains("has no licence"));
    }
}
