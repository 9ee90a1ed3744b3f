//! Bundles: as whole files, in pieces, and with one part exchanged.

use crate::seal::{Parts, fields_of, file_of, manifest_of, parts_of, reseal};
use crate::target::Target;
use nestling_bundle::{Bundle, BundleError, BundleStream};
use nestling_core::image::Image;
use std::sync::LazyLock;

pub(crate) const TARGETS: &[Target] = &[
    Target::reader("bundle", 1 << 16, bundle, files),
    Target::reader("bundle-header", 4096, header, headers),
    Target::reader("bundle-pieces", 1 << 16, pieces, files),
    Target::reader("manifest", 1 << 14, manifest, manifests),
    Target::reader("manifest-field", 1 << 13, field, all_fields),
    Target::reader("latency-table", 1 << 12, latency_table, latency_tables),
    Target::reader("section", 1 << 14, section, sections),
];

/// Bundles of every format.
const FILES: [&[u8]; 5] = [
    include_bytes!("../../golden/bundle-v5.nestling"),
    include_bytes!("../../golden/bundle-v6.nestling"),
    include_bytes!("../../golden/bundle-v6-with-unknown-section-and-field.nestling"),
    include_bytes!("../../golden/bundle-v7.nestling"),
    include_bytes!("../../golden/bundle-v8.nestling"),
];
const MANIFEST: u64 = 0;
const WEIGHTS: u64 = 1;
const STATISTICS: u64 = 2;
/// Number of the manifest's field of latency tables.
const LATENCY_TABLES: u32 = 7;
/// Most bytes of weights that are made for a manifest.
const MOST_WEIGHTS: usize = 1 << 18;

static PARTS: LazyLock<Vec<Parts>> = LazyLock::new(|| FILES.iter().filter_map(|file| parts_of(file)).collect());

/// A bundle of the newest format.
#[cfg(feature = "runtime")]
pub(crate) fn newest() -> Vec<u8> {
    FILES[FILES.len() - 1].to_vec()
}

/// Its parts.
#[cfg(feature = "runtime")]
pub(crate) fn newest_parts() -> &'static Parts {
    &PARTS[PARTS.len() - 1]
}

/// One of the golden files, and the bytes that are left.
fn base(bytes: &[u8]) -> Option<(&'static Parts, &[u8])> {
    let (choice, rest) = bytes.split_first()?;
    Some((&PARTS[usize::from(*choice) % PARTS.len()], rest))
}

fn body(parts: &Parts, kind: u64) -> Option<&[u8]> {
    parts.sections.iter().find(|(own, _)| *own == kind).map(|(_, body)| &body[..])
}

/// Reads everything that an opened bundle claims to hold.
fn use_it(bundle: &Bundle) {
    let classes = bundle.manifest().labels.len();
    let pixel = |image: Image<'_>| image.value(image.height() - 1, image.width() - 1, 0, 1);
    assert!(bundle.calibration_images().map(pixel).all(f64::is_finite));
    assert!(bundle.check_images().all(|(image, label)| pixel(image).is_finite() && label < classes));
    let space = bundle.space();
    if let Some(predictor) = &bundle.manifest().accuracy_predictor {
        for child in [space.smallest(), space.biggest()] {
            assert!((0.0..=100.0).contains(&predictor.predict(space, &child)));
        }
    }
    for table in &bundle.manifest().latency_tables {
        for network in bundle.networks().iter().take(4) {
            assert!(table.model.predict(network).0 >= 0.0);
        }
    }
    for entry in bundle.children() {
        assert!(bundle.child(&entry.name).is_ok() || !bundle.is_whole());
    }
    let mut values = 0;
    let read = bundle.visit_weights(|_, tensor| {
        values += tensor.len();
        Ok::<(), BundleError>(())
    });
    assert!(!bundle.is_whole() || read.is_err() || values == bundle.layout().len());
    if bundle.is_whole() {
        assert!(bundle.golden_pictures().is_ok(), "they were read when it was opened");
    }
}

fn open(file: &[u8]) -> Result<Bundle, BundleError> {
    let opened = Bundle::from_bytes(file);
    match &opened {
        Ok(bundle) => use_it(bundle),
        Err(error) => assert!(!error.code().is_empty() && !error.to_string().is_empty()),
    }
    opened
}

fn bundle(bytes: &[u8]) {
    let mut file = bytes.to_vec();
    reseal(&mut file);
    let _ = open(&file);
    let _ = open(bytes);
}

/// A header alone, with the bytes that its sections would need cut off: what a download sees first.
fn header(bytes: &[u8]) {
    let mut file = bytes.to_vec();
    reseal(&mut file);
    for bytes in [&file[..], bytes] {
        let _ = Bundle::from_bytes(bytes).map(drop);
        let mut stream = BundleStream::default();
        if stream.push(bytes).is_ok() {
            assert!(stream.expected_bytes().is_none_or(|expected| expected >= stream.arrived_bytes()));
        }
    }
}

