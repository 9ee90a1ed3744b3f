use super::NamedChild;
use crate::train::{TrainConfig, differences};
use nestling_core::space::Child;

/// One training: everything that its outcome depends on, but the data set.
#[derive(Clone, Debug)]
pub struct Training {
    /// A short name, for people and for the folder.
    pub name: String,
    /// All hyper-parameters, with seed and space.
    pub config: TrainConfig,
    /// The first weights.
    pub start: Start,
    /// A training whose child gives the answers to learn from, in the place of labels.
    pub teacher: Option<Box<(Training, Child)>>,
}

/// The first weights of a training.
#[derive(Clone, Debug)]
pub enum Start {
    /// Random values.
    Random,
    /// Those that another training of the same space ships.
    Trained(Box<Training>),
}

impl Training {
    /// A training from random values, without a teacher.
    pub fn new(name: &str, config: TrainConfig) -> Self {
        Self { name: name.to_owned(), config, start: Start::Random, teacher: None }
    }

    /// The name of its folder: trainings that differ in anything but their name have different ones.
    ///
    /// ```
    /// use nestling_train::experiments::Training;
    /// use nestling_train::train::TrainConfig;
    /// let training = |seed| Training::new("supernet", TrainConfig { seed, ..TrainConfig::default() });
    /// assert_eq!(training(1).key(), training(1).key());
    /// assert_ne!(training(1).key(), training(2).key());
    /// ```
    pub fn key(&self) -> String {
        let start = match &self.start {
            Start::Random => String::new(),
            Start::Trained(of) => of.key(),
        };
        let teacher = self.teacher.as_ref().map(|teacher| format!("{} {}", teacher.0.key(), teacher.1));
        // Only what differs from the demo's recipe, so that a key that is added later changes no name.
        let config =
            differences(&TrainConfig::default(), &TrainConfig { images: 0, ..self.config.clone() }).into_iter();
        let config: Vec<String> = config.map(|one| format!("{}={}", one.key, one.now)).collect();
        let (config, teacher) = (config.join("\n"), teacher.unwrap_or_default());
        let sum = md5::compute(format!("{config}\n{}\n{start}\n{teacher}", self.config.images));
        format!("{}-seed{}-{:.12}", self.name, self.config.seed, format!("{sum:x}"))
    }

    /// The trainings that must be done before this one.
    pub fn needs(&self) -> Vec<&Self> {
        let start = match &self.start {
            Start::Random => None,
            Start::Trained(of) => Some(&**of),
        };
        start.into_iter().chain(self.teacher.as_ref().map(|teacher| &teacher.0)).collect()
    }
}

/// One value of an experiment: the accuracy of a child after a training.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// The child, of the training's space.
    pub child: NamedChild,
    /// The column of the table, or the curve of the figure.
    pub variant: String,
    /// The training.
    pub training: Training,
}
