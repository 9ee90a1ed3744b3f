use std::fmt;
use std::future::poll_fn;
use std::task::Poll;

/// How far a measurement, a choice or a calibration is.
///
/// The callback runs in the midst of it, on the thread that does it: it must return soon, because a slow one makes
/// the device look slow. It may classify and switch; a call that measures, chooses or calibrates gets
/// [`Error::Busy`](crate::Error).
///
/// After each report of a measurement or a choice among shipped children, the future yields once: a callback that has
/// seen enough says so to the one that polls, and that one drops the future.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// How much is done, from 0 to 1, of this part of the call. A call has up to three: a profile if there is none, a
    /// choice among shipped children, a search of the whole space.
    pub fraction: f64,
    /// The phase that is under way: a measurement, a choice or a calibration has one or more.
    pub phase: Phase,
}

/// A part of a measurement, a choice or a calibration. Prints in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Children that tell most about the device are timed.
    InformativeChildren,
    /// Shipped children are timed.
    ShippedChildren,
    /// Layers are timed alone.
    Layers,
    /// A child is chosen for a budget.
    Choosing,
    /// The search space is searched by prediction.
    Searching,
    /// Batch-norm statistics are computed.
    Calibrating,
    /// Kernels and answers are compared with their definitions.
    Verifying,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InformativeChildren => "timing informative children",
            Self::ShippedChildren => "timing shipped children",
            Self::Layers => "timing layers",
            Self::Choosing => "choosing a child",
            Self::Searching => "searching the space",
            Self::Calibrating => "calibrating",
            Self::Verifying => "checking kernels and answers",
        })
    }
}

/// A progress callback.
pub type OnProgress<'a> = &'a (dyn Fn(Progress) + Sync);

/// Reports progress, and lets the one that polls drop the call there.
pub(crate) async fn report(progress: Option<OnProgress<'_>>, now: Progress) {
    let Some(progress) = progress else { return };
    progress(now);
    let mut has_yielded = false;
    poll_fn(|task| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        task.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
