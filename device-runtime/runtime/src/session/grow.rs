use crate::Error;
use crate::engine::Supernet;
#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::block_on;
use crate::session::{ActiveChild, BundleWeights, Runtime, Shipped};
use nestling_bundle::Bundle;
use std::sync::atomic::Ordering;

/// Makes the children that have arrived ready, each as soon as those before it are.
pub(super) async fn prepare_arrived(supernet: &Supernet, shipped: &[Shipped], bundle: &Bundle) -> Result<(), Error> {
    for (one, calibrated) in shipped.iter().zip(bundle.calibrated()) {
        if one.active.get().is_none() {
            let prepared = supernet.prepare_async(calibrated).await?;
            // Another call may have been faster; its slot is the one that stays.
            let _ = one.active.set(ActiveChild::new(Some(one.entry.name.as_str().into()), prepared));
        }
    }
    Ok(())
}

impl Runtime {
    /// Takes the children that have arrived since the runtime was opened, and returns how many of
    /// [`Runtime::children`] can run: for a bundle that is being downloaded (`nestling_bundle::BundleStream`).
    ///
    /// The active child stays, and classifies meanwhile; its answers do not change. Makes no buffer and no pipeline.
    /// Choices and switches take the new children into account from then on. A [`Governed`](crate::Governed) runtime
    /// steps among those that it began with.
    ///
    /// ```no_run
    /// # fn grow(pieces: impl Iterator<Item = Vec<u8>>) -> Result<(), nestling::Error> {
    /// use nestling::{BundleStream, Runtime, RuntimeOptions};
    /// let (mut stream, mut runtime) = (BundleStream::default(), None::<Runtime>);
    /// for piece in pieces {
    ///     let before = stream.arrived_children();
    ///     stream.push(&piece)?;
    ///     if stream.arrived_children() > before || stream.is_whole() {
    ///         let Some(bundle) = stream.bundle()? else { continue };
    ///         match &runtime {
    ///             Some(runtime) => drop(runtime.grow(&bundle)?),
    ///             None => runtime = Some(Runtime::open(&bundle, &RuntimeOptions::default())?),
    ///         }
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::OtherBundle`] if it is not the bundle that the runtime was opened with, [`Error::Busy`] while another call
    /// grows it, [`Error`] if the bundle cannot be
    /// read any more or the GPU fails; what could run before still can.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn grow(&self, bundle: &Bundle) -> Result<usize, Error> {
        block_on(self.grow_async(bundle))
    }

    /// As [`Runtime::grow`], without blocking.
    ///
    /// # Errors
    /// As [`Runtime::grow`].
    pub async fn grow_async(&self, bundle: &Bundle) -> Result<usize, Error> {
        if bundle.network_id() != self.network {
            let (given, own) = (bundle.network_id().to_string(), self.network.to_string());
            return Err(Error::OtherBundle { given, own });
        }
        // An earlier part that is taken later would send zeros again.
        let _turn = self.growth.take("another growth")?;
        let has_more = bundle.calibrated().len() > self.arrived_children();
        if has_more || bundle.has_all_weights() && !self.has_all_weights.load(Ordering::Acquire) {
            self.supernet.grow_async(&BundleWeights(bundle)).await?;
            prepare_arrived(&self.supernet, &self.shipped, bundle).await?;
            self.has_all_weights.fetch_or(bundle.has_all_weights(), Ordering::AcqRel);
        }
        Ok(self.arrived_children())
    }

    /// Children that can run, the first of [`Runtime::children`]: all of them unless the bundle is being downloaded.
    pub fn arrived_children(&self) -> usize {
        self.shipped.iter().take_while(|one| one.active.get().is_some()).count()
    }
}
