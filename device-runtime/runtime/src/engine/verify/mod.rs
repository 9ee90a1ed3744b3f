//! A loaded supernet beside the definitions: its kernels, its resize, and its answers again and again.
//!
//! This folder may use [`run`](super::run), [`trial`](super::trial) and all that those may use.

mod repeats;
mod resize;

use crate::Error;
use crate::engine::plan::{EngineOptions, Planner, Traits};
use crate::engine::resources::{Common, Pipelines};
use crate::engine::run::Supernet;
use crate::engine::trial::{Bench, Check, LARGEST, check_kernels, check_offered};
use crate::gpu::{Context, Fault};
use nestling_core::space::ValidatedSpace;

/// Compares every kernel that layers of this space would use on this adapter with the f64 reference, as
/// [`Supernet::check_kernels_async`] does, without a supernet.
///
/// # Errors
/// As [`Supernet::check_kernels_async`].
pub async fn check_kernels_of_async(
    context: &Context,
    space: &ValidatedSpace,
    options: &EngineOptions,
    is_over: impl AsyncFnMut(f64) -> bool,
) -> Result<Vec<Check>, Error> {
    check_offered(context, options.arithmetic)?;
    let planner = Planner::new(space, Traits { arithmetic: options.arithmetic, ..Traits::of(context.facts()) });
    let pipelines = Pipelines::new(&Common::new(context, options.weight_storage));
    let mut bench = Bench::new(context, pipelines, LARGEST).await?;
    Ok(check_kernels(&mut bench, &planner, space.layer_kinds(), is_over).await?.into_values().collect())
}

impl Supernet {
    /// Compares every kernel that layers of this space can use on this adapter with the f64 reference, over single layers
    /// of 8 to 256 output channels, one pixel and odd sizes. The pipelines are those that answer; the weights are made
    /// up. `is_over` gets the share that is done, and says whether the time is used up: what is left then is counted as
    /// skipped.
    ///
    /// # Errors
    /// [`Error`] if the device is lost or does not answer in time. A wrong result is no error but a
    /// [deviation](Check::deviations).
    pub async fn check_kernels_async(&self, is_over: impl AsyncFnMut(f64) -> bool) -> Result<Vec<Check>, Error> {
        let mut checks = Vec::new();
        match self.ready().await {
            Ok(()) => {}
            Err(Error::FastKernels { reason }) => {
                let mut check = Check::new("compiling the fast kernels".to_owned());
                let expected = "a driver that compiles all of them".to_owned();
                check.add("the driver", f64::INFINITY, Some(Fault { found: reason, expected }));
                checks.push(check);
            }
            Err(error) => return Err(error),
        }
        let mut bench = Bench::new(&self.context, self.current_pipelines().clone(), LARGEST).await?;
        let kinds = self.space.layer_kinds();
        checks.extend(check_kernels(&mut bench, &self.planner, kinds, is_over).await?.into_values());
        Ok(checks)
    }
}
