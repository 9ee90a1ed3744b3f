//! The paper's experiments on a data set that one machine can train on (Yu et al., 2020, section 4).
//!
//! An [`Experiment`] is a list of [`Measurement`]s for each seed: a child, the name of a variant, and the [`Training`] that
//! the child's accuracy is measured after. Trainings are kept in a folder under a name that their settings determine.
//! One experiment therefore uses those of another, and a stopped one goes on where it was.
//!
//! ```text
//! catalogue    the experiments by name
//! setting      images, epochs, seeds and the recipe that all trainings start from
//! training     one training: settings, start, teacher
//! trainings    the folder of trainings: trains, or finds what was trained before
//! record       what is kept of a training: curves, accuracies, cost
//! statistics   mean and spread over seeds
//! figures      the cells of a table
//! results      the file of all results
//! check        whether every result is what its records say
//! report       tables and page of a folder of results
//! tables       CSV and Markdown
//! plots        figures in the form of the paper's
//! paper        the paper's own figures
//! page         all results on one page
//! ```
//!
//! Each experiment has a file of its own, with the table or figure that it repeats.

mod catalogue;
mod check;
mod children;
mod convergence;
mod error;
mod figures;
mod finetune;
mod from_scratch;
mod initialisation;
mod main_results;
mod map;
mod neighbour_selection;
mod neighbours;
mod page;
mod paper;
mod plots;
mod rates;
mod record;
mod regularisation;
mod report;
mod results;
mod selection;
mod setting;
mod shrink;
mod statistics;
mod tables;
mod training;
mod trainings;

pub use catalogue::{Experiment, Plan};
pub use check::check;
pub use children::{NamedChild, four_children};
pub use error::ExperimentError;
pub use figures::{Cell, Outcome, outcome};
pub use neighbours::{Neighbour, NeighbourChild, neighbours};
pub use paper::PaperTable;
pub use record::{CurvePoint, Record, SelectedChild, TestedChild};
pub use report::{Section, write_report};
pub use results::{Entry, Results, Row};
pub use selection::{SelectionEntry, SelectionRecord, selection, selection_entries};
pub use setting::Setting;
pub use statistics::Statistics;
pub use tables::{csv, markdown, neighbours_markdown, selection_markdown};
pub use training::{Measurement, Start, Training};
pub use trainings::{Trainings, Watch};
