//! A GPU that fails at any of its calls: the runtime gives a typed error in time, no panic and no wrong answer, and
//! opening the bundle again answers right.

use super::tests::bundle;
use super::*;
use crate::engine::Start;
use crate::gpu::ContextOptions;
use crate::gpu::mishap::{Mishap, Passed};
use crate::profiling::ProfileOptions;
use nestling_core::choosing::Budget;
use nestling_core::metrics::Millis;
use nestling_torture::Campaign;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{LazyLock, Once, PoisonError};
use std::time::{Duration, Instant};

/// Calls of an app during which the GPU fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Open,
    Classify,
    Switch,
    Prepare,
    Calibrate,
    Profile,
    Choose,
}

const TASKS: [Task; 7] =
    [Task::Open, Task::Classify, Task::Switch, Task::Prepare, Task::Calibrate, Task::Profile, Task::Choose];

/// Most points of one task. A measurement passes thousands that are all the same.
const MOST: u64 = 500;

static BUNDLE: LazyLock<Bundle> = LazyLock::new(|| bundle(WeightStorage::F32));

/// The right answers of the smallest and of the biggest child.
static RIGHT: LazyLock<[Vec<f32>; 2]> = LazyLock::new(|| {
    let runtime = Runtime::open(&BUNDLE, &RuntimeOptions::default()).unwrap();
    ["smallest", "biggest"].map(|name| {
        runtime.switch_to(name).unwrap();
        runtime.logits(runtime.probe_image()).unwrap()
    })
});

/// Panics inside of wgpu, on whichever thread.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn listen_for_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic.location().is_some_and(|location| location.file().contains("wgpu")) {
                PANICS.lock().unwrap_or_else(PoisonError::into_inner).push(panic.to_string());
            }
            usual(panic);
        }));
    });
}

/// Which way a case runs: on a thread that blocks or by the service thread, with all kernels first or with few.
#[derive(Clone, Copy, Debug)]
struct Way {
    blocking: bool,
    tuned: bool,
}

impl Way {
    fn of(index: u64) -> Self {
        Self { blocking: index.is_multiple_of(2), tuned: !index.is_multiple_of(3) }
    }

    fn run<T>(self, future: impl Future<Output = T>) -> T {
        if self.blocking { block_on(future) } else { pollster::block_on(future) }
    }

    fn options(self) -> RuntimeOptions {
        let start = if self.tuned { Start::Tuned } else { Start::Within(Duration::ZERO) };
        RuntimeOptions { start, ..RuntimeOptions::default() }
    }
}

fn context(timeout: Duration) -> Context {
    Context::new(&ContextOptions { timeout, ..ContextOptions::default() }).unwrap()
}

fn quick() -> ProfileOptions<'static> {
    ProfileOptions { time: Duration::from_millis(50), ..ProfileOptions::default() }
}

/// All that a task needs before the fault.
fn opened(task: Task, context: &Context, way: Way) -> Option<Runtime> {
    (task != Task::Open).then(|| {
        let runtime = Runtime::open_on(context, &BUNDLE, &way.options()).unwrap();
        if task == Task::Choose {
            runtime.profile(&quick()).unwrap();
        }
        runtime
    })
}

/// The runtime, if the task opened one.
async fn done(task: Task, runtime: Option<&Runtime>, context: &Context, way: Way) -> Result<Option<Runtime>, Error> {
    let Some(runtime) = runtime else {
        return Runtime::open_on_async(context, &BUNDLE, &way.options()).await.map(Some);
    };
    let image = runtime.probe_image();
    match task {
        Task::Open => {}
        Task::Classify => {
            let logits = runtime.logits_async(&image).await?;
            assert!(is_right(&logits, 0), "a wrong answer: {logits:?}");
        }
        Task::Switch => {
            runtime.switch_to("biggest")?;
            let logits = runtime.logits_async(&image).await?;
            assert!(is_right(&logits, 1), "a wrong answer: {logits:?}");
        }
        Task::Prepare => drop(runtime.prepare_async(&BUNDLE.calibrated()[1]).await?),
        Task::Calibrate => {
            let child = BUNDLE.space().smallest();
            let calibrated = runtime.calibrate_async(&child, &[image; 3], None).await?;
            let means = &calibrated.statistics().means;
            assert!(means.iter().any(|&mean| mean != 0.0), "no statistics: {means:?}");
        }
        Task::Profile => drop(runtime.profile_async(&quick()).await?),
        Task::Choose => match runtime.choose_async(Budget::p50(Millis(60_000.0)), None).await {
            Ok(_) | Err(Error::BelowFastest { .. }) => {}
            Err(error) => return Err(error),
        },
    }
    Ok(None)
}

