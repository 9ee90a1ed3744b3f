//! The exception of the package.

use crate::words::in_python;
use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

create_exception!(
    nestling,
    Error,
    PyException,
    "A call of the runtime failed. The message says what was wrong, where, and what to do.\n\n\
     Attributes:\n    code: stable name of the kind of error, such as \"bundle_damaged\".\n    \
     fastest: after \"below_fastest\", the name of the fastest child; otherwise None.\n    \
     needed_ms: after \"below_fastest\", the milliseconds that it needs; otherwise None."
);

/// Gives the class the attributes that every exception has.
pub fn set_defaults(py: Python<'_>) -> PyResult<()> {
    let class = py.get_type::<Error>();
    class.setattr("code", "unknown")?;
    class.setattr("fastest", py.None())?;
    class.setattr("needed_ms", py.None())
}

/// The exception of an error of the SDK.
pub fn raised(py: Python<'_>, error: impl Into<nestling::Error>) -> PyErr {
    let error = error.into();
    let raised = of_code(py, error.code(), error.to_string());
    if let nestling::Error::BelowFastest { budget, fastest, measured } = &error {
        let value = raised.value(py);
        let both =
            value.setattr("fastest", fastest).and_then(|()| value.setattr("needed_ms", measured.at(budget.quantile).0));
        return both.err().unwrap_or(raised);
    }
    raised
}

/// An exception with a code and a message.
pub fn of_code(py: Python<'_>, code: &str, message: String) -> PyErr {
    let raised = Error::new_err(in_python(&message));
    let set = raised.value(py).setattr("code", code);
    set.err().unwrap_or(raised)
}
