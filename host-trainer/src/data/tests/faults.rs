#[path = "../../../../device-runtime/pictures/src/picture/tests/flat_jpeg.rs"]
mod flat_jpeg;

use super::*;
use crate::data::{FaultKind, scan};
use flat_jpeg::flat_jpeg;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use std::collections::BTreeMap;

fn raw_png(bytes: &[u8], (width, height): (u32, u32), colour: ExtendedColorType) -> Vec<u8> {
    let mut file = Vec::new();
    PngEncoder::new(&mut file).write_image(bytes, width, height, colour).unwrap();
    file
}

/// 8x8 pixels of four inks, half of each: one block a component, in which every difference and coefficient is 0.
fn cmyk_jpeg() -> Vec<u8> {
    let table = |class: u8| [b"\xff\xc4\0\x14".as_slice(), &[class, 1], &[0; 16]].concat();
    [
        b"\xff\xd8\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0\xff\xdb\0\x43\0".to_vec(),
        vec![1; 64],
        b"\xff\xc0\0\x14\x08\0\x08\0\x08\x04\x01\x11\0\x02\x11\0\x03\x11\0\x04\x11\0".to_vec(),
        table(0),
        table(0x10),
        b"\xff\xda\0\x0e\x04\x01\0\x02\0\x03\0\x04\0\0\x3f\0\0\xff\xd9".to_vec(),
    ]
    .concat()
}

/// A small file that says that it holds a million pixels a side.
fn harmful_png() -> Vec<u8> {
    let mut file = encode(pattern(8, 8, 3), ImageFormat::Png);
    file[16..24].copy_from_slice(&[0, 0x0f, 0x42, 0x40, 0, 0x0f, 0x42, 0x40]);
    let sum = super::exact::crc32(&file[12..29]);
    file[29..33].copy_from_slice(&sum.to_be_bytes());
    file
}

