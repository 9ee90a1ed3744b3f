//! A classifier under another name, or stored the other way round: scripts that fine-tune a network replace it.

use super::adapt::Adapted;
use super::{Adaptation, ImportError, LayerNames, Place, Sizes, SourceModel, SourceTensor, source_names};
use nestling_core::space::Network;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Puts the classifier of the file under the names of the model, the weight as `[classes, features]`.
pub(super) fn find_classifier(
    model: &'static dyn SourceModel,
    network: &Network,
    adapted: &mut Adapted<'_>,
) -> Result<(), ImportError> {
    let LayerNames::Linear { weight, bias } = adapted.naming.names(Place::Classifier) else { return Ok(()) };
    let features = network.layers.iter().rev().find(|layer| layer.convolution.is_some());
    let features = features.map_or(0, |layer| layer.shape.input.channels as usize);
    if !adapted.tensors.contains_key(&weight) {
        take_the_only_other(model, network, adapted, features)?;
    }
    let Some(found) = adapted.tensors.get(&weight) else { return Ok(()) };
    if found.shape.first() == Some(&0) || (found.values.is_empty() && found.shape.contains(&0)) {
        return Err(ImportError::NoClasses { tensor: weight, found: Sizes(found.shape.clone()) });
    }
    let classes = adapted.tensors.get(&bias).map(|bias| bias.values.len());
    if let [inputs, outputs] = found.shape[..]
        && inputs == features
        && outputs != features
        && classes.is_none_or(|classes| classes == outputs)
    {
        let turned = transposed(found, inputs, outputs);
        adapted.notes.push(Adaptation::Transposed { tensor: weight.clone() });
        adapted.tensors.insert(weight, Cow::Owned(turned));
    }
    Ok(())
}

fn transposed(tensor: &SourceTensor, rows: usize, columns: usize) -> SourceTensor {
    let values = (0..columns).flat_map(|column| (0..rows).map(move |row| tensor.values[row * columns + column]));
    SourceTensor { shape: vec![columns, rows], values: values.collect() }
}

/// Takes the only matrix that no layer reads, if its size is that of a classifier and it has a bias.
fn take_the_only_other(
    model: &'static dyn SourceModel,
    network: &Network,
    adapted: &mut Adapted<'_>,
    features: usize,
) -> Result<(), ImportError> {
    let LayerNames::Linear { weight, bias } = adapted.naming.names(Place::Classifier) else { return Ok(()) };
    let read: BTreeSet<String> = (network.layers.iter())
        .filter_map(|layer| source_names(model, adapted.naming, &layer.name))
        .flat_map(|names| names.tensors().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let inside = adapted.tensors.iter().filter(|(name, _)| !read.contains(*name));
    // A number for each channel, as of a normalisation, is no matrix.
    let is_matrix = |tensor: &SourceTensor| tensor.shape.iter().filter(|&&size| size != 1).count() >= 2;
    let matrices: Vec<(String, Vec<usize>)> = inside
        .chain(&adapted.beside)
        .filter(|(_, tensor)| is_matrix(tensor) || tensor.shape.len() == 2)
        .map(|(name, tensor)| (name.clone(), tensor.shape.clone()))
        .collect();
    let (name, shape) = match &matrices[..] {
        [] => return Err(ImportError::NoClassifier { tensor: weight }),
        [one] => one,
        several => {
            let found = several.iter().take(3).map(|(name, shape)| (name.clone(), Sizes(shape.clone()))).collect();
            return Err(ImportError::SeveralClassifiers { tensor: weight, count: several.len(), found });
        }
    };
    let beside = name.strip_suffix("weight").map(|stem| format!("{stem}bias"));
    let bias_of = |name: &String| adapted.tensors.get(name).or_else(|| adapted.beside.get(name));
    let fits = beside.as_ref().and_then(bias_of).is_some_and(|bias| {
        let classes = bias.values.len();
        let ones = shape.get(2..).unwrap_or_default().iter().all(|&size| size == 1);
        ones && (shape.starts_with(&[classes, features]) || shape[..] == [features, classes])
    });
    let Some(beside) = beside.filter(|_| fits) else {
        let found = vec![(name.clone(), Sizes(shape.clone()))];
        return Err(ImportError::SeveralClassifiers { tensor: weight, count: 1, found });
    };
    let mut move_to = |from: &String, to: String| {
        if let Some(tensor) = adapted.tensors.remove(from).or_else(|| adapted.beside.remove(from)) {
            adapted.tensors.insert(to, tensor);
        }
    };
    move_to(name, weight.clone());
    move_to(&beside, bias);
    // Without the prefix of the other layers it may have its usual name.
    if *name != weight {
        adapted.notes.push(Adaptation::Classifier { found: name.clone(), usual: weight });
    }
    Ok(())
}
