use super::*;
use crate::gpu::{CacheFault, CacheSave, CacheStart, CacheUnused};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The logits of one supernet in a context of its own.
fn answer(folder: &Path, start: Start) -> (Context, Vec<f32>) {
    let mut random = random(31);
    let space = SearchSpace::fashion().validated().unwrap();
    let weights = random_weights(&space, &mut random);
    let child = random_statistics(&space, &space.biggest(), &mut random);
    let options = ContextOptions { pipeline_cache: Some(folder.to_owned()), ..ContextOptions::default() };
    let context = Context::new(&options).unwrap();
    let supernet = load(&context, &space, &weights, &EngineOptions { start, ..EngineOptions::default() });
    supernet.wait_until_ready().unwrap();
    let prepared = supernet.prepare(&child).unwrap();
    let tensor = random_tensor(prepared.network().input.len(), &mut random);
    let logits = supernet.infer_tensor(&prepared, &tensor).unwrap();
    (context, logits)
}

/// The file of pipelines, beside which nothing but verdicts may lie.
fn only_file(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.filter(|path| path.extension().is_none_or(|end| end != "verdicts")).collect();
    assert_eq!(files.len(), 1, "no temporary file is left: {files:?}");
    files[0].clone()
}

#[test]
fn nothing_is_kept_unless_asked() {
    let state = CONTEXT.pipeline_cache();
    assert_eq!(state.start, CacheStart::Unused { reason: CacheUnused::NotAsked });
    assert_eq!(state.save, CacheSave::NotYet);
    assert!(!CONTEXT.facts().pipeline_cache);
}

#[test]
fn a_second_start_is_warm_and_answers_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("made by the first start");
    let (context, first) = answer(&folder, Start::Within(Duration::ZERO));
    if !Feature::PipelineCache.can_be_tested(context.facts().pipeline_cache) {
        assert_eq!(context.pipeline_cache().start, CacheStart::Unused { reason: CacheUnused::NotOffered });
        return;
    }
    let state = context.pipeline_cache();
    assert_eq!(state.start, CacheStart::Cold);
    let CacheSave::Saved { bytes } = state.save else { panic!("{state}") };
    let file = only_file(&folder);

    let (context, second) = answer(&folder, Start::Tuned);
    let state = context.pipeline_cache();
    assert_eq!(state.start, CacheStart::Warm { bytes });
    assert!(!state.is_trouble() && state.save != CacheSave::NotYet, "{state}");
    assert_eq!(second, first);

    // A damaged file, and another's.
    let whole = fs::read(&file).unwrap();
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let mut older = whole.clone();
    older[8] = 0;
    for (bytes, expected) in [
        (damaged, CacheFault::Damaged),
        (older, CacheFault::Version { given: 0, supported: 1 }),
        (b"{}".to_vec(), CacheFault::Foreign),
    ] {
        fs::write(&file, bytes).unwrap();
        let (context, logits) = answer(&folder, Start::Tuned);
        let state = context.pipeline_cache();
        assert_eq!(state.start, CacheStart::Rejected { reason: expected });
        assert!(matches!(state.save, CacheSave::Saved { .. }), "{state}");
        assert_eq!(logits, first);
        let (context, _) = answer(&folder, Start::Tuned);
        assert!(matches!(context.pipeline_cache().start, CacheStart::Warm { .. }), "the file was replaced");
        only_file(&folder);
    }
}

#[test]
fn a_folder_that_cannot_be_written_fails_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let occupied = folder.path().join("file");
    fs::write(&occupied, b"no folder").unwrap();
    for start in [Start::Tuned, Start::Within(Duration::ZERO)] {
        let (context, logits) = answer(&occupied, start);
        assert!(logits.iter().all(|logit| logit.is_finite()));
        if Feature::PipelineCache.can_be_tested(context.facts().pipeline_cache) {
            let state = context.pipeline_cache();
            assert!(matches!(&state.save, CacheSave::Failed { message } if message.contains("file")), "{state}");
            assert!(state.is_trouble());
        }
        assert_eq!(fs::read(only_file(folder.path())).unwrap(), b"no folder");
    }
}
