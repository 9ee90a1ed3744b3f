//! PyTorch's two file formats: a pickled state dict, and the numbers of its storages beside it.

use super::element::QUANTISED;
use super::pickle::{Pickle, Storage, Value};
use super::state_dict::candidates;
use super::zip::Archive;
use super::{SourceTensor, StateDict, WeightsError, shown};
use std::collections::BTreeMap;

/// How every file of PyTorch before 1.6 starts: a pickle that holds one long number.
const LEGACY_NUMBER: [u8; 13] = [0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, b'.'];
/// Before the number stands the protocol, and from protocol 4 on the length of the rest.
const MAX_LEGACY_START: usize = 11;

/// Where the pickle of the number ends, if a file of PyTorch before 1.6 starts so.
pub(super) fn legacy_start(bytes: &[u8]) -> Option<usize> {
    let protocol = bytes.strip_prefix(&[0x80])?;
    let mut starts = 1..=MAX_LEGACY_START.min(protocol.len());
    starts.find(|&at| protocol[at..].starts_with(&LEGACY_NUMBER)).map(|at| 1 + at + LEGACY_NUMBER.len())
}

/// Up to PyTorch 1.5: pickles of a magic number, a protocol number, the writer's sizes of C types, the state dict and
/// the list of storage keys; then each storage as its number of elements and their bytes, little-endian on every
/// machine.
pub(super) fn read_legacy(bytes: &[u8], protocol_at: usize, wanted: Option<&str>) -> Result<StateDict, WeightsError> {
    let protocol = Pickle::read(bytes, protocol_at)?;
    if !matches!(protocol.root_value(), Value::Int(1001)) {
        let what = format!("PyTorch file protocol {:?}, not 1001", protocol.root_value());
        return Err(WeightsError::Unsupported { at: protocol_at, what });
    }
    let system = Pickle::read(bytes, protocol.end)?;
    let state = Pickle::read(bytes, system.end)?;
    let keys = Pickle::read(bytes, state.end)?;
    let damaged = |at: usize, what: String| WeightsError::Damaged { at, what };
    let Value::List(order) = keys.root_value() else {
        return Err(damaged(state.end, "no list of storage keys".into()));
    };
    let named = storages(&state, state.end)?;
    let mut found = BTreeMap::new();
    let mut at = keys.end;
    for &key in order {
        let storage = if let Value::Text(key) = keys.get(key) { named.get(key) } else { None };
        let storage = storage.ok_or_else(|| damaged(at, "a storage that no tensor names".into()))?;
        let rest = bytes.get(at..).unwrap_or_default();
        let (count, rest) = rest.split_first_chunk().ok_or_else(|| damaged(at, "a storage is missing".into()))?;
        let count = i64::from_le_bytes(*count);
        if usize::try_from(count) != Ok(storage.len) {
            return Err(damaged(at, format!("a storage of {count} elements, not {}", storage.len)));
        }
        let len = storage.len.checked_mul(storage.element.bytes());
        let Some(data) = len.and_then(|len| rest.get(..len)) else {
            return Err(damaged(at, format!("a storage of {count} elements, of which {} bytes are there", rest.len())));
        };
        found.insert(storage.key, data);
        at += 8 + data.len();
    }
    if let Some(key) = named.keys().find(|key| !found.contains_key(*key)) {
        return Err(damaged(at, format!("storage `{key}` is missing")));
    }
    read_state(&state, wanted, bytes.len(), &found)
}

