use crate::Error;
use crate::engine::resources::{Common, Pipelines};
use crate::gpu::{BindGroup, Buffer, Context, Fault, Staging, Upload};
use nestling_core::weights::{StoredNumber, WeightStorage};
use nestling_shaders::{Kernel, LayerParameters, PARAMETER_BYTES, Specialisation};
use std::collections::BTreeSet;

const ACTION: &str = "the self-test of a weight storage";

/// Fails if the adapter reads a stored weight as anything but its value. Runs once a context.
///
/// Drivers have been seen to get 16-bit floats wrong, on PowerVR, Mali and Adreno.
pub(in crate::engine) async fn check_storage(context: &Context, storage: WeightStorage) -> Result<(), Error> {
    let name = &format!("weights stored as {storage}");
    let fault = match context.verdict(name) {
        Some(known) => known,
        None => {
            let numbers = (storage.row().test_numbers)();
            if numbers.is_empty() {
                return Ok(()); // nothing is converted
            }
            let fault = run(context, storage, &numbers).await?;
            context.remember_verdict(name, fault.clone());
            fault
        }
    };
    fault.map_or(Ok(()), |Fault { found, expected }| {
        let (what, adapter) = (name.to_owned(), context.facts().name.clone());
        let instead = "`WeightStorage::F32`";
        Err(Error::SelfTest { test: what, adapter, found, expected, instead })
    })
}

/// Element `i` holds the values from `i` on, around the end: every value is in every lane.
fn elements<T: Copy>(values: &[T]) -> impl Iterator<Item = [T; 4]> {
    (0..values.len()).map(|first| std::array::from_fn(|lane| values[(first + lane) % values.len()]))
}

/// Reads every number through the kernels' `weight()`, and compares.
async fn run(context: &Context, storage: WeightStorage, numbers: &[StoredNumber]) -> Result<Option<Fault>, Error> {
    if storage.row().wgsl_numbers.contains("unpack2x16float") && !context.unpacks_f16() {
        let (found, expected) = ("no `unpack2x16float`".to_owned(), "it, for it is core WGSL".to_owned());
        return Ok(Some(Fault { found, expected }));
    }
    let stored: Vec<u8> =
        elements(numbers).flatten().flat_map(|one| one.bits.to_le_bytes().into_iter().take(storage.bytes())).collect();
    let specialisation = Specialisation::generic(64);
    let wanted = BTreeSet::from([(Kernel::ReadWeights, specialisation)]);
    let common = Common::new(context, storage);
    let pipelines = Pipelines::build(context, &common, &wanted).await?;
    let pipeline = pipelines.require(Kernel::ReadWeights, specialisation)?;
    let count = numbers.len() as u32;
    let bytes = u64::from(count) * 16;
    let lease = Staging::one(context, ACTION, bytes).await?;
    let (submission, verdict) = context.guarded(ACTION, || {
        let layer = LayerParameters { output_groups: count, ..LayerParameters::default() };
        let (group, destination) = buffers(context, &common.groups, &stored, &layer, bytes);
        let mut commands = context.encoder();
        {
            let mut pass = commands.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, &*group, &[0]);
            pass.dispatch_workgroups(count.div_ceil(specialisation.workgroup), 1, 1);
        }
        commands.copy_buffer_to_buffer(&destination, 0, lease.buffer(), 0, bytes);
        context.submit(commands)
    });
    verdict.await?;
    let read = lease.read(context, ACTION, submission, bytes).await?;
    Ok(compare(numbers, &bytemuck::pod_collect_to_vec::<u8, [f32; 4]>(&read)))
}

/// The stored values on the GPU, bound as every kernel's are, and where they will be read to.
fn buffers(
    context: &Context,
    layout: &wgpu::BindGroupLayout,
    stored: &[u8],
    layer: &LayerParameters,
    bytes: u64,
) -> (BindGroup, Buffer) {
    use wgpu::BufferUsages as Usage;
    let buffer = |label: &str, bytes: u64, usage: Usage| context.buffer(label, bytes, usage | Usage::COPY_DST);
    let unread = buffer("unread", 16, Usage::STORAGE);
    let weights = buffer("weights", stored.len() as u64, Usage::STORAGE);
    let destination = buffer("destination", bytes, Usage::STORAGE | Usage::COPY_SRC);
    let parameters = buffer("parameters", PARAMETER_BYTES, Usage::UNIFORM);
    context.upload(Upload::Parameters, &weights, 0, stored);
    context.upload(Upload::Parameters, &parameters, 0, bytemuck::bytes_of(layer));
    let bound = [&unread, &weights, &unread, &destination, &parameters];
    let entries: Vec<wgpu::BindGroupEntry<'_>> = (0u32..)
        .zip(bound)
        .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
        .collect();
    (context.bind_group("self-test", layout, &entries), destination)
}

