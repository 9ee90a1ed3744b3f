//! Checkpoints as other programs write them: other protocols, containers and types.

use super::tests::zipped;
use super::tests::{LEGACY_MAGIC, TENSORS, expected, legacy, nested, parse_weights, state_dict, storages};
use super::{StateDict, WeightsError, parse_state_dict};

/// The state dict of protocol 4: `{"w": a matrix}` beside a set, bytes and a number of 20 bytes.
fn newer_state_dict(is_legacy: bool) -> Vec<u8> {
    let mut out = b"\x95\xff\0\0\0\0\0\0\0".to_vec();
    let short = |out: &mut Vec<u8>, text: &str| {
        out.extend([0x8c, text.len() as u8]);
        out.extend(text.as_bytes());
        out.push(0x94);
    };
    let global = |out: &mut Vec<u8>, module: &str, name: &str| {
        short(out, module);
        short(out, name);
        out.extend(b"\x93\x94");
    };
    out.extend(b"}(");
    short(&mut out, "tags");
    out.extend(b"\x8f\x94(");
    short(&mut out, "a");
    out.extend(b"\x90");
    short(&mut out, "raw");
    out.extend(b"C\x02ab\x94");
    short(&mut out, "frozen");
    out.extend(b"(K\x01\x91");
    short(&mut out, "large");
    out.extend([&b"\x8b\x14\0\0\0"[..], &[7; 20]].concat());
    short(&mut out, "state_dict");
    global(&mut out, "collections", "OrderedDict");
    out.extend(b")R\x94(");
    short(&mut out, "rows");
    global(&mut out, "torch._utils", "_rebuild_tensor_v2");
    out.extend(b"((");
    short(&mut out, "storage");
    global(&mut out, "torch", "FloatStorage");
    short(&mut out, "7");
    short(&mut out, "cpu");
    out.extend(if is_legacy { b"K\x06NtQ".as_slice() } else { b"K\x06tQ" });
    out.extend(b"K\0K\x02K\x03\x86\x94K\x03K\x01\x86\x89");
    global(&mut out, "collections", "OrderedDict");
    out.extend(b")RtR\x94uu");
    out
}

#[test]
fn protocols_3_to_5_are_read_in_both_formats() {
    let rows = &expected()["rows"];
    let check = |file: &[u8]| {
        let state = parse_state_dict(file, None).unwrap();
        assert_eq!((state.path.as_str(), &state.tensors["rows"], state.foreign), ("state_dict", rows, None));
    };
    let plain = legacy(&newer_state_dict(true), &storages()[..1]);
    check(&plain);
    check(&zipped(&newer_state_dict(false), &storages()[..1]));
    for protocol in 3..=5 {
        let frame: &[u8] = if protocol == 3 { b"" } else { b"\x95\x0d\0\0\0\0\0\0\0" };
        let start = [&[0x80, protocol], frame, &LEGACY_MAGIC[2..]].concat();
        check(&[&start, &plain[LEGACY_MAGIC.len()..]].concat());
    }
}

/// A state dict with another word in the place of one.
fn with(from: &str, to: &str) -> Vec<u8> {
    let text = state_dict(&TENSORS[..1], true);
    let at = text.windows(from.len()).position(|bytes| bytes == from.as_bytes()).unwrap();
    [&text[..at], to.as_bytes(), &text[at + from.len()..]].concat()
}

#[test]
fn tensors_of_pytorch_0_3_and_dicts_of_other_classes_are_read() {
    let read = |state: &[u8]| parse_weights(&legacy(state, &storages()[..1])).unwrap();
    let rows = &expected()["rows"];
    assert_eq!(&read(&with("_rebuild_tensor_v2", "_rebuild_tensor"))["rows"], rows);
    let of_default = with(
        "ccollections\nOrderedDict\nq\0)R",
        "ccollections\nOrderedDict\nq\0ccollections\ndefaultdict\nc__builtin__\nlist\n\u{5}R",
    );
    // TUPLE1 is no character of UTF-8.
    let of_default: Vec<u8> = of_default.into_iter().map(|byte| if byte == 5 { 0x85 } else { byte }).collect();
    let state = parse_state_dict(&legacy(&of_default, &storages()[..1]), None).unwrap();
    assert_eq!((&state.tensors["rows"], state.foreign), (rows, None));
    // `dict(OrderedDict(...))`
    let copied = [b"c__builtin__\ndict\n".as_slice(), &state_dict(&TENSORS[..1], true), b"\x85R"].concat();
    assert_eq!(&read(&copied)["rows"], rows);
}