/// Whether these are the logits of the smallest or the biggest child. Fallback kernels add in another order.
fn is_right(logits: &[f32], child: usize) -> bool {
    let right = &RIGHT[child];
    let size = right.iter().fold(1.0f32, |most, value| most.max(value.abs()));
    logits.len() == right.len() && logits.iter().zip(right).all(|(found, right)| (found - right).abs() <= 1e-3 * size)
}

/// Fails unless a runtime answers right with both children.
fn check_answers(runtime: &Runtime) -> Result<(), String> {
    for (child, name) in ["smallest", "biggest"].into_iter().enumerate() {
        let answered = runtime.switch_to(name).and_then(|_| runtime.logits(runtime.probe_image()));
        match answered {
            Ok(logits) if is_right(&logits, child) => {}
            other => return Err(format!("child `{name}` answered {other:?}")),
        }
    }
    Ok(())
}

/// Runs a case; a panic of it or of any thread in wgpu is its fault too.
fn without_panic(case: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let result = catch_unwind(AssertUnwindSafe(case)).unwrap_or_else(|_| Err("a panic".to_owned()));
    let panics = std::mem::take(&mut *PANICS.lock().unwrap_or_else(PoisonError::into_inner));
    result.and_then(|()| if panics.is_empty() { Ok(()) } else { Err(format!("panics: {panics:?}")) })
}

/// The device is lost at this point of a task.
fn lose(task: Task, mishap: Mishap, way: Way) -> Result<(), String> {
    let context = context(Duration::from_secs(20));
    let runtime = opened(task, &context, way);
    context.arm(Some(mishap));
    let outcome = way.run(done(task, runtime.as_ref(), &context, way));
    let happened = context.gate().mishaps().has_happened();
    if !happened {
        context.arm(None); // a measurement was shorter this time
    }
    let runtime = match outcome {
        Ok(opened) => opened.or(runtime),
        Err(Error::Lost { .. }) if happened => runtime,
        Err(error) => return Err(format!("{}: {error}", error.code())),
    };
    if let Some(runtime) = &runtime {
        match way.run(runtime.logits_async(&runtime.probe_image())) {
            Err(Error::Lost { .. }) if happened => {}
            Ok(_) if !happened => {}
            other => return Err(format!("the answer after it (lost: {happened}): {other:?}")),
        }
    }
    drop((runtime, context));
    let again = Runtime::open(&BUNDLE, &way.options()).map_err(|error| format!("opening again: {error}"))?;
    check_answers(&again)
}

/// Every point of every task, or as many of them as there is time for.
fn points(count: impl Fn(&Passed) -> u64) -> Vec<(Task, u64)> {
    let of_task = |(task, passed)| {
        let all = count(passed);
        let taken = all.min(MOST);
        (0..taken).map(move |index| (task, index * all / taken))
    };
    TASKS.into_iter().zip(PASSED.iter()).flat_map(of_task).collect()
}

/// The counts of each task where nothing happens.
static PASSED: LazyLock<[Passed; 7]> = LazyLock::new(|| TASKS.map(passed));

fn passed(task: Task) -> Passed {
    let (context, way) = (context(Duration::from_secs(20)), Way { blocking: true, tuned: true });
    let runtime = opened(task, &context, way);
    context.arm(None);
    drop(way.run(done(task, runtime.as_ref(), &context, way)).unwrap());
    context.gate().mishaps().passed()
}

