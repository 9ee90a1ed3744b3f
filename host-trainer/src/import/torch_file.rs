//! PyTorch's two file formats: a pickled state dict, and the numbers of its storages beside it.

use super::pickle::{Id, Pickle, Storage, Value};
use super::zip::Archive;
use super::{SourceTensor, WeightsError};
use std::collections::BTreeMap;

type Tensors = BTreeMap<String, SourceTensor>;

/// How every file of PyTorch before 1.6 starts: a pickle of protocol 2 that holds one long number.
pub(super) const LEGACY_MAGIC: [u8; 15] =
    [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, b'.'];

/// Up to PyTorch 1.5: pickles of a magic number, a protocol number, the writer's sizes of C types, the state dict and
/// the list of storage keys; then each storage as its number of elements and their bytes, little-endian on every
/// machine.
pub(super) fn read_legacy(bytes: &[u8]) -> Result<Tensors, WeightsError> {
    let protocol_at = LEGACY_MAGIC.len();
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
    read_state(&state, bytes.len(), &found)
}

/// From PyTorch 1.6 on: a zip with `NAME/data.pkl` and the storages as `NAME/data/KEY`.
pub(super) fn read_zip(bytes: &[u8]) -> Result<Tensors, WeightsError> {
    let archive = Archive::open(bytes)?;
    let Some(root) = archive.names().find_map(|name| name.strip_suffix("/data.pkl")) else {
        return Err(WeightsError::Format);
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
    read_state(&state, bytes.len(), &found)
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

/// The tensors of a state dict, which is the pickle's dict or one in it, as training scripts save it beside the epoch.
fn read_state(pickle: &Pickle<'_>, file_len: usize, storages: &BTreeMap<&str, &[u8]>) -> Result<Tensors, WeightsError> {
    let Value::Dict(root) = pickle.root_value() else {
        return Err(WeightsError::Empty);
    };
    let is_tensor = |(_, value): &(Id, Id)| matches!(pickle.get(*value), Value::Tensor(..));
    let nested = |wanted: &str| {
        root.iter().find_map(|(key, value)| {
            let (Value::Text(key), Value::Dict(inner)) = (pickle.get(*key), pickle.get(*value)) else { return None };
            (*key == wanted && inner.iter().any(is_tensor)).then_some(inner)
        })
    };
    let state = nested("state_dict").or_else(|| nested("model")).unwrap_or(root);
    // Two bytes are the shortest number: this leaves room for tensors that share a storage, and no more.
    let mut budget = file_len;
    let mut tensors = Tensors::new();
    for (key, value) in state {
        let (Value::Text(name), Value::Tensor(storage, view)) = (pickle.get(*key), pickle.get(*value)) else {
            continue; // an epoch, a loss
        };
        let values = view.gather(name, storage.element, storages[storage.key], &mut budget)?;
        tensors.insert((*name).to_owned(), SourceTensor { shape: view.shape.clone(), values });
    }
    Ok(tensors)
}
