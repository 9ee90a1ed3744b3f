use crate::Error;
use crate::engine::{PutTensor, WeightSource};
use nestling_bundle::Bundle;
use nestling_core::space::ParameterLayout;

/// The weights of a bundle, read from its file.
pub(super) struct BundleWeights<'a>(pub(super) &'a Bundle);

impl WeightSource for BundleWeights<'_> {
    fn count(&self) -> usize {
        self.0.layout().len()
    }

    fn visit(&self, _layout: &ParameterLayout, put: PutTensor<'_>) -> Result<(), Error> {
        self.0.visit_weights(put)
    }
}
