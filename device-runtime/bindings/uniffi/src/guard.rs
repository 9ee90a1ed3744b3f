//! Panics on their way to the app: an error like any other.

use crate::error::NestlingError;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the body of a call; a panic in it becomes an error.
pub fn guard<T>(body: impl FnOnce() -> Result<T, NestlingError>) -> Result<T, NestlingError> {
    // The SDK's locks outlive a panic, and nothing else of a call does.
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| Err(NestlingError::panic(words(payload.as_ref()))))
}

fn words(payload: &(dyn Any + Send)) -> &str {
    let owned = payload.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a panic without words")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_words() {
        let error = guard::<()>(|| panic!("no such {}", "room")).unwrap_err();
        assert!(matches!(&error, NestlingError::Panic { code, .. } if code == "panic"));
        assert!(error.to_string().ends_with("no such room"), "{error}");
        assert_eq!(guard(|| Ok(1)), Ok(1));
    }
}
