use crate::doctor::DeviceWrong;
use crate::self_test::SelfTestError;
use nestling::Error;
use nestling_bundle::atomic_file::WriteError;
use nestling_bundle::file_lock::LockError;
use nestling_bundle::{BundleError, ProfileError};
use nestling_core::accuracy::PredictorError;
use nestling_core::governor::GovernorError;
use nestling_core::image::ImageError;
use nestling_core::names::NameError;
use nestling_core::space::SpaceError;
use nestling_core::weights::OutOfRange;
use nestling_pictures::{IdxError, PictureError};
use serde::{Deserialize, Serialize};

/// An error in a document: a stable code for programs, a message for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The code of the first error of the chain that has one, as `docs/api.md` lists them; otherwise [`Fault::IO`] or
    /// [`Fault::OTHER`].
    pub code: String,
    /// The error and its causes.
    pub message: String,
}

impl Fault {
    /// The code of a file or stream that cannot be read or written, where the error has no code of its own.
    pub const IO: &'static str = "io";
    /// The code of every other error without one of its own.
    pub const OTHER: &'static str = "other";
    /// The code of a fault of the program itself.
    pub const INTERNAL: &'static str = "internal";
    /// The code of a figure above the limit that was set for it.
    pub const GATE: &'static str = "gate_missed";
    /// The code of wrong arguments of a program.
    pub const USAGE: &'static str = "usage";

    /// The error of a call as a document holds it.
    pub fn of(error: &anyhow::Error) -> Self {
        let mut message = String::new();
        for cause in error.chain() {
            let cause = cause.to_string();
            // Some errors repeat their cause in their own words.
            if !message.contains(&cause) {
                message = if message.is_empty() { cause } else { format!("{message}: {cause}") };
            }
        }
        let code = error.chain().find_map(Self::code_of).unwrap_or(Self::OTHER);
        Self { code: code.to_owned(), message }
    }

    /// The code of one error, if it has one. An error of the device's crates gives that of the error inside it.
    pub fn code_of(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
        macro_rules! first_of {
            ($($kind:ty),*) => { None$(.or_else(|| error.downcast_ref::<$kind>().map(<$kind>::code)))* };
        }
        first_of!(Error, BundleError, ProfileError, PictureError, ImageError, SpaceError, IdxError, WriteError)
            .or_else(|| {
                first_of!(LockError, NameError, GovernorError, OutOfRange, PredictorError, SelfTestError, DeviceWrong)
            })
            .or_else(|| error.downcast_ref::<std::io::Error>().map(|_| Self::IO))
    }

    /// One fault for a call in which some of its inputs failed; none if none did.
    pub fn of_inputs<'a>(faults: impl IntoIterator<Item = &'a Self>, inputs: usize) -> Option<Self> {
        let mut faults = faults.into_iter();
        let first = faults.next()?.clone();
        if inputs == 1 {
            return Some(first);
        }
        let message = format!("{} of {inputs} failed; the first: {}", 1 + faults.count(), first.message);
        Some(Self { message, ..first })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;
    use nestling_core::space::Child;

    #[test]
    fn the_code_is_that_of_the_error_under_any_context() {
        let picture = PictureError::Open { path: "a.jpg".into(), source: std::io::ErrorKind::NotFound.into() };
        let error = Err::<(), _>(picture).context("reading the inputs").unwrap_err();
        let fault = Fault::of(&error);
        assert_eq!(fault.code, "picture_open");
        assert!(fault.message.starts_with("reading the inputs: cannot open picture a.jpg"), "{fault:?}");
        let plain = Fault::of(&anyhow::anyhow!("the disk is full"));
        assert_eq!((plain.code.as_str(), plain.message.as_str()), (Fault::OTHER, "the disk is full"));
        let runtime: anyhow::Error = Error::from("r28".parse::<Child>().unwrap_err()).into();
        assert_eq!(Fault::of(&runtime).code, "invalid_child");
        let read = std::fs::read("/no/such/file").context("cannot read /no/such/file").unwrap_err();
        assert_eq!(Fault::of(&read).code, Fault::IO);
    }

    #[test]
    fn failed_inputs_are_counted_and_the_first_is_told() {
        let fault = |code: &str| Fault { code: code.into(), message: format!("{code} happened") };
        assert_eq!(Fault::of_inputs([], 3), None);
        assert_eq!(Fault::of_inputs([&fault("a")], 1), Some(fault("a")));
        let both = Fault::of_inputs([&fault("a"), &fault("b")], 3).unwrap();
        assert_eq!((both.code.as_str(), both.message.as_str()), ("a", "2 of 3 failed; the first: a happened"));
    }
}
