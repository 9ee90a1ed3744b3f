use super::{Best, TrainConfig};
use crate::data::{DataError, Shares, SplitRule, check_same_classes};
use nestling_bundle::DataSplit;
use nestling_bundle::atomic_file::{WriteError, read_at_most, write_atomically};
use nestling_core::image::Preprocessing;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Most bytes of a file: five times the weights of a billion parameters are more.
const MAX_BYTES: u64 = 16 << 30;

/// The version of this crate, with the commit of the checkout in a release build; it is `unknown` elsewhere.
pub const CODE_VERSION: &str =
    concat!("nestling-train ", env!("CARGO_PKG_VERSION"), ", commit ", env!("NESTLING_COMMIT"));

/// Everything that a run needs to go on as if it had never stopped.
///
/// The file is a safetensors file with flat tensors (`weights`, `momentum`, `average`; `square` if the update rule has
/// it; `best` if the run has patience) and the configuration, step, CPU and wall seconds and [`CODE_VERSION`] as metadata.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The configuration of the run.
    pub config: TrainConfig,
    /// Steps done.
    pub step: u64,
    /// CPU seconds spent so far.
    pub cpu_s: f64,
    /// Wall seconds spent so far.
    pub wall_s: f64,
    /// [`Dataset::fingerprint`](crate::data::Dataset::fingerprint) of the training images; none in older files.
    pub images: Option<String>,
    /// How the images were divided, if they are files; none in older files.
    pub split: Option<SplitRule>,
    /// The names of the classes, if the images have any; none in older files.
    pub classes: Option<Vec<String>>,
    /// How pixels become input; none in older files.
    pub preprocessing: Option<Preprocessing>,
    /// Where the first weights came from, if they were trained.
    pub from: Option<String>,
    /// Shared parameters.
    pub weights: Vec<f32>,
    /// The optimiser's momentum.
    pub momentum: Vec<f32>,
    /// The optimiser's mean squared gradient, of rules that have one.
    pub square: Option<Vec<f32>>,
    /// Running average of the weights.
    pub average: Vec<f32>,
    /// The best epoch so far, if the run has patience.
    pub best: Option<Best>,
}

/// The reason why a checkpoint cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// It cannot be read.
    #[error("cannot read checkpoint {path}: {problem}; remove it to start again, or restore a good copy")]
    Read {
        /// The file.
        path: PathBuf,
        /// The fault.
        problem: String,
    },
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// It cannot be encoded.
    #[error("cannot encode the checkpoint: {0}")]
    Encode(String),
}

impl CheckpointError {
    /// A stable name of this kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "checkpoint_unreadable",
            Self::Write(error) => error.code(),
            Self::Encode(_) => "checkpoint_encode",
        }
    }
}

const TENSORS: [&str; 3] = ["weights", "momentum", "average"];
const SQUARE: &str = "square";
const BEST: &str = "best";

impl Checkpoint {
    /// The weights that ship: those of the best epoch if the run has patience, else the running average, or the weights
    /// themselves without one.
    pub fn shipped_weights(&self) -> &[f32] {
        match &self.best {
            Some(best) => &best.weights,
            None if self.config.average_decay == 0.0 => &self.weights,
            None => &self.average,
        }
    }

    /// Checks that a data set has the classes of the run, in its order, as far as both name them.
    ///
    /// # Errors
    /// [`DataError::OtherClasses`].
    pub fn check_classes(&self, classes: Option<&[String]>) -> Result<(), DataError> {
        check_same_classes(self.classes.as_deref(), classes)
    }

    /// How the images were divided, for a bundle; none if their source said it, or it is not known.
    pub fn data_split(&self) -> Option<DataSplit> {
        let (SplitRule { seed, shares: Shares { held_out, test } }, training) = (self.split?, self.images.clone()?);
        Some(DataSplit { seed, held_out, test, training })
    }

    /// Writes the file whole or not at all.
    ///
    /// # Errors
    /// [`CheckpointError::Write`] if the disk does not take it; the older checkpoint stays.
    pub fn write(&self, path: &Path) -> Result<(), CheckpointError> {
        let encode = |error: &dyn std::fmt::Display| CheckpointError::Encode(error.to_string());
        let metadata = self.metadata()?;
        let mut views = Vec::new();
        let tensors = TENSORS.into_iter().zip([&self.weights, &self.momentum, &self.average]);
        let best = self.best.as_ref().map(|best| (BEST, &best.weights));
        for (name, values) in tensors.chain(self.square.as_ref().map(|square| (SQUARE, square))).chain(best) {
            let bytes = bytemuck::cast_slice(values);
            views.push((name, TensorView::new(Dtype::F32, vec![values.len()], bytes).map_err(|error| encode(&error))?));
        }
        let bytes = safetensors::serialize(views, Some(metadata)).map_err(|error| encode(&error))?;
        Ok(write_atomically(path, |file| file.write_all(&bytes))?)
    }

