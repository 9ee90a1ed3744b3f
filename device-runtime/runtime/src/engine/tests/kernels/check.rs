//! A case on the GPU, against the f64 reference.

use crate::engine::Planner;
use crate::engine::plan::LayerPlan;
use crate::engine::resources::{Common, Pipelines};
use crate::engine::tests::CONTEXT;
use crate::engine::tests::kernels::case::Case;
use crate::engine::trial::{Bench, Drawn, LARGEST};
use crate::gpu::block_on;
use nestling_core::space::SearchSpace;
use nestling_core::weights::WeightStorage;
use nestling_shaders::Kernel;
use proptest::prelude::*;
use std::sync::{LazyLock, Mutex, PoisonError};

/// One for each storage of the weights, with the pipelines that earlier cases built.
static BENCHES: LazyLock<[Mutex<Bench>; WeightStorage::ALL.len()]> = LazyLock::new(|| {
    WeightStorage::ALL.map(|storage| {
        let pipelines = Pipelines::new(&Common::new(&CONTEXT, storage));
        Mutex::new(block_on(Bench::new(&CONTEXT, pipelines, LARGEST)).unwrap())
    })
});

pub(super) fn check(case: &Case) -> Result<(), TestCaseError> {
    let drawn = Drawn::of(&case.layer);
    for plan in plans(case) {
        let mut bench = BENCHES[case.layer.storage as usize].lock().unwrap_or_else(PoisonError::into_inner);
        block_on(bench.require(&plan)).unwrap();
        let (worst, fault) = block_on(bench.compared(&case.layer, &plan, &drawn)).unwrap();
        prop_assert!(fault.is_none() && worst <= 1.0, "{:?}: {fault:?}", plan.kernel);
    }
    Ok(())
}

/// The plan of the case's own kernel, and that of the fallback: what runs any convolution or matrix must run this one
/// too.
fn plans(case: &Case) -> impl Iterator<Item = LayerPlan> + use<> {
    let shape = case.layer.layer.shape;
    let planner = Planner::new(&SearchSpace::fashion(), case.traits);
    let own = if case.kernel == Kernel::Pointwise {
        planner.plan_tile(case.variant, &shape).unwrap()
    } else {
        planner.plan_kernel(case.kernel, &shape).unwrap()
    };
    let fallback = planner.plan_fallback(&shape).unwrap();
    // The fallback of pointwise layers reads no offset: only matrices have one.
    let reads_offsets = fallback.kernel == Kernel::Fallback || case.layer.offsets == (0, 0);
    let with_fallback = case.layer.layer.convolution.is_some() && reads_offsets;
    [Some(own), with_fallback.then_some(fallback)].into_iter().flatten()
}
