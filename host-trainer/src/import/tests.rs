use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

pub(super) fn parse_weights(bytes: &[u8]) -> Result<BTreeMap<String, SourceTensor>, WeightsError> {
    parse_state_dict(bytes, None).map(|state| state.tensors)
}

/// A pickle of protocol 2 that holds the number of PyTorch's older format.
pub(super) const LEGACY_MAGIC: &[u8] = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.";

/// A tensor as a test writes it.
#[derive(Clone, Copy)]
pub(super) struct Written<'a> {
    pub name: &'a str,
    pub storage: &'a str,
    pub key: &'a str,
    pub len: u16,
    pub offset: u8,
    pub shape: &'a [u8],
    pub strides: &'a [u8],
}

pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

pub(super) fn sizes(out: &mut Vec<u8>, sizes: &[u8]) {
    out.push(b'(');
    out.extend(sizes.iter().flat_map(|&size| [b'K', size]));
    out.push(b't');
}

/// The opcodes that `torch.save` writes for a state dict, without PROTO and STOP.
pub(super) fn state_dict(tensors: &[Written<'_>], legacy: bool) -> Vec<u8> {
    let mut out = b"ccollections\nOrderedDict\nq\x00)Rq\x01(".to_vec();
    for tensor in tensors {
        text(&mut out, tensor.name);
        out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut out, "storage");
        out.extend(format!("ctorch\n{}\n", tensor.storage).bytes());
        text(&mut out, tensor.key);
        text(&mut out, "cpu");
        out.push(b'M');
        out.extend(tensor.len.to_le_bytes());
        out.extend(if legacy { b"NtQ".as_slice() } else { b"tQ" });
        out.extend([b'K', tensor.offset]);
        sizes(&mut out, tensor.shape);
        sizes(&mut out, tensor.strides);
        out.extend(b"\x89h\x00)RtR");
    }
    // The versions of the modules hang on the dict.
    out.extend(b"u}");
    text(&mut out, "_metadata");
    out.extend(b"h\x00)Rsb");
    out
}

/// Wraps a value's opcodes in a dict: `{"epoch": 3, "loss": 0.0, KEY: value}`.
pub(super) fn nested(key: &str, value: &[u8]) -> Vec<u8> {
    let mut out = b"}(".to_vec();
    text(&mut out, "epoch");
    out.extend(b"K\x03");
    text(&mut out, "loss");
    out.extend(b"G\0\0\0\0\0\0\0\0");
    text(&mut out, key);
    out.extend(value);
    out.push(b'u');
    out
}

pub(super) fn legacy(state: &[u8], storages: &[(&str, usize, Vec<u8>)]) -> Vec<u8> {
    let mut out = LEGACY_MAGIC.to_vec();
    out.extend(b"\x80\x02M\xe9\x03."); // protocol 1001
    out.extend(b"\x80\x02}X\x0d\0\0\0little_endian\x88s.");
    out.extend(b"\x80\x02");
    out.extend(state);
    out.extend(b".\x80\x02](");
    for (key, ..) in storages {
        text(&mut out, key);
    }
    out.extend(b"e.");
    for (_, len, bytes) in storages {
        out.extend((*len as u64).to_le_bytes());
        out.extend(bytes);
    }
    out
}

