use super::shown;
use std::fmt;

/// Something that was stripped, replaced or left out to read a file as a model.
#[derive(Clone, Debug, PartialEq)]
pub enum Adaptation {
    /// One of several state dicts was taken.
    StateDict {
        /// Its key.
        taken: String,
        /// The others.
        others: Vec<String>,
    },
    /// Python objects of the file were not read.
    NotRead {
        /// The first of them.
        global: String,
    },
    /// The names had words before or inside that wrappers add.
    Stripped {
        /// The words, each with its dot.
        words: Vec<String>,
        /// Tensors that had one.
        count: usize,
    },
    /// The names are of another library than those of the model's origin.
    Naming {
        /// The library, with its consequence.
        remark: &'static str,
    },
    /// The classifier has another name.
    Classifier {
        /// Its name in the file.
        found: String,
        /// The published one.
        usual: String,
    },
    /// A matrix is stored the other way round.
    Transposed {
        /// Its name.
        tensor: String,
    },
    /// The classifier has another number of outputs.
    Classes {
        /// Outputs of the file's classifier.
        found: u32,
        /// Outputs of the published one.
        usual: u32,
    },
    /// The stem reads another number of channels.
    Channels {
        /// Channels of the file's stem.
        found: u32,
        /// Channels of the published one.
        usual: u32,
    },
    /// The file says how images are normalised.
    Preprocessing {
        /// Its means; white is 1.
        means: Vec<f32>,
        /// Its standard deviations.
        standard_deviations: Vec<f32>,
    },
    /// Tensors that no layer reads.
    LeftOut {
        /// Their number.
        count: usize,
        /// The first of them.
        first: String,
    },
}

impl fmt::Display for Adaptation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StateDict { taken, others } if others.is_empty() => {
                write!(f, "the weights are those under `{}`", shown(taken))
            }
            Self::StateDict { taken, others } => {
                let others = listed(others);
                match &taken[..] {
                    "" => write!(f, "the weights are those that lie in the file by themselves; it also has {others}"),
                    taken => write!(f, "the weights are those under `{}`; the file also has {others}", shown(taken)),
                }
            }
            Self::NotRead { global } => write!(f, "Python objects were not read, first `{}`", shown(global)),
            Self::Stripped { words, count } => {
                write!(f, "stripped from the names of {count} tensors: {}", listed(words))
            }
            Self::Naming { remark } => f.write_str(remark),
            Self::Classifier { found, usual } => {
                write!(f, "the classifier is `{}` in the place of `{}`", shown(found), shown(usual))
            }
            Self::Transposed { tensor } => {
                write!(f, "`{}` is stored as [features, classes] and was transposed", shown(tensor))
            }
            Self::Classes { found, usual } => write!(f, "the classifier has {found} classes in the place of {usual}"),
            Self::Channels { found, usual } => write!(f, "the stem reads {found} channels in the place of {usual}"),
            Self::Preprocessing { means, standard_deviations } => write!(
                f,
                "images are normalised with the file's own means {means:?} and deviations {standard_deviations:?}"
            ),
            Self::LeftOut { count, first } => {
                write!(f, "{count} tensors that no layer reads were left out, first `{}`", shown(first))
            }
        }
    }
}

/// Most names of a list.
const MAX_LISTED: usize = 10;

fn listed(names: &[String]) -> String {
    let named: Vec<String> = names.iter().take(MAX_LISTED).map(|name| format!("`{}`", shown(name))).collect();
    let more = if names.len() > MAX_LISTED { ", ..." } else { "" };
    named.join(", ") + more
}
