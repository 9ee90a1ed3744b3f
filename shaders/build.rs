//! Parses and validates every kernel with every storage of the weights, its overrides set to their defaults, so that a
//! mistake in WGSL fails the build.

use naga::back::PipelineConstants;
use naga::back::pipeline_constants::process_overrides;
use naga::valid::{Capabilities, ValidationFlags, Validator};

#[path = "src/sources.rs"]
mod sources;
#[path = "src/storage.rs"]
#[allow(dead_code, reason = "the library uses all of it")]
mod storage;

use storage::WeightStorage;

const ALL: [sources::Source; 14] = [
    sources::AVERAGE_POOL,
    sources::DENSE,
    sources::DEPTHWISE,
    sources::LINEAR_WIDE,
    sources::PLAIN,
    sources::POINTWISE_SMALL,
    sources::POINTWISE_WIDE,
    sources::POINTWISE_SUBGROUP,
    sources::POINTWISE_SUBGROUP_FEW,
    sources::POOL,
    sources::POOL_WIDE,
    sources::READ_WEIGHTS,
    sources::RESIZE_COLUMNS,
    sources::RESIZE_ROWS,
];

fn check(source: &sources::Source, storage: WeightStorage) -> Result<(), String> {
    let path = format!("wgsl/{}.wgsl after its shared part, weights {storage}", source.name);
    let text = source.text(storage);
    let module = naga::front::wgsl::parse_str(&text).map_err(|error| error.emit_to_string_with_path(&text, &path))?;
    // Core WGSL, which naga counts as a capability for the sake of one old driver.
    let mut capabilities = Capabilities::SHADER_FLOAT16_IN_FLOAT32;
    capabilities.set(Capabilities::SUBGROUP, source.subgroups);
    let mut validator = Validator::new(ValidationFlags::all(), capabilities);
    if source.subgroups {
        validator.subgroup_stages(naga::valid::ShaderStages::COMPUTE);
        validator.subgroup_operations(naga::valid::SubgroupOperationSet::all());
    }
    let info = validator.validate(&module).map_err(|error| error.emit_to_string_with_path(&text, &path))?;
    let entry = Some((naga::ShaderStage::Compute, source.name));
    process_overrides(&module, &info, entry, &PipelineConstants::default())
        .map_err(|error| format!("{path}: {error}"))?;
    if module.entry_points.iter().any(|entry| entry.name == source.name) {
        Ok(())
    } else {
        Err(format!("{path}: no entry point `{}`", source.name))
    }
}

fn main() {
    println!("cargo::rerun-if-changed=wgsl");
    println!("cargo::rerun-if-changed=src/sources.rs");
    println!("cargo::rerun-if-changed=src/storage.rs");
    let variants = ALL.iter().flat_map(|source| {
        let count = if source.reads_weights { WeightStorage::ALL.len() } else { 1 };
        WeightStorage::ALL.into_iter().take(count).map(move |storage| (source, storage))
    });
    for problem in variants.filter_map(|(source, storage)| check(source, storage).err()) {
        for line in problem.lines() {
            println!("cargo::error={line}");
        }
    }
}