    /// Everything but the tensors, by name.
    fn metadata(&self) -> Result<HashMap<String, String>, CheckpointError> {
        let mut metadata = HashMap::from([
            ("config".to_owned(), json(&self.config)?),
            ("step".to_owned(), self.step.to_string()),
            ("cpu_s".to_owned(), self.cpu_s.to_string()),
            ("wall_s".to_owned(), self.wall_s.to_string()),
            ("written_by".to_owned(), CODE_VERSION.to_owned()),
        ]);
        if let Some(Best { epoch, accuracy, .. }) = &self.best {
            metadata.insert("best_epoch".to_owned(), epoch.to_string());
            metadata.insert("best_accuracy".to_owned(), accuracy.to_string());
        }
        let optional = [
            ("preprocessing", self.preprocessing.as_ref().map(json).transpose()?),
            ("split", self.split.as_ref().map(json).transpose()?),
            ("classes", self.classes.as_ref().map(json).transpose()?),
            ("from", self.from.clone()),
            ("images", self.images.clone()),
        ];
        metadata.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        Ok(metadata)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`CheckpointError::Read`] if it is missing, cut off, of another version or not a checkpoint.
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        let fail = |problem: String| CheckpointError::Read { path: path.to_owned(), problem };
        let bytes = read_at_most(path, MAX_BYTES).map_err(|error| fail(error.to_string()))?;
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| fail(error.to_string()))?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(|error| fail(error.to_string()))?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let text = |key: &str| metadata.get(key).ok_or_else(|| fail(format!("`{key}` is missing")));
        let number = |key: &str| text(key)?.parse::<f64>().map_err(|error| fail(format!("`{key}`: {error}")));
        let config: TrainConfig =
            serde_json::from_str(text("config")?).map_err(|error| fail(format!("`config`: {error}")))?;
        let space = config.validate().map_err(|error| fail(error.to_string()))?;
        let preprocessing = json_of(&metadata, "preprocessing").map_err(fail)?;
        let classes = json_of(&metadata, "classes").map_err(fail)?;
        let split = json_of(&metadata, "split").map_err(fail)?;
        let expected = space.layout().len();
        let vector = |name: &str| {
            let tensor = tensors.tensor(name).map_err(|error| fail(error.to_string()))?;
            if tensor.dtype() != Dtype::F32 || tensor.shape() != [expected] {
                return Err(fail(format!(
                    "`{name}` is {:?} {:?}, not F32 [{expected}]",
                    tensor.dtype(),
                    tensor.shape()
                )));
            }
            Ok(bytemuck::pod_collect_to_vec(tensor.data()))
        };
        Ok(Self {
            step: text("step")?.parse().map_err(|error| fail(format!("`step`: {error}")))?,
            cpu_s: number("cpu_s")?,
            wall_s: number("wall_s")?,
            images: metadata.get("images").cloned(),
            split,
            classes,
            preprocessing,
            from: metadata.get("from").cloned(),
            weights: vector("weights")?,
            momentum: vector("momentum")?,
            average: vector("average")?,
            best: (tensors.names().contains(&BEST))
                .then(|| -> Result<Best, CheckpointError> {
                    let epoch = number("best_epoch")? as u32;
                    Ok(Best { epoch, accuracy: number("best_accuracy")?, weights: vector(BEST)? })
                })
                .transpose()?,
            square: tensors.names().contains(&SQUARE).then(|| vector(SQUARE)).transpose()?,
            config,
        })
    }
}

/// A value as JSON.
fn json<T: Serialize>(value: &T) -> Result<String, CheckpointError> {
    serde_json::to_string(value).map_err(|error| CheckpointError::Encode(error.to_string()))
}

/// A value that is stored as JSON, if it is there.
fn json_of<T: DeserializeOwned>(metadata: &HashMap<String, String>, key: &str) -> Result<Option<T>, String> {
    let read = |text: &String| serde_json::from_str(text).map_err(|error| format!("`{key}`: {error}"));
    metadata.get(key).map(read).transpose()
}
