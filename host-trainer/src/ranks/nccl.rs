//! Sums on NVIDIA GPUs by NCCL's C interface, which comes with libtorch's CUDA half and needs no headers.

#![allow(unsafe_code)] // calls NCCL and CUDA by their C interfaces; reasons at each

use libloading::os::unix::Library;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::time::{Duration, Instant};
use tch::{Kind, Tensor};

/// `ncclSuccess` and `cudaSuccess`.
const SUCCESS: c_int = 0;
/// `cudaErrorNotReady`.
const NOT_READY: c_int = 600;
/// `ncclFloat32`.
const FLOAT32: c_int = 7;
/// `ncclSum`.
const SUM: c_int = 0;
/// Time between two looks at the stream.
const POLL: Duration = Duration::from_micros(50);

/// `ncclUniqueId`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct UniqueId([u8; 128]);

/// The functions of NCCL and CUDA, by the signatures of nccl.h (2.4 and later) and cuda_runtime_api.h.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calls {
    pub set_device: unsafe extern "C" fn(c_int) -> c_int,
    pub query_stream: unsafe extern "C" fn(*mut c_void) -> c_int,
    pub unique_id: unsafe extern "C" fn(*mut UniqueId) -> c_int,
    pub join: unsafe extern "C" fn(*mut *mut c_void, c_int, UniqueId, c_int) -> c_int,
    pub all_reduce:
        unsafe extern "C" fn(*const c_void, *mut c_void, usize, c_int, c_int, *mut c_void, *mut c_void) -> c_int,
    pub async_error: unsafe extern "C" fn(*mut c_void, *mut c_int) -> c_int,
    pub abort: unsafe extern "C" fn(*mut c_void) -> c_int,
    pub error_text: unsafe extern "C" fn(c_int) -> *const c_char,
}

impl Calls {
    /// The functions, where libtorch's CUDA half was loaded with the libraries that it needs.
    pub fn loaded() -> Option<Self> {
        let process = Library::this();
        // SAFETY: each name has the signature of its field in every version of NCCL 2 and CUDA 11 to 13.
        unsafe {
            Some(Self {
                set_device: *process.get(b"cudaSetDevice\0").ok()?,
                query_stream: *process.get(b"cudaStreamQuery\0").ok()?,
                unique_id: *process.get(b"ncclGetUniqueId\0").ok()?,
                join: *process.get(b"ncclCommInitRank\0").ok()?,
                all_reduce: *process.get(b"ncclAllReduce\0").ok()?,
                async_error: *process.get(b"ncclCommGetAsyncError\0").ok()?,
                abort: *process.get(b"ncclCommAbort\0").ok()?,
                error_text: *process.get(b"ncclGetErrorString\0").ok()?,
            })
        }
    }

    fn check(&self, result: c_int) -> Result<(), String> {
        if result == SUCCESS {
            return Ok(());
        }
        // SAFETY: takes any number, and returns a constant text or null.
        let text = unsafe { (self.error_text)(result) };
        // SAFETY: not null, a constant text of NCCL that ends with a zero.
        let text = (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned());
        Err(format!("NCCL: {}", text.unwrap_or_else(|| format!("error {result}"))))
    }

    /// A new name of a communicator, which rank 0 makes and all others get.
    pub fn new_id(&self) -> Result<Vec<u8>, String> {
        let mut id = UniqueId([0; 128]);
        // SAFETY: `id` is live and has the size of nccl.h.
        self.check(unsafe { (self.unique_id)(&mut id) })?;
        Ok(id.0.to_vec())
    }
}

/// The communicator of this rank.
#[derive(Debug)]
pub(super) struct Nccl {
    calls: Calls,
    communicator: *mut c_void,
}

// SAFETY: NCCL takes calls from any one thread at a time: `Ranks` holds the value behind a lock.
unsafe impl Send for Nccl {}

impl Nccl {
    /// Joins the communicator `id` with this process's GPU; waits for all ranks.
    pub fn join(calls: Calls, id: &[u8], rank: u32, ranks: u32, device: usize) -> Result<Self, String> {
        let id = UniqueId(id.try_into().map_err(|_| format!("NCCL's name of the group has {} bytes", id.len()))?);
        let mut communicator = std::ptr::null_mut();
        // SAFETY: `communicator` is live; the numbers are those of this rank.
        unsafe {
            calls.check((calls.set_device)(device as c_int))?;
            calls.check((calls.join)(&mut communicator, ranks as c_int, id, rank as c_int))?;
        }
        Ok(Self { calls, communicator })
    }

