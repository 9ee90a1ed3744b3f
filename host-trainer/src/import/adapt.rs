//! Foreign ways to write the same network: words and prefixes that wrappers add to names, and names of other libraries.

use super::classifier::find_classifier;
use super::{Adaptation, ImportError, Naming, SourceModel, SourceTensor, StateDict, source_names};
use nestling_core::space::Network;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Words that PyTorch's wrappers put into names, at any place.
const WRAPPERS: [&str; 4] = ["module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"];
/// Prefixes that are compared; a checkpoint has one or two.
const MAX_PREFIXES: usize = 100;

/// The tensors of a file under the names of a model.
pub(super) struct Adapted<'a> {
    pub naming: &'static dyn Naming,
    /// The tensors with the prefix, without it.
    pub tensors: Named<'a>,
    /// The other tensors.
    pub beside: Named<'a>,
    /// Tensors of the model that are there.
    pub found: usize,
    pub notes: Vec<Adaptation>,
}

/// Finds the naming and the prefix under which most tensors of the model are there. `network` is the model, lowered.
pub(super) fn adapt<'a>(
    model: &'static dyn SourceModel,
    network: &Network,
    state: &'a StateDict,
) -> Result<Adapted<'a>, ImportError> {
    let (tensors, mut words, mut stripped) = unwrapped(&state.tensors);
    let mut best: Option<(usize, &'static dyn Naming, String)> = None;
    for &naming in model.namings() {
        let names = tensor_names(model, naming, network);
        for prefix in prefixes(&tensors, &names) {
            let hits = names.iter().filter(|name| tensors.contains_key(&format!("{prefix}{name}"))).count();
            // Among equals, the averaged weights are those that are evaluated.
            let is_better = best.as_ref().is_none_or(|(most, _, before)| {
                hits > *most || (hits == *most && prefix.contains("ema") && !before.contains("ema"))
            });
            if hits > 0 && is_better {
                best = Some((hits, naming, prefix));
            }
        }
    }
    let Some((found, naming, prefix)) = best else {
        let namings: Vec<&str> = model.namings().iter().map(|naming| naming.library()).collect();
        let (namings, count) = (namings.join(" and "), state.tensors.len());
        let first = state.tensors.keys().next().cloned().unwrap_or_default();
        return Err(ImportError::Foreign { model: model.name(), namings, count, first });
    };
    let (with, beside): (BTreeMap<_, _>, BTreeMap<_, _>) =
        tensors.into_iter().partition(|(name, _)| name.starts_with(&prefix));
    let tensors: BTreeMap<_, _> =
        with.into_iter().map(|(name, tensor)| (name[prefix.len()..].to_owned(), tensor)).collect();
    if !prefix.is_empty() {
        words.push(prefix);
        stripped = stripped.max(tensors.len());
    }
    let mut notes = Vec::new();
    if !state.path.is_empty() || !state.others.is_empty() {
        notes.push(Adaptation::StateDict { taken: state.path.clone(), others: state.others.clone() });
    }
    notes.extend(state.foreign.clone().map(|global| Adaptation::NotRead { global }));
    if !words.is_empty() {
        notes.push(Adaptation::Stripped { words, count: stripped });
    }
    notes.extend(naming.remark().map(|remark| Adaptation::Naming { remark }));
    let mut adapted = Adapted { naming, tensors, beside, found, notes };
    find_classifier(model, network, &mut adapted)?;
    Ok(adapted)
}

type Named<'a> = BTreeMap<String, Cow<'a, SourceTensor>>;

/// The tensors without the words of wrappers in their names, those words, and the number of names that had one.
fn unwrapped(tensors: &BTreeMap<String, SourceTensor>) -> (Named<'_>, Vec<String>, usize) {
    let mut words = BTreeSet::new();
    let mut count = 0;
    let mut named = BTreeMap::new();
    for (name, tensor) in tensors {
        let (inside, kept): (Vec<&str>, Vec<&str>) = name.split('.').partition(|word| WRAPPERS.contains(word));
        count += usize::from(!inside.is_empty());
        words.extend(inside);
        named.insert(kept.join("."), Cow::Borrowed(tensor));
    }
    if named.len() < tensors.len() {
        // The words tell tensors apart: then they are part of the names.
        return (tensors.iter().map(|(name, tensor)| (name.clone(), Cow::Borrowed(tensor))).collect(), Vec::new(), 0);
    }
    (named, words.into_iter().map(|word| format!("{word}.")).collect(), count)
}

/// The names that a naming gives to all tensors of the model.
fn tensor_names(model: &'static dyn SourceModel, naming: &'static dyn Naming, network: &Network) -> Vec<String> {
    let layers = network.layers.iter().filter(|layer| layer.convolution.is_some());
    let names = layers.filter_map(|layer| source_names(model, naming, &layer.name));
    names.flat_map(|names| names.tensors().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Everything that stands before one of the model's names in the file.
fn prefixes(tensors: &Named<'_>, names: &[String]) -> BTreeSet<String> {
    // A name of the file ends with one of the model's, but need not end with a certain one.
    let known: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let mut found = BTreeSet::new();
    for name in tensors.keys() {
        let starts = std::iter::once(0).chain(name.match_indices('.').map(|(dot, _)| dot + 1));
        found.extend(starts.filter(|&start| known.contains(&name[start..])).map(|start| name[..start].to_owned()));
        if found.len() > MAX_PREFIXES {
            break;
        }
    }
    found
}
