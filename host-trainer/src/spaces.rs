//! Search spaces by name or from a TOML file.

use nestling::space::{Preset, SearchSpace, SpaceError};
use std::path::{Path, PathBuf};

/// Why a name or file gives no search space.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpaceFileError {
    /// Neither a preset nor a file.
    #[error("`{name}` is neither a preset nor a file; presets are: {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// The file cannot be read.
    #[error("cannot read search space {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no space: broken TOML, an unknown key, a wrong type.
    #[error("{path} is no search space; `nestling spaces table1` prints one to start from\n{problem}")]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Line, column and what is wrong.
        problem: String,
    },
    /// The numbers make no sense.
    #[error(transparent)]
    Invalid(#[from] SpaceError),
}

/// The preset of this name, or the space in this TOML file: valid, and with nothing left to inherit.
///
/// ```
/// let space = nestling_train::spaces::find("efficientnet-b0")?;
/// assert_eq!(space.lower(&space.smallest())?.cost().params, 5_288_548);
/// assert!(nestling_train::spaces::find("efficientnet-b00").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`SpaceFileError`] says whether the name is unknown, or what in the file is wrong.
pub fn find(name: &str) -> Result<SearchSpace, SpaceFileError> {
    if let Some(preset) = Preset::find(name) {
        return Ok(preset.space().resolved());
    }
    let path = Path::new(name);
    if !path.exists() {
        let known: Vec<&str> = Preset::ALL.iter().map(|preset| preset.name).collect();
        return Err(SpaceFileError::Unknown { name: name.to_owned(), known: known.join(", ") });
    }
    let text =
        std::fs::read_to_string(path).map_err(|source| SpaceFileError::Read { path: path.to_owned(), source })?;
    let space: SearchSpace = toml::from_str(&text)
        .map_err(|error| SpaceFileError::Parse { path: path.to_owned(), problem: error.to_string() })?;
    space.validate()?;
    Ok(space.resolved())
}
