use crate::Error;
use crate::engine::load::blueprint::Blueprint;
use crate::engine::plan::activation_bytes;
use crate::engine::resources::{Arena, Common, PackedWeights, Timestamps, WeightSource, pack};
use crate::gpu::{Context, Staging, Upload};
use nestling_core::space::ValidatedSpace;
use nestling_core::weights::WeightStorage;
use std::sync::Arc;

/// All that an inference writes to and is read through.
pub(super) struct Buffers {
    pub(super) arena: Arena,
    pub(super) answers: Arc<Staging>,
    pub(super) timestamps: Option<Timestamps>,
}

impl Buffers {
    pub(super) async fn new(
        context: &Context,
        space: &ValidatedSpace,
        common: &Common,
        blueprint: &Blueprint,
    ) -> Result<Self, Error> {
        let logits_bytes = activation_bytes(space.classes, 1);
        let (buffers, verdict) = context.guarded("making buffers", || {
            let arena = Arena::new(context, &common.groups, &blueprint.sizes);
            let answers = Staging::new(context, blueprint.options.answers_in_flight, logits_bytes);
            // A begin and an end for each layer, and for the resize before them.
            let timestamps = Timestamps::new(context, 2 * (blueprint.strides.layers as u32 + 1));
            Self { arena, answers, timestamps }
        });
        verdict.await?;
        Ok(buffers)
    }
}

/// Packs the weights in the kernels' order, and waits until the GPU has them.
pub(super) async fn upload_weights(
    context: &Context,
    space: &ValidatedSpace,
    weights: &(impl WeightSource + ?Sized),
    storage: WeightStorage,
    arena: &Arena,
) -> Result<PackedWeights, Error> {
    let packed = pack(space.layout(), weights, storage)?;
    let (submission, verdict) = context.guarded("uploading weights", || {
        context.upload(Upload::Weights, &arena.weights, 0, packed.values.bytes());
        context.submit(context.encoder())
    });
    verdict.await?;
    context.settle("the upload of the weights", submission).await?;
    Ok(packed)
}
