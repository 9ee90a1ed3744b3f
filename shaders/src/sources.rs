//! The kernels' texts: written by hand in `wgsl/` where a loop will do, generated where registers must be named.

use crate::{Kernel, Specialisation, dense, depthwise, epilogue, pointwise};
use nestling_core::weights::WeightStorage;

/// The part that all kernels of a network's layers share.
const LAYER: &str = include_str!("../wgsl/layer.wgsl");
/// The part that both passes of the resize share.
const RESIZE: &str = include_str!("../wgsl/resize.wgsl");

/// The whole module of a kernel.
pub(crate) fn text(kernel: Kernel, specialisation: &Specialisation, storage: WeightStorage) -> String {
    let own = match kernel {
        Kernel::Dense => dense::text(specialisation),
        Kernel::Depthwise => depthwise::text(specialisation),
        Kernel::Pointwise => pointwise::text(specialisation),
        Kernel::PointwiseSmall => include_str!("../wgsl/pointwise_small.wgsl").to_owned(),
        Kernel::LinearWide => include_str!("../wgsl/linear_wide.wgsl").to_owned(),
        Kernel::Pool => include_str!("../wgsl/pool.wgsl").to_owned(),
        Kernel::PoolWide => include_str!("../wgsl/pool_wide.wgsl").to_owned(),
        Kernel::AveragePool => include_str!("../wgsl/average_pool.wgsl").to_owned(),
        Kernel::ResizeColumns => include_str!("../wgsl/resize_columns.wgsl").to_owned(),
        Kernel::ResizeRows => include_str!("../wgsl/resize_rows.wgsl").to_owned(),
        Kernel::Fallback => include_str!("../wgsl/fallback.wgsl").to_owned(),
        Kernel::ReadWeights => include_str!("../wgsl/read_weights.wgsl").to_owned(),
        Kernel::Moments => include_str!("../wgsl/moments.wgsl").to_owned(),
        Kernel::Normalise => include_str!("../wgsl/normalise.wgsl").to_owned(),
    };
    let Specialisation { workgroup, kernel: size, stride, .. } = specialisation;
    let constants =
        format!("const WORKGROUP: u32 = {workgroup}u;\nconst KERNEL: u32 = {size}u;\nconst STRIDE: u32 = {stride}u;\n");
    if kernel.is_resize() {
        return [&constants, RESIZE, &own].join("\n");
    }
    let weights = match storage {
        _ if !kernel.reads_weights() => "",
        WeightStorage::F32 => include_str!("../wgsl/weights_f32.wgsl"),
        WeightStorage::F16 => include_str!("../wgsl/weights_f16.wgsl"),
        WeightStorage::Int8 => include_str!("../wgsl/weights_int8.wgsl"),
    };
    let ending = if kernel.has_epilogue() { epilogue::text(specialisation) } else { String::new() };
    [&constants, LAYER, &ending, weights, &own].join("\n")
}
