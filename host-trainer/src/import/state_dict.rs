//! The choice of a state dict in a checkpoint: training scripts store several, and other things beside them.

use super::pickle::{Id, Pickle, Value};
use std::collections::BTreeSet;

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
/// Dicts in dicts that are looked into.
const MAX_DEPTH: usize = 4;
/// Dicts that are looked at; a checkpoint has a few.
const MAX_DICTS: usize = 1000;

/// A dict of tensors.
pub(super) struct Candidate<'a> {
    /// Its keys from the root, joined by dots; empty for the root itself.
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
    while let Some((path, dict, depth)) = waiting.pop() {
        let Value::Dict(items) = pickle.get(dict) else { continue };
        let mut tensors = Vec::new();
        for &(key, value) in items {
            // An optimiser numbers its tensors.
            let Value::Text(key) = pickle.get(key) else { continue };
            match pickle.get(value) {
                Value::Tensor(..) => tensors.push((*key, value)),
                Value::Dict(_) if depth < MAX_DEPTH && seen.len() < MAX_DICTS && seen.insert(value) => {
                    let path = if path.is_empty() { (*key).to_owned() } else { format!("{path}.{key}") };
                    waiting.push((path, value, depth + 1));
                }
                _ => {}
            }
        }
        if !tensors.is_empty() {
            found.push(Candidate { path, tensors });
        }
    }
    let largest = found.iter().map(|one| one.tensors.len()).max().unwrap_or(0);
    found.sort_by_key(|one| (2 * one.tensors.len() < largest, one.rank(), one.path.clone()));
    found
}
