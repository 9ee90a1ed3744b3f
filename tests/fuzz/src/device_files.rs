//! Files that a device reads beside bundles.

use crate::target::Target;
use crate::{cache_file, canonical};
use nestling_bundle::DeviceProfile;
use nestling_pictures::{Picture, PictureOptions, parse_idx_images, parse_idx_labels};

pub(crate) const TARGETS: &[Target] = &[
    Target::reader("profile", 1 << 14, profile, profiles),
    Target::reader("pipeline-cache", 1 << 10, pipeline_cache, caches),
    Target::reader("picture", 1 << 14, picture, pictures),
    Target::reader("idx", 1 << 12, idx, idx_files),
];

const PROFILE: &str = include_str!("../../golden/profile-v6.json");
const KEY: &str = "key of a device";

fn profile(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let sealed = serde_json::from_str(text).map(|mut value| {
        canonical::unseal(&mut value);
        canonical::seal(value).to_string()
    });
    for text in [Ok(text.to_owned()), sealed].into_iter().flatten() {
        if let Ok(profile) = DeviceProfile::from_json(&text) {
            let again = DeviceProfile::from_json(&profile.to_json());
            assert_eq!(again.ok().as_ref(), Some(&profile), "it is not what was written");
        }
    }
}

fn profiles() -> Vec<Vec<u8>> {
    vec![PROFILE.as_bytes().to_vec()]
}

fn pipeline_cache(bytes: &[u8]) {
    let read = |file: &[u8]| cache_file::blob(file, KEY).map(<[u8]>::len);
    let _ = read(bytes);
    // The same behind a right header.
    let header = cache_file::header(KEY, bytes);
    assert_eq!(read(&[&header[..], bytes].concat()), Ok(bytes.len()));
    // And with a right checksum, wherever the lengths say that it is.
    let mut file = bytes.to_vec();
    let key = file.get(12..16).and_then(|length| length.try_into().ok()).map(u32::from_le_bytes);
    let sum = key.and_then(|key| (key as usize).checked_add(24)).filter(|at| at + 16 <= file.len());
    if let Some(at) = sum {
        let mut hasher = xxhash_rust::xxh3::Xxh3::new();
        hasher.update(&file[..at]);
        hasher.update(&file[at + 16..]);
        file[at..at + 16].copy_from_slice(&hasher.digest128().to_le_bytes());
        let _ = read(&file);
    }
}

fn caches() -> Vec<Vec<u8>> {
    let file = |key: &str, blob: &[u8]| [&cache_file::header(key, blob)[..], blob].concat();
    vec![file(KEY, b"pipelines"), file("another", &[7; 100]), file(KEY, b"")]
}

fn picture(bytes: &[u8]) {
    // Small ones are enough to meet every branch, and many fit into an hour.
    let options = PictureOptions::default().max_bytes(8 << 20);
    let size = Picture::decoding_bytes(bytes, &options);
    if let Ok(picture) = Picture::decode_with(bytes, &options) {
        let image = picture.image();
        assert!(size.is_some(), "its header was refused and the whole was not");
        let (row, column) = (image.height() - 1, image.width() - 1);
        assert!((0.0..=255.0).contains(&image.value(row, column, 0, 1)));
    }
}

fn pictures() -> Vec<Vec<u8>> {
    let mut all = vec![include_bytes!("../../../examples/assets/sandal.png").to_vec()];
    all.extend(SEEDS.iter().map(|seed| seed.to_vec()));
    all
}

/// A grey and a colour picture of eight pixels a side in each format.
const SEEDS: [&[u8]; 6] = [
    include_bytes!("../seeds/grey.jpg"),
    include_bytes!("../seeds/colour.jpg"),
    include_bytes!("../seeds/progressive.jpg"),
    include_bytes!("../seeds/palette.png"),
    include_bytes!("../seeds/lossy.webp"),
    include_bytes!("../seeds/lossless.webp"),
];

fn idx(bytes: &[u8]) {
    if let Ok(images) = parse_idx_images(bytes) {
        assert!(images.pixels.len() <= bytes.len());
    }
    if let Ok(labels) = parse_idx_labels(bytes) {
        assert!(labels.len() <= bytes.len());
    }
}

fn idx_files() -> Vec<Vec<u8>> {
    let images = [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2][..], &[9; 8]].concat();
    vec![images, vec![0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3]]
}
