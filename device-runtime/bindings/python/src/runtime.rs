//! The class `Runtime`, and all open ones.

use crate::bundle::Bundle;
use crate::error::raised;
use crate::facts::{Adapter, Answered, Child, Chosen};
use crate::governor::{Charge, Governor};
use crate::image::Image;
use crate::interruption;
use crate::options::{Options, quantile};
use nestling::{Budget, Error, Governed, GovernorOptions, Millis, PictureOptions};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

/// A bundle on a GPU.
#[pyclass(frozen, module = "nestling._native")]
pub struct Runtime {
    session: Arc<Session>,
    reads_whole_pictures: bool,
}

/// A runtime until it is closed, and its governors.
#[derive(Default)]
struct Session(Mutex<Open>);

#[derive(Default)]
struct Open {
    runtime: Option<Arc<nestling::Runtime>>,
    governors: Vec<Weak<Charge>>,
}

/// Runtimes that the end of the process closes.
static SESSIONS: Mutex<Vec<Weak<Session>>> = Mutex::new(Vec::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Session {
    fn open(runtime: nestling::Runtime) -> Arc<Self> {
        let session = Arc::new(Self(Mutex::new(Open { runtime: Some(Arc::new(runtime)), ..Open::default() })));
        let mut sessions = lock(&SESSIONS);
        sessions.retain(|one| one.strong_count() > 0);
        sessions.push(Arc::downgrade(&session));
        session
    }

    fn get(&self) -> PyResult<Arc<nestling::Runtime>> {
        lock(&self.0).runtime.clone().ok_or_else(|| PyValueError::new_err("the runtime is closed: open another one"))
    }

    /// Calls that have begun keep the runtime until they end.
    fn close(&self) {
        let Open { runtime, governors } = std::mem::take(&mut *lock(&self.0));
        governors.iter().filter_map(Weak::upgrade).for_each(|governor| governor.close());
        drop(runtime);
    }

    /// Keeps a governor's part to close it; one that came too late is closed at once.
    fn keep(&self, governor: &Arc<Charge>) {
        let mut open = lock(&self.0);
        if open.runtime.is_none() {
            drop(open);
            return governor.close();
        }
        open.governors.retain(|one| one.strong_count() > 0);
        open.governors.push(Arc::downgrade(governor));
    }
}

impl Runtime {
    /// Calls the SDK without the interpreter's lock.
    fn call<T: Send>(
        &self,
        py: Python<'_>,
        action: impl FnOnce(&nestling::Runtime) -> Result<T, Error> + Send,
    ) -> PyResult<T> {
        let runtime = self.session.get()?;
        let outcome = py.detach(|| {
            let outcome = action(&runtime);
            // Perhaps the last owner, which waits for threads.
            drop(runtime);
            outcome
        });
        outcome.map_err(|error| raised(py, error))
    }
}

#[pymethods]
impl Runtime {
    /// Opens an adapter and uploads the bundle; `options` is a dictionary with every option.
    #[new]
    fn new(py: Python<'_>, bundle: &Bound<'_, Bundle>, options: Options) -> PyResult<Self> {
        let (bundle, options) = (bundle.get().inner(), options.read()?);
        let reads_whole_pictures = PictureOptions::for_fit(bundle.manifest().preprocessing.fit).whole;
        let runtime = py.detach(|| nestling::Runtime::open(bundle, &options));
        let session = Session::open(runtime.map_err(|error| raised(py, error))?);
        Ok(Self { session, reads_whole_pictures })
    }

    /// The adapter that really runs, as a dictionary.
    #[getter]
    fn adapter(&self) -> PyResult<Adapter> {
        Ok(Adapter::from(self.session.get()?.adapter()))
    }

    /// Kernels that this device gets wrong, each with the one that runs in its place.
    #[getter]
    fn replaced(&self) -> PyResult<Vec<String>> {
        Ok(self.session.get()?.replaced().iter().map(ToString::to_string).collect())
    }

    /// The children, fewest multiply-adds first, with the times of the profile.
    #[getter]
    fn children(&self) -> PyResult<Vec<Child>> {
        Ok(Child::of_runtime(&*self.session.get()?))
    }

    /// Name of the child that answers; `None` if it does not ship.
    #[getter]
    fn active(&self) -> PyResult<Option<String>> {
        Ok(self.session.get()?.active().name().map(str::to_owned))
    }

    /// Whether the bundle's fit reads more of a picture than its centred square.
    #[getter]
    fn reads_whole_pictures(&self) -> bool {
        self.reads_whole_pictures
    }

    /// Whether a profile is in use.
    #[getter]
    fn has_profile(&self) -> PyResult<bool> {
        Ok(self.session.get()?.current_profile().is_some())
    }

    /// Takes the profile of a file or measures one and stores it; returns whether it was measured.
    fn profile(&self, py: Python<'_>, path: Option<PathBuf>, progress: Option<Py<PyAny>>) -> PyResult<bool> {
        let runtime = self.session.get()?;
        interruption::run(py, progress, async move |report| match &path {
            Some(path) => runtime.ensure_profile_in_async(path, Some(report)).await,
            None => {
                let is_measured = runtime.current_profile().is_none();
                runtime.ensure_profile_with_async(Some(report)).await.map(|_| is_measured)
            }
        })
    }

    /// The most accurate child within a budget, as a dictionary; it becomes the active one.
    fn choose(
        &self,
        py: Python<'_>,
        limit_ms: f64,
        quantile_percent: u32,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Chosen> {
        let budget = Budget { limit: Millis(limit_ms), quantile: quantile(quantile_percent)? };
        let runtime = self.session.get()?;
        let choice =
            interruption::run(py, progress, async move |report| runtime.choose_async(budget, Some(report)).await)?;
        Ok(Chosen::from(&choice))
    }

    /// Up to `count` budgets in milliseconds, each meant for another child.
    fn typical_budgets(&self, py: Python<'_>, count: usize, quantile_percent: u32) -> PyResult<Vec<f64>> {
        let quantile = quantile(quantile_percent)?;
        let budgets = self.call(py, |runtime| runtime.typical_budgets(count, quantile))?;
        Ok(budgets.iter().map(|budget| budget.limit.0).collect())
    }

    /// Makes a child the active one; returns the microseconds that it took.
    fn switch_to(&self, py: Python<'_>, child: &str) -> PyResult<f64> {
        let took = self.session.get()?.switch_to(child).map_err(|error| raised(py, error))?;
        Ok(took.as_secs_f64() * 1e6)
    }

    /// Classifies with the active child.
    fn classify(&self, py: Python<'_>, image: &Bound<'_, Image>, top: usize) -> PyResult<Answered> {
        let image = image.get();
        self.call(py, |runtime| {
            let started = Instant::now();
            Ok(Answered::of(&runtime.classify(image.view()?)?, started, top, runtime))
        })
    }

    /// The active child's raw output, one value a class.
    fn logits(&self, py: Python<'_>, image: &Bound<'_, Image>) -> PyResult<Vec<f32>> {
        let image = image.get();
        self.call(py, |runtime| runtime.logits(image.view()?))
    }

    /// Puts a governor in charge of a budget in milliseconds.
    fn govern(&self, py: Python<'_>, limit_ms: f64, progress: Option<Py<PyAny>>) -> PyResult<Governor> {
        let runtime = self.session.get()?;
        let governed = interruption::run(py, progress, async move |report| {
            runtime.ensure_profile_with_async(Some(report)).await?;
            Governed::new_async(runtime, GovernorOptions::new(Millis(limit_ms))).await
        })?;
        let governor = Governor::new(governed);
        py.detach(|| self.session.keep(governor.shared()));
        Ok(governor)
    }

    /// Whether it was closed.
    #[getter]
    fn is_closed(&self) -> bool {
        self.session.get().is_err()
    }

    /// Frees the GPU, and ends the charge of its governors.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.session.close());
    }
}

/// Closes every runtime: the process ends.
#[pyfunction]
pub fn close_all(py: Python<'_>) {
    py.detach(|| {
        let sessions: Vec<Arc<Session>> = lock(&SESSIONS).drain(..).filter_map(|one| one.upgrade()).collect();
        sessions.iter().for_each(|session| session.close());
    });
}
