//! Parses and validates every kernel, with its overrides set to their defaults, so that a mistake in WGSL fails the build.

use naga::back::PipelineConstants;
use naga::back::pipeline_constants::process_overrides;
use naga::valid::{Capabilities, ValidationFlags, Validator};

#[path = "src/sources.rs"]
mod sources;

const ALL: [sources::Source; 12] = [
    sources::AVERAGE_POOL,
    sources::DENSE,
    sources::DEPTHWISE,
    sources::LINEAR_WIDE,
    sources::POINTWISE_SMALL,
    sources::POINTWISE_WIDE,
    sources::POINTWISE_SUBGROUP,
    sources::POINTWISE_SUBGROUP_FEW,
    sources::POOL,
    sources::POOL_WIDE,
    sources::RESIZE_COLUMNS,
    sources::RESIZE_ROWS,
];

fn check(source: &sources::Source) -> Result<(), String> {
    let path = format!("wgsl/{}.wgsl after its shared part", source.name);
    let module = naga::front::wgsl::parse_str(source.text)
        .map_err(|error| error.emit_to_string_with_path(source.text, &path))?;
    let capabilities = if source.subgroups { Capabilities::SUBGROUP } else { Capabilities::empty() };
    let mut validator = Validator::new(ValidationFlags::all(), capabilities);
    if source.subgroups {
        validator.subgroup_stages(naga::valid::ShaderStages::COMPUTE);
        validator.subgroup_operations(naga::valid::SubgroupOperationSet::all());
    }
    let info = validator.validate(&module).map_err(|error| error.emit_to_string_with_path(source.text, &path))?;
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
    for problem in ALL.iter().filter_map(|source| check(source).err()) {
        for line in problem.lines() {
            println!("cargo::error={line}");
        }
    }
}
