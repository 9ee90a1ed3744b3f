//! The self-tests of 16-bit arithmetic and of broadcast weights: layers whose answers are known, through the very
//! pipelines that will answer in 16 bits, and the smallest that broadcasts.

use crate::Error;
use crate::engine::plan::grid;
use crate::engine::resources::{Common, Pipelines, Wanted};
use crate::engine::trial::golden::{GUARD, Golden};
use crate::gpu::{Context, Fault, Staging};
use nestling_core::arithmetic::Arithmetic;
use nestling_core::space::Activation;
use nestling_core::tiles::Tile;
use nestling_core::weights::WeightStorage;
use nestling_shaders::{Epilogue, Gate, Kernel, Specialisation};

const ACTION: &str = "the self-test of 16-bit arithmetic";

/// Fails unless every wanted pipeline that computes in 16 bits gets layers right whose answers are known. Returns those
/// that it built: each is tested once a context.
pub(in crate::engine) async fn check_arithmetic(
    context: &Context,
    common: &Common,
    wanted: &Wanted,
) -> Result<Pipelines, Error> {
    let mut pipelines = Pipelines::new(common);
    let adapter = || context.facts().name.clone();
    for &(kernel, specialisation) in wanted.iter().filter(|(_, one)| one.arithmetic == Arithmetic::F16) {
        check_offered(context, specialisation.arithmetic)?;
        let what = format!(
            "16-bit arithmetic in the kernel `{}` with {specialisation:?} and weights stored as {}",
            kernel.entry_point(),
            common.storage
        );
        let fault = match context.verdict(&what) {
            Some(known) => known,
            None => {
                let fault = test(context, &mut pipelines, kernel, specialisation).await?;
                context.remember_verdict(&what, fault.clone());
                fault
            }
        };
        if let Some(Fault { found, expected }) = fault {
            let instead = "`Arithmetic::F32`";
            return Err(Error::SelfTest { test: what, adapter: adapter(), found, expected, instead });
        }
    }
    Ok(pipelines)
}

/// Fails if the adapter does not compute in this arithmetic.
pub(in crate::engine) fn check_offered(context: &Context, arithmetic: Arithmetic) -> Result<(), Error> {
    if arithmetic == Arithmetic::F32 || context.facts().f16 {
        return Ok(());
    }
    Err(Error::NoArithmetic { adapter: context.facts().name.clone(), arithmetic })
}

/// Whether weights that are broadcast in the subgroup arrive where they should: the smallest tile that does it, once a
/// context. An adapter that gets it wrong gets tiles without.
pub(in crate::engine) async fn broadcast_is_right(context: &Context) -> Result<bool, Error> {
    const WHAT: &str = "weights broadcast in the subgroup";
    if let Some(known) = context.verdict(WHAT) {
        return Ok(known.is_none());
    }
    let plain = Specialisation::generic(16);
    let tile = Tile { pixels: 1, groups: 2 };
    let (epilogue, gate) = (Epilogue::Mixed(Activation::Relu6), Gate::None);
    let smallest = Specialisation { tile, broadcast: true, epilogue, gate, ..plain };
    let mut pipelines = Pipelines::new(&Common::new(context, WeightStorage::F32));
    let fault = test(context, &mut pipelines, Kernel::Pointwise, smallest).await?;
    context.remember_verdict(WHAT, fault.clone());
    Ok(fault.is_none())
}

async fn test(
    context: &Context,
    pipelines: &mut Pipelines,
    kernel: Kernel,
    specialisation: Specialisation,
) -> Result<Option<Fault>, Error> {
    let common = pipelines.common().clone();
    let pipeline = match pipelines.add(context, kernel, specialisation).await {
        Ok(pipeline) => pipeline,
        Err(Error::Refused { reason, .. }) => {
            return Ok(Some(Fault { found: reason, expected: "a driver that compiles it".to_owned() }));
        }
        Err(error) => return Err(error),
    };
    for golden in Golden::all(kernel, &specialisation, common.storage) {
        let [x, y, z] = grid(kernel, specialisation, &golden.shape)?.workgroups;
        let bytes = (golden.answers.len() + 4 * GUARD) as u64 * 4;
        let lease = Staging::one(context, ACTION, bytes).await?;
        let (submission, verdict) = context.guarded(ACTION, || {
            let (group, destination) = golden.buffers(context, &common, bytes);
            let mut commands = context.encoder();
            {
                let mut pass = commands.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, &*group, &[0]);
                pass.dispatch_workgroups(x, y, z);
            }
            commands.copy_buffer_to_buffer(&destination, 0, lease.buffer(), 0, bytes);
            context.submit(commands)
        });
        verdict.await?;
        let read = lease.read(context, ACTION, submission, bytes).await?;
        if let Some(fault) = golden.compare(&bytemuck::pod_collect_to_vec::<u8, f32>(&read)) {
            return Ok(Some(fault));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::plan::{Planner, Traits};
    use crate::gpu::ContextOptions;
    use crate::gpu::require::Feature;
    use nestling_core::space::SearchSpace;

    #[test]
    fn every_pipeline_is_tested_once_a_context_and_a_fault_is_an_error_ever_after() {
        let context = Context::new(&ContextOptions::default()).unwrap();
        if !Feature::F16.can_be_tested(context.facts().f16) {
            return;
        }
        let space = SearchSpace::fashion().validated().unwrap();
        let traits = Traits { arithmetic: Arithmetic::F16, ..Traits::of(context.facts()) };
        let wanted = Planner::new(&space, traits).all_pipelines(&space);
        let halves = wanted.iter().filter(|(_, one)| one.arithmetic == Arithmetic::F16).count();
        assert!(halves >= 2);
        let check = |storage| pollster::block_on(check_arithmetic(&context, &Common::new(&context, storage), &wanted));
        for storage in WeightStorage::ALL {
            assert_eq!(check(storage).unwrap().len(), halves);
            let asked = context.counters();
            assert_eq!(check(storage).unwrap().len(), 0);
            assert_eq!(context.counters(), asked);
        }
        let (kernel, specialisation) = wanted.iter().find(|(kernel, _)| *kernel == Kernel::Depthwise).unwrap();
        let what = format!(
            "16-bit arithmetic in the kernel `{}` with {specialisation:?} and weights stored as f32",
            kernel.entry_point()
        );
        context.remember_verdict(&what, Some(Fault { found: "1e0 in value 2".into(), expected: "2e0".into() }));
        let error = check(WeightStorage::F32).unwrap_err();
        assert!(matches!(&error, Error::SelfTest { .. }), "{error}");
        let text = error.to_string();
        for part in ["16-bit arithmetic", "`depthwise`", "value 2", "Arithmetic::F32"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(check(WeightStorage::F16).is_ok(), "another's pipelines");
    }
}
