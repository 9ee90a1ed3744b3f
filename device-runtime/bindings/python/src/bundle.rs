//! The class `Bundle`.

use crate::error::raised;
use crate::facts::Child;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use std::path::PathBuf;

/// A verified bundle.
#[pyclass(frozen, module = "nestling._native")]
pub struct Bundle {
    bundle: nestling::Bundle,
}

#[pymethods]
impl Bundle {
    /// Opens and verifies a file.
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let bundle = py.detach(|| nestling::Bundle::open(path));
        Ok(Self { bundle: bundle.map_err(|error| raised(py, error))? })
    }

    /// Verifies the bytes of a bundle.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: PyBackedBytes) -> PyResult<Self> {
        let bundle = py.detach(|| nestling::Bundle::from_bytes(&data));
        Ok(Self { bundle: bundle.map_err(|error| raised(py, error))? })
    }

    /// One name a class.
    #[getter]
    fn labels(&self) -> Vec<String> {
        self.bundle.manifest().labels.clone()
    }

    /// The children, fewest multiply-adds first, as dictionaries.
    #[getter]
    fn children(&self) -> Vec<Child> {
        let trained = &self.bundle.manifest().trained;
        let child = |entry: &nestling::ChildEntry| Child::of_bundle(entry, trained.covers(&entry.child));
        self.bundle.children().iter().map(child).collect()
    }

    /// Name of the search space.
    #[getter]
    fn space(&self) -> String {
        self.bundle.space().name.clone()
    }

    /// Length of the file in bytes.
    #[getter]
    fn file_bytes(&self) -> usize {
        self.bundle.file_bytes()
    }

    /// Version of the file's format.
    #[getter]
    fn format(&self) -> u32 {
        self.bundle.format()
    }
}

impl Bundle {
    /// The bundle for the SDK.
    pub fn inner(&self) -> &nestling::Bundle {
        &self.bundle
    }
}
