use nestling_core::space::Network;
use std::sync::Arc;

/// The part of the network that a step trains.
#[derive(Clone, Debug)]
pub enum Lesson {
    /// All children, the first of them as the biggest.
    Sandwich(Arc<Vec<Network>>),
    /// Widths with batch norm of their own, the biggest first.
    Switches(Arc<Vec<Network>>),
    /// Children that learn from a fixed full network.
    Shrinking {
        /// The children.
        children: Arc<Vec<Network>>,
        /// The full network at the children's image size.
        teacher: Arc<Network>,
        /// Its weights, in the order of the layout.
        weights: Arc<Vec<f32>>,
    },
    /// The classifier alone, from the features of the biggest child.
    Head(Arc<Network>),
    /// One child, from the answers of the [`Teacher`](super::Teacher) instead of labels.
    Taught(Arc<Network>),
}

impl Lesson {
    /// The child that comes first.
    pub(super) fn biggest(&self) -> &Network {
        match self {
            Self::Sandwich(children) | Self::Switches(children) | Self::Shrinking { children, .. } => &children[0],
            Self::Head(biggest) | Self::Taught(biggest) => biggest,
        }
    }
}
