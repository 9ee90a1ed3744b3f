//! WebGPU's downlevel limits are all that is ever asked for, and no optional feature is needed.

use super::*;
use crate::gpu::AdapterInfo;

/// Everything that may be missing, one at a time, then all of it.
fn poor_options(cache: &std::path::Path) -> Vec<(&'static str, ContextOptions)> {
    let all = ContextOptions::default;
    vec![
        ("nothing missing, with a pipeline cache", ContextOptions { pipeline_cache: Some(cache.to_owned()), ..all() }),
        ("no subgroups", ContextOptions { use_subgroups: false, ..all() }),
        ("no timestamps", ContextOptions { use_timestamps: false, ..all() }),
        ("no f16", ContextOptions { use_f16: false, ..all() }),
        ("no pipeline cache", all()),
        ("none of them", ContextOptions { use_subgroups: false, use_timestamps: false, use_f16: false, ..all() }),
    ]
}

#[test]
fn everything_runs_with_downlevel_limits_and_without_each_feature() {
    let mut random = random(41);
    let space = networks::mixed().validated().unwrap(); // every operator
    let weights = random_weights(&space, &mut random);
    let children = [space.smallest(), space.biggest()].map(|child| random_statistics(&space, &child, &mut random));
    let tensors = [&children[0], &children[1]]
        .map(|child| random_tensor(space.lower(child.child()).unwrap().input.len(), &mut random));
    let expected = [0, 1].map(|index| reference_logits(&space, &weights, &children[index], &tensors[index]));
    let cache = tempfile::tempdir().unwrap();
    for (missing, options) in poor_options(cache.path()) {
        let context = Context::new(&options).unwrap();
        let (limits, least) = (context.limits(), wgpu::Limits::downlevel_defaults());
        for (name, given, most) in [
            ("storage buffers", limits.max_storage_buffers_per_shader_stage, 4),
            ("invocations", limits.max_compute_invocations_per_workgroup, 256),
            ("workgroup bytes", limits.max_compute_workgroup_storage_size, 16 << 10),
            ("workgroups", limits.max_compute_workgroups_per_dimension, 65_535),
            ("immediate bytes", limits.max_immediate_size, 0),
        ] {
            assert!(given <= most, "{missing}: {given} {name}");
        }
        assert!(limits.max_storage_buffer_binding_size <= least.max_storage_buffer_binding_size, "{missing}");
        assert!(options.use_subgroups || !context.facts().subgroups, "{missing}");
        if missing.starts_with("nothing missing") {
            let AdapterInfo { f16, subgroups, timestamps, pipeline_cache, .. } = *context.facts();
            for (feature, is_offered) in [
                (Feature::F16, f16),
                (Feature::Subgroups, subgroups),
                (Feature::Timestamps, timestamps),
                (Feature::PipelineCache, pipeline_cache),
            ] {
                // Reports a skipped test where the adapter lacks the feature anyway.
                let _ = feature.can_be_tested(is_offered);
            }
        }
        // The kernels that this adapter gets, then those of a phone.
        let phone = (missing == "none of them").then_some(Vendor::Mali);
        for vendor in [context.facts().vendor_family()].into_iter().chain(phone) {
            let traits = traits(vendor, context.facts().subgroups);
            let (options, preprocessing) = (EngineOptions::default(), preprocessing(&space));
            let loading =
                Supernet::load_planned(&context, &space, weights.as_slice(), &preprocessing, &options, traits);
            let supernet = pollster::block_on(loading).unwrap();
            for (child, (tensor, expected)) in children.iter().zip(tensors.iter().zip(&expected)) {
                let prepared = supernet.prepare(child).unwrap();
                let logits = supernet.infer_tensor(&prepared, tensor).unwrap();
                let error = relative_error(&logits, expected);
                assert!(error < 1e-4, "{missing}, {vendor:?}, {prepared}: {error:e}");
                assert_eq!(supernet.time_layers(&prepared, 1).unwrap().layers.len(), prepared.network().layers.len());
            }
        }
    }
}
