use super::measure::lock;
use super::{ActiveChild, Answer, ChooseError, Runtime, RuntimeError};
use crate::input::Image;
use crate::select::{Budget, Decision, Governor, GovernorError, GovernorOptions, ThermalHint};
use crate::units::Millis;
use std::ops::Deref;
use std::sync::Mutex;
use std::time::Instant;

/// A runtime that switches by itself, so that a budget goes on to hold while the device warms up or other apps use it.
///
/// `Send + Sync` if what holds the runtime is. Any thread may classify; a switch serves from the next inference on.
#[derive(Debug)]
pub struct Governed<R> {
    runtime: R,
    started: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    governor: Governor,
    hint: ThermalHint,
}

impl Runtime {
    /// Chooses a child that keeps 95 of 100 inferences within `limit`, and keeps choosing: see [`Governor`].
    ///
    /// ```no_run
    /// use nestling::select::ThermalHint;
    /// use nestling::{Image, Millis, Runtime};
    ///
    /// # fn watch(runtime: &Runtime, frames: &[Image<'_>], headroom: f32) -> Result<(), Box<dyn std::error::Error>> {
    /// let governed = runtime.governed(Millis(8.0))?;
    /// for frame in frames {
    ///     governed.set_thermal_hint(ThermalHint::from_android_headroom(headroom)); // about once a second
    ///     println!("{}", governed.classify(frame)?.top().label); // timed; the next frame may be another child's
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Governed::new`].
    pub fn governed(&self, limit: Millis) -> Result<Governed<&Self>, ChooseError> {
        Governed::new(self, GovernorOptions::new(limit))
    }
}

impl<R: Deref<Target = Runtime>> Governed<R> {
    /// Takes a `&Runtime` or an `Arc<Runtime>`. Starts with the child that [`Runtime::choose`] takes, unless the options
    /// name a rung; a budget that no child keeps starts with the fastest. Measures a profile first if there is none.
    ///
    /// # Errors
    /// [`ChooseError::NoDuration`] if the budget is not positive, [`ChooseError::Governor`] if the options are otherwise
    /// wrong, [`ChooseError::Runtime`] if the GPU fails.
    pub fn new(runtime: R, mut options: GovernorOptions) -> Result<Self, ChooseError> {
        let chosen = if options.start.is_some() {
            None
        } else {
            match runtime.choose(Budget::p95(options.limit)) {
                Ok(choice) => Some(choice.entry().name.clone()),
                Err(ChooseError::BelowFastest { .. }) => None,
                Err(error) => return Err(error),
            }
        };
        // One look: what others choose refines the predictions.
        let ladder = runtime.ladder()?;
        if options.start.is_none() {
            // A child that another one beats is no rung: the governor then starts where the prediction says.
            let rung = |name| ladder.rungs().iter().position(|rung| rung.name == name);
            options.start = chosen.map_or(Some(0), rung);
        }
        let governor = Governor::new(ladder, options)?;
        runtime.switch_to(&governor.rung().name)?;
        let state = Mutex::new(State { governor, hint: ThermalHint::Unknown });
        Ok(Self { runtime, started: Instant::now(), state })
    }

    /// As [`Runtime::classify`]; the time it takes is observed.
    ///
    /// # Errors
    /// As [`Runtime::classify`].
    pub fn classify(&self, image: &Image<'_>) -> Result<Answer, RuntimeError> {
        let (child, started) = (self.runtime.active(), Instant::now());
        let answer = self.runtime.classify_by(&child, image)?;
        self.observe(&child, started.elapsed().into())?;
        Ok(answer)
    }

    /// Takes a time that the app measured itself, of the child that was active when it began, and switches if need be:
    /// for apps whose budget holds for more than the inference.
    ///
    /// What another child than the governor's took is not counted, be it that it was switched meanwhile, or that the
    /// app switched the runtime to a child of its own.
    ///
    /// # Errors
    /// As [`Runtime::switch_to`].
    pub fn observe(&self, child: &ActiveChild, time: Millis) -> Result<Decision, RuntimeError> {
        let State { governor, hint } = &mut *lock(&self.state);
        if child.name() != Some(governor.rung().name.as_str()) {
            return Ok(Decision::Stay);
        }
        let decision = governor.observe(self.started.elapsed(), time, *hint);
        if let Decision::StepDown { .. } | Decision::StepUp { .. } = decision {
            // Under the lock, which costs microseconds: two threads must not switch in the wrong order.
            self.runtime.switch_to(&governor.rung().name)?;
        }
        Ok(decision)
    }

    /// Says what the system says of the device's heat; it holds until the next call.
    pub fn set_thermal_hint(&self, hint: ThermalHint) {
        lock(&self.state).hint = hint;
    }

    /// Changes what 95 of 100 inferences may take.
    ///
    /// # Errors
    /// [`GovernorError::NoDuration`]; the old budget stays.
    pub fn set_budget(&self, limit: Millis) -> Result<(), GovernorError> {
        lock(&self.state).governor.set_budget(limit)
    }

    /// Whether even the fastest child breaks the budget.
    pub fn is_too_slow(&self) -> bool {
        lock(&self.state).governor.is_too_slow()
    }

    /// The governor as it is now: its rung, its ladder, its p95.
    pub fn governor(&self) -> Governor {
        lock(&self.state).governor.clone()
    }

    /// The runtime underneath.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }
}
