//! Measuring, choosing and governing.

use crate::cancellation::Cancellation;
use crate::error::NestlingError;
use crate::guard::guard;
use crate::listeners::{GovernorListener, ProgressListener};
use crate::options::{Quantile, ThermalHint};
use crate::records::Choice;
use crate::runtime::Runtime;
use crate::work::Watch;
use nestling::{Budget, Governed, GovernorOptions, Millis};
use std::path::PathBuf;
use std::sync::Arc;

/// A governor at one moment.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct GovernorState {
    /// Name of the child that answers next.
    pub child: String,
    /// The budget: 95 of 100 inferences should keep it.
    pub limit_ms: f64,
    /// 95 of 100 of the last inferences took at most that; absent before there are enough.
    pub p95_ms: Option<f64>,
    /// Whether even the fastest child breaks the budget.
    pub is_too_slow: bool,
}

impl From<&nestling::Governor> for GovernorState {
    fn from(governor: &nestling::Governor) -> Self {
        Self {
            child: governor.rung().name.clone(),
            limit_ms: governor.limit().0,
            p95_ms: governor.p95().map(|time| time.0),
            is_too_slow: governor.is_too_slow(),
        }
    }
}

#[uniffi::export]
impl Runtime {
    /// Takes the device profile of a file, or measures this device for about two seconds and stores it there; returns
    /// whether the device was measured.
    ///
    /// A file that is missing, damaged, stale or of another format is replaced, and the old one is kept with `.old`
    /// behind its name. Where a profile is in use already it is only stored: choices refine it, so call this once more
    /// at the end. Other threads should not classify during a measurement. Without a path nothing is stored.
    #[uniffi::method(default(path = None, progress = None, cancellation = None))]
    pub async fn profile(
        &self,
        path: Option<String>,
        progress: Option<Box<dyn ProgressListener>>,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<bool, NestlingError> {
        let runtime = Arc::clone(&self.session.runtime);
        let path = path.map(PathBuf::from);
        let profiled = Watch::new(progress, cancellation).run(async move |report| {
            let report = |progress| report.send(progress);
            Ok(match path {
                Some(path) => runtime.ensure_profile_in_async(&path, Some(&report)).await?,
                None => {
                    let is_measured = runtime.current_profile().is_none();
                    runtime.ensure_profile_with_async(Some(&report)).await?;
                    is_measured
                }
            })
        });
        profiled.await
    }

    /// Makes the most accurate child active that keeps within a budget on this device, as measured now, and ends a
    /// governor's charge. The budget is in milliseconds from image to answer.
    ///
    /// Measures a profile first if there is none; then it takes some tens of milliseconds.
    #[uniffi::method(default(quantile = None, progress = None, cancellation = None))]
    pub async fn choose(
        &self,
        limit_ms: f64,
        quantile: Option<Quantile>,
        progress: Option<Box<dyn ProgressListener>>,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Choice, NestlingError> {
        let session = Arc::clone(&self.session);
        let budget = Budget { limit: Millis(limit_ms), quantile: quantile.unwrap_or(Quantile::P95).into() };
        let chosen = Watch::new(progress, cancellation).run(async move |report| {
            let report = |progress| report.send(progress);
            let choice = session.runtime.choose_async(budget, Some(&report)).await?;
            // A governor that is in charge may have switched meanwhile; its charge ends.
            session.switch_to(&choice)?;
            Ok(Choice::from(&choice))
        });
        chosen.await
    }

    /// Up to `count` budgets in milliseconds from the fastest to the slowest child, each meant for another child.
    /// Measures a profile first if there is none.
    #[uniffi::method(default(count = 3, quantile = None, progress = None, cancellation = None))]
    pub async fn typical_budgets(
        &self,
        count: u32,
        quantile: Option<Quantile>,
        progress: Option<Box<dyn ProgressListener>>,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Vec<f64>, NestlingError> {
        let runtime = Arc::clone(&self.session.runtime);
        let quantile = quantile.unwrap_or(Quantile::P95).into();
        let budgets = Watch::new(progress, cancellation).run(async move |report| {
            runtime.ensure_profile_with_async(Some(&|progress| report.send(progress))).await?;
            let budgets = runtime.typical_budgets_async(count as usize, quantile).await?;
            Ok(budgets.iter().map(|budget| budget.limit.0).collect())
        });
        budgets.await
    }

    /// Puts a governor in charge: from now on a classification may switch, so that 95 of 100 keep within `limitMs`.
    /// `switchTo` and `choose` end its charge.
    ///
    /// Measures a profile first if there is none. A budget that no child keeps is no error: `governor` says so.
    #[uniffi::method(default(listener = None, progress = None, cancellation = None))]
    pub async fn govern(
        &self,
        limit_ms: f64,
        listener: Option<Box<dyn GovernorListener>>,
        progress: Option<Box<dyn ProgressListener>>,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<GovernorState, NestlingError> {
        let session = Arc::clone(&self.session);
        let governing = Watch::new(progress, cancellation).run(async move |report| {
            let report = |progress| report.send(progress);
            let options = GovernorOptions::new(Millis(limit_ms));
            let runtime = Arc::clone(&session.runtime);
            runtime.ensure_profile_with_async(Some(&report)).await?;
            let governed = Governed::new_async(runtime, options).await?;
            let state = GovernorState::from(&governed.governor());
            session.set_governor(governed, listener);
            Ok(state)
        });
        governing.await
    }

    /// The governor's child, budget and times now.
    pub fn governor(&self) -> Result<GovernorState, NestlingError> {
        guard(|| self.session.with_governor(|governed| GovernorState::from(&governed.governor())))
    }

    /// Changes the governor's budget in milliseconds; the old one stays if that is no duration.
    pub fn set_budget(&self, limit_ms: f64) -> Result<(), NestlingError> {
        guard(|| Ok(self.session.with_governor(|governed| governed.set_budget(Millis(limit_ms)))??))
    }

    /// Passes on the thermal state that the system reports; it holds until the next call, also for a governor that comes
    /// later.
    pub fn set_thermal_hint(&self, hint: ThermalHint) {
        self.session.set_thermal_hint(hint.into());
    }

    /// Ends the governor's charge; its child stays the active one.
    pub fn stop_governing(&self) {
        self.session.stop_governing();
    }
}