/// The case of an index: evenly spread over all where there are more cases than are run.
fn pick<T: Copy>(all: &[T], campaign: &Campaign, index: u64) -> T {
    let (count, length) = (campaign.count(), all.len() as u64);
    let place = if count < length { index * length / count } else { index % length };
    all[place as usize]
}

#[test]
fn a_device_lost_at_any_call_is_told_and_opening_again_answers_right() {
    listen_for_panics();
    let all = points(|passed| passed.points);
    let mut campaign = Campaign::new("points of a GPU call at which the device is lost", 14, 4000);
    while let Some(index) = campaign.next() {
        let ((task, at), way) = (pick(&all, &campaign, index), Way::of(index + index / all.len() as u64));
        if let Err(fault) = without_panic(|| lose(task, Mishap::Lost { at }, way)) {
            campaign.fault(format!("{task:?}, point {at}, {way:?}: {fault}"));
        }
    }
    campaign.finish();
}

#[test]
fn a_driver_that_loses_the_device_in_a_wait_is_told_although_wgpu_panics() {
    listen_for_panics();
    let all = points(|passed| passed.waits);
    let mut campaign = Campaign::new("waits in which the driver loses the device", 7, 600);
    while let Some(index) = campaign.next() {
        let ((task, at), way) = (pick(&all, &campaign, index), Way::of(index + index / all.len() as u64));
        if let Err(fault) = without_panic(|| lose(task, Mishap::LostInWait { at }, way)) {
            campaign.fault(format!("{task:?}, wait {at}, {way:?}: {fault}"));
        }
    }
    campaign.finish();
}

/// The GPU has no memory for one object. The runtime stays usable, and so does the device.
fn starve(task: Task, at: u64, way: Way) -> Result<(), String> {
    let context = context(Duration::from_secs(20));
    let runtime = opened(task, &context, way);
    context.arm(Some(Mishap::OutOfMemory { at }));
    let outcome = way.run(done(task, runtime.as_ref(), &context, way));
    let happened = context.gate().mishaps().has_happened();
    let runtime = match outcome {
        Ok(opened) if !happened || !way.tuned => opened.or(runtime),
        Ok(_) => return Err("no error".to_owned()),
        Err(Error::OutOfMemory { .. } | Error::CalibrationMemory { .. }) if happened => runtime,
        // The thread that compiles had none.
        Err(Error::FastKernels { .. }) if happened && !way.tuned => runtime,
        Err(error) => return Err(format!("{}: {error}", error.code())),
    };
    context.arm(None);
    match runtime {
        Some(runtime) => check_answers(&runtime),
        None => {
            let opened = Runtime::open_on(&context, &BUNDLE, &way.options()).map_err(|error| error.to_string())?;
            check_answers(&opened)
        }
    }
}

#[test]
fn a_gpu_without_memory_for_any_object_is_an_error_and_the_next_answer_is_right() {
    listen_for_panics();
    let all = points(|passed| passed.objects);
    let mut campaign = Campaign::new("GPU objects for which there is no memory", 7, 1000);
    while let Some(index) = campaign.next() {
        let ((task, at), way) = (pick(&all, &campaign, index), Way::of(index + index / all.len() as u64));
        if let Err(fault) = without_panic(|| starve(task, at, way)) {
            campaign.fault(format!("{task:?}, object {at}, {way:?}: {fault}"));
        }
    }
    campaign.finish();
}

/// The bound of a wait in these cases, and by how much it may be passed.
const PATIENCE: Duration = Duration::from_millis(1000);
const MOST_PATIENCE: Duration = Duration::from_millis(1100);