/// A folder with a file of every kind of fault, and of every kind that looks like one.
fn faulty() -> Place {
    let place = Place::with_classes(6);
    let photo = encode(pattern(64, 64, 99), ImageFormat::Jpeg);
    let png = encode(pattern(64, 64, 98), ImageFormat::Png);
    let sixteen: Vec<u8> = (0..64u16).flat_map(|value| (value * 1000).to_ne_bytes()).collect();
    let alpha: Vec<u8> = (0..64u8).flat_map(|value| [value * 4, 9, 9, 255 - value]).collect();
    place
        .write("a/truncated.jpg", &photo[..photo.len() / 2])
        .write("a/truncated.png", &png[..png.len() / 2])
        .write("a/empty.png", b"")
        .write("a/text.jpg", b"this is a text")
        .write("a/page.jpg", b"<!DOCTYPE html><html></html>")
        .write("b/moving.png", b"GIF89a\x10\0\x10\0")
        .write("b/phone.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
        .write("b/notes.txt", b"taken in May")
        .write("b/renamed.png", &photo)
        .write("b/animated.png", &copy_of_animation())
        .write("b/cmyk.jpg", &cmyk_jpeg())
        .write("b/deep.png", &raw_png(&sixteen, (8, 8), ExtendedColorType::L16))
        .write("c/alpha.png", &raw_png(&alpha, (8, 8), ExtendedColorType::Rgba8))
        .write("c/long.png", &encode(pattern(20_000, 40, 5), ImageFormat::Png))
        .write("c/huge.jpg", &flat_jpeg(16_320, 12_240))
        .write("c/harmful.png", &harmful_png())
        .write("c/dot.png", &encode(pattern(1, 1, 5), ImageFormat::Png))
        .write("c/copy.png", &std::fs::read(place.data().join("c/0.png")).unwrap())
        .write("c/of-a.png", &std::fs::read(place.data().join("a/0.png")).unwrap())
        .write("c/.hidden.png", b"x");
    #[cfg(unix)]
    std::os::unix::fs::symlink("/nowhere", place.data().join("c/gone.png")).unwrap();
    place
}

#[test]
fn every_faulty_file_is_named_with_its_kind_and_the_others_are_used() {
    let place = faulty();
    let report = scan(&place.data(), &place.request(), &()).unwrap();
    let found: BTreeMap<&str, (FaultKind, &str)> =
        report.faults.iter().map(|fault| (&*fault.path, (fault.kind, &*fault.reason))).collect();
    let mut expected = BTreeMap::from([
        ("a/truncated.jpg", (FaultKind::Truncated, "cut off")),
        ("a/truncated.png", (FaultKind::Truncated, "cut off")),
        ("a/empty.png", (FaultKind::Empty, "empty")),
        ("a/text.jpg", (FaultKind::NotAPicture, "a text file")),
        ("a/page.jpg", (FaultKind::NotAPicture, "an HTML page")),
        ("b/moving.png", (FaultKind::NotAPicture, "a GIF file")),
        ("b/phone.heic", (FaultKind::NotAPicture, "a HEIC file")),
        ("b/notes.txt", (FaultKind::OtherFile, "a text file")),
        ("b/renamed.png", (FaultKind::WronglyNamed, "a JPEG file")),
        ("b/animated.png", (FaultKind::WronglyNamed, "a WebP file")),
        ("c/dot.png", (FaultKind::Size, "1x1")),
        ("c/harmful.png", (FaultKind::Size, "cannot hold 1000000x1000000 pixels")),
        ("c/copy.png", (FaultKind::Duplicate, "same bytes as c/0.png")),
        ("c/of-a.png", (FaultKind::Conflict, "a/0.png of class a")),
        ("a/0.png", (FaultKind::Conflict, "c/of-a.png of class c")),
    ]);
    if cfg!(unix) {
        expected.insert("c/gone.png", (FaultKind::Unreadable, "No such file"));
    }
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (path, (kind, reason)) in &expected {
        assert!(found[path].0 == *kind && found[path].1.contains(reason), "{path}: {:?}", found[path]);
    }
    for used in
        ["b/renamed.png", "b/animated.png", "b/cmyk.jpg", "b/deep.png", "c/alpha.png", "c/long.png", "c/huge.jpg"]
    {
        assert!(report.used.iter().any(|picture| picture.path == used), "{used}");
    }
    assert_eq!(report.duplicates.len(), 2);
    assert_eq!(report.pictures + expected.len() - 2, report.files, "each file is used or has a fault");
}

#[test]
fn the_same_pictures_are_used_every_time_and_none_is_accepted_strictly() {
    let place = faulty();
    let first = place.load();
    let again = place.load();
    assert_eq!(contents(&first.training), contents(&again.training));
    let error = load(&place.request().strict(true), &()).unwrap_err();
    assert_eq!(error.code(), "data_faults");
    assert!(
        error.to_string().contains("a/empty.png (it is an empty file") && error.to_string().contains(" more"),
        "{error}"
    );
    // A file that is no picture stops nobody; a picture with the name of another format does.
    let place = Place::with_classes(4);
    place.write("a/notes.txt", b"in May");
    assert!(load(&place.request().strict(true), &()).is_ok());
    place.write("a/renamed.png", &encode(pattern(64, 64, 99), ImageFormat::Jpeg));
    assert!(load(&place.request(), &()).is_ok());
    let error = load(&place.request().strict(true), &()).unwrap_err().to_string();
    assert!(error.contains("a/renamed.png (it is a JPEG file, and its name ends in .png)"), "{error}");
}

#[test]
fn a_truncated_archive_is_listed_and_refused_strictly() {
    let place = Place::new();
    std::fs::create_dir_all(place.data()).unwrap();
    let path = place.data().join("pictures.tar");
    let mut archive = tar::Builder::new(Vec::new());
    for number in 0..12 {
        let picture = encode(pattern(40, 30, number), ImageFormat::Png);
        for (name, bytes) in
            [(format!("{number}.cls"), vec![b'a' + number as u8 % 2]), (format!("{number}.png"), picture)]
        {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            archive.append_data(&mut header, name, &bytes[..]).unwrap();
        }
    }
    let whole = archive.into_inner().unwrap();
    std::fs::write(&path, &whole).unwrap();
    assert!(load(&place.request().strict(true), &()).is_ok());
    std::fs::write(&path, &whole[..whole.len() - 1024 - 600]).unwrap();
    let report = scan(&place.data(), &place.request(), &()).unwrap();
    let [fault] = report.faults.as_slice() else { panic!("{:?}", report.faults) };
    assert_eq!((&*fault.path, fault.kind, report.pictures), ("pictures.tar", FaultKind::TruncatedArchive, 11));
    assert!(fault.reason.contains("11 pictures read"), "{}", fault.reason);
    assert_eq!(place.load().scan.unwrap().pictures, 11);
    assert_eq!(load(&place.request().strict(true), &()).unwrap_err().code(), "data_faults");
}

#[test]
fn a_copy_of_a_test_picture_is_not_trained_on() {
    let place = Place::new();
    for class in ["a", "b"] {
        place.pictures((0..4).map(|number| format!("train/{class}/{number}.png")));
        place.pictures((0..2).map(|number| format!("test/{class}/{number}.png")));
    }
    place.write("train/a/leak.png", &std::fs::read(place.data().join("test/a/0.png")).unwrap());
    let report = scan(&place.data(), &place.request(), &()).unwrap();
    let [leak] = report.faults.as_slice() else { panic!("{:?}", report.faults) };
    assert_eq!((&*leak.path, leak.kind), ("train/a/leak.png", FaultKind::Duplicate));
}

#[test]
fn the_report_is_written_whole() {
    let place = faulty();
    let report = scan(&place.data(), &place.request(), &()).unwrap();
    let path = place.folder.path().join("scan.json");
    crate::data::write_report(&report, &path).unwrap();
    let read: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(read["pictures"], report.pictures);
    assert_eq!(read["faults"].as_array().unwrap().len(), report.faults.len());
    assert_eq!(read["faults"][0]["kind"], "conflict");
}