    /// Adds the f32 tensors of all ranks in place, behind the work that this thread gave to the GPU before.
    pub fn sum(&self, tensor: &Tensor, timeout: Duration) -> Result<(), String> {
        if tensor.kind() != Kind::Float || !tensor.is_contiguous() {
            return Err(format!("NCCL sums contiguous f32, not {:?}", tensor.kind()));
        }
        let (data, count) = (tensor.data_ptr(), tensor.numel());
        // libtorch works on the default stream, which is null: the sum comes after the gradient and before the update.
        let stream = std::ptr::null_mut();
        // SAFETY: the tensor has `count` f32 on the GPU and lives until the stream is done, which is waited for below.
        let queued = unsafe { (self.calls.all_reduce)(data, data, count, FLOAT32, SUM, self.communicator, stream) };
        self.calls.check(queued)?;
        let started = Instant::now();
        loop {
            // SAFETY: the default stream always exists.
            match unsafe { (self.calls.query_stream)(stream) } {
                SUCCESS => return Ok(()),
                NOT_READY => {}
                error => return Err(format!("CUDA: error {error}")),
            }
            let mut error = SUCCESS;
            // SAFETY: the communicator lives, `error` is live.
            self.calls.check(unsafe { (self.calls.async_error)(self.communicator, &mut error) })?;
            self.calls.check(error)?;
            if started.elapsed() > timeout {
                return Err(format!("NCCL: no answer in {} s", timeout.as_secs()));
            }
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for Nccl {
    fn drop(&mut self) {
        // Not destroyed but aborted: destroying waits for the others, which may be gone.
        // SAFETY: made by `join`, and dropped once.
        unsafe { (self.calls.abort)(self.communicator) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI32, Ordering};

    /// Looks at the stream until it is done; below 0: never.
    static QUERIES: AtomicI32 = AtomicI32::new(0);
    static ASYNC_ERROR: AtomicI32 = AtomicI32::new(0);

    unsafe extern "C" fn set_device(device: c_int) -> c_int {
        i32::from(device == 3)
    }
    unsafe extern "C" fn query(stream: *mut c_void) -> c_int {
        let left = QUERIES.load(Ordering::Relaxed);
        if left > 0 {
            QUERIES.store(left - 1, Ordering::Relaxed);
        }
        if !stream.is_null() {
            1
        } else if left == 0 {
            SUCCESS
        } else {
            NOT_READY
        }
    }
    unsafe extern "C" fn unique_id(id: *mut UniqueId) -> c_int {
        // SAFETY: the caller's.
        unsafe { (*id).0 = std::array::from_fn(|at| at as u8) };
        SUCCESS
    }
    unsafe extern "C" fn join(to: *mut *mut c_void, ranks: c_int, id: UniqueId, rank: c_int) -> c_int {
        if id.0[127] != 127 || (ranks, rank) != (2, 1) {
            return 4;
        }
        // SAFETY: the caller's.
        unsafe { *to = 8 as *mut c_void };
        SUCCESS
    }
    unsafe extern "C" fn all_reduce(
        from: *const c_void,
        to: *mut c_void,
        count: usize,
        kind: c_int,
        operation: c_int,
        communicator: *mut c_void,
        stream: *mut c_void,
    ) -> c_int {
        if !std::ptr::eq(from, to) || (kind, operation, communicator as usize) != (7, 0, 8) || !stream.is_null() {
            return 4;
        }
        // SAFETY: the test's tensor is on the processor. Another rank has the same values.
        unsafe { std::slice::from_raw_parts_mut(to.cast::<f32>(), count) }.iter_mut().for_each(|value| *value *= 2.0);
        SUCCESS
    }
    unsafe extern "C" fn async_error(_: *mut c_void, error: *mut c_int) -> c_int {
        // SAFETY: the caller's.
        unsafe { *error = ASYNC_ERROR.load(Ordering::Relaxed) };
        SUCCESS
    }
    unsafe extern "C" fn abort(communicator: *mut c_void) -> c_int {
        i32::from(communicator as usize != 8)
    }
    unsafe extern "C" fn error_text(error: c_int) -> *const c_char {
        if error == 6 { c"remote process exited or there was a network error".as_ptr() } else { std::ptr::null() }
    }

    fn stand_in() -> Calls {
        Calls { set_device, query_stream: query, unique_id, join, all_reduce, async_error, abort, error_text }
    }

    /// The order of calls and their arguments, beside a stand-in: no GPU is needed, and none is tested.
    #[test]
    fn sums_wait_for_the_stream_and_end_with_ncclss_errors() {
        crate::torch::initialise();
        let id = stand_in().new_id().unwrap();
        let wrong = Nccl::join(stand_in(), &id, 1, 2, 3).unwrap_err();
        assert_eq!(wrong, "NCCL: error 1");
        assert!(Nccl::join(stand_in(), &id[1..], 1, 2, 0).unwrap_err().contains("127 bytes"));
        let nccl = Nccl::join(stand_in(), &id, 1, 2, 0).unwrap();
        let tensor = Tensor::from_slice(&[1.0f32, -2.5]);
        QUERIES.store(3, Ordering::Relaxed);
        nccl.sum(&tensor, Duration::from_secs(9)).unwrap();
        assert_eq!((Vec::<f32>::try_from(&tensor).unwrap(), QUERIES.load(Ordering::Relaxed)), (vec![2.0, -5.0], 0));
        QUERIES.store(-1, Ordering::Relaxed);
        let late = nccl.sum(&tensor, Duration::from_millis(5)).unwrap_err();
        assert!(late.contains("no answer"), "{late}");
        ASYNC_ERROR.store(6, Ordering::Relaxed);
        let lost = nccl.sum(&tensor, Duration::from_secs(9)).unwrap_err();
        assert_eq!(lost, "NCCL: remote process exited or there was a network error");
        assert!(nccl.sum(&Tensor::from_slice(&[1i64]), Duration::ZERO).is_err());
    }
}
