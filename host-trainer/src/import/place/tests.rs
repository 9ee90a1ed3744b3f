use super::*;
use crate::import::{SourceTensor, source_model, source_names};
use nestling_core::reference::SharedWeights;
use std::collections::BTreeMap;

fn model() -> &'static dyn SourceModel {
    source_model("efficientnet-lite0").unwrap()
}

/// Every tensor of the model, filled with distinct numbers, in the names of the naming of this index.
fn tensors(naming: usize) -> BTreeMap<String, SourceTensor> {
    let (model, naming) = (model(), model().namings()[naming]);
    let network = model.space().unwrap().lower(&model.child().unwrap()).unwrap();
    let mut tensors = BTreeMap::new();
    let mut next = 0.0f32;
    let mut add = |name: String, shape: Vec<usize>| {
        let count: usize = shape.iter().product();
        let values = (0..count).map(|index| next + index as f32 * 1e-7).collect();
        next += 1.0;
        tensors.insert(name, SourceTensor { shape, values });
    };
    for layer in network.layers.iter().filter(|layer| layer.convolution.is_some()) {
        let (outputs, kernel) = (layer.shape.output.channels as usize, layer.shape.kernel as usize);
        let inputs = layer.shape.weights() as usize / (outputs * kernel * kernel);
        match source_names(model, naming, &layer.name).unwrap() {
            LayerNames::Convolution { weight, gamma, beta, mean, variance } => {
                add(weight, vec![outputs, inputs, kernel, kernel]);
                [gamma, beta, mean, variance].into_iter().for_each(|name| add(name, vec![outputs]));
            }
            LayerNames::Linear { weight, bias } => {
                add(weight, vec![outputs, inputs]);
                add(bias, vec![outputs]);
            }
        }
    }
    tensors
}

fn state(tensors: BTreeMap<String, SourceTensor>) -> StateDict {
    StateDict { tensors, ..StateDict::default() }
}

fn import(tensors: BTreeMap<String, SourceTensor>) -> Result<Imported, ImportError> {
    place(model(), &state(tensors), |space| vec![-1.0; space.layout().len()])
}

/// The same file with other names.
fn renamed(change: impl Fn(&str) -> String) -> BTreeMap<String, SourceTensor> {
    tensors(0).into_iter().map(|(name, tensor)| (change(&name), tensor)).collect()
}

fn notes(imported: &Imported) -> Vec<String> {
    imported.notes.iter().map(ToString::to_string).collect()
}

#[test]
fn the_child_reads_exactly_what_was_placed_and_the_rest_stays() {
    let tensors = tensors(0);
    let imported = import(tensors.clone()).unwrap();
    assert!(imported.notes.is_empty(), "{:?}", imported.notes);
    let (space, layout) = (&imported.space, imported.space.layout());
    let network = space.lower(&model().child().unwrap()).unwrap();
    let shared = SharedWeights { layout, values: &imported.weights };
    for layer in network.layers.iter().filter(|layer| layer.convolution.is_some()) {
        let (LayerNames::Convolution { weight, .. } | LayerNames::Linear { weight, .. }) =
            source_names(model(), model().namings()[0], &layer.name).unwrap();
        assert_eq!(shared.weight(layer), tensors[&weight].values, "{}", layer.name);
    }
    let kept = imported.weights.iter().filter(|&&value| value == -1.0).count();
    assert_eq!(kept + imported.placed, layout.len());
    assert_eq!((imported.placed, layout.len() / 10_000), (4_652_008, 924));
}

#[test]
fn prefixes_and_names_of_other_libraries_give_the_same_network() {
    let plain = import(tensors(0)).unwrap();
    for (prefix, words) in [
        ("module.", "`module.`"),
        ("_orig_mod.", "`_orig_mod.`"),
        ("model.", "`model.`"),
        ("module._orig_mod.", "`_orig_mod.`, `module.`"),
        ("model.module.net.", "`module.`, `model.net.`"),
    ] {
        let imported = import(renamed(|name| format!("{prefix}{name}"))).unwrap();
        assert!(imported.weights == plain.weights && imported.child == plain.child, "{prefix}");
        let expected = format!("stripped from the names of 247 tensors: {words}");
        assert_eq!(notes(&imported), [expected], "{prefix}");
    }
    let inside = import(renamed(|name| name.replace("_blocks.3.", "_blocks.3._orig_mod."))).unwrap();
    assert!(inside.weights == plain.weights && notes(&inside)[0].contains("15 tensors: `_orig_mod.`"));
    let timm =
        import(tensors(1).into_iter().map(|(name, tensor)| (format!("module.{name}"), tensor)).collect()).unwrap();
    assert!(timm.weights == plain.weights && timm.child == plain.child);
    assert!(notes(&timm)[1].contains("timm's: the weights are taken as those of `tf_efficientnet_lite0`"));
}

