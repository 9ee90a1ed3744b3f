use crate::Error;
use crate::engine::PreparedChild;
use crate::session::Runtime;
use nestling_core::choosing::{Candidate, Choice};
use nestling_core::space::Child;
use std::sync::Arc;
use std::time::Duration;
use web_time::Instant;

/// The child that answers.
#[derive(Clone, Debug)]
pub struct ActiveChild {
    name: Option<Arc<str>>,
    prepared: PreparedChild,
}

impl ActiveChild {
    pub(super) fn new(name: Option<Arc<str>>, prepared: PreparedChild) -> Self {
        Self { name, prepared }
    }

    /// Its name in the bundle; `None` for a child that does not ship.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The child.
    pub fn child(&self) -> &Child {
        self.prepared.child()
    }

    /// The child as the engine runs it.
    pub fn prepared(&self) -> &PreparedChild {
        &self.prepared
    }
}

/// The child that [`Runtime::switch_to`] switches to: a choice, a candidate, a shipped child's name, or a child
/// prepared by [`Runtime::prepare`].
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// A shipped child.
    Shipped(&'a str),
    /// A child prepared by this runtime.
    Prepared(&'a PreparedChild),
}

impl<'a> From<&'a str> for Target<'a> {
    fn from(name: &'a str) -> Self {
        Self::Shipped(name)
    }
}

impl<'a> From<&'a String> for Target<'a> {
    fn from(name: &'a String) -> Self {
        Self::Shipped(name)
    }
}

impl<'a> From<&'a Choice> for Target<'a> {
    fn from(choice: &'a Choice) -> Self {
        Self::Shipped(&choice.entry().name)
    }
}

impl<'a> From<&'a Candidate> for Target<'a> {
    fn from(candidate: &'a Candidate) -> Self {
        Self::Shipped(&candidate.entry.name)
    }
}

impl<'a> From<&'a PreparedChild> for Target<'a> {
    fn from(prepared: &'a PreparedChild) -> Self {
        Self::Prepared(prepared)
    }
}

impl Runtime {
    /// Makes another child the active one, and returns how long that took: microseconds.
    ///
    /// Sends nothing to the GPU and makes nothing on it. Classifications that have begun finish with the old child.
    ///
    /// ```no_run
    /// # fn switch(runtime: &nestling::Runtime) -> Result<(), nestling::Error> {
    /// runtime.switch_to("smallest")?;
    /// assert_eq!(runtime.active().name(), Some("smallest"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownChild`] if no child of that name ships, [`Error::Untrained`] if the child was never trained,
    /// [`Error::NotArrived`] if its weights have not arrived,
    /// [`Error`] if another runtime prepared it.
    pub fn switch_to<'a>(&self, target: impl Into<Target<'a>>) -> Result<Duration, Error> {
        let started = Instant::now();
        self.activate(self.find(target.into())?);
        Ok(started.elapsed())
    }

    /// The child of a target, if it is this runtime's and may answer.
    pub(super) fn find(&self, target: Target<'_>) -> Result<ActiveChild, Error> {
        match target {
            Target::Shipped(name) => {
                let shipped = self.shipped(name)?;
                if !self.may_answer(&shipped.entry.child) {
                    return Err(Error::Untrained { child: format!("child `{name}`") });
                }
                shipped.active().cloned()
            }
            Target::Prepared(prepared) => {
                self.supernet.check_own(prepared)?;
                if !self.may_answer(prepared.child()) {
                    return Err(Error::Untrained { child: format!("child `{prepared}`") });
                }
                Ok(ActiveChild::new(None, prepared.clone()))
            }
        }
    }

    /// Makes a child that was found the active one.
    pub(super) fn activate(&self, next: ActiveChild) {
        self.active.replace(next);
    }

    /// The child that answers now.
    pub fn active(&self) -> ActiveChild {
        self.active.get()
    }
}
