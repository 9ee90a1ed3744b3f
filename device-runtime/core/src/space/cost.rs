use crate::metrics::MAdds;
use crate::space::Network;
use serde::{Deserialize, Serialize};

/// The cost of a child, as the literature counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Weights, batch norm's gamma and beta, and the matrices' biases.
    pub params: u64,
    /// Multiply-accumulates of convolutions and matrices for one image.
    pub madds: MAdds,
    /// Bytes of all layers' outputs in f32.
    pub activation_bytes: u64,
}

impl Network {
    /// Counts parameters, MAdds and activation bytes.
    pub fn cost(&self) -> Cost {
        let mut cost = Cost { params: 0, madds: MAdds(0), activation_bytes: 0 };
        for layer in &self.layers {
            let channels = u64::from(layer.shape.output.channels);
            let per_channel = if layer.is_normalised() { 2 } else { u64::from(layer.convolution.is_some()) };
            cost.params += layer.shape.weights() + channels * per_channel;
            cost.madds.0 += layer.shape.madds();
            cost.activation_bytes += 4 * layer.shape.output.len() as u64;
        }
        cost
    }
}
