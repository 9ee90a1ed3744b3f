use crate::space::{Child, Network, SpaceError};
use serde::{Deserialize, Serialize};

/// A child with the batch-norm statistics that were calibrated for it: the only kind that can be run or exported.
///
/// Statistics belong to a child, never to the shared weights (BigNAS, batch norm calibration).
#[derive(Clone, Debug, PartialEq)]
pub struct CalibratedChild {
    child: Child,
    statistics: Statistics,
}

/// Means and variances of every channel of every normalised layer, concatenated in network order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// One mean a channel.
    pub means: Vec<f32>,
    /// One biased variance a channel.
    pub variances: Vec<f32>,
}

impl CalibratedChild {
    /// Joins a lowered child and its statistics.
    ///
    /// # Errors
    /// [`SpaceError::Statistics`] if a length is not [`Network::normalised_channels`], a value is not finite, or a
    /// variance is negative.
    pub fn new(network: &Network, statistics: Statistics) -> Result<Self, SpaceError> {
        let channels = network.normalised_channels();
        let Statistics { means, variances } = &statistics;
        let problem = if means.len() != channels || variances.len() != channels {
            format!("{} means and {} variances for {channels} normalised channels", means.len(), variances.len())
        } else if let Some(index) = means.iter().position(|mean| !mean.is_finite()) {
            format!("mean {index} is {}", means[index])
        } else if let Some(index) = variances.iter().position(|variance| !(variance.is_finite() && *variance >= 0.0)) {
            format!("variance {index} is {}", variances[index])
        } else {
            return Ok(Self { child: network.child.clone(), statistics });
        };
        Err(SpaceError::Statistics { child: network.child.to_string(), problem })
    }

    /// Joins a lowered child and statistics that change nothing: means of zero and variances of one. They suffice where
    /// a child is timed and its answers are not read.
    pub fn neutral(network: &Network) -> Self {
        let channels = network.normalised_channels();
        let statistics = Statistics { means: vec![0.0; channels], variances: vec![1.0; channels] };
        Self { child: network.child.clone(), statistics }
    }

    /// The child.
    pub fn child(&self) -> &Child {
        &self.child
    }

    /// Its statistics.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }
}