#[test]
fn averaged_weights_are_taken_before_others_and_further_tensors_are_left_out() {
    let mut both = renamed(|name| format!("model.{name}"));
    let averaged = tensors(0).into_iter().map(|(name, tensor)| {
        let values = tensor.values.iter().map(|value| value + 1.0).collect();
        (format!("model_ema.{name}"), SourceTensor { values, ..tensor })
    });
    both.extend(averaged);
    both.insert("n_averaged".into(), SourceTensor { shape: vec![], values: vec![7.0] });
    let imported = import(both).unwrap();
    let plain = import(tensors(0)).unwrap();
    assert!(imported.weights[0] == plain.weights[0] + 1.0);
    let notes = notes(&imported);
    assert!(notes[0].contains("`model_ema.`"), "{notes:?}");
    assert!(notes[1].starts_with("248 tensors that no layer reads were left out"), "{notes:?}");
}

#[test]
fn a_classifier_of_another_size_and_grey_images_are_taken_as_they_are() {
    let mut five = tensors(0);
    let first = |tensor: &SourceTensor, count: usize, shape: &[usize]| SourceTensor {
        shape: shape.to_vec(),
        values: tensor.values[..count].to_vec(),
    };
    five.insert("_fc.weight".into(), first(&five["_fc.weight"], 5 * 1280, &[5, 1280, 1, 1]));
    five.insert("_fc.bias".into(), first(&five["_fc.bias"], 5, &[5]));
    five.insert("_conv_stem.weight".into(), first(&five["_conv_stem.weight"], 32 * 9, &[32, 1, 3, 3]));
    let imported = import(five).unwrap();
    assert_eq!((imported.space.classes, imported.space.input_channels), (5, 1));
    assert_eq!(imported.preprocessing.means, [127.0 / 255.0]);
    assert_eq!(
        notes(&imported),
        ["the classifier has 5 classes in the place of 1000", "the stem reads 1 channels in the place of 3"]
    );
}

#[test]
fn the_files_own_normalisation_is_used() {
    for (scale, prefix) in [(1.0, "normalize."), (255.0, "data_preprocessor."), (255.0, "")] {
        let mut own = renamed(|name| if prefix == "normalize." { format!("model.{name}") } else { name.to_owned() });
        let values =
            |values: [f32; 3]| SourceTensor { shape: vec![1, 3, 1, 1], values: values.map(|v| v * scale).to_vec() };
        own.insert(format!("{prefix}mean"), values([0.5, 0.25, 0.125]));
        own.insert(format!("{prefix}std"), values([0.25, 0.5, 0.25]));
        let imported = import(own).unwrap();
        assert_eq!(imported.preprocessing.means, [0.5, 0.25, 0.125], "{prefix}");
        assert_eq!(imported.preprocessing.standard_deviations, [0.25, 0.5, 0.25], "{prefix}");
        let notes = notes(&imported);
        assert!(notes.last().unwrap().contains("the file's own means"), "{notes:?}");
        assert!(notes.iter().all(|note| !note.contains("left out")), "{notes:?}");
    }
}

#[test]
fn the_true_reason_is_given_where_weights_are_refused() {
    let without = |words: &[&str]| {
        let mut file = renamed(|name| format!("module.{name}"));
        file.retain(|name, _| words.iter().all(|word| !name.contains(word)));
        import(file).unwrap_err().to_string()
    };
    let message = without(&["_fc"]);
    assert!(message.contains("the file holds only the features"), "{message}");
    let message = without(&["_conv_head.weight"]);
    assert!(
        message.contains("`_conv_head.weight` [1280, 320, 1, 1] of layer `head` is missing, while 246"),
        "{message}"
    );
    // EfficientNet-B0 has the same names, and squeeze-and-excite layers.
    let mut excited = tensors(1);
    excited.insert("blocks.1.0.se.conv_reduce.weight".into(), SourceTensor { shape: vec![1], values: vec![0.0] });
    let message = import(excited).unwrap_err().to_string();
    assert!(message.contains("`blocks.1.0.se.conv_reduce.weight`: the file holds another network"), "{message}");
}

