//! The interface as a C app calls it, from Rust.

#![allow(dead_code, reason = "each test program uses a part")]
#![allow(clippy::unwrap_used, reason = "only tests call this")]

use crate::common::{bundle, coat};
use nestling_c::*;
use std::ffi::{CString, c_char, c_void};
use std::path::Path;
use std::ptr;

/// A runtime of the examples' bundle, freed when dropped.
pub struct Handle(pub *mut nestling_runtime);

// SAFETY: the library never follows the pointer, and any thread may call it.
unsafe impl Send for Handle {}
// SAFETY: the same.
unsafe impl Sync for Handle {}

impl Handle {
    pub fn open() -> Self {
        let (path, mut handle) = (text_of(&bundle()), ptr::null_mut());
        // SAFETY: the path ends with a zero, and the handle is memory for one.
        let status = unsafe { nestling_open(path.as_ptr(), ptr::null(), &mut handle) };
        assert_eq!(status, nestling_status::NESTLING_OK, "{}", last_error());
        Self(handle)
    }

    /// Classifies; the guesses, and the answer.
    pub fn classify(&self, image: &nestling_image) -> Result<(Vec<nestling_guess>, nestling_answer), nestling_status> {
        let mut guesses: Vec<nestling_guess> = Vec::with_capacity(10);
        let mut answer = nestling_answer { count: 0, child: 0, milliseconds: 0.0 };
        // SAFETY: the image's planes are there, and there is room for ten guesses.
        let status = unsafe { nestling_classify(self.0, image, guesses.as_mut_ptr(), 10, &mut answer) };
        if status != nestling_status::NESTLING_OK {
            return Err(status);
        }
        // SAFETY: the library has written so many.
        unsafe { guesses.set_len(answer.count) };
        Ok((guesses, answer))
    }

    /// The most probable class and its score.
    pub fn best(&self, image: &nestling_image) -> (u32, f64) {
        let (guesses, _) = self.classify(image).unwrap_or_else(|status| panic!("{status:?}: {}", last_error()));
        (guesses[0].class_index, guesses[0].score)
    }

    /// Takes a profile; whether the device was measured.
    pub fn ensure_profile(
        &self,
        path: Option<&Path>,
        progress: nestling_progress,
        user: *mut c_void,
    ) -> Result<bool, nestling_status> {
        let path = path.map(text_of);
        let path = path.as_ref().map_or(ptr::null(), |path| path.as_ptr());
        let mut measured = false;
        // SAFETY: the path ends with a zero, and the callers' callbacks take their pointers.
        match unsafe { nestling_ensure_profile(self.0, path, progress, user, &mut measured) } {
            nestling_status::NESTLING_OK => Ok(measured),
            status => Err(status),
        }
    }

    pub fn choose(&self, limit: f64) -> (nestling_status, nestling_choice) {
        let mut choice = nestling_choice {
            child: 77,
            next_faster: 77,
            next_better: 77,
            predicted_ms: 0.0,
            p50_ms: 0.0,
            p90_ms: 0.0,
            p95_ms: 0.0,
            switch_us: 0.0,
        };
        // SAFETY: the choice is memory for one.
        (unsafe { nestling_choose(self.0, limit, 90, &mut choice) }, choice)
    }

    pub fn switch_to(&self, child: u32) -> nestling_status {
        // SAFETY: no time is asked for.
        unsafe { nestling_switch_to(self.0, child, ptr::null_mut()) }
    }

    pub fn active(&self) -> u32 {
        let mut index = 77;
        // SAFETY: the index is memory for one.
        let status = unsafe { nestling_get_active_child(self.0, &mut index) };
        assert_eq!(status, nestling_status::NESTLING_OK);
        index
    }

    pub fn govern(&self, limit: f64) -> nestling_status {
        nestling_govern(self.0, limit)
    }

    /// The governor, if one is in charge.
    pub fn governor(&self) -> Option<nestling_governor> {
        let mut governor = nestling_governor { limit_ms: 0.0, p95_ms: 0.0, child: 77, is_too_slow: false };
        // SAFETY: the governor is memory for one.
        match unsafe { nestling_get_governor(self.0, &mut governor) } {
            nestling_status::NESTLING_OK => Some(governor),
            status => {
                assert_eq!(status, nestling_status::NESTLING_NOT_GOVERNED);
                None
            }
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // A test may have freed it.
        nestling_free(self.0);
    }
}

pub fn last_error() -> String {
    let mut buffer = [0u8; 512];
    // SAFETY: the buffer has so many bytes.
    unsafe { nestling_last_error(buffer.as_mut_ptr().cast::<c_char>(), buffer.len(), ptr::null_mut()) };
    String::from_utf8_lossy(buffer.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}

fn text_of(path: &Path) -> CString {
    CString::new(path.to_str().unwrap()).unwrap()
}

/// The pixels of the example's picture, 28 x 28.
pub fn grey() -> Vec<u8> {
    let file = std::fs::read(coat()).unwrap();
    file[file.len() - 28 * 28..].to_vec()
}

/// An image of 28 x 28 in a format, with these planes and strides.
pub fn image(format: u32, planes: &[(&[u8], u32)]) -> nestling_image {
    let plane = |index: usize| match planes.get(index) {
        Some(&(bytes, stride)) => nestling_plane { bytes: bytes.as_ptr(), length: bytes.len(), stride },
        None => nestling_plane { bytes: ptr::null(), length: 0, stride: 0 },
    };
    nestling_image {
        width: 28,
        height: 28,
        format,
        orientation: 0,
        planes: [plane(0), plane(1), plane(2)],
        pixel_stride: 0,
        matrix: 0,
        range: 0,
    }
}
