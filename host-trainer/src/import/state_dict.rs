//! The choice of a state dict in a checkpoint: training scripts store several, and other things beside them.

use super::pickle::{Id, Pickle, Value};
use std::collections::BTreeSet;
use std::fmt;

/// Keys under which scripts store a state dict, the best first. Averaged weights are those that are evaluated, and timm
/// prefers them too.
const KEYS: [&str; 14] = [
    "state_dict_ema",
    "model_ema",
    "model_ema_state_dict",
    "ema_state_dict",
    "ema_model",
    "params_ema",
    "ema",
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "weights",
];
/// Dicts and lists in each other that are looked into.
const MAX_DEPTH: usize = 16;
/// Dicts and lists that are looked at; a checkpoint has a few, and an optimiser one for each tensor.
const MAX_PLACES: usize = 20_000;

/// Bytes of the keys that lead to a dict.
const MAX_PATH_BYTES: usize = 1000;

/// A dict of tensors.
pub(super) struct Candidate<'a> {
    /// Its keys and its numbers in lists from the root, joined by dots; empty for the root itself.
    pub path: String,
    /// Its tensors by name.
    pub tensors: Vec<(&'a str, Id)>,
}

impl Candidate<'_> {
    /// Its place among the keys that are preferred.
    fn rank(&self) -> usize {
        let words: Vec<&str> = self.path.split('.').collect();
        KEYS.iter().position(|key| words.contains(key)).unwrap_or(KEYS.len())
    }
}

/// All dicts of tensors in a pickle, the best first: first those that are about as large as the largest, by their keys.
pub(super) fn candidates<'a>(pickle: &'a Pickle<'a>) -> Vec<Candidate<'a>> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::from([pickle.root]);
    let mut waiting = vec![(String::new(), pickle.root, 0)];
    while let Some((path, place, depth)) = waiting.pop() {
        let mut tensors = Vec::new();
        let mut look_into = |key: &dyn fmt::Display, value: Id| {
            let is_place = matches!(pickle.get(value), Value::Dict(_) | Value::List(_) | Value::Tuple(_));
            if !is_place || depth == MAX_DEPTH || seen.len() == MAX_PLACES || !seen.insert(value) {
                return;
            }
            let path = if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
            // A hostile file would make a long one of each place.
            if path.len() <= MAX_PATH_BYTES {
                waiting.push((path, value, depth + 1));
            }
        };
        match pickle.get(place) {
            Value::Dict(items) => {
                for &(key, value) in items {
                    // An optimiser numbers its tensors.
                    let Value::Text(key) = pickle.get(key) else { continue };
                    match pickle.get(value) {
                        Value::Tensor(..) | Value::Quantised => tensors.push((*key, value)),
                        _ => look_into(key, value),
                    }
                }
            }
            Value::List(items) | Value::Tuple(items) => {
                items.iter().enumerate().for_each(|(number, &value)| look_into(&number, value));
            }
            _ => {}
        }
        if !tensors.is_empty() {
            found.push(Candidate { path, tensors });
        }
    }
    let largest = found.iter().map(|one| one.tensors.len()).max().unwrap_or(0);
    found.sort_by_key(|one| (2 * one.tensors.len() < largest, one.rank(), one.path.clone()));
    found
}
