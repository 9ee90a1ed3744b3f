//! Files that the host trainer reads.

use crate::target::Target;
use nestling_core::space::{Preset, SearchSpace};
use nestling_train::import::parse_state_dict;
use nestling_train::label_file::read_labels;
use nestling_train::space_file::preset_or_file;
use nestling_train::tensorboard::EventFile;
use nestling_train::train::{Checkpoint, TrainConfig};
use safetensors::tensor::{Dtype, TensorView};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::{fs, process};
use tempfile::TempDir;

pub(crate) const TARGETS: &[Target] = &[
    Target::reader("weights", 1 << 13, weights, state_dicts),
    Target::reader("checkpoint", 1 << 14, checkpoint, checkpoints),
    Target::reader("recipe", 1 << 13, recipe, recipes),
    Target::reader("space", 1 << 12, space, spaces),
    Target::reader("labels", 1 << 10, labels, label_files),
    Target::reader("events", 1 << 10, events, event_files),
];

/// In memory, where the system has such a folder: a file is written for each input.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let made = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    made.unwrap_or_else(|error| panic!("no temporary folder: {error}"))
});

/// A file of these bytes.
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = FOLDER.path().join(format!("{}-{name}", process::id()));
    if let Err(error) = fs::write(&path, bytes) {
        panic!("cannot write {}: {error}", path.display());
    }
    path
}

fn weights(bytes: &[u8]) {
    for wanted in [None, Some("model")] {
        match parse_state_dict(bytes, wanted) {
            Ok(state) => {
                let values: usize = state.tensors.values().map(|tensor| tensor.values.len()).sum();
                assert!(values <= bytes.len(), "{values} numbers out of {} bytes", bytes.len());
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

fn safetensors(tensors: &[(&str, Vec<f32>)], metadata: Option<HashMap<String, String>>) -> Vec<u8> {
    let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let owned: Vec<(&str, usize, Vec<u8>)> =
        tensors.iter().map(|(name, values)| (*name, values.len(), bytes(values))).collect();
    let views = owned
        .iter()
        .filter_map(|(name, length, bytes)| Some((*name, TensorView::new(Dtype::F32, vec![*length], bytes).ok()?)));
    safetensors::serialize(views, metadata).unwrap_or_default()
}

/// A pickle of a dict with one tensor of two numbers; `behind` follows the size of its storage.
fn pickle(behind: &[u8]) -> Vec<u8> {
    let before =
        b"\x80\x02}q\x00X\x01\x00\x00\x00wq\x01ctorch._utils\n_rebuild_tensor_v2\nq\x02((X\x07\x00\x00\x00storage\
        q\x03ctorch\nFloatStorage\nq\x04X\x01\x00\x00\x000q\x05X\x03\x00\x00\x00cpuq\x06K\x02";
    let after = b"tq\x07QK\x00K\x02\x85q\x08K\x01\x85q\x09\x89ccollections\nOrderedDict\nq\x0a)Rq\x0btq\x0cRq\x0ds.";
    [&before[..], behind, after].concat()
}

/// A file of PyTorch before 1.6: pickles, then the storage.
fn torch_legacy() -> Vec<u8> {
    let number = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, b'.'];
    let (protocol, system) = (b"\x80\x02M\xe9\x03.", b"\x80\x02}q\x00.");
    let keys = b"\x80\x02]q\x00X\x01\x00\x00\x000q\x01a.";
    [&number[..], protocol, system, &pickle(b"N"), keys, &2i64.to_le_bytes(), &[0; 8]].concat()
}

/// A file of PyTorch from 1.6 on: a zip without compression.
fn torch_zip() -> Vec<u8> {
    let entries = [("m/data.pkl", pickle(b"")), ("m/data/0", vec![0; 8]), ("m/version", b"3\n".to_vec())];
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    for (name, body) in &entries {
        let offset = (zip.len() as u32).to_le_bytes();
        let sizes = [crc(body), body.len() as u32, body.len() as u32].map(u32::to_le_bytes).concat();
        let both = [&[0; 8][..], &sizes, &(name.len() as u16).to_le_bytes(), &[0, 0]].concat();
        zip.extend([b"PK\x03\x04\x14\x00", &both[..], name.as_bytes(), body].concat());
        directory.extend([b"PK\x01\x02\x14\x00\x14\x00", &both[..], &[0; 10], &offset, name.as_bytes()].concat());
    }
    let count = (entries.len() as u16).to_le_bytes();
    let places = [directory.len() as u32, zip.len() as u32].map(u32::to_le_bytes).concat();
    [&zip[..], &directory, b"PK\x05\x06", &[0; 4], &count, &count, &places, &[0, 0]].concat()
}

/// CRC-32 as zip has it.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 })
    })
}

fn state_dicts() -> Vec<Vec<u8>> {
    vec![safetensors(&[("w", vec![1.0, 2.0]), ("model.b", vec![0.5])], None), torch_zip(), torch_legacy()]
}