pub(super) fn zipped(state: &[u8], storages: &[(&str, usize, Vec<u8>)]) -> Vec<u8> {
    let mut entries = vec![("archive/data.pkl".to_owned(), [b"\x80\x02", state, b"."].concat())];
    entries.push(("archive/byteorder".to_owned(), b"little".to_vec()));
    entries.extend(storages.iter().map(|(key, _, bytes)| (format!("archive/data/{key}"), bytes.clone())));
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in &entries {
        let header = out.len() as u32;
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let mut sizes = Vec::new();
        for field in [crc.sum(), content.len() as u32, content.len() as u32] {
            sizes.extend(field.to_le_bytes());
        }
        sizes.extend((name.len() as u16).to_le_bytes());
        // PyTorch's sizes come after the content (flag 8), and padding comes before it.
        out.extend(b"PK\x03\x04\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        out.extend((name.len() as u16).to_le_bytes());
        out.extend(6_u16.to_le_bytes());
        out.extend(name.as_bytes());
        out.extend(b"FB\x02\0ZZ");
        out.extend(content);
        directory.extend(b"PK\x01\x02\0\0\0\0\x08\0\0\0\0\0\0\0");
        directory.extend(sizes);
        directory.extend([0; 12]);
        directory.extend(header.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let start = out.len() as u32;
    let (count, len) = (entries.len() as u16, directory.len() as u32);
    out.extend(directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    out.extend([len.to_le_bytes(), start.to_le_bytes()].concat());
    out.extend([0; 2]);
    out
}

pub(super) fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Six numbers read in four ways, and one number of each other type.
pub(super) const TENSORS: [Written<'_>; 9] = {
    let float = Written { name: "", storage: "FloatStorage", key: "7", len: 6, offset: 0, shape: &[], strides: &[] };
    let one = Written { len: 1, ..float };
    [
        Written { name: "rows", shape: &[2, 3], strides: &[3, 1], ..float },
        Written { name: "columns", shape: &[3, 2], strides: &[1, 3], ..float },
        Written { name: "slice", offset: 1, shape: &[2, 1, 2], strides: &[3, 0, 1], ..float },
        Written { name: "none", shape: &[0, 3], strides: &[3, 1], ..float },
        Written { name: "half", storage: "HalfStorage", key: "h", ..one },
        Written { name: "brain", storage: "BFloat16Storage", key: "b", ..one },
        Written { name: "double", storage: "DoubleStorage", key: "d", ..one },
        Written { name: "int", storage: "IntStorage", key: "i", ..one },
        Written { name: "long", storage: "LongStorage", key: "l", ..one },
    ]
};

pub(super) fn storages() -> Vec<(&'static str, usize, Vec<u8>)> {
    vec![
        ("7", 6, floats(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0])),
        ("h", 1, vec![0x00, 0xc0]),
        ("b", 1, vec![0x40, 0x40]),
        ("d", 1, 0.25_f64.to_le_bytes().to_vec()),
        ("i", 1, (-4_i32).to_le_bytes().to_vec()),
        ("l", 1, 81_252_i64.to_le_bytes().to_vec()),
    ]
}

pub(super) fn expected() -> BTreeMap<String, SourceTensor> {
    let tensor = |name: &str, shape: &[usize], values: &[f32]| {
        (name.to_owned(), SourceTensor { shape: shape.to_vec(), values: values.to_vec() })
    };
    BTreeMap::from([
        tensor("rows", &[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
        tensor("columns", &[3, 2], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]),
        tensor("slice", &[2, 1, 2], &[1.0, 2.0, 4.0, 5.0]),
        tensor("none", &[0, 3], &[]),
        tensor("half", &[], &[-2.0]),
        tensor("brain", &[], &[3.0]),
        tensor("double", &[], &[0.25]),
        tensor("int", &[], &[-4.0]),
        tensor("long", &[], &[81_252.0]),
    ])
}

fn safetensors_file() -> Vec<u8> {
    use safetensors::tensor::{Dtype, TensorView};
    let (matrix, half) = (floats(&[1.0, 2.0, 3.0, 4.0]), [0x00, 0x3c]);
    let views = [
        ("m", TensorView::new(Dtype::F32, vec![2, 2], &matrix).unwrap()),
        ("h", TensorView::new(Dtype::F16, vec![1], &half).unwrap()),
    ];
    safetensors::serialize(views, None).unwrap()
}

/// One small file of each kind.
fn files() -> [Vec<u8>; 3] {
    let old = legacy(&state_dict(&TENSORS, true), &storages());
    [old, zipped(&state_dict(&TENSORS, false), &storages()), safetensors_file()]
}

#[test]
fn the_same_tensors_from_both_of_pytorchs_formats() {
    let [legacy, zip, safetensors] = files();
    assert_eq!(parse_weights(&legacy).unwrap(), expected());
    assert_eq!(parse_weights(&zip).unwrap(), expected());
    let read = parse_weights(&safetensors).unwrap();
    assert_eq!(read["m"], SourceTensor { shape: vec![2, 2], values: vec![1.0, 2.0, 3.0, 4.0] });
    assert_eq!(read["h"], SourceTensor { shape: vec![1], values: vec![1.0] });
}

#[test]
fn a_state_dict_beside_an_epoch_is_found() {
    for key in ["state_dict", "model", "state_dict_ema", "model_state_dict", "elsewhere"] {
        let file = legacy(&nested(key, &state_dict(&TENSORS, true)), &storages());
        let state = parse_state_dict(&file, None).unwrap();
        assert_eq!((state.path.as_str(), &state.tensors), (key, &expected()));
        assert!(state.others.is_empty() && state.foreign.is_none());
    }
    let inner = nested("state_dict", &state_dict(&TENSORS, true));
    let file = zipped(&nested("model", &inner), &storages());
    assert_eq!(parse_state_dict(&file, None).unwrap().path, "model.state_dict");
}

/// A checkpoint as timm's training script writes it: weights, averaged weights, an optimiser and Python objects.
fn checkpoint() -> Vec<u8> {
    let with = |name: &'static str| Written { name, ..TENSORS[0] };
    let mut out = b"}(".to_vec();
    text(&mut out, "args");
    // Made by a class without arguments, then filled.
    out.extend(b"cargparse\nNamespace\n)\x81}(");
    text(&mut out, "lr");
    out.extend(b"G\0\0\0\0\0\0\0\0ub");
    text(&mut out, "state_dict");
    out.extend(state_dict(&[with("a"), with("b"), with("c")], true));
    text(&mut out, "optimizer");
    out.extend(b"}(K\x00");
    out.extend(state_dict(&[with("momentum_buffer")], true));
    out.extend(b"u");
    text(&mut out, "state_dict_ema");
    out.extend(state_dict(&[with("a"), with("b"), with("d")], true));
    text(&mut out, "metric");
    out.extend(b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n");
    text(&mut out, "f8");
    out.extend(b"\x85RNtR");
    out.push(b'u');
    out
}

#[test]
fn of_a_training_checkpoint_the_averaged_weights_are_taken_and_objects_are_not_read() {
    let file = legacy(&checkpoint(), &storages()[..1]);
    let state = parse_state_dict(&file, None).unwrap();
    assert_eq!(state.path, "state_dict_ema");
    assert_eq!(state.tensors.keys().collect::<Vec<_>>(), ["a", "b", "d"]);
    assert_eq!((state.others, state.foreign), (vec!["state_dict".to_owned()], Some("argparse.Namespace".to_owned())));
    let state = parse_state_dict(&file, Some("state_dict")).unwrap();
    assert_eq!(state.tensors.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
    let error = parse_state_dict(&file, Some("model")).unwrap_err().to_string();
    assert!(error.contains("no state dict `model`; its tensors are under: state_dict_ema, state_dict"), "{error}");
}

#[test]
fn parameters_and_other_types_of_numbers_are_tensors_too() {
    let bytes =
        Written { name: "bytes", storage: "ByteStorage", key: "u", len: 2, offset: 0, shape: &[2], strides: &[1] };
    let bools = Written { name: "bools", storage: "BoolStorage", key: "o", ..bytes };
    let dict = state_dict(&[bytes, bools], true);
    // The first tensor again, as a parameter: `_rebuild_parameter(tensor, True, OrderedDict())`.
    let start = dict.windows(13).position(|window| window == b"ctorch._utils").unwrap();
    let end = dict.windows(5).position(|window| window == b"\x89h\0)R").unwrap() + 7;
    let parameter = [b"ctorch._utils\n_rebuild_parameter\n(".as_slice(), &dict[start..end], b"\x88h\x00)RtR"].concat();
    let state = [&dict[..start], &parameter, &dict[end..]].concat();
    let read = parse_weights(&legacy(&state, &[("u", 2, vec![7, 255]), ("o", 2, vec![0, 1])])).unwrap();
    assert_eq!((&read["bytes"].values[..], &read["bools"].values[..]), (&[7.0, 255.0][..], &[0.0, 1.0][..]));
}

#[test]
fn a_file_of_python_objects_alone_is_refused_by_their_name() {
    for (state, name) in [
        (b"cposix\nsystem\nX\x02\0\0\0ls\x85R".as_slice(), "posix.system"),
        (b"ctorch\nQInt4x2Storage\n", "torch.QInt4x2Storage"),
        (b"c__torch__.net\nNet\n)R", "__torch__.net.Net"),
        (b"c\x1b[2J\nx\n", "\\u{1b}[2J.x"),
    ] {
        let error = parse_weights(&legacy(state, &[])).unwrap_err();
        assert!(matches!(&error, WeightsError::Refused { at: 47, .. }), "{error}");
        assert!(error.to_string().contains(&format!("Python's `{name}`")), "{error}");
    }
}

#[test]
fn what_is_not_supported_says_so() {
    let with = |state: &[u8]| parse_weights(&legacy(state, &[])).unwrap_err().to_string();
    assert!(with(b"\x80\x06N").contains("pickle protocol 6"));
    assert!(with(b"\x97").contains("pickle opcode 0x97"));
    let part_of_another = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x007X\x03\0\0\0cpuK\x01NNN\x87tQ";
    assert!(with(part_of_another).contains("part of another"));
    let mut compressed = files()[1].clone();
    let entry = compressed.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    compressed[entry + 10] = 8;
    assert!(parse_weights(&compressed).unwrap_err().to_string().contains("a compressed or encrypted zip entry"));
    for other in [b"".as_slice(), b"\x80", b"GIF89a, of course", b"\x80\x04\x95 some other pickle"] {
        assert_eq!(parse_weights(other).unwrap_err().code(), "weights_format");
    }
}

#[test]
fn claims_beyond_the_file_allocate_nothing() {
    let float = TENSORS[0];
    let with = |tensors: &[Written<'_>], storages: &[_]| {
        parse_weights(&legacy(&state_dict(tensors, true), storages)).unwrap_err().to_string()
    };
    // A storage longer than the file, or than the pickle says.
    let huge = Written { len: u16::MAX, ..float };
    assert!(with(&[huge], &[("7", 65535, vec![0; 8])]).contains("of which 8 bytes are there"));
    assert!(with(&[float], &[("7", usize::MAX, vec![])]).contains("a storage of -1 elements, not 6"));
    // Tensors larger than their storage, by size, by offset and by stride 0.
    let six = [("7", 6, vec![0; 24])];
    for wrong in [
        Written { shape: &[255; 9], strides: &[255; 9], ..float },
        Written { offset: 1, ..float },
        Written { strides: &[3, 2], ..float },
    ] {
        assert!(with(&[wrong], &six).contains("reaches beyond its storage of 6 elements"));
    }
    let repeated = Written { shape: &[255, 255], strides: &[0, 0], ..float };
    assert!(with(&[repeated], &six).contains("65025 elements in a storage of 6"));
    assert!(with(&[Written { strides: &[1], ..float }], &six).contains("2 sizes and 1 strides"));
    // One storage under many names.
    let storage = [("7", 60_000, vec![0; 240_000])];
    let long = Written { len: 60_000, shape: &[250, 240], strides: &[240, 1], ..float };
    assert!(with(&[long; 5], &storage).contains("many times what the file does"));
    // Types that contradict each other.
    assert!(with(&[float, Written { storage: "IntStorage", ..float }], &six).contains("two types or sizes"));
    // A pickle that only makes values.
    let values = vec![b')'; 2 << 20];
    assert!(parse_weights(&legacy(&values, &[])).unwrap_err().to_string().contains("more than 1048576 values"));
    // Deep nesting and self-reference are plain indices.
    let nested = [b")".as_slice(), &[0x85; 500_000]].concat();
    assert!(matches!(parse_weights(&legacy(&nested, &[])), Err(WeightsError::Empty)));
    assert!(matches!(parse_weights(&legacy(b"]q\x00h\x00a", &[])), Err(WeightsError::Empty)));
}

#[test]
fn no_cut_file_is_read_and_none_panics() {
    for file in files() {
        for len in 0..file.len() {
            parse_weights(&file[..len]).unwrap_err();
        }
    }
}

#[test]
fn a_damaged_zip_fails_its_checksum() {
    let mut file = files()[1].clone();
    let at = file.windows(4).position(|bytes| bytes == 5_f32.to_le_bytes()).unwrap();
    file[at] ^= 1;
    let message = parse_weights(&file).unwrap_err().to_string();
    assert!(message.contains("`archive/data/7` does not match its checksum"), "{message}");
}

#[test]
fn errors_name_the_file() {
    let error = read_weights(std::path::Path::new("/nowhere/lite0.pth")).unwrap_err().to_string();
    assert!(error.starts_with("cannot read weights from /nowhere/lite0.pth: "), "{error}");
}

/// Any bytes are either refused or give at most as many numbers as bytes.
fn read_anything(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(tensors) = parse_weights(bytes) {
        let numbers: usize = tensors.values().map(|tensor| tensor.values.len()).sum();
        prop_assert!(numbers <= bytes.len());
        for tensor in tensors.values() {
            prop_assert_eq!(tensor.shape.iter().product::<usize>(), tensor.values.len());
        }
    }
    Ok(())
}

/// Bytes that are mostly opcodes, so that some of them get past the first.
fn opcodes() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        prop::sample::select(
            b".(NJKMXUT}])taesuqrhjcQRbGBC1\x80\x85\x86\x87\x88\x8a\x8c\x8f\x90\x91\x92\x93\x94\x95\x00\x01\x02"
                .to_vec()
        )
        .prop_map(|byte| vec![byte]),
        Just(state_dict(&TENSORS[..1], true)),
        Just(b"ccollections\nOrderedDict\n".to_vec()),
        Just(b"ctorch\nFloatStorage\n".to_vec()),
        Just(b"ctorch._utils\n_rebuild_tensor_v2\n".to_vec()),
    ];
    prop::collection::vec(word, 0..60).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bits_never_panic(kind in 0_usize..3, flips in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 1..4)) {
        let mut file = files()[kind].clone();
        for (at, bit) in flips {
            let at = at.index(file.len());
            file[at] ^= 1 << bit;
        }
        read_anything(&file)?;
    }

    #[test]
    fn random_bytes_never_panic(kind in 0_usize..4, bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let start = [b"".as_slice(), LEGACY_MAGIC, &zip::MAGIC, b"\x10\0\0\0\0\0\0\0{"][kind];
        read_anything(&[start, &bytes].concat())?;
    }

    #[test]
    fn random_opcodes_never_panic(state in opcodes(), zip: bool) {
        let file = if zip { zipped(&state, &storages()) } else { legacy(&state, &storages()) };
        read_anything(&file)?;
    }
}
