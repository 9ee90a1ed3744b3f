use super::gate::Gate;
use super::latch::Signal;
use super::{Buffer, Context};
use crate::Error;
#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::latch::End;
use nestling_core::room;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// A fixed number of buffers that results are copied into and read from.
#[derive(Debug)]
pub(crate) struct Staging {
    buffers: Vec<Buffer>,
    gate: Gate,
    bytes: u64,
    free: Mutex<Free>,
}

#[derive(Debug, Default)]
struct Free {
    buffers: Vec<usize>,
    waiting: Vec<Waker>,
}

/// A staging buffer, taken. Goes back when dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    staging: Arc<Staging>,
    index: usize,
    mapped: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Staging {
    pub(crate) fn new(context: &Context, count: usize, bytes: u64) -> Arc<Self> {
        let usage = wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ;
        let buffers = (0..count).map(|_| context.buffer("staging", bytes, usage)).collect();
        let free = Mutex::new(Free { buffers: (0..count).collect(), waiting: Vec::new() });
        Arc::new(Self { buffers, gate: context.gate().clone(), bytes, free })
    }

    /// A single buffer, taken.
    pub(crate) async fn one(context: &Context, action: &str, bytes: u64) -> Result<Lease, Error> {
        let (staging, verdict) = context.guarded(action, || Self::new(context, 1, bytes));
        verdict.await?;
        Ok(staging.take().await)
    }

    /// Bytes of all buffers.
    pub(crate) fn total_bytes(&self) -> u64 {
        self.bytes * self.buffers.len() as u64
    }

    pub(crate) fn try_take(self: &Arc<Self>) -> Option<Lease> {
        let index = lock(&self.free).buffers.pop()?;
        Some(Lease { staging: Arc::clone(self), index, mapped: false })
    }

    /// Waits until one is free.
    pub(crate) async fn take(self: &Arc<Self>) -> Lease {
        poll_fn(|task| {
            let mut free = lock(&self.free);
            match free.buffers.pop() {
                Some(index) => Poll::Ready(Lease { staging: Arc::clone(self), index, mapped: false }),
                None => {
                    free.waiting.push(task.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl Lease {
    pub(crate) fn buffer(&self) -> &wgpu::Buffer {
        &self.staging.buffers[self.index]
    }

    /// Reads the first `bytes` bytes, once `submission` has written them.
    pub(crate) async fn read(
        mut self,
        context: &Context,
        action: &str,
        submission: wgpu::SubmissionIndex,
        bytes: u64,
    ) -> Result<Vec<u8>, Error> {
        let signal = Arc::new(Signal::default());
        // Weak: whoever polls sees that nobody waits any more.
        let done = Arc::downgrade(&signal);
        let refused = |reason: String| Error::Refused { action: action.to_owned(), reason };
        let to_error = {
            let action = action.to_owned();
            move |error: wgpu::BufferAsyncError| Error::Refused { action, reason: error.to_string() }
        };
        self.mapped = true;
        let answer = move |result: Result<(), _>| {
            if let Some(done) = done.upgrade() {
                done.answer(result.map_err(to_error));
            }
        };
        {
            let _inside = context.gate().enter();
            self.buffer().map_async(wgpu::MapMode::Read, 0..bytes, answer);
        }
        #[cfg(not(target_arch = "wasm32"))]
        context.drive(action, submission, &signal, End::Callback)?;
        #[cfg(target_arch = "wasm32")]
        let _watch = context.drive(action, submission, &signal)?;
        if let Err(error) = signal.wait().await {
            return Err(context.blamed(error));
        }
        let _inside = context.gate().enter();
        let view =
            self.buffer().get_mapped_range(0..bytes).map_err(|error| context.blamed(refused(error.to_string())))?;
        let values = room::copied(&view);
        drop(view);
        Ok(values?)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.mapped {
            let _inside = self.staging.gate.enter();
            self.buffer().unmap(); // also cancels a mapping that is still pending
        }
        let mut free = lock(&self.staging.free);
        free.buffers.push(self.index);
        // All of them: one may belong to a future that was dropped meanwhile.
        free.waiting.drain(..).for_each(Waker::wake);
    }
}