/// The first value that was read as another.
fn compare(numbers: &[StoredNumber], read: &[[f32; 4]]) -> Option<Fault> {
    if read.len() != numbers.len() {
        return Some(Fault { found: format!("{} elements", read.len()), expected: numbers.len().to_string() });
    }
    for (element, read) in elements(numbers).zip(read) {
        for (lane, (stored, read)) in element.iter().zip(read).enumerate() {
            let right = read.to_bits() == stored.number.to_bits() || stored.may_be_zero && *read == 0.0;
            if !right {
                let found = format!("{read:e} in lane {lane} for the bits {:#06x}", stored.bits);
                return Some(Fault { found, expected: format!("{:e}", stored.number) });
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::ContextOptions;

    /// The numbers that a correct adapter reads.
    fn right(storage: WeightStorage) -> (Vec<StoredNumber>, Vec<[f32; 4]>) {
        let values = (storage.row().test_numbers)();
        let read = elements(&values).map(|element| element.map(|stored| stored.number)).collect();
        (values, read)
    }

    #[test]
    fn every_value_is_tested_and_one_wrong_bit_is_found() {
        for (storage, count) in [(WeightStorage::F16, 2 * 31 * 1024), (WeightStorage::Int8, 256)] {
            let (values, mut read) = right(storage);
            assert_eq!(values.len(), count);
            assert_eq!(compare(&values, &read), None);
            let value = &mut read[count / 3][2];
            *value = f32::from_bits(value.to_bits() ^ 1);
            let fault = compare(&values, &read).unwrap();
            assert!(fault.found.contains("lane 2"), "{fault:?}");
            assert!(compare(&values, &read[1..]).is_some());
        }
    }

    #[test]
    fn denormal_halves_may_be_flushed_to_zero_and_to_nothing_else() {
        let (values, mut read) = right(WeightStorage::F16);
        let smallest_normal = 2f32.powi(-14);
        for value in read.iter_mut().flatten().filter(|value| value.abs() < smallest_normal) {
            *value = 0.0;
        }
        assert_eq!(compare(&values, &read), None);
        read[3][0] = 2f32.powi(-24); // denormal too, but another one
        assert!(compare(&values, &read).is_some());
        let (_, mut read) = right(WeightStorage::F16);
        read[1024][0] = 0.0; // the smallest normal one
        assert!(compare(&values, &read).unwrap().found.contains("0x0400"));
        let (values, mut read) = right(WeightStorage::Int8);
        read[0][0] = 0.0;
        assert!(compare(&values, &read).is_some());
    }

    #[test]
    fn the_adapter_is_asked_once_a_storage_and_a_fault_is_an_error_ever_after() {
        let context = Context::new(&ContextOptions::default()).unwrap();
        for storage in WeightStorage::ALL {
            let before = context.counters();
            pollster::block_on(check_storage(&context, storage)).unwrap();
            let asked = context.counters();
            assert_eq!((asked - before).submissions, u64::from(storage != WeightStorage::F32));
            pollster::block_on(check_storage(&context, storage)).unwrap();
            assert_eq!(context.counters(), asked);
        }
        let fault = Fault { found: "1e0 in lane 2".to_owned(), expected: "2e0".to_owned() };
        context.remember_verdict("weights stored as f16", Some(fault));
        let error = pollster::block_on(check_storage(&context, WeightStorage::F16)).unwrap_err();
        assert!(matches!(&error, Error::SelfTest { .. }), "{error}");
        let text = error.to_string();
        for part in ["weights stored as f16", "lane 2", "WeightStorage::F32"] {
            assert!(text.contains(part), "{text}");
        }
    }
}
