//! The error of every call.

use crate::records::Latency;
use crate::words::in_apps;
use nestling::{Error, ImageError, PictureError, ProfileError};
use uniffi::UnexpectedUniFFICallbackError;

/// A call failed. `code` is a stable name of the kind of error, the same in every language of the SDK; `text` says what
/// was wrong, where, and what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error, uniffi::Error)]
#[non_exhaustive]
pub enum NestlingError {
    /// No GPU serves, or it failed in another way than those below.
    #[error("{text}")]
    Gpu {
        /// Stable name.
        code: String,
        /// The fault and its remedy.
        text: String,
    },
    /// The GPU is gone or hangs: close the runtime and open another one.
    #[error("{text}")]
    DeviceLost {
        /// `device_lost` or `timeout`.
        code: String,
        /// The fault and its remedy.
        text: String,
    },
    /// The bundle cannot be read, is damaged, or is of another version.
    #[error("{text}")]
    Bundle {
        /// Stable name, such as `bundle_damaged`.
        code: String,
        /// The fault and its remedy.
        text: String,
    },
    /// The file of a profile cannot be used.
    #[error("{text}")]
    Profile {
        /// Stable name, such as `profile_write`.
        code: String,
        /// The fault and its remedy.
        text: String,
    },
    /// The profile was measured, is in use, and could not be stored.
    #[error("{text}")]
    ProfileNotStored {
        /// `profile_write`.
        code: String,
        /// The fault and its remedy.
        text: String,
    },
    /// Another call measures or chooses.
    #[error("{text}")]
    Busy {
        /// `busy`.
        code: String,
        /// The fault and its remedy.
        text: String,
    },
    /// The budget does not even fit the fastest child. The active child stays.
    #[error("{text}")]
    BelowFastest {
        /// `below_fastest`.
        code: String,
        /// The fault and its remedy.
        text: String,
        /// Name of the fastest child.
        fastest: String,
        /// Milliseconds that it needs, at the quantile that was asked for.
        needed_ms: f64,
        /// Its measured times.
        measured: Latency,
    },
    /// The budget is no duration.
    #[error("{text}")]
    InvalidBudget {
        /// `invalid_budget` or `governor_no_duration`.
        code: String,
        /// The fault and its remedy.
        text: String,
    },
    /// No child of that name ships.
    #[error("{text}")]
    UnknownChild {
        /// `unknown_child`.
        code: String,
        /// The fault and its remedy.
        text: String,
        /// The name that was given.
        name: String,
    },
    /// The image needs a larger `max_image_side`.
    #[error("{text}")]
    ImageTooLarge {
        /// `image_too_large`.
        code: String,
        /// The fault and its remedy.
        text: String,
        /// The side that is large enough.
        side: u32,
        /// The side that the runtime was opened with.
        max: u32,
    },
    /// Pixels, strides or a rotation that cannot be.
    #[error("{text}")]
    Image {
        /// Stable name, such as `image_stride`.
        code: String,
        /// The fault and its remedy.
        text: String,
    },
    /// A file that is no picture, or a damaged one.
    #[error("{text}")]
    Picture {
        /// Stable name, such as `picture_format`.
        code: String,
        /// The fault and its remedy.
        text: String,
    },
    /// An argument that cannot be.
    #[error("{text}")]
    InvalidArgument {
        /// `invalid_argument`.
        code: String,
        /// The fault and its remedy.
        text: String,
    },
    /// No governor is in charge.
    #[error("{text}")]
    NotGoverned {
        /// `not_governed`.
        code: String,
        /// The fault and its remedy.
        text: String,
    },
    /// The call was cancelled.
    #[error("{text}")]
    Cancelled {
        /// `cancelled`.
        code: String,
        /// The fault and its remedy.
        text: String,
    },
    /// A listener of the app failed, which ended the call.
    #[error("{text}")]
    Listener {
        /// `listener`.
        code: String,
        /// The words of its error.
        text: String,
    },
    /// A defect in the library.
    #[error("{text}")]
    Panic {
        /// `panic`.
        code: String,
        /// The fault.
        text: String,
    },
    /// Every other error.
    #[error("{text}")]
    Other {
        /// Stable name.
        code: String,
        /// The fault and its remedy.
        text: String,
    },
}

