use crate::Error;
use crate::engine::load::buffers::upload_weights_again;
use crate::engine::load::check_belongings;
use crate::engine::resources::WeightSource;
use crate::engine::run::Supernet;
use std::sync::{Arc, PoisonError};

impl Supernet {
    /// Takes the weights again, of which more have arrived. Those that were there before must be the same: children that
    /// were prepared before run meanwhile, and answer as they did.
    ///
    /// Makes no buffer, bind group or pipeline; sends all weights.
    ///
    /// # Errors
    /// [`Error::Weights`] if the weights do not belong to the space, [`Error::WeightRange`] if the storage cannot hold
    /// one, those of the weights' source, [`Error`] if the GPU fails.
    pub async fn grow_async(&self, weights: &(impl WeightSource + ?Sized)) -> Result<(), Error> {
        check_belongings(&self.space, weights, &self.preprocessing)?;
        let storage = self.options.weight_storage;
        let packed = upload_weights_again(&self.context, &self.space, weights, storage, &self.arena).await?;
        *self.host.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(packed.host);
        Ok(())
    }
}
