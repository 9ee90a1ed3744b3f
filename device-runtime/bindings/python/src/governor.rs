//! The class `Governor`.

use crate::error::raised;
use crate::facts::{Answered, Governing};
use crate::image::Image;
use crate::options::thermal_hint;
use nestling::{Governed, Millis, Runtime};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

/// A runtime that switches by itself to keep a budget.
#[pyclass(frozen, module = "nestling._native")]
pub struct Governor {
    shared: Arc<Charge>,
}

/// A governor until it is closed, by itself or with its runtime.
pub struct Charge(RwLock<Option<Arc<Governed<Arc<Runtime>>>>>);

impl Charge {
    /// Takes it; calls that have begun keep it until they end, and switch no more.
    pub fn close(&self) {
        let governed = self.0.write().unwrap_or_else(PoisonError::into_inner).take();
        governed.iter().for_each(|governed| governed.retire());
    }

    fn get(&self) -> PyResult<Arc<Governed<Arc<Runtime>>>> {
        let governed = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        governed.ok_or_else(|| PyValueError::new_err("the governor is closed: call Runtime.govern again"))
    }
}

impl Governor {
    /// Makes it of the SDK's.
    pub fn new(governed: Governed<Arc<Runtime>>) -> Self {
        Self { shared: Arc::new(Charge(RwLock::new(Some(Arc::new(governed))))) }
    }

    /// The part that its runtime closes.
    pub fn shared(&self) -> &Arc<Charge> {
        &self.shared
    }
}

#[pymethods]
impl Governor {
    /// Classifies with its child and takes the time into account.
    fn classify(&self, py: Python<'_>, image: &Bound<'_, Image>, top: usize) -> PyResult<Answered> {
        let (governed, image) = (self.shared.get()?, image.get());
        let outcome = py.detach(|| {
            let started = Instant::now();
            let answer = governed.classify(image.view()?)?;
            let answered = Answered::of(&answer, started, top, governed.runtime());
            // Perhaps the last owner, which waits for threads.
            drop(governed);
            Ok::<_, nestling::Error>(answered)
        });
        outcome.map_err(|error| raised(py, error))
    }

    /// Changes the limit in milliseconds.
    fn set_budget(&self, py: Python<'_>, limit_ms: f64) -> PyResult<()> {
        self.shared.get()?.set_budget(Millis(limit_ms)).map_err(|error| raised(py, error))
    }

    /// Sets the thermal state that the system reports.
    fn set_thermal_hint(&self, hint: &str) -> PyResult<()> {
        self.shared.get()?.set_thermal_hint(thermal_hint(hint)?);
        Ok(())
    }

    /// Its child, limit and times now, as a dictionary.
    #[getter]
    fn state(&self) -> PyResult<Governing> {
        Ok(Governing::from(&self.shared.get()?.governor()))
    }

    /// Whether it was closed.
    #[getter]
    fn is_closed(&self) -> bool {
        self.shared.get().is_err()
    }

    /// Ends its charge; its child stays the active one.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.shared.close());
    }
}
