// The kernels' texts. Also compiled into the build script, which checks every one of them.

use super::WeightStorage;

/// A kernel's WGSL module, entry point and needs.
pub(crate) struct Source {
    /// File in `wgsl/`, without its ending; also the name of the entry point.
    pub(crate) name: &'static str,
    /// The part that it shares with other kernels.
    shared: &'static str,
    /// Its own part.
    own: &'static str,
    /// Whether it reads the shared weights: then their storage's part stands between.
    pub(crate) reads_weights: bool,
    /// Whether it needs subgroup operations.
    pub(crate) subgroups: bool,
}

impl Source {
    /// The whole module for a storage of the weights.
    pub(crate) fn text(&self, storage: WeightStorage) -> String {
        let weights = match storage {
            _ if !self.reads_weights => "",
            WeightStorage::F32 => include_str!("../wgsl/weights_f32.wgsl"),
            WeightStorage::F16 => include_str!("../wgsl/weights_f16.wgsl"),
            WeightStorage::Int8 => include_str!("../wgsl/weights_int8.wgsl"),
        };
        [self.shared, weights, self.own].join("\n")
    }
}

/// The part that all kernels of a network's layers share.
const LAYER: &str = include_str!("../wgsl/layer.wgsl");
/// The part that both passes of the resize share.
const RESIZE: &str = include_str!("../wgsl/resize.wgsl");

macro_rules! source {
    ($name:literal after $shared:ident, reads_weights: $reads_weights:literal, subgroups: $subgroups:literal) => {
        Source {
            name: $name,
            shared: $shared,
            own: include_str!(concat!("../wgsl/", $name, ".wgsl")),
            reads_weights: $reads_weights,
            subgroups: $subgroups,
        }
    };
}

pub(crate) const AVERAGE_POOL: Source = source!("average_pool" after LAYER, reads_weights: false, subgroups: false);
pub(crate) const DENSE: Source = source!("dense" after LAYER, reads_weights: true, subgroups: false);
pub(crate) const DEPTHWISE: Source = source!("depthwise" after LAYER, reads_weights: true, subgroups: false);
pub(crate) const LINEAR_WIDE: Source = source!("linear_wide" after LAYER, reads_weights: true, subgroups: false);
pub(crate) const PLAIN: Source = source!("plain" after LAYER, reads_weights: true, subgroups: false);
pub(crate) const POINTWISE_SMALL: Source =
    source!("pointwise_small" after LAYER, reads_weights: true, subgroups: false);
pub(crate) const POINTWISE_WIDE: Source = source!("pointwise_wide" after LAYER, reads_weights: true, subgroups: false);
pub(crate) const POINTWISE_SUBGROUP: Source =
    source!("pointwise_subgroup" after LAYER, reads_weights: true, subgroups: true);
pub(crate) const POINTWISE_SUBGROUP_FEW: Source =
    source!("pointwise_subgroup_few" after LAYER, reads_weights: true, subgroups: true);
pub(crate) const POOL: Source = source!("pool" after LAYER, reads_weights: false, subgroups: false);
pub(crate) const POOL_WIDE: Source = source!("pool_wide" after LAYER, reads_weights: false, subgroups: false);
pub(crate) const READ_WEIGHTS: Source = source!("read_weights" after LAYER, reads_weights: true, subgroups: false);
pub(crate) const RESIZE_COLUMNS: Source =
    source!("resize_columns" after RESIZE, reads_weights: false, subgroups: false);
pub(crate) const RESIZE_ROWS: Source = source!("resize_rows" after RESIZE, reads_weights: false, subgroups: false);