/// The file with a classifier of five classes under other names.
fn with_classifier(weight: &str, bias: &str, shape: &[usize]) -> BTreeMap<String, SourceTensor> {
    let mut file = tensors(0);
    let (old, _) = (file.remove("_fc.weight").unwrap(), file.remove("_fc.bias"));
    let count = shape.iter().product();
    file.insert(weight.into(), SourceTensor { shape: shape.to_vec(), values: old.values[..count].to_vec() });
    file.insert(bias.into(), SourceTensor { shape: vec![5], values: vec![0.5, 1.5, 2.5, 3.5, 4.5] });
    file
}

/// The weights of the classifier that was placed.
fn classifier(imported: &Imported) -> Vec<f32> {
    let network = imported.space.lower(&model().child().unwrap()).unwrap();
    let layer = network.layers.iter().find(|layer| &*layer.name == "classifier").unwrap();
    SharedWeights { layout: imported.space.layout(), values: &imported.weights }.weight(layer)
}

#[test]
fn the_only_other_classifier_is_taken_whatever_its_name_is() {
    let usual = import(with_classifier("_fc.weight", "_fc.bias", &[5, 1280])).unwrap();
    for (weight, bias) in [
        ("_fc.1.weight", "_fc.1.bias"),
        ("classifier.1.weight", "classifier.1.bias"),
        ("head.weight", "head.bias"),
        ("_fc.weight", "_fc.bias"),
        ("my\nhead.weight", "my\nhead.bias"),
    ] {
        for prefix in ["", "backbone."] {
            let file = with_classifier(weight, bias, &[5, 1280]);
            let file = file.into_iter().map(|(name, tensor)| match name.as_str() {
                name if name == weight || name == bias => (name.to_owned(), tensor),
                name => (format!("{prefix}{name}"), tensor),
            });
            let imported = import(file.collect()).unwrap();
            assert!(imported.weights == usual.weights && imported.child == usual.child, "{prefix}{weight}");
            let notes = notes(&imported);
            let expected = format!("the classifier is `{}` in the place of `_fc.weight`", weight.escape_debug());
            assert_eq!(notes.contains(&expected), weight != "_fc.weight", "{notes:?}");
            assert!(notes.iter().all(|note| !note.contains('\n') && !note.contains("left out")), "{notes:?}");
        }
    }
}

#[test]
fn a_transposed_classifier_is_turned() {
    let usual = import(with_classifier("_fc.weight", "_fc.bias", &[5, 1280])).unwrap();
    let straight = classifier(&usual);
    for (weight, bias) in [("_fc.weight", "_fc.bias"), ("head.weight", "head.bias")] {
        let mut file = with_classifier(weight, bias, &[1280, 5]);
        let turned = (0..1280 * 5).map(|index| straight[index % 5 * 1280 + index / 5]).collect();
        file.get_mut(weight).unwrap().values = turned;
        let imported = import(file).unwrap();
        assert!(imported.weights == usual.weights, "{weight}");
        let notes = notes(&imported);
        assert!(
            notes.contains(&"`_fc.weight` is stored as [features, classes] and was transposed".into()),
            "{notes:?}"
        );
    }
}

#[test]
fn a_classifier_of_several_layers_or_without_classes_is_told_as_that() {
    let mut two = with_classifier("classifier.0.weight", "classifier.0.bias", &[5, 1280]);
    two.insert("classifier.3.weight".into(), SourceTensor { shape: vec![7, 5], values: vec![0.0; 35] });
    let error = import(two).unwrap_err();
    assert_eq!(error.code(), "import_other_classifier");
    let message = error.to_string();
    assert!(message.contains("`_fc.weight` is missing, and 2 other matrices could be a part of it"), "{message}");
    assert!(message.contains("`classifier.0.weight` [5, 1280], `classifier.3.weight` [7, 5]"), "{message}");
    let narrow = import(with_classifier("head.weight", "head.bias", &[5, 640])).unwrap_err().to_string();
    assert!(narrow.contains("`head.weight` [5, 640] is none of this network"), "{narrow}");
    let mut none = tensors(0);
    none.insert("_fc.weight".into(), SourceTensor { shape: vec![0, 1280], values: Vec::new() });
    let error = import(none).unwrap_err();
    assert!(
        error.code() == "import_no_classes" && error.to_string().contains("[0, 1280]: it has no classes"),
        "{error}"
    );
}
