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
/// Each of these tensors has the elements of the layout; what the method trains beyond them follows under `extra.weights`
/// and so on. `teacher` and `running` are there where the method has them.
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
    /// Shared parameters, and behind them those that the method has beyond the layout, as in all vectors of a weight
    /// each.
    pub weights: Vec<f32>,
    /// The optimiser's momentum.
    pub momentum: Vec<f32>,
    /// The optimiser's mean squared gradient, of rules that have one.
    pub square: Option<Vec<f32>>,
    /// Running average of the weights.
    pub average: Vec<f32>,
    /// The best epoch so far, if the run has patience.
    pub best: Option<Best>,
    /// Weights of the fixed teacher, in the order of the layout, of a method that has one.
    pub teacher: Option<Vec<f32>>,
    /// Batch-norm statistics that were accumulated while training, of a method that does so.
    pub running: Option<Vec<f32>>,
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
const TEACHER: &str = "teacher";
const RUNNING: &str = "running";
/// Before the name of a tensor: its elements beyond the layout.
const EXTRA: &str = "extra.";

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
        let bytes = self.to_bytes()?;
        Ok(write_atomically(path, |file| file.write_all(&bytes))?)
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// [`CheckpointError::Encode`] if it is not one that can be read.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CheckpointError> {
        let encode = |error: &dyn std::fmt::Display| CheckpointError::Encode(error.to_string());
        let metadata = self.metadata()?;
        let layout = self.config.validate().map_err(|error| encode(&error))?.layout().len();
        let mut views = Vec::new();
        for (name, values) in self.tensors(layout) {
            let view = TensorView::new(Dtype::F32, vec![values.len()], bytemuck::cast_slice(values));
            views.push((name, view.map_err(|error| encode(&error))?));
        }
        safetensors::serialize(views, Some(metadata)).map_err(|error| encode(&error))
    }

    /// The tensors of the file; `layout` is the number of elements that every method has.
    fn tensors(&self, layout: usize) -> Vec<(String, &[f32])> {
        let of_weights = TENSORS.into_iter().zip([&self.weights, &self.momentum, &self.average]);
        let square = self.square.as_ref().map(|square| (SQUARE, square));
        let best = self.best.as_ref().map(|best| (BEST, &best.weights));
        let mut tensors = Vec::new();
        for (name, values) in of_weights.chain(square).chain(best) {
            let (shared, extra) = values.split_at(layout.min(values.len()));
            tensors.push((name.to_owned(), shared));
            if !extra.is_empty() {
                tensors.push((format!("{EXTRA}{name}"), extra));
            }
        }
        for (name, values) in [(TEACHER, &self.teacher), (RUNNING, &self.running)] {
            tensors.extend(values.as_ref().map(|values| (name.to_owned(), &values[..])));
        }
        tensors
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
        Self::from_bytes(&bytes, path)
    }

    /// Reads the bytes of a file; `path` is named in errors.
    ///
    /// # Errors
    /// As [`Checkpoint::read`].
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, CheckpointError> {
        let fail = |problem: String| CheckpointError::Read { path: path.to_owned(), problem };
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| fail(error.to_string()))?;
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| fail(error.to_string()))?;
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
        let extras = config.method.extras(&space).map_err(|error| fail(error.to_string()))?.len();
        let running = config.method.running_values(&space).map_err(|error| fail(error.to_string()))?;
        let part = |name: &str, expected: usize| numbers(&tensors, name, expected).map_err(fail);
        let vector = |name: &str| -> Result<Vec<f32>, CheckpointError> {
            let mut values = part(name, expected)?;
            if extras > 0 {
                values.extend(part(&format!("{EXTRA}{name}"), extras)?);
            }
            Ok(values)
        };
        let optional =
            |name: &str, expected: usize| tensors.names().contains(&name).then(|| part(name, expected)).transpose();
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
            teacher: optional(TEACHER, expected)?,
            running: optional(RUNNING, running)?,
            config,
        })
    }
}

/// The numbers of a flat tensor of `expected` elements.
fn numbers(tensors: &SafeTensors<'_>, name: &str, expected: usize) -> Result<Vec<f32>, String> {
    let tensor = tensors.tensor(name).map_err(|error| error.to_string())?;
    if tensor.dtype() != Dtype::F32 || tensor.shape() != [expected] {
        return Err(format!("`{name}` is {:?} {:?}, not F32 [{expected}]", tensor.dtype(), tensor.shape()));
    }
    Ok(bytemuck::pod_collect_to_vec(tensor.data()))
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
