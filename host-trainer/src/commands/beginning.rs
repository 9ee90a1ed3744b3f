//! The beginning of a new run: recipe, search space and starting weights, fitted to the pictures.

use super::data::DataArguments;
use super::say;
use anyhow::{Context, Result, bail};
use clap::Args;
use nestling_bundle::{Bundle, Trained};
use nestling_core::image::Preprocessing;
use nestling_core::space::{Child, SearchSpace, ValidatedSpace};
use nestling_train::data::{Listing, LoadedData, Shares};
use nestling_train::space_file::preset_or_file;
use nestling_train::train::{Beginning, Recipe, TrainConfig};
use nestling_train::transfer::{NewTask, alone, narrowed, single, transferred};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The start of a new run.
#[derive(Args, Debug)]
pub struct BeginningArguments {
    /// Start from the weights of this bundle, with a new classifier. Where it holds one trained child, the space becomes
    /// that child with fewer blocks, smaller kernels or smaller images
    #[arg(long, value_name = "BUNDLE")]
    from: Option<PathBuf>,
    /// The child of that bundle to start around [default: the one that was trained; all if all were]
    #[arg(long, value_name = "NAME", requires = "from")]
    from_child: Option<String>,
    /// Hyper-parameters to begin with: fashion, own-pictures or bignas-imagenet [default: own-pictures for pictures, else
    /// fashion]
    #[arg(long, value_name = "NAME")]
    recipe: Option<Recipe>,
    /// Preset or TOML file of the search space [default: the recipe's]; its classes and channels become those of the
    /// pictures
    #[arg(long, conflicts_with = "from")]
    space: Option<PathBuf>,
    /// Train this child of the space alone, as a baseline for the supernet: biggest, smallest, or a child as text
    #[arg(long, value_name = "CHILD")]
    only: Option<String>,
    /// Input sizes in pixels to choose from, separated by commas [default: the space's; with --from the child's own and
    /// two smaller ones]
    #[arg(long, value_delimiter = ',', value_name = "PIXELS")]
    resolutions: Vec<u32>,
    /// Pictures to test with where the data set has no test part: `val` are its validation pictures, and 1 % of those to
    /// train on validate in their place; `drawn` are 15 % of those to train on [default: val for bignas-imagenet, else
    /// drawn]
    #[arg(long, value_enum, value_name = "PICTURES")]
    test_on: Option<TestOn>,
}

/// The pictures to test with, as a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum TestOn {
    Val,
    Drawn,
}

impl TestOn {
    fn name(self) -> &'static str {
        match self {
            Self::Val => "val",
            Self::Drawn => "drawn",
        }
    }
}

/// The trained weights to start from.
struct Source {
    bundle: Bundle,
    /// The child to narrow the space around; none takes the whole space.
    child: Option<Child>,
    name: String,
}

/// A run that has not begun.
pub struct NewRun {
    pub config: TrainConfig,
    pub beginning: Beginning,
    pub data: LoadedData,
}

impl BeginningArguments {
    /// The flags that were given, by their names. Only a new run can have them.
    pub fn given(&self) -> BTreeMap<String, String> {
        let path = |path: &PathBuf| path.display().to_string();
        let sizes: Vec<String> = self.resolutions.iter().map(u32::to_string).collect();
        let flags = [
            ("--from", self.from.as_ref().map(path)),
            ("--from-child", self.from_child.clone()),
            ("--recipe", self.recipe.map(|recipe| recipe.to_string())),
            ("--space", self.space.as_ref().map(path)),
            ("--only", self.only.clone()),
            ("--resolutions", (!sizes.is_empty()).then(|| sizes.join(","))),
            ("--test-on", self.test_on.map(|test_on| test_on.name().to_owned())),
        ];
        flags.into_iter().filter_map(|(flag, value)| Some((flag.to_owned(), value?))).collect()
    }

    /// Checks that a run which goes on is given nothing else than it began with.
    pub fn check_same(&self, begun: &BTreeMap<String, String>, run: &Path) -> Result<()> {
        for (flag, value) in self.given() {
            match begun.get(&flag) {
                Some(old) if *old == value => {}
                old => bail!(
                    "the run in {} has begun {}: leave out {flag} to go on with it, or start another run",
                    run.display(),
                    old.map_or_else(|| format!("without {flag}"), |old| format!("with {flag} {old}"))
                ),
            }
        }
        Ok(())
    }

    /// The recipe that the configuration is made from.
    pub fn recipe(&self, data: &DataArguments) -> Recipe {
        let usual = if self.from.is_some() || data.are_pictures() { Recipe::OwnPictures } else { Recipe::Fashion };
        self.recipe.unwrap_or(usual)
    }

    /// The division of the pictures of a new run.
    fn shares(&self, data: &DataArguments) -> Shares {
        let usual = if self.recipe(data) == Recipe::BignasImagenet { TestOn::Val } else { TestOn::Drawn };
        match self.test_on.unwrap_or(usual) {
            TestOn::Val => Shares::VALIDATION_TESTS,
            TestOn::Drawn => Shares::default(),
        }
    }

    /// The space of a new run that starts at random values, before its pictures are known.
    fn space(&self, config: &TrainConfig) -> Result<SearchSpace> {
        let mut space = match &self.space {
            Some(path) => preset_or_file(path)?.definition().clone(),
            None => config.space.clone(),
        };
        if !self.resolutions.is_empty() {
            space.resolutions.clone_from(&self.resolutions);
        }
        Ok(config.method.space(&space))
    }

