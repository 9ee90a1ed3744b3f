//! Sequences of calls of the library for C: right and wrong handles, lengths, constants and indices, in any order.
//!
//! Pointers are right for the lengths that are given: C cannot check that.

#![allow(
    unsafe_code,
    reason = "functions of C are unsafe; every pointer is of a local or of a buffer of the length given"
)]

use crate::bundle;
use crate::target::Target;
use nestling_c::*;
use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::LazyLock;

pub(crate) const TARGETS: &[Target] = &[Target { name: "c-calls", most: 512, run: calls, seeds, needs_gpu: true }];

/// Most calls of one input.
const MOST_CALLS: usize = 32;

/// A handle that stays open, as a number.
static OPEN: LazyLock<usize> = LazyLock::new(|| {
    let handle = open(&bundle::newest());
    assert!(!handle.is_null(), "the bundle of the tests cannot be opened: is there an adapter?");
    handle as usize
});
/// A handle that was freed.
static FREED: LazyLock<usize> = LazyLock::new(|| {
    let handle = open(&bundle::newest());
    assert!(status(nestling_free(handle)) == 0 && !handle.is_null());
    handle as usize
});

fn status(status: nestling_status) -> i32 {
    status as i32
}

fn open(file: &[u8]) -> *mut nestling_runtime {
    let mut handle = ptr::null_mut();
    // SAFETY: all pointers are of locals; null options are the default ones.
    let _ = unsafe { nestling_open_bytes(file.as_ptr(), file.len(), ptr::null(), &raw mut handle) };
    handle
}

/// The bytes of an input, taken one after the other; zeros at its end.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    fn word(&mut self) -> u32 {
        u32::from_le_bytes([0; 4].map(|_: u8| self.byte()))
    }

    /// Mostly small: those are the numbers that are almost right.
    fn number(&mut self) -> u32 {
        match self.byte() {
            255 => self.word(),
            small => u32::from(small),
        }
    }

    fn handle(&mut self) -> *mut nestling_runtime {
        match self.byte() {
            0 => ptr::null_mut(),
            1 => *FREED as *mut nestling_runtime,
            2 => self.word() as usize as *mut nestling_runtime,
            _ => *OPEN as *mut nestling_runtime,
        }
    }
}

fn calls(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    for _ in 0..MOST_CALLS {
        if choices.0.is_empty() {
            break;
        }
        call(&mut choices);
        let mut text = [1 as c_char; 64];
        let (capacity, mut length) = (choices.number() as usize % 65, 0);
        // SAFETY: the buffer has 64 bytes, at least `capacity`.
        let _ = unsafe { nestling_last_error(text.as_mut_ptr(), capacity, &raw mut length) };
        assert!(text[capacity..].iter().all(|&byte| byte == 1), "it wrote beyond the buffer");
    }
}

fn call(choices: &mut Choices<'_>) {
    let kind = choices.byte() % 12;
    let handle = choices.handle();
    match kind {
        0 | 1 => classify(choices, handle),
        2 => {
            // SAFETY: the time may be null.
            let _ = unsafe { nestling_switch_to(handle, choices.number(), ptr::null_mut()) };
        }
        3 => texts(choices, handle),
        4 => facts(choices, handle),
        5 => {
            let _ = nestling_govern(handle, f64::from(f32::from_bits(choices.word())));
        }
        6 => {
            let _ = nestling_set_thermal_hint(handle, choices.number());
            let _ = nestling_thermal_hint_of_headroom(f32::from_bits(choices.word()));
        }
        7 => {
            // Never the one that stays open.
            if handle as usize != *OPEN {
                assert!(handle.is_null() || status(nestling_free(handle)) != 0, "a wrong handle was freed");
            }
        }
        8 => assert!(!nestling_status_name(choices.word() as i32).is_null()),
        9 => {
            let handle = open(choices.0);
            choices.0 = &[];
            let _ = nestling_free(handle);
        }
        10 => {
            let mut choice = MaybeUninit::uninit();
            // A quantile that is right would measure the device for seconds.
            let quantile = choices.number() | 1 << 20;
            // SAFETY: there is memory for a choice.
            let _ = unsafe {
                nestling_choose(handle, f64::from(f32::from_bits(choices.word())), quantile, choice.as_mut_ptr())
            };
        }
        _ => {
            // SAFETY: null is an error that is told.
            let _ = unsafe { nestling_get_facts(handle, ptr::null_mut()) };
        }
    }
}

fn texts(choices: &mut Choices<'_>, handle: *mut nestling_runtime) {
    let mut text = [1 as c_char; 32];
    let (capacity, mut length) = (choices.number() as usize % 33, 0);
    // SAFETY: the buffer has 32 bytes, at least `capacity`.
    unsafe {
        let _ = nestling_get_adapter(handle, text.as_mut_ptr(), capacity, &raw mut length);
        let _ = nestling_get_label(handle, choices.number(), text.as_mut_ptr(), capacity, &raw mut length);
    }
    assert!(text[capacity..].iter().all(|&byte| byte == 1), "it wrote beyond the buffer");
}

fn facts(choices: &mut Choices<'_>, handle: *mut nestling_runtime) {
    let (mut child, mut facts) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    let (mut governor, mut active) = (MaybeUninit::uninit(), 0);
    // SAFETY: there is memory for each result.
    unsafe {
        let _ = nestling_get_child(handle, choices.number(), child.as_mut_ptr());
        let _ = nestling_get_facts(handle, facts.as_mut_ptr());
        let _ = nestling_get_governor(handle, governor.as_mut_ptr());
        let _ = nestling_get_active_child(handle, &raw mut active);
    }
}

fn classify(choices: &mut Choices<'_>, handle: *mut nestling_runtime) {
    let pixels = [7; 4096];
    let plane = |choices: &mut Choices<'_>| nestling_plane {
        bytes: if choices.byte() == 255 { ptr::null() } else { pixels.as_ptr() },
        length: (choices.number() as usize * 16).min(pixels.len()),
        stride: choices.number(),
    };
    let image = nestling_image {
        width: choices.number(),
        height: choices.number(),
        format: choices.number() % 10,
        orientation: choices.number() % 11,
        planes: [plane(choices), plane(choices), plane(choices)],
        pixel_stride: choices.number(),
        matrix: choices.number() % 3,
        range: choices.number() % 3,
    };
    let mut guesses = [const { MaybeUninit::<nestling_guess>::uninit() }; 4];
    let mut answer = MaybeUninit::uninit();
    let capacity = usize::from(choices.byte() % 5);
    // SAFETY: planes have at most the bytes of `pixels`, and there are four guesses.
    let outcome = unsafe {
        nestling_classify(handle, &raw const image, guesses.as_mut_ptr().cast(), capacity, answer.as_mut_ptr())
    };
    if status(outcome) == 0 {
        // SAFETY: it is written where the call succeeds.
        let answer: nestling_answer = unsafe { answer.assume_init() };
        assert!(answer.count <= capacity && answer.milliseconds >= 0.0);
    }
}

fn seeds() -> Vec<Vec<u8>> {
    // An image of 10 x 10 grey pixels, then each other kind of call.
    let image = [0, 9, 10, 10, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 64];
    (0..12).map(|kind| [&image[..], &[kind, 9, 1, 2, 3, 4]].concat()).collect()
}