/// From PyTorch 1.6 on: a zip with `NAME/data.pkl` and the storages as `NAME/data/KEY`.
pub(super) fn read_zip(bytes: &[u8], wanted: Option<&str>) -> Result<StateDict, WeightsError> {
    let archive = Archive::open(bytes)?;
    let Some(root) = archive.names().find_map(|name| name.strip_suffix("/data.pkl")) else {
        return Err(foreign_archive(archive.names()));
    };
    let damaged = |at: usize, what: String| WeightsError::Damaged { at, what };
    let find = |name: &str| {
        let name = format!("{root}/{name}");
        archive.find(&name)?.ok_or_else(|| damaged(bytes.len(), format!("`{name}` is missing")))
    };
    // PyTorch before 2.1 does not say, and was used on little-endian machines.
    if let Ok((at, order)) = find("byteorder")
        && order != b"little"
    {
        return Err(WeightsError::Unsupported { at, what: "numbers of a big-endian machine".into() });
    }
    let (start, program) = find("data.pkl")?;
    // With all that comes before it, so that positions in messages are those of the file.
    let state = Pickle::read(&bytes[..start + program.len()], start)?;
    let mut found = BTreeMap::new();
    for (key, storage) in storages(&state, start)? {
        let (at, data) = find(&format!("data/{key}"))?;
        if Some(data.len()) != storage.len.checked_mul(storage.element.bytes()) {
            return Err(damaged(at, format!("{} bytes for a storage of {} elements", data.len(), storage.len)));
        }
        found.insert(key, data);
    }
    read_state(&state, wanted, bytes.len(), &found)
}

/// The error of a zip archive that PyTorch did not write.
fn foreign_archive<'a>(mut names: impl Iterator<Item = &'a str>) -> WeightsError {
    const ENDINGS: [&str; 5] = [".pth", ".pt", ".safetensors", ".bin", ".ckpt"];
    let inside = names.find(|name| ENDINGS.iter().any(|ending| name.ends_with(ending)));
    let found = match inside {
        Some(name) => format!("a zip archive that holds `{}`", shown(name)),
        None => "a zip archive that PyTorch did not write".to_owned(),
    };
    WeightsError::Foreign { found, remedy: "unpack it and give the file of weights inside" }
}

/// The storages by key: tensors that share one name it again, and must agree on it.
fn storages<'a>(pickle: &Pickle<'a>, at: usize) -> Result<BTreeMap<&'a str, Storage<'a>>, WeightsError> {
    let mut named = BTreeMap::new();
    for &storage in pickle.storages() {
        if named.insert(storage.key, storage).is_some_and(|before| before != storage) {
            let what = format!("storage `{}` is named with two types or sizes", storage.key);
            return Err(WeightsError::Damaged { at, what });
        }
    }
    Ok(named)
}

/// The tensors of a state dict: the one under `wanted`, or the best one that the pickle holds.
fn read_state(
    pickle: &Pickle<'_>,
    wanted: Option<&str>,
    file_len: usize,
    storages: &BTreeMap<&str, &[u8]>,
) -> Result<StateDict, WeightsError> {
    let mut candidates = candidates(pickle);
    if let Some(wanted) = wanted {
        let place = candidates.iter().position(|one| one.path == wanted);
        let known = || candidates.iter().map(|one| one.path.clone()).collect::<Vec<_>>();
        let place = place.ok_or_else(|| WeightsError::NoStateDict { wanted: wanted.to_owned(), known: known() })?;
        candidates.swap(0, place);
    }
    let mut candidates = candidates.into_iter();
    let Some(chosen) = candidates.next() else {
        return Err(match &pickle.foreign {
            Some((at, global)) => WeightsError::Refused { at: *at, global: global.clone() },
            None => WeightsError::Empty,
        });
    };
    // This leaves room for tensors that share a storage, and no more.
    let mut budget = file_len;
    let mut tensors = BTreeMap::new();
    for (name, id) in chosen.tensors {
        let Value::Tensor(storage, view) = pickle.get(id) else {
            return Err(WeightsError::Tensor { name: name.to_owned(), what: QUANTISED.to_owned() });
        };
        let values = view.gather(name, storage.element, storages[storage.key], &mut budget)?;
        tensors.insert(name.to_owned(), SourceTensor { shape: view.shape.clone(), values });
    }
    let foreign = pickle.foreign.as_ref().map(|(_, global)| global.clone());
    Ok(StateDict { tensors, path: chosen.path, others: candidates.map(|one| one.path).collect(), foreign })
}