    /// The configuration that [`BeginningArguments::start`] would train with, from pictures that are only counted.
    pub fn planned(&self, data: &DataArguments, mut config: TrainConfig) -> Result<(TrainConfig, Listing)> {
        let source = self.from.as_deref().map(|path| self.source(path)).transpose()?;
        if source.is_none() {
            config.space = self.space(&config)?;
        }
        let space_for = |task: Option<(u32, u32)>| match &source {
            Some(source) => {
                let (channels, classes) =
                    task.unwrap_or((source.bundle.space().input_channels, source.bundle.space().classes));
                self.space_from(source, &self.task(channels, classes))
            }
            None => {
                let (input_channels, classes) = task.unwrap_or((config.space.input_channels, config.space.classes));
                self.only_one(SearchSpace { input_channels, classes, ..config.space.clone() }.validated()?)
            }
        };
        let sizes: ValidatedSpace = space_for(None)?;
        let listing = data.list(&sizes, self.shares(data))?;
        config.space = space_for(Some((listing.channels, listing.classes)))?.definition().clone();
        Ok((config, listing))
    }

    /// Loads the pictures, and fits space and weights to them.
    pub fn start(&self, data: &DataArguments, mut config: TrainConfig) -> Result<NewRun> {
        if let Some(path) = &self.from {
            return self.start_from(&self.source(path)?, data, config);
        }
        config.space = self.space(&config)?;
        // The sizes of the child alone: every later command loads the pictures for the space that is trained.
        let sizes = self.only_one(config.space.clone().validated()?)?;
        let loaded = data.load_sized(&sizes, None, None, self.shares(data))?;
        // The pictures say what they are; IDX files of an unknown data set may lack classes.
        let data = if loaded.scan.is_some() {
            (config.space.classes, config.space.input_channels) = (loaded.training.classes, loaded.training.channels);
            loaded
        } else {
            loaded.for_space(&config.space)?
        };
        config.space = self.only_one(config.space.clone().validated()?)?.definition().clone();
        Ok(NewRun { config, beginning: Beginning::Random, data })
    }

    /// The space of the one child that is wanted, if only one is.
    fn only_one(&self, space: ValidatedSpace) -> Result<ValidatedSpace> {
        let child = match self.only.as_deref() {
            None => return Ok(space),
            Some("biggest") => space.biggest(),
            Some("smallest") => space.smallest(),
            Some(text) => space.parse_child(text)?,
        };
        // Trained weights belong to the child as it is in its space; a new network may have skips of its own.
        Ok(if self.from.is_some() { alone(&space, &child)? } else { single(&space, &child)? })
    }

    fn task(&self, channels: u32, classes: u32) -> NewTask {
        NewTask { channels, classes, resolutions: self.resolutions.clone() }
    }

    /// The space of a run that starts from trained weights.
    fn space_from(&self, Source { bundle, child, .. }: &Source, task: &NewTask) -> Result<ValidatedSpace> {
        self.only_one(match child {
            Some(child) => narrowed(bundle.space(), child, task)?,
            None => whole(bundle, task).validated()?,
        })
    }

    fn start_from(&self, source: &Source, data: &DataArguments, mut config: TrainConfig) -> Result<NewRun> {
        let bundle = &source.bundle;
        let preprocessing = Preprocessing { fit: data.fit(), ..bundle.manifest().preprocessing.clone() };
        // With the bundle's classes, only for its sizes and channels.
        let sizes = self.space_from(source, &self.task(bundle.space().input_channels, bundle.space().classes))?;
        let channels = Some(sizes.input_channels);
        let loaded = data.load_sized(&sizes, channels, Some(preprocessing), self.shares(data))?;
        let space = self.space_from(source, &self.task(loaded.training.channels, loaded.training.classes))?;
        let weights = transferred(bundle.space(), &bundle.weights()?, &space, config.seed);
        config.space = space.definition().clone();
        say(&format!("starting from {}, with a new classifier of {} classes", source.name, space.classes));
        if source.child.is_some() {
            say("its weights are those of one network: smaller children start untrained and are behind at first");
        }
        let beginning = Beginning::Weights { weights, source: source.name.clone() };
        Ok(NewRun { config, beginning, data: loaded })
    }

    fn source(&self, path: &Path) -> Result<Source> {
        let bundle = Bundle::open(path).with_context(|| format!("cannot use {}", path.display()))?;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let trained = bundle.manifest().trained.clone();
        let child = match (&self.from_child, &trained) {
            (Some(name), _) => Some(bundle.child(name)?.network.child.clone()),
            (None, Trained::WholeSpace) => None,
            (None, Trained::Only(children)) => match &children[..] {
                [] => bail!("{} holds no trained child", path.display()),
                [child] => Some(child.clone()),
                _ => bail!("{} holds several trained children: name one with --from-child", path.display()),
            },
        };
        if child.as_ref().is_some_and(|child| !trained.covers(child)) {
            bail!("that child of {} was never trained", path.display());
        }
        Ok(Source { bundle, child, name })
    }
}

/// The space of a bundle for other images and classes.
fn whole(bundle: &Bundle, task: &NewTask) -> SearchSpace {
    let mut space = bundle.space().definition().clone();
    (space.input_channels, space.classes) = (task.channels, task.classes);
    if !task.resolutions.is_empty() {
        space.resolutions.clone_from(&task.resolutions);
    }
    space
}
