use super::*;
use std::time::Duration;

/// Answers of a supernet that answers at once, from before, during and after the swap of its kernels.
#[test]
fn the_first_answer_is_right_and_the_swap_is_atomic() {
    let mut random = random(21);
    let mut space = SearchSpace { resolutions: vec![24], classes: 12, ..SearchSpace::table1() };
    space.stages.truncate(3);
    let space = space.validated().unwrap();
    let weights = random_weights(&space, &mut random);
    let child = random_statistics(&space, &space.biggest(), &mut random);
    let context = Context::new(&ContextOptions::default()).unwrap();
    let at_once = EngineOptions { start: Start::Within(Duration::ZERO), ..EngineOptions::default() };
    let supernet = load(&context, &space, &weights, &at_once);
    let prepared = supernet.prepare(&child).unwrap();
    let tensor = random_tensor(prepared.network().input.len(), &mut random);
    let first = supernet.infer_tensor(&prepared, &tensor).unwrap();
    let error = relative_error(&first, &reference_logits(&space, &weights, &child, &tensor));
    assert!(error < 1e-4, "{error}");
    assert!(
        supernet.load_times().pipelines <= 6,
        "{} pipelines before the first answer",
        supernet.load_times().pipelines
    );

    let answers = std::thread::scope(|scope| {
        let asking = || {
            let mut answers = Vec::new();
            while supernet.readiness() != Readiness::Ready && answers.len() < 10_000 {
                answers.push(supernet.infer_tensor(&prepared, &tensor).unwrap());
            }
            answers
        };
        let threads = [scope.spawn(asking), scope.spawn(asking)];
        threads.map(|thread| thread.join().unwrap()).concat()
    });
    supernet.wait_until_ready().unwrap();
    let last = supernet.infer_tensor(&prepared, &tensor).unwrap();
    let tuned = load(&context, &space, &weights, &EngineOptions::default());
    let expected = tuned.infer_tensor(&tuned.prepare(&child).unwrap(), &tensor).unwrap();
    assert_eq!(last, expected, "the fast kernels' own answer, bit for bit");
    for answer in &answers {
        assert!(*answer == first || *answer == last, "an answer is of one set of kernels or of the other");
    }
    assert_eq!(tuned.readiness(), Readiness::Ready);
}

#[test]
fn a_supernet_that_is_dropped_early_stops_its_thread() {
    let mut random = random(22);
    let space = SearchSpace::fashion().validated().unwrap();
    let weights = random_weights(&space, &mut random);
    let context = Context::new(&ContextOptions::default()).unwrap();
    let at_once = EngineOptions { start: Start::Within(Duration::ZERO), ..EngineOptions::default() };
    drop(load(&context, &space, &weights, &at_once));
    std::thread::sleep(Duration::from_secs(2));
    let before = context.counters().pipelines;
    std::thread::sleep(Duration::from_secs(1));
    assert!(context.counters().pipelines <= before + 1);
}
