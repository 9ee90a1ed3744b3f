//! Writes every kernel for every backend that wgpu may meet, as wgpu would.
#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use naga::back::{glsl, hlsl, msl, spv};
use naga::valid::{Capabilities, ModuleInfo, ShaderStages, SubgroupOperationSet, ValidationFlags, Validator};
use naga::{Module, ShaderStage, proc::BoundsCheckPolicies};
use nestling_core::arithmetic::Arithmetic;
use nestling_core::weights::WeightStorage;
use nestling_shaders::{Kernel, LayerParameters, ResizeParameters, Specialisation};

fn checked(text: &str, arithmetic: Arithmetic) -> (Module, ModuleInfo) {
    let module = naga::front::wgsl::parse_str(text).unwrap_or_else(|error| panic!("{}", error.emit_to_string(text)));
    let mut capabilities = Capabilities::SUBGROUP | Capabilities::SHADER_FLOAT16_IN_FLOAT32;
    capabilities.set(Capabilities::SHADER_FLOAT16, arithmetic == Arithmetic::F16);
    let mut validator = Validator::new(ValidationFlags::all(), capabilities);
    validator.subgroup_stages(ShaderStages::COMPUTE).subgroup_operations(SubgroupOperationSet::all());
    let info = validator.validate(&module).unwrap_or_else(|error| panic!("{}", error.emit_to_string(text)));
    (module, info)
}

fn glsl_es(kernel: Kernel, module: &Module, info: &ModuleInfo) -> Result<String, glsl::Error> {
    let options = glsl::Options { version: glsl::Version::new_gles(310), ..Default::default() };
    let pipeline = glsl::PipelineOptions {
        shader_stage: ShaderStage::Compute,
        entry_point: kernel.entry_point().to_owned(),
        multiview: None,
    };
    let mut text = String::new();
    glsl::Writer::new(&mut text, module, info, &options, &pipeline, BoundsCheckPolicies::default())?.write()?;
    Ok(text)
}

#[test]
fn every_kernel_is_written_for_every_backend() {
    let variants = (Kernel::ALL.into_iter())
        .flat_map(|kernel| kernel.examples().into_iter().map(move |specialisation| (kernel, specialisation)))
        .flat_map(|(kernel, specialisation)| WeightStorage::ALL.map(|storage| (kernel, specialisation, storage)));
    for (kernel, specialisation, storage) in variants {
        let wgsl = specialisation.wgsl(kernel, storage);
        if storage != WeightStorage::F32 && !kernel.reads_weights() {
            assert_eq!(wgsl, specialisation.wgsl(kernel, WeightStorage::F32));
            continue;
        }
        let name = kernel.entry_point();
        let (module, info) = checked(&wgsl, specialisation.arithmetic);

        let words = spv::write_vec(&module, &info, &spv::Options::default(), None).unwrap();
        assert!(words.len() > 100, "{name}: SPIR-V");

        let options = msl::Options { fake_missing_bindings: true, lang_version: (2, 4), ..Default::default() };
        let (text, _) = msl::write_string(&module, &info, &options, &msl::PipelineOptions::default()).unwrap();
        assert!(text.contains(name), "{name}: MSL");

        let options =
            hlsl::Options { fake_missing_bindings: true, shader_model: hlsl::ShaderModel::V6_2, ..Default::default() };
        let mut text = String::new();
        let pipeline = hlsl::PipelineOptions::default();
        hlsl::Writer::new(&mut text, &options, &pipeline).write(&module, &info, None).unwrap();
        assert!(text.contains(name), "{name}: HLSL");

        // GLES has no 16-bit floats, and no adapter of it offers them.
        if specialisation.arithmetic == Arithmetic::F32 {
            let text = glsl_es(kernel, &module, &info).unwrap();
            assert!(text.contains("void main()"), "{name}: GLSL ES");
            let buffers = text.lines().filter(|line| line.contains(" buffer ")).count();
            assert!(buffers <= 4, "{name}: GLSL ES guarantees 4 storage buffers, not {buffers}\n{text}");
        }

        let text = naga::back::wgsl::write_string(&module, &info, naga::back::wgsl::WriterFlags::empty()).unwrap();
        assert!(text.contains(name), "{name}: WGSL");
    }
}

#[test]
fn parameters_mirror_the_structs_in_wgsl() {
    let layout = |kernel: Kernel, structure: &str| -> (u32, Vec<(String, u32)>) {
        let module =
            naga::front::wgsl::parse_str(&Specialisation::generic(64).wgsl(kernel, WeightStorage::F32)).unwrap();
        let (_, kind) = module.types.iter().find(|(_, kind)| kind.name.as_deref() == Some(structure)).unwrap();
        let naga::TypeInner::Struct { members, span } = &kind.inner else { panic!("{structure} is not a struct") };
        let offsets = members.iter().map(|member| (member.name.clone().unwrap(), member.offset)).collect();
        (*span, offsets)
    };
    macro_rules! mirror {
        ($type:ty { $($field:ident),* }) => {
            (size_of::<$type>() as u32, vec![$((stringify!($field).to_owned(), std::mem::offset_of!($type, $field) as u32)),*])
        };
    }
    let expected = mirror!(LayerParameters {
        input_width,
        input_height,
        input_groups,
        output_width,
        output_height,
        output_groups,
        weight_offset,
        weight_stride,
        weight_kernel,
        norm_offset,
        padding,
        source_offset,
        destination_offset,
        gate_offset,
        kernel,
        flags
    });
    assert_eq!(layout(Kernel::Depthwise, "Layer"), expected);
    let expected = mirror!(ResizeParameters {
        source,
        fitted,
        margin,
        target_side,
        channels,
        scale,
        shift,
        first,
        right,
        down,
        luma,
        order,
        chroma_column,
        grey,
        chroma_row,
        chroma_first,
        chroma_next,
        chroma,
        kind,
        transposed,
        unused
    });
    assert_eq!(layout(Kernel::ResizeRows, "Resize"), expected);
}
