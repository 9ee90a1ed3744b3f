use crate::Error;
use crate::engine::Frame;
use crate::engine::PreparedChild;
#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::block_on;
use crate::session::measure::lock;
use crate::session::{ActiveChild, Answer, Runtime, Target, WholeSpaceChoice, WholeSpaceOptions};
use nestling_bundle::Bundle;
use nestling_core::choosing::Budget;
use nestling_core::governor::{Decision, Governor, GovernorOptions, Rung, ThermalHint};
use nestling_core::metrics::Millis;
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Mutex;
use std::time::Duration;
use web_time::Instant;

/// A runtime that switches by itself, to keep a budget while the device warms up or other apps use it.
///
/// `Send + Sync` if the holder of the runtime is. Any thread may classify; a switch serves from the next inference on.
///
/// Its ladder begins with the shipped children, which are ready from the start. A child that does not ship takes
/// seconds to be calibrated: another thread does that while a rung serves ([`Governed::adopt`]), and the child becomes
/// a rung when it is ready.
///
/// ```no_run
/// use nestling::{Governed, WholeSpaceOptions};
/// use nestling_core::governor::GovernorOptions;
/// use nestling_bundle::Bundle;
/// use nestling_core::image::Image;
/// use nestling_core::metrics::Millis;
/// use nestling::Runtime;
/// use std::sync::Arc;
///
/// # fn watch(runtime: Arc<Runtime>, bundle: &Bundle, frames: &[Image<'_>]) -> Result<(), Box<dyn std::error::Error>> {
/// let governed = Governed::new(runtime, GovernorOptions::new(Millis(8.0)))?;
/// std::thread::scope(|scope| {
///     scope.spawn(|| match governed.adopt(bundle, &WholeSpaceOptions::default()) {
///         Ok(choice) => println!("{choice}"),
///         Err(error) => eprintln!("only the shipped children serve: {error}"),
///     });
///     frames.iter().try_for_each(|frame| governed.classify(frame).map(|answer| println!("{}", answer.top().label)))
/// })?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Governed<R> {
    runtime: R,
    started: Instant,
    state: Mutex<State>,
}

/// Makes the governor's child the active one when dropped.
struct Restored<'a, R: Deref<Target = Runtime>>(&'a Governed<R>);

impl<R: Deref<Target = Runtime>> Drop for Restored<'_, R> {
    fn drop(&mut self) {
        self.0.activate(&lock(&self.0.state));
    }
}

#[derive(Debug)]
struct State {
    governor: Governor,
    /// The child of every rung, by its name.
    children: HashMap<String, ActiveChild>,
    hint: ThermalHint,
    /// Its charge has ended: it switches no more.
    retired: bool,
}

impl State {
    /// The child of the rung that serves.
    fn child(&self) -> &ActiveChild {
        &self.children[&self.governor.rung().name]
    }
}

impl Runtime {
    /// Chooses a child that keeps 95 of 100 inferences within `limit`, and keeps choosing: see [`Governor`].
    ///
    /// ```no_run
    /// use nestling_core::governor::ThermalHint;
    /// use nestling_core::image::Image;
    /// use nestling_core::metrics::Millis;
    /// use nestling::Runtime;
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
    #[cfg(not(target_arch = "wasm32"))]
    pub fn governed(&self, limit: Millis) -> Result<Governed<&Self>, Error> {
        Governed::new(self, GovernorOptions::new(limit))
    }
}

