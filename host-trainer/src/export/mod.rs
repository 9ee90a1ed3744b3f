//! A child as a file of its own, for other engines: ONNX, or safetensors.

mod onnx;
#[allow(missing_docs, reason = "the names are the specification's")]
mod proto;

use nestling_bundle::atomic_file::{WriteError, write_atomically};
use nestling_bundle::{Bundle, BundleError};
use nestling_core::image::Preprocessing;
use nestling_core::reference::SharedWeights;
use nestling_core::space::{Network, SearchSpace, Statistics};
use safetensors::tensor::{Dtype, TensorView};
use std::collections::HashMap;
use std::path::Path;

/// A file format of other engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The child as a graph with batch norm folded away, for converters.
    Onnx,
    /// The child's tensors by name, batch norm and its statistics beside the weights, for frameworks.
    Safetensors,
}

impl Format {
    /// The usual ending of such a file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Onnx => "onnx",
            Self::Safetensors => "safetensors",
        }
    }
}

/// The reason why a child could not be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The tensors cannot be written in this format.
    #[error("child `{child}` cannot be written as safetensors: {problem}")]
    Format {
        /// The child.
        child: String,
        /// Message of the format's library.
        problem: String,
    },
    /// The bundle cannot be read any more.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The disk does not take the file.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl ExportError {
    /// A stable name of this kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Format { .. } => "export_format",
            Self::Bundle(error) => error.code(),
            Self::Write(error) => error.code(),
        }
    }
}

/// A calibrated child with everything that its file holds.
#[derive(Clone, Copy, Debug)]
pub struct Exported<'a> {
    /// Its name in the bundle.
    pub name: &'a str,
    /// The space that it is from.
    pub space: &'a SearchSpace,
    /// The child, lowered.
    pub network: &'a Network,
    /// The shared weights that it is sliced from.
    pub weights: SharedWeights<'a>,
    /// Its batch-norm statistics.
    pub statistics: &'a Statistics,
    /// How images become its input, to be noted in the file.
    pub preprocessing: Option<&'a Preprocessing>,
}

impl Exported<'_> {
    /// The bytes of the file.
    ///
    /// # Errors
    /// [`ExportError::Format`] if the tensors do not fit the format.
    pub fn encode(&self, format: Format) -> Result<Vec<u8>, ExportError> {
        match format {
            Format::Onnx => Ok(onnx::encode(self)),
            Format::Safetensors => self.safetensors(),
        }
    }

    /// Facts about the child that every format has a place for.
    fn metadata(&self) -> Vec<(String, String)> {
        let mut facts = vec![
            ("name".to_owned(), self.name.to_owned()),
            ("space".to_owned(), self.space.name.clone()),
            ("child".to_owned(), self.network.child.to_string()),
            ("resolution".to_owned(), self.network.child.resolution.to_string()),
        ];
        if let Some(preprocessing) = self.preprocessing {
            let list = |values: &[f32]| values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
            facts.push(("means".to_owned(), list(&preprocessing.means)));
            facts.push(("standard_deviations".to_owned(), list(&preprocessing.standard_deviations)));
            facts.push(("centre_fraction".to_owned(), preprocessing.centre_fraction.to_string()));
            facts.push(("fit".to_owned(), preprocessing.fit.to_string()));
        }
        facts
    }

    fn safetensors(&self) -> Result<Vec<u8>, ExportError> {
        let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
        let mut add = |layer: &str, part: &str, shape: Vec<usize>, values: &[f32]| {
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            tensors.push((format!("{layer}.{part}"), shape, bytes));
        };
        let mut first = 0;
        for layer in &self.network.layers {
            let Some(convolution) = layer.convolution.map(|index| &self.weights.layout.convolutions[index]) else {
                continue;
            };
            let weight = self.weights.weight(layer);
            let (outputs, kernel) = (layer.shape.output.channels as usize, layer.shape.kernel as usize);
            let inputs = weight.len() / (outputs * kernel * kernel);
            add(&layer.name, "weight", vec![outputs, inputs, kernel, kernel], &weight);
            let vector = |parameter| self.weights.vector(layer, parameter);
            match convolution.shift {
                None => add(&layer.name, "bias", vec![outputs], vector(convolution.scale_or_bias)),
                Some(shift) => {
                    let range = first..first + outputs;
                    add(&layer.name, "gamma", vec![outputs], vector(convolution.scale_or_bias));
                    add(&layer.name, "beta", vec![outputs], vector(shift));
                    add(&layer.name, "mean", vec![outputs], &self.statistics.means[range.clone()]);
                    add(&layer.name, "variance", vec![outputs], &self.statistics.variances[range]);
                    first += outputs;
                }
            }
        }
        let fail = |problem: String| ExportError::Format { child: self.name.to_owned(), problem };
        let views: Result<Vec<(&str, TensorView<'_>)>, ExportError> = (tensors.iter())
            .map(|(name, shape, bytes)| {
                let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
                Ok((name.as_str(), view.map_err(|error| fail(error.to_string()))?))
            })
            .collect();
        let metadata: HashMap<String, String> = self.metadata().into_iter().collect();
        safetensors::serialize(views?, Some(metadata)).map_err(|error| fail(error.to_string()))
    }
}

/// Writes the child at `index` of a bundle, whole or not at all. Returns the number of bytes.
///
/// # Errors
/// [`ExportError`] if the tensors do not fit the format, or the disk does not take the file.
///
/// # Panics
/// If `index` is not a place in [`Bundle::children`].
pub fn export(bundle: &Bundle, index: usize, format: Format, path: &Path) -> Result<usize, ExportError> {
    let (calibrated, weights) = (&bundle.calibrated()[index], bundle.weights()?);
    let child = Exported {
        name: &bundle.children()[index].name,
        space: bundle.space(),
        network: &bundle.networks()[index],
        weights: SharedWeights { layout: bundle.layout(), values: &weights },
        statistics: calibrated.statistics(),
        preprocessing: Some(&bundle.manifest().preprocessing),
    };
    let bytes = child.encode(format)?;
    write_atomically(path, |file| file.write_all(&bytes))?;
    Ok(bytes.len())
}