/// The GPU ends no work any more from this wait on.
fn hang(task: Task, at: u64, way: Way) -> Result<(), String> {
    let context = context(PATIENCE);
    let runtime = opened(task, &context, way);
    context.arm(Some(Mishap::NeverDone { at }));
    let outcome = way.run(done(task, runtime.as_ref(), &context, way));
    let (waited, happened) = (context.gate().mishaps().hung_for(), context.gate().mishaps().has_happened());
    // The thread that compiles and the one that called may wait one after the other.
    let most = if way.tuned { MOST_PATIENCE } else { 2 * MOST_PATIENCE };
    match outcome {
        // A measurement may be shorter this time, and a busy machine slower than the bound.
        Ok(_) if !happened || !way.tuned => {}
        Err(Error::Timeout { .. }) if !happened || waited <= most => {}
        // The thread that compiles waited.
        Err(Error::FastKernels { .. }) if happened && !way.tuned && waited <= most => {}
        Ok(_) => return Err("no error".to_owned()),
        Err(error) => return Err(format!("{} after {waited:?} of silence: {error}", error.code())),
    }
    let Some(runtime) = runtime else { return Ok(()) };
    let before = Instant::now();
    let answer = way.run(runtime.logits_async(&runtime.probe_image()));
    let waited = before.elapsed();
    let is_timeout = matches!(answer, Err(Error::Timeout { .. }));
    if context.gate().mishaps().has_happened() && (!is_timeout || waited > MOST_PATIENCE) {
        return Err(format!("{answer:?} after {waited:?}"));
    }
    let before = Instant::now();
    drop((runtime, context));
    let waited = before.elapsed();
    if waited > MOST_PATIENCE { Err(format!("dropped only after {waited:?}")) } else { Ok(()) }
}

#[test]
fn a_gpu_that_ends_no_work_is_a_timeout_and_no_wait_is_longer() {
    listen_for_panics();
    let all = points(|passed| passed.waits);
    let mut campaign = Campaign::new("waits for a GPU that ends no work", 7, 300);
    while let Some(index) = campaign.next() {
        let ((task, at), way) = (pick(&all, &campaign, index), Way::of(index + index / all.len() as u64));
        if let Err(fault) = without_panic(|| hang(task, at, way)) {
            campaign.fault(format!("{task:?}, wait {at}, {way:?}: {fault}"));
        }
    }
    campaign.finish();
}

/// The driver's own answer that a wait is over too early, without any hook.
#[test]
fn a_wait_that_the_driver_does_not_end_in_time_is_a_timeout() {
    for blocking in [true, false] {
        let way = Way { blocking, tuned: true };
        let started = Instant::now();
        let outcomes: Vec<_> = (0..5)
            .map(|_| way.run(Runtime::open_on_async(&context(Duration::from_nanos(1)), &BUNDLE, &way.options())))
            .collect();
        let waited = started.elapsed();
        let is_typed = |outcome: &Result<Runtime, Error>| matches!(outcome, Ok(_) | Err(Error::Timeout { .. }));
        assert!(outcomes.iter().all(is_typed), "{outcomes:?}");
        // A wait for work that is done already is no timeout: one open passes many waits.
        assert!(outcomes.iter().any(Result::is_err), "nothing took longer than a nanosecond");
        assert!(waited < Duration::from_secs(60), "{waited:?}");
    }
}

/// The app's own device: nobody tells the runtime that it is lost.
#[test]
fn a_device_of_an_app_that_is_lost_already_is_an_error() {
    listen_for_panics();
    let cache = tempfile::tempdir().unwrap();
    let outcome = without_panic(|| {
        let instance = wgpu::Instance::default();
        let adapter = pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default())).unwrap();
        let required_features = adapter.features() & wgpu::Features::PIPELINE_CACHE;
        let descriptor = wgpu::DeviceDescriptor { required_features, ..Default::default() };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor)).unwrap();
        device.destroy();
        let options = ContextOptions { pipeline_cache: Some(cache.path().into()), ..ContextOptions::default() };
        let opened = Context::from_wgpu_with(adapter, device, queue, &options)
            .and_then(|context| Runtime::open_on(&context, &BUNDLE, &RuntimeOptions::default()));
        match opened {
            Err(Error::Lost { .. }) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    assert_eq!(outcome, Ok(()));
}
