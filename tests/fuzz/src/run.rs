//! Bundles that are opened on a GPU, whatever is in them, and classify a picture.

use crate::bundle;
use crate::seal::{fields_of, file_of, manifest_of};
use crate::target::Target;
use nestling::{Bundle, Context, ContextOptions, Error, Image, Runtime, RuntimeOptions, Start};
use std::sync::LazyLock;

pub(crate) const TARGETS: &[Target] = &[Target { name: "run", most: 1 << 14, run, seeds, needs_gpu: true }];

/// Multiply-adds that the app allows: forty times those of the golden bundle's largest child.
const MOST_MADDS: u64 = 10_000_000;
/// Errors that no file may cause.
const FAULTS: [&str; 5] = ["device_lost", "timeout", "gpu_refused", "fast_kernels", "self_test"];
const WIDTH: u32 = 20;
const HEIGHT: u32 = 17;

static CONTEXT: LazyLock<Context> = LazyLock::new(|| {
    let context = Context::new(&ContextOptions::default());
    context.unwrap_or_else(|error| panic!("a GPU is needed: {error}"))
});

/// The newest golden file with a field (first byte even) or a section exchanged. The second byte says which.
fn file(bytes: &[u8]) -> Option<Vec<u8>> {
    let [kind, place, new @ ..] = bytes else { return None };
    let mut parts = bundle::newest_parts().clone();
    if kind.is_multiple_of(2) {
        let manifest = &mut parts.sections.first_mut()?.1;
        let mut fields = fields_of(manifest);
        let count = fields.len();
        fields[usize::from(*place) % count].1 = new.to_vec();
        *manifest = manifest_of(&fields);
    } else {
        let count = parts.sections.len();
        parts.sections[usize::from(*place) % count].1 = new.to_vec();
    }
    Some(file_of(&parts))
}

fn run(bytes: &[u8]) {
    let opened = file(bytes).map(|file| Bundle::from_bytes(&file));
    let Some(Ok(bundle)) = opened else { return };
    match classified(&bundle) {
        Ok(()) => {}
        Err(error) => assert!(!FAULTS.contains(&error.code()), "{}: {error}", error.code()),
    }
}

fn classified(bundle: &Bundle) -> Result<(), Error> {
    let options = RuntimeOptions::default().max_madds(Some(MOST_MADDS)).max_image_side(64);
    let runtime = Runtime::open_on(&CONTEXT, bundle, &options.untrained(true).start(Start::Tuned))?;
    let pixels: Vec<u8> = (0..WIDTH * HEIGHT * 4).map(|index| (index * 37 % 251) as u8).collect();
    let answer = runtime.classify(Image::rgba8(WIDTH, HEIGHT, &pixels)?)?;
    assert_eq!(answer.logits().len(), bundle.manifest().labels.len());
    assert!(answer.logits().iter().all(|logit| logit.is_finite()), "an answer that is not finite is an error");
    Ok(())
}

fn seeds() -> Vec<Vec<u8>> {
    let parts = bundle::newest_parts();
    let fields = parts.sections.first().map(|(_, manifest)| fields_of(manifest)).unwrap_or_default();
    let seed = |kind: u8, place: usize, bytes: &[u8]| [&[kind, place as u8], bytes].concat();
    let of_fields = fields.iter().enumerate().map(|(place, (_, bytes))| seed(0, place, bytes));
    let of_sections = parts.sections.iter().enumerate().skip(1).map(|(place, (_, bytes))| seed(1, place, bytes));
    of_fields.chain(of_sections).collect()
}
