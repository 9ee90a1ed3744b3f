use crate::Error;
use crate::engine::load::blueprint::Blueprint;
use crate::engine::plan::Start;
use crate::engine::resources::{Background, Common, Pipelines};
#[cfg(not(target_arch = "wasm32"))]
use crate::engine::resources::{FirstRun, Test, Wanted};
use crate::engine::trial::check_arithmetic;
#[cfg(not(target_arch = "wasm32"))]
use crate::engine::trial::replace_wrong;
use crate::gpu::Context;
#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::block_on;
use nestling_core::metrics::Millis;
use nestling_core::space::ValidatedSpace;
#[cfg(not(target_arch = "wasm32"))]
use std::time::Duration;
use web_time::Instant;

/// The pipelines of a supernet under way.
pub(super) struct Kernels {
    pub(super) common: Common,
    #[cfg(not(target_arch = "wasm32"))]
    wanted: Wanted,
    #[cfg(not(target_arch = "wasm32"))]
    patience: Option<Duration>,
    /// All pipelines, or the fallback ones later, when the others turn out to take long.
    pub(super) pipelines: Pipelines,
    pub(super) background: Option<Background>,
    /// Pipelines that the first answer can use.
    pub(super) built: usize,
    /// Building them, or waiting for the thread that did.
    pub(super) time: Millis,
}

impl Kernels {
    /// Tests what computes in 16 bits, and builds all others too unless answers may come before those.
    pub(super) async fn build(context: &Context, space: &ValidatedSpace, blueprint: &Blueprint) -> Result<Self, Error> {
        let started = Instant::now();
        let common = Common::new(context, blueprint.options.weight_storage);
        let wanted = blueprint.planner.all_pipelines(space);
        let patience = match blueprint.options.start {
            Start::Within(patience) if cfg!(not(target_arch = "wasm32")) => Some(patience),
            Start::Within(_) | Start::Tuned => None,
        };
        let mut pipelines = check_arithmetic(context, &common, &wanted).await?;
        if patience.is_none() {
            pipelines.add_all(context, &wanted).await?;
            context.save_pipelines();
            #[cfg(not(target_arch = "wasm32"))]
            {
                pipelines = replace_wrong(context, pipelines, &blueprint.planner, space).await?;
            }
        }
        Ok(Self {
            common,
            built: wanted.len(),
            #[cfg(not(target_arch = "wasm32"))]
            wanted,
            #[cfg(not(target_arch = "wasm32"))]
            patience,
            pipelines,
            background: None,
            time: started.elapsed().into(),
        })
    }

    /// Has a thread compile those that are missing, if any may be. Returns since when.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn compile_others(
        mut self,
        context: &Context,
        space: &ValidatedSpace,
        blueprint: &Blueprint,
    ) -> Result<(Self, Instant), Error> {
        let spawned_at = Instant::now();
        if let Some(patience) = self.patience {
            // Real drivers compile when a pipeline is made.
            let (first_run, verdict) = context.guarded("preparing the fast kernels", || {
                blueprint.planner.traits().software.then(|| FirstRun::new(context, &self.common))
            });
            block_on(verdict)?; // ready at once where threads compile
            let (pipelines, wanted) = (self.pipelines.clone(), self.wanted.clone());
            let (own, planner, space) = (context.clone(), blueprint.planner, space.clone());
            let test = Test(Box::new(move |pipelines| block_on(replace_wrong(&own, pipelines, &planner, &space))));
            self.background = Some(Background::spawn(context, pipelines, wanted, first_run, patience, test)?);
        }
        Ok((self, spawned_at))
    }

    /// Waits for that thread as long as the options say, and builds the fallback pipelines if it needs longer.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) async fn settle(
        &mut self,
        context: &Context,
        space: &ValidatedSpace,
        blueprint: &Blueprint,
        spawned_at: Instant,
    ) -> Result<(), Error> {
        let (Some(background), Some(patience)) = (&self.background, self.patience) else { return Ok(()) };
        if background.ready_by(context, spawned_at + patience).await {
            self.time = spawned_at.elapsed().into();
            return Ok(());
        }
        let before = Instant::now();
        let fallback = blueprint.planner.fallback_pipelines(&self.wanted);
        let built = Pipelines::build(context, &self.common, &fallback).await?;
        match replace_wrong(context, built, &blueprint.planner, space).await {
            Ok(right) => self.pipelines = right,
            // The fast ones are right, or nothing is.
            Err(fault @ Error::SelfTest { .. }) => {
                if background.wait().await.is_err() {
                    return Err(fault);
                }
            }
            Err(error) => return Err(error),
        }
        self.time = before.elapsed().into();
        self.built = self.pipelines.len();
        Ok(())
    }
}