/// Kinds of failures that are not the SDK's.
enum Own {
    InvalidArgument,
    NotGoverned,
    Cancelled,
    Listener,
    Panic,
    NoThread,
}

impl Own {
    /// Stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidArgument => "invalid_argument",
            Self::NotGoverned => "not_governed",
            Self::Cancelled => "cancelled",
            Self::Listener => "listener",
            Self::Panic => "panic",
            Self::NoThread => "no_thread",
        }
    }
}

impl NestlingError {
    /// An argument that cannot be.
    pub fn argument(text: impl Into<String>) -> Self {
        Self::InvalidArgument { code: Own::InvalidArgument.code().to_owned(), text: text.into() }
    }

    /// No governor is in charge.
    pub fn not_governed() -> Self {
        let text = "no governor is in charge: call `govern` first".to_owned();
        Self::NotGoverned { code: Own::NotGoverned.code().to_owned(), text }
    }

    /// The app cancelled the call.
    pub fn cancelled() -> Self {
        Self::Cancelled { code: Own::Cancelled.code().to_owned(), text: "the call was cancelled by the app".to_owned() }
    }

    /// A panic of the library.
    pub fn panic(words: &str) -> Self {
        let text = format!("a defect in the library, please report it: {words}");
        Self::Panic { code: Own::Panic.code().to_owned(), text }
    }

    /// The system gives no thread.
    pub fn no_thread(error: &std::io::Error) -> Self {
        let text = format!("the system gives no thread: {error}; end other work of the app");
        Self::Other { code: Own::NoThread.code().to_owned(), text }
    }

    /// An error of the SDK that has no fields, by its code.
    fn plain(code: &str, text: String) -> Self {
        let code = code.to_owned();
        match code.as_str() {
            "no_adapter" | "ambiguous_adapter" | "no_device" | "missing_limit" | "out_of_gpu_memory"
            | "gpu_refused" | "fast_kernels" | "no_arithmetic" | "self_test" | "not_finite" => Self::Gpu { code, text },
            "device_lost" | "timeout" => Self::DeviceLost { code, text },
            "busy" => Self::Busy { code, text },
            "invalid_budget" | "governor_no_duration" => Self::InvalidBudget { code, text },
            _ if code.starts_with("bundle_") => Self::Bundle { code, text },
            _ if code.starts_with("profile_") => Self::Profile { code, text },
            _ if code.starts_with("image_") => Self::Image { code, text },
            _ if code.starts_with("picture_") => Self::Picture { code, text },
            _ => Self::Other { code, text },
        }
    }
}

impl From<Error> for NestlingError {
    fn from(error: Error) -> Self {
        let (code, text) = (error.code().to_owned(), in_apps(&error.to_string()));
        match error {
            Error::BelowFastest { budget, fastest, measured } => {
                let needed_ms = measured.at(budget.quantile).0;
                Self::BelowFastest { code, text, fastest, needed_ms, measured: measured.into() }
            }
            Error::UnknownChild { name, .. } => Self::UnknownChild { code, text, name },
            Error::ImageTooLarge { side, max } => Self::ImageTooLarge { code, text, side, max },
            Error::Profile(ProfileError::Write { .. }) => Self::ProfileNotStored { code, text },
            _ => Self::plain(&code, text),
        }
    }
}

impl From<ImageError> for NestlingError {
    fn from(error: ImageError) -> Self {
        Error::from(error).into()
    }
}

impl From<PictureError> for NestlingError {
    fn from(error: PictureError) -> Self {
        Self::plain(error.code(), in_apps(&error.to_string()))
    }
}

impl From<UnexpectedUniFFICallbackError> for NestlingError {
    fn from(error: UnexpectedUniFFICallbackError) -> Self {
        Self::Listener { code: Own::Listener.code().to_owned(), text: error.reason }
    }
}