fn checkpoint(bytes: &[u8]) {
    let path = file("checkpoint", bytes);
    if let Ok(checkpoint) = Checkpoint::read(&path) {
        let most = bytes.len();
        assert!(checkpoint.weights.len() <= most && checkpoint.shipped_weights().len() <= most);
    }
}

/// A configuration whose space has few weights.
fn small_config() -> TrainConfig {
    let stage = "[[stages]]\nwidths=[4]\ndepths=[1]\nkernels=[3]\nexpand_ratios=[1]\n";
    let text = format!(
        "name=\"tiny\"\ninput_channels=1\nresolutions=[8]\nclasses=2\nactivation=\"relu\"\npadding=\"same\"\n\
         norm_epsilon=1e-3\nstem={{widths=[4],kernel=3,stride=2}}\n{stage}"
    );
    let space = toml::from_str(&text).unwrap_or_else(|error| panic!("the space of the seed: {error}"));
    TrainConfig { space, ..TrainConfig::default() }
}

fn checkpoints() -> Vec<Vec<u8>> {
    let config = small_config();
    let length = config.validate().map_or(0, |space| space.layout().len());
    let parts = [("config", serde_json::to_string(&config).unwrap_or_default()), ("step", "3".to_owned())];
    let numbers = [("cpu_s", "1.5".to_owned()), ("wall_s", "2".to_owned())];
    let metadata = parts.into_iter().chain(numbers).map(|(key, value)| (key.to_owned(), value)).collect();
    let tensors = ["weights", "momentum", "average"].map(|name| (name, vec![0.5; length]));
    vec![safetensors(&tensors, Some(metadata))]
}

/// A configuration of a run and the numbers that are derived from it before a step is done.
fn recipe(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(config) = toml::from_str::<TrainConfig>(text)
        && let Ok(space) = config.validate()
    {
        assert!(space.lower(&space.biggest()).is_ok());
        let _ = config.method.extras(&space).map(|extras| extras.len());
        let _ = config.count_drawn(1000);
    }
}

fn recipes() -> Vec<Vec<u8>> {
    let default = toml::to_string(&TrainConfig::default()).unwrap_or_default();
    let small = toml::to_string(&small_config()).unwrap_or_default();
    vec![default.into_bytes(), small.into_bytes(), b"epochs = 3\nlearning_rate = 0.1\n".to_vec()]
}

fn space(bytes: &[u8]) {
    if let Ok(space) = preset_or_file(file("space.toml", bytes)) {
        for child in [space.smallest(), space.biggest()] {
            let network = space.lower(&child);
            assert!(network.is_ok_and(|network| network.cost().params as usize <= space.layout().len()));
        }
    }
}

fn spaces() -> Vec<Vec<u8>> {
    let text = |space: &SearchSpace| toml::to_string(space).unwrap_or_default().into_bytes();
    let presets = Preset::ALL.iter().map(|preset| text(&preset.space()));
    presets.chain([text(&small_config().space)]).collect()
}

fn labels(bytes: &[u8]) {
    let path = file("labels.txt", bytes);
    for classes in [2, 3] {
        if let Ok(labels) = read_labels(&path, classes) {
            assert_eq!(labels.len(), classes as usize);
        }
    }
}

fn label_files() -> Vec<Vec<u8>> {
    [&b"cat\ndog\n"[..], b"[\"cat\", \"dog\"]", b"0,cat\n1,dog\n2,bird\n", b"{\"0\": \"cat\", \"1\": \"dog\"}"]
        .map(<[u8]>::to_vec)
        .to_vec()
}

/// Events of a run that goes on: what is kept is a beginning of the file, and reading it again keeps all of it.
fn events(bytes: &[u8]) {
    let path = file("events", bytes);
    let Ok(mut events) = EventFile::open(&path, 5) else { return };
    assert!(events.write_scalars(6, [("loss", 1.0)]).is_ok());
    let before = fs::read(&path).unwrap_or_default();
    drop(EventFile::open(&path, 6));
    assert!(fs::read(&path).unwrap_or_default() == before, "a file that was written was cut off");
}

fn event_files() -> Vec<Vec<u8>> {
    let path = FOLDER.path().join("events-of-the-seed");
    let written = EventFile::open(&path, 0).and_then(|mut file| {
        file.write_scalars(1, [("loss", 1.5)])?;
        file.write_scalars(4, [("loss", 1.25), ("rate", 0.1)])
    });
    assert!(written.is_ok(), "{written:?}");
    vec![fs::read(&path).unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_right() {
        for seed in state_dicts() {
            let state = parse_state_dict(&seed, None).unwrap();
            assert_eq!(state.tensors["w"].values.len(), 2);
        }
        assert!(Checkpoint::read(&file("seed", &checkpoints()[0])).is_ok());
        for seed in recipes() {
            toml::from_str::<TrainConfig>(std::str::from_utf8(&seed).unwrap()).unwrap().validate().unwrap();
        }
        assert!(spaces().iter().all(|seed| preset_or_file(file("seed.toml", seed)).is_ok()));
        assert!(read_labels(&file("seed.txt", &label_files()[0]), 2).is_ok());
    }
}
