use crate::Error;
use crate::engine::load::blueprint::Blueprint;
use crate::engine::plan::activation_bytes;
use crate::engine::resources::{Arena, Common, PackedWeights, Timestamps, WeightSource, pack, pack_whole};
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

/// Bytes of weights that wait for the GPU before they are submitted. Taken pieces make room for the next: neither
/// the packed weights nor their copy on the way are in memory as a whole.
const ON_THE_WAY: u64 = 2 << 20;

/// Packs the weights in the kernels' order, and waits until the GPU has them.
pub(super) async fn upload_weights(
    context: &Context,
    space: &ValidatedSpace,
    weights: &(impl WeightSource + ?Sized),
    storage: WeightStorage,
    arena: &Arena,
) -> Result<PackedWeights, Error> {
    let (mut verdicts, mut waiting) = (Vec::new(), 0);
    let packed = pack(space.layout(), weights, storage, |start, piece| {
        waiting += piece.len() as u64;
        let is_full = waiting >= ON_THE_WAY;
        let ((), verdict) = context.guarded(ACTION, || {
            context.upload(Upload::Weights, &arena.weights, start, piece);
            if is_full {
                context.submit(context.encoder());
            }
        });
        waiting = if is_full { 0 } else { waiting };
        verdicts.push(verdict);
    });
    for verdict in verdicts {
        verdict.await?;
    }
    settled(context, packed?).await
}

/// As [`upload_weights`], but sends nothing unless all can be packed.
pub(super) async fn upload_weights_again(
    context: &Context,
    space: &ValidatedSpace,
    weights: &(impl WeightSource + ?Sized),
    storage: WeightStorage,
    arena: &Arena,
) -> Result<PackedWeights, Error> {
    let (packed, bytes) = pack_whole(space.layout(), weights, storage)?;
    let ((), verdict) = context.guarded(ACTION, || context.upload(Upload::Weights, &arena.weights, 0, &bytes));
    verdict.await?;
    settled(context, packed).await
}

const ACTION: &str = "uploading weights";

/// Waits for what was sent.
async fn settled(context: &Context, packed: PackedWeights) -> Result<PackedWeights, Error> {
    let (submission, verdict) = context.guarded(ACTION, || context.submit(context.encoder()));
    verdict.await?;
    context.settle("the upload of the weights", submission).await?;
    Ok(packed)
}