impl<R: Deref<Target = Runtime>> Governed<R> {
    /// Takes a `&Runtime` or an `Arc<Runtime>`. Starts with the child that [`Runtime::choose`] takes, unless the
    /// options name a rung; a budget that no child keeps starts with the fastest. Measures a profile first if there is
    /// none.
    ///
    /// # Errors
    /// [`Error::InvalidBudget`] if the budget is not positive, [`Error::Governor`] if the options are otherwise
    /// wrong, [`Error`] if the GPU fails.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new(runtime: R, options: GovernorOptions) -> Result<Self, Error> {
        block_on(Self::new_async(runtime, options))
    }

    /// As [`Governed::new`], without blocking.
    ///
    /// # Errors
    /// As [`Governed::new`].
    pub async fn new_async(runtime: R, mut options: GovernorOptions) -> Result<Self, Error> {
        let chosen = if options.start.is_some() {
            None
        } else {
            match runtime.choose_async(Budget::p95(options.limit), None).await {
                Ok(choice) => Some(choice.entry().name.clone()),
                Err(Error::BelowFastest { .. }) => None,
                Err(error) => return Err(error),
            }
        };
        // One look: another choice refines the predictions.
        let ladder = runtime.ladder().await?;
        if options.start.is_none() {
            // A dominated child is not a rung: the governor then starts where the prediction says.
            options.start = chosen.map_or(Some(0), |name| ladder.position(&name));
        }
        let child = |rung: &Rung| Ok((rung.name.clone(), runtime.find(Target::Shipped(&rung.name))?));
        let children = ladder.rungs().iter().map(child).collect::<Result<_, Error>>()?;
        let state =
            State { governor: Governor::new(ladder, options)?, children, hint: ThermalHint::Unknown, retired: false };
        runtime.activate(state.child().clone());
        Ok(Self { runtime, started: Instant::now(), state: Mutex::new(state) })
    }

    /// As [`Runtime::classify`], by the governor's child, whichever the app or a search has made the active one; the
    /// time it takes is observed.
    ///
    /// # Errors
    /// As [`Runtime::classify`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn classify<'a>(&self, frame: impl Into<Frame<'a>>) -> Result<Answer, Error> {
        block_on(self.classify_async(frame.into()))
    }

    /// As [`Governed::classify`], without blocking.
    ///
    /// # Errors
    /// As [`Runtime::classify`].
    pub async fn classify_async<'a>(&self, frame: impl Into<Frame<'a>>) -> Result<Answer, Error> {
        Ok(self.classify_and_decide_async(frame).await?.0)
    }

    /// As [`Governed::classify`], with what the governor made of the time: for apps that show or log its steps.
    ///
    /// # Errors
    /// As [`Runtime::classify`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn classify_and_decide<'a>(&self, frame: impl Into<Frame<'a>>) -> Result<(Answer, Decision), Error> {
        block_on(self.classify_and_decide_async(frame.into()))
    }

    /// As [`Governed::classify_and_decide`], without blocking.
    ///
    /// # Errors
    /// As [`Runtime::classify`].
    pub async fn classify_and_decide_async<'a>(
        &self,
        frame: impl Into<Frame<'a>>,
    ) -> Result<(Answer, Decision), Error> {
        let child = lock(&self.state).child().clone();
        let started = Instant::now();
        let answer = self.runtime.classify_by(&child, frame.into()).await?;
        let decision = self.observe(&child, started.elapsed().into());
        Ok((answer, decision))
    }

    /// Searches the whole space under the governor's budget, as [`Runtime::choose_in_whole_space`] does, and makes a
    /// rung of the child that is adopted, if there is one. Its name is the child as text.
    ///
    /// Takes seconds: call it from a thread of its own. [`Governed::classify`] continues with the governor's
    /// child, only slower while the search uses the GPU, which counts like any other load; afterwards, also after an
    /// error, the governor's child is the runtime's active one again.
    ///
    /// # Errors
    /// As [`Runtime::choose_in_whole_space`]; the ladder stays.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn adopt(&self, bundle: &Bundle, options: &WholeSpaceOptions<'_>) -> Result<WholeSpaceChoice, Error> {
        block_on(self.adopt_async(bundle, options))
    }

    /// As [`Governed::adopt`], without blocking. Dropping the future leaves the ladder, and the governor's child
    /// active.
    ///
    /// # Errors
    /// As [`Governed::adopt`].
    pub async fn adopt_async(
        &self,
        bundle: &Bundle,
        options: &WholeSpaceOptions<'_>,
    ) -> Result<WholeSpaceChoice, Error> {
        let limit = lock(&self.state).governor.limit();
        let restored = Restored(self);
        let outcome = self.runtime.choose_in_whole_space_async(bundle, Budget::p95(limit), options).await;
        let added = outcome.as_ref().map_or(Ok(()), |choice| self.add_adopted(choice));
        drop(restored);
        added?;
        outcome
    }

    fn add_adopted(&self, choice: &WholeSpaceChoice) -> Result<(), Error> {
        let Some(adopted) = choice.adopted() else { return Ok(()) };
        let (name, ladder) = (adopted.prepared.to_string(), self.governor().ladder().clone());
        // An earlier search may have found the same child.
        if ladder.position(&name).is_some() {
            return Ok(());
        }
        // Corrected for drift to the profile's speed, which is the ladder's: the app may have had the GPU too when the
        // search timed it.
        let profile = self.runtime.current_profile();
        let learned = profile.as_ref().and_then(|profile| profile.learned(adopted.prepared.child()));
        let predicted = learned.map_or(adopted.measured.p50, |times| times.measured_p50_ms);
        self.add(Rung { name, predicted, accuracy: adopted.accuracy }, &adopted.prepared)?;
        Ok(())
    }

    /// Makes a rung of a child that does not ship and was prepared by [`Runtime::prepare`], as [`Governor::add`] says;
    /// returns whether it is one. So a child that was adopted at an earlier start becomes one without a search: keep
    /// its [`Rung`] and its [statistics](super::Adopted::calibrated).
    ///
    /// Steps to it cost what any other switch costs: no copy of weights, no new pipeline. The governor's child is the
    /// runtime's active one afterwards.
    ///
    /// # Errors
    /// [`Error::Governor`] if it cannot be a rung, [`Error`] if another runtime prepared it or it
    /// was never trained; the ladder stays.
    pub fn add(&self, rung: Rung, child: &PreparedChild) -> Result<bool, Error> {
        let child = self.runtime.find(Target::Prepared(child))?;
        let state = &mut *lock(&self.state);
        let name = rung.name.clone();
        let is_rung = state.governor.add(rung)?;
        state.children.insert(name, child);
        // A child that is no longer a rung, this one or another, gives its slot back.
        state.children.retain(|name, _| state.governor.ladder().position(name).is_some());
        self.activate(state);
        Ok(is_rung)
    }

    /// Makes the child of the rung that serves the active one. The caller holds the lock, which costs microseconds: two
    /// threads must not switch in the wrong order.
    fn activate(&self, state: &State) {
        if !state.retired {
            self.runtime.activate(state.child().clone());
        }
    }

    /// Ends its charge: from now on it switches the runtime no more, and its child stays the active one. Calls that have
    /// begun, and later ones, are still answered by its child. Returns at once, however long those calls take.
    ///
    /// ```no_run
    /// # fn app(governed: &nestling::Governed<&nestling::Runtime>) -> Result<(), nestling::Error> {
    /// governed.retire();
    /// governed.runtime().switch_to("smallest")?; // stays, whatever other threads are classifying
    /// # Ok(())
    /// # }
    /// ```
    pub fn retire(&self) {
        lock(&self.state).retired = true;
    }

    /// Makes a child the active one, and ends its charge with that: it cannot switch in between. A target that is refused
    /// leaves it in charge.
    ///
    /// # Errors
    /// As [`Runtime::switch_to`].
    pub fn retire_for<'a>(&self, target: impl Into<Target<'a>>) -> Result<Duration, Error> {
        let state = &mut *lock(&self.state);
        let took = self.runtime.switch_to(target)?;
        state.retired = true;
        Ok(took)
    }

    /// Takes a time that the app measured itself, of the child that was active when it began, and switches if need be:
    /// for apps whose budget holds for more than the inference.
    ///
    /// The time of another child than the governor's is not counted: the governor may have switched meanwhile, or the
    /// app or a search may have switched the runtime to a child of its own.
    pub fn observe(&self, child: &ActiveChild, time: Millis) -> Decision {
        let state = &mut *lock(&self.state);
        if state.retired || !child.prepared().is(state.child().prepared()) {
            return Decision::Stay;
        }
        let decision = state.governor.observe(self.started.elapsed(), time, state.hint);
        if let Decision::StepDown { .. } | Decision::StepUp { .. } = decision {
            self.activate(state);
        }
        decision
    }

    /// Sets the thermal state that the system reports; it holds until the next call.
    pub fn set_thermal_hint(&self, hint: ThermalHint) {
        lock(&self.state).hint = hint;
    }

    /// Changes the limit that 95 of 100 inferences should keep.
    ///
    /// # Errors
    /// [`Error::Governor`] if it is not a duration; the old budget stays.
    pub fn set_budget(&self, limit: Millis) -> Result<(), Error> {
        Ok(lock(&self.state).governor.set_budget(limit)?)
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