#[test]
fn a_state_dict_in_lists_tuples_and_deep_dicts_is_found() {
    let read = |state: &[u8]| -> StateDict { parse_state_dict(&legacy(state, &storages()), None).unwrap() };
    let dict = state_dict(&TENSORS, true);
    let list = [b"](".as_slice(), &dict, b"K\x01e"].concat();
    let tuple = [b"(K\x01".as_slice(), &dict, b"t"].concat();
    let deep = (0..10).fold(dict, |inside, depth| nested(&format!("k{depth}"), &inside));
    for (state, path) in
        [(&list, "0"), (&tuple, "1"), (&nested("models", &list), "models.0"), (&deep, "k9.k8.k7.k6.k5.k4.k3.k2.k1.k0")]
    {
        let state = read(state);
        assert_eq!((state.path.as_str(), state.tensors), (path, expected()));
    }
    let two = [state_dict(&TENSORS[..2], true), state_dict(&TENSORS[1..3], true)].concat();
    let two = legacy(&[b"](".as_slice(), &two, b"e"].concat(), &storages()[..1]);
    let state = parse_state_dict(&two, None).unwrap();
    assert_eq!((state.path.as_str(), state.others), ("0", vec!["1".to_owned()]));
    assert!(parse_state_dict(&two, Some("1")).unwrap().tensors.contains_key("slice"));
}

#[test]
fn quantised_and_complex_tensors_are_named() {
    let six = |storage: &str, bytes: usize| legacy(&with("FloatStorage", storage), &[("7", 6, vec![0; 6 * bytes])]);
    for (file, reason) in [
        (six("QInt8Storage", 1), "its numbers are quantised"),
        (six("QInt32Storage", 4), "its numbers are quantised"),
        (six("ComplexFloatStorage", 8), "its numbers are complex"),
        (legacy(&with("_rebuild_tensor_v2", "_rebuild_qtensor"), &storages()[..1]), "its numbers are quantised"),
    ] {
        let error = parse_weights(&file).unwrap_err();
        assert_eq!(error.code(), "weights_tensor");
        assert!(error.to_string().contains(&format!("tensor `rows`: {reason}")), "{error}");
    }
}

#[test]
fn a_file_of_another_kind_is_named() {
    for (bytes, found) in [
        (b"".as_slice(), "an empty file"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a pointer of Git LFS"),
        (b"\x08\x07\x12\x07pytorch\x1a", "an ONNX model"),
        (b"\x89HDF\r\n\x1a\n\0\0", "an HDF5 file"),
        (b"\x1c\0\0\0TFL3\0\0", "a TensorFlow Lite model"),
        (b"\x1f\x8b\x08\0\0", "compressed with gzip; unpack it"),
        (&[0; 64], "a file of zeros"),
        (b"\x80\x02}q\0.", "a pickle of Python"),
    ] {
        let error = parse_weights(bytes).unwrap_err();
        assert_eq!(error.code(), "weights_format");
        assert!(error.to_string().replace(", neither a PyTorch file nor safetensors", "").contains(found), "{error}");
    }
    // Zip archives of others, also compressed ones.
    let archive = zipped(b"N", &[]);
    for (name, found) in [
        (b"inside/lite0.pth", "a zip archive that holds `inside/lite0.pth`"),
        (b"notes/readme.txt", "a zip archive that PyTorch did not write"),
    ] {
        let mut file = archive.clone();
        while let Some(at) = file.windows(name.len()).position(|bytes| bytes == b"archive/data.pkl") {
            file[at..at + name.len()].copy_from_slice(name);
        }
        let entry = file.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
        file[entry + 10] = 8;
        let error = parse_weights(&file).unwrap_err();
        assert!(error.code() == "weights_format" && error.to_string().contains(found), "{error}");
    }
}

#[test]
fn names_of_a_file_forge_no_line_of_a_message() {
    let file = legacy(&nested("a\nerror: all is well", &state_dict(&TENSORS, true)), &storages());
    for error in [
        parse_state_dict(&file, Some("b\nc")).unwrap_err(),
        WeightsError::Tensor { name: "a\u{2028}b\n".into(), what: "x".into() },
    ] {
        assert!(!error.to_string().contains(['\n', '\u{2028}']), "{error}");
    }
    let long = WeightsError::Tensor { name: "n".repeat(1 << 20), what: "x".into() };
    assert!(long.to_string().len() < 500);
}
