//! Failures on their way to the caller: a status, and a text that the thread keeps.

use crate::status::nestling_status;
use crate::words::in_c;
use nestling::{Error, ImageError};
use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A failed call.
#[derive(Debug)]
pub struct Fault {
    pub status: nestling_status,
    pub text: String,
}

impl Fault {
    pub fn new(status: nestling_status, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    /// A value of the caller that is out of its range.
    pub fn argument(text: impl Into<String>) -> Self {
        Self::new(nestling_status::NESTLING_INVALID_ARGUMENT, text)
    }

    fn of_sdk(code: &str, text: &str) -> Self {
        let text = in_c(text);
        match nestling_status::of_code(code) {
            Some(status) => Self { status, text },
            None => Self::new(nestling_status::NESTLING_UNKNOWN_ERROR, format!("{code}: {text}")),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::of_sdk(error.code(), &error.to_string())
    }
}

impl From<ImageError> for Fault {
    fn from(error: ImageError) -> Self {
        Error::from(error).into()
    }
}

thread_local! {
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The text of this thread's last failure; empty if none failed.
pub fn last() -> String {
    LAST.try_with(|last| last.borrow().clone()).unwrap_or_default()
}

/// Runs the body of a function of the interface; keeps the text of its failure. No panic leaves it.
pub fn call(body: impl FnOnce() -> Result<(), Fault>) -> nestling_status {
    let fault = match caught(body) {
        Ok(()) => return nestling_status::NESTLING_OK,
        Err(fault) => fault,
    };
    // A thread that is ending keeps no text.
    let _ = LAST.try_with(|last| *last.borrow_mut() = fault.text);
    fault.status
}

/// Runs a body; a panic in it becomes a fault.
pub fn caught<T>(body: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    // The SDK's locks outlive a panic, and nothing else of a call does.
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| {
        let text = format!("a defect in the library, please report it: {}", words(payload.as_ref()));
        Err(Fault::new(nestling_status::NESTLING_PANIC, text))
    })
}

fn words(payload: &(dyn Any + Send)) -> &str {
    let owned = payload.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a panic without words")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_status_and_leaves_its_words() {
        assert_eq!(call(|| panic!("number {}", 7)), nestling_status::NESTLING_PANIC);
        assert!(last().ends_with("please report it: number 7"), "{}", last());
        assert_eq!(call(|| std::panic::panic_any(7)), nestling_status::NESTLING_PANIC);
        assert!(last().ends_with("a panic without words"), "{}", last());
        assert_eq!(call(|| Ok(())), nestling_status::NESTLING_OK);
        assert!(last().ends_with("a panic without words"), "a success keeps the text");
    }

    #[test]
    fn each_thread_has_its_own_text() {
        call(|| Err(Fault::argument("mine")));
        std::thread::spawn(|| assert_eq!(last(), "")).join().unwrap();
        assert_eq!(last(), "mine");
    }

    #[test]
    fn an_error_of_a_later_sdk_has_a_status_too() {
        let fault = Fault::of_sdk("brand_new", "something new");
        assert_eq!(
            (fault.status, fault.text.as_str()),
            (nestling_status::NESTLING_UNKNOWN_ERROR, "brand_new: something new")
        );
        // Names of this library's own statuses are no codes of the SDK.
        assert_eq!(Fault::of_sdk("panic", "").status, nestling_status::NESTLING_UNKNOWN_ERROR);
    }
}