/// The same file in pieces comes to the same, and every state between can be used.
fn pieces(bytes: &[u8]) {
    let Some((&step, bytes)) = bytes.split_first() else { return };
    let mut file = bytes.to_vec();
    reseal(&mut file);
    let whole = Bundle::from_bytes(&file);
    let mut stream = BundleStream::default();
    let mut served = 0;
    for piece in file.chunks(file.len().div_ceil(1 + usize::from(step % 8)).max(1)) {
        if stream.push(piece).is_err() {
            assert!(whole.is_err(), "a piece of a good file was refused");
            return;
        }
        assert!(stream.arrived_children() >= served, "children went away");
        served = stream.arrived_children();
        if let Ok(Some(bundle)) = stream.bundle() {
            use_it(&bundle);
        }
    }
    match (stream.finish(), whole) {
        (Ok(streamed), Ok(whole)) => assert_eq!(streamed.id(), whole.id()),
        (Err(_), Err(_)) => {}
        (streamed, whole) => panic!("in pieces: {streamed:?}, at once: {whole:?}"),
    }
}

/// Opens a file with this manifest, and once more with sections as long as it wants them.
fn open_with(parts: &Parts, manifest: Vec<u8>) {
    let mut parts = parts.clone();
    if let Some(first) = parts.sections.first_mut() {
        first.1 = manifest;
    }
    for _ in 0..3 {
        let Err(BundleError::Inconsistent { problem }) = open(&file_of(&parts)) else { return };
        // Up to format 7 the message says how many bytes are needed.
        let kind = if problem.contains("of statistics") { STATISTICS } else { WEIGHTS };
        let needed = problem.rsplit(' ').next().and_then(|word| word.parse().ok());
        let Some(needed) = needed.filter(|needed: &usize| *needed <= MOST_WEIGHTS) else { return };
        let Some(section) = parts.sections.iter_mut().find(|(own, _)| *own == kind) else { return };
        section.1.resize(needed, 0);
    }
}

fn manifest(bytes: &[u8]) {
    if let Some((parts, manifest)) = base(bytes) {
        open_with(parts, manifest.to_vec());
    }
}

/// One field of a manifest exchanged: the second byte says which.
fn field(bytes: &[u8]) {
    let Some((parts, bytes)) = base(bytes) else { return };
    let Some((&number, new)) = bytes.split_first() else { return };
    with_field(parts, u32::from(number), new);
}

fn with_field(parts: &Parts, number: u32, new: &[u8]) {
    let mut fields = fields_of(body(parts, MANIFEST).unwrap_or_default());
    fields.retain(|(own, _)| *own != number);
    let place = fields.partition_point(|(own, _)| *own < number);
    fields.insert(place, (number, new.to_vec()));
    open_with(parts, manifest_of(&fields));
}

fn latency_table(bytes: &[u8]) {
    with_field(&PARTS[1], LATENCY_TABLES, bytes);
}

/// One section exchanged: the second byte says which.
fn section(bytes: &[u8]) {
    let Some((parts, bytes)) = base(bytes) else { return };
    let Some((&index, new)) = bytes.split_first() else { return };
    let mut parts = parts.clone();
    let index = usize::from(index) % parts.sections.len();
    parts.sections[index].1 = new.to_vec();
    let _ = open(&file_of(&parts));
}

fn files() -> Vec<Vec<u8>> {
    FILES.map(<[u8]>::to_vec).to_vec()
}

fn headers() -> Vec<Vec<u8>> {
    FILES.map(|file| file[..file.len().min(512)].to_vec()).to_vec()
}

fn manifests() -> Vec<Vec<u8>> {
    let seed = |(index, parts): (usize, &Parts)| [&[index as u8], body(parts, MANIFEST).unwrap_or_default()].concat();
    PARTS.iter().enumerate().map(seed).collect()
}

fn all_fields() -> Vec<Vec<u8>> {
    let of = |(index, parts): (usize, &Parts)| {
        let fields = if parts.format < 6 { Vec::new() } else { fields_of(body(parts, MANIFEST).unwrap_or_default()) };
        fields.into_iter().map(move |(number, bytes)| [&[index as u8, number as u8], &bytes[..]].concat())
    };
    PARTS.iter().enumerate().flat_map(of).collect()
}

fn latency_tables() -> Vec<Vec<u8>> {
    let fields = PARTS.iter().flat_map(|parts| fields_of(body(parts, MANIFEST).unwrap_or_default()));
    fields.filter(|(number, _)| *number == LATENCY_TABLES).map(|(_, bytes)| bytes).collect()
}

fn sections() -> Vec<Vec<u8>> {
    let of = |(index, parts): (usize, &Parts)| {
        let seed = |(place, (_, body)): (usize, &(u64, Vec<u8>))| [&[index as u8, place as u8], &body[..]].concat();
        parts.sections.iter().enumerate().map(seed).collect::<Vec<_>>()
    };
    PARTS.iter().enumerate().flat_map(of).collect()
}
