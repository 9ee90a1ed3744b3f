use super::*;
use crate::gpu::block_on;
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

/// A supernet whose fast kernels are still being compiled.
fn preparing(context: &Context) -> Supernet {
    let space = SearchSpace::fashion().validated().unwrap();
    let weights = random_weights(&space, &mut random(22));
    let at_once = EngineOptions { start: Start::Within(Duration::ZERO), ..EngineOptions::default() };
    load(context, &space, &weights, &at_once)
}

#[test]
fn the_thread_of_a_supernet_that_is_dropped_early_has_ended() {
    let context = Context::new(&ContextOptions::default()).unwrap();
    let (first, second) = (preparing(&context), preparing(&context));
    // The second's has not begun: it waits for the first's.
    drop(second);
    drop(first);
    let before = context.counters();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(context.counters(), before, "nothing is made or submitted any more");
}

/// An executor that drops the last owner of a supernet, and of its context, in the waker: on the thread that compiles.
#[test]
fn a_supernet_may_be_dropped_by_the_thread_that_it_owns() {
    use std::sync::{Arc, Mutex, mpsc};
    use std::task::{Wake, Waker};

    struct Dropping(Mutex<Option<(Arc<Supernet>, mpsc::Sender<()>)>>);

    impl Wake for Dropping {
        fn wake(self: Arc<Self>) {
            let (supernet, dropped) = self.0.lock().unwrap().take().unwrap();
            drop(supernet);
            dropped.send(()).unwrap();
        }
    }

    let supernet = Arc::new(preparing(&Context::new(&ContextOptions::default()).unwrap()));
    let (sender, dropped) = mpsc::channel();
    let weak = Arc::downgrade(&supernet);
    let waiting = Arc::clone(&supernet);
    let mut ready = Box::pin(async move { waiting.ready().await });
    let waker = Waker::from(Arc::new(Dropping(Mutex::new(Some((supernet, sender))))));
    let polled = ready.as_mut().poll(&mut std::task::Context::from_waker(&waker));
    assert!(polled.is_pending() || weak.upgrade().unwrap().readiness() == Readiness::Ready);
    if polled.is_pending() {
        drop(ready); // the waker holds the last one
        dropped.recv_timeout(Duration::from_secs(60)).unwrap();
    }
}

/// A kernel that takes long, on a device of any speed.
struct Slow<'a> {
    context: &'a Context,
    pipeline: crate::gpu::ComputePipeline,
    group: crate::gpu::BindGroup,
    dispatches: u32,
}

impl<'a> Slow<'a> {
    const WGSL: &'static str = "
        @group(0) @binding(0) var<storage, read_write> values: array<f32>;
        @compute @workgroup_size(64) fn slow(@builtin(global_invocation_id) id: vec3<u32>) {
            var sum = values[id.x];
            for (var i = 0u; i < 20000u; i++) { sum = sum * 0.99 + sin(sum); }
            values[id.x] = sum;
        }";

    fn new(context: &'a Context) -> Self {
        let ty = wgpu::BufferBindingType::Storage { read_only: false };
        let ty = wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None };
        let visibility = wgpu::ShaderStages::COMPUTE;
        let (groups, layout) =
            context.layout(&[wgpu::BindGroupLayoutEntry { binding: 0, visibility, ty, count: None }]);
        let buffer = context.buffer("slow", 64 * 64 * 4, wgpu::BufferUsages::STORAGE);
        let entry = wgpu::BindGroupEntry { binding: 0, resource: buffer.as_entire_binding() };
        let group = context.bind_group("slow", &groups, &[entry]);
        let pipeline = context.pipeline("slow", &layout, &context.shader("slow", Self::WGSL));
        Self { context, pipeline, group, dispatches: 1 }
    }

    fn run(&self) -> Duration {
        let started = std::time::Instant::now();
        let (submission, verdict) = self.context.guarded("running slowly", || {
            let mut commands = self.context.encoder();
            {
                let mut pass = commands.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                pass.set_pipeline(&self.pipeline);
                pass.set_bind_group(0, &*self.group, &[]);
                (0..self.dispatches).for_each(|_| pass.dispatch_workgroups(64, 1, 1));
            }
            self.context.submit(commands)
        });
        block_on(verdict).unwrap();
        block_on(self.context.settle("running slowly", submission)).unwrap();
        started.elapsed()
    }
}

/// OpenGL lets one thread in at a time, and wgpu panics in a thread that waits for another one for longer than a second.
#[test]
fn the_fast_kernels_come_on_opengl_while_another_thread_keeps_it_busy_for_long() {
    let context = Context::new(&ContextOptions::default().backends(wgpu::Backends::GL));
    if !Feature::OpenGl.can_be_tested(context.is_ok()) {
        return;
    }
    let context = context.unwrap();
    let mut slow = Slow::new(&context);
    slow.run(); // compiles
    while slow.run() < Duration::from_millis(1500) {
        slow.dispatches *= 2;
    }
    let supernet = preparing(&context);
    std::thread::scope(|scope| {
        scope.spawn(|| (0..3).map(|_| slow.run()).max());
        std::thread::sleep(Duration::from_millis(200));
        // Objects are made and dropped meanwhile, too.
        drop(context.buffer("short-lived", 16, wgpu::BufferUsages::STORAGE));
        supernet.wait_until_ready().unwrap();
    });
}
