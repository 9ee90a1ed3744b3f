// The kernels' texts. Also compiled into the build script, which checks every one of them.

/// A kernel's WGSL module, entry point and needs.
pub(crate) struct Source {
    /// File in `wgsl/`, without its ending; also the name of the entry point.
    pub(crate) name: &'static str,
    /// The whole module: the shared part, then the kernel's own.
    pub(crate) text: &'static str,
    /// Whether it needs subgroup operations.
    pub(crate) subgroups: bool,
}

macro_rules! source {
    ($name:literal after $shared:literal, subgroups: $subgroups:literal) => {
        Source {
            name: $name,
            text: concat!(
                include_str!(concat!("../wgsl/", $shared, ".wgsl")),
                "\n",
                include_str!(concat!("../wgsl/", $name, ".wgsl"))
            ),
            subgroups: $subgroups,
        }
    };
}

pub(crate) const AVERAGE_POOL: Source = source!("average_pool" after "layer", subgroups: false);
pub(crate) const DENSE: Source = source!("dense" after "layer", subgroups: false);
pub(crate) const DEPTHWISE: Source = source!("depthwise" after "layer", subgroups: false);
pub(crate) const LINEAR_WIDE: Source = source!("linear_wide" after "layer", subgroups: false);
pub(crate) const POINTWISE_SMALL: Source = source!("pointwise_small" after "layer", subgroups: false);
pub(crate) const POINTWISE_WIDE: Source = source!("pointwise_wide" after "layer", subgroups: false);
pub(crate) const POINTWISE_SUBGROUP: Source = source!("pointwise_subgroup" after "layer", subgroups: true);
pub(crate) const POINTWISE_SUBGROUP_FEW: Source = source!("pointwise_subgroup_few" after "layer", subgroups: true);
pub(crate) const POOL: Source = source!("pool" after "layer", subgroups: false);
pub(crate) const POOL_WIDE: Source = source!("pool_wide" after "layer", subgroups: false);
pub(crate) const RESIZE_COLUMNS: Source = source!("resize_columns" after "resize", subgroups: false);
pub(crate) const RESIZE_ROWS: Source = source!("resize_rows" after "resize", subgroups: false);
