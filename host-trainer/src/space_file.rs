//! Search spaces: a preset by its name, or a TOML file.

use nestling_bundle::atomic_file::read_text;
use nestling_core::space::{Preset, SearchSpace, SpaceError, ValidatedSpace};
use std::path::{Path, PathBuf};

/// Most bytes of a file.
const MAX_BYTES: u64 = 1 << 20;

/// The reason why a name or file gives no search space.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpaceFileError {
    /// Neither a preset nor a file.
    #[error("`{name}` is neither a preset nor a file; presets are: {known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// The file cannot be read.
    #[error("cannot read search space {path}: {source}; give a TOML file")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's message.
        source: std::io::Error,
    },
    /// The file is not a space: broken TOML, an unknown key, a wrong type.
    #[error("{path} is not a search space; start from a preset in TOML\n{problem}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, column and the fault.
        problem: String,
    },
    /// The space is contradictory.
    #[error(transparent)]
    Invalid(#[from] SpaceError),
}

impl SpaceFileError {
    /// A stable name of this kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "space_unknown",
            Self::Read { .. } => "space_unreadable",
            Self::Parse { .. } => "space_parse",
            Self::Invalid(error) => error.code(),
        }
    }
}

/// The preset of this name, or the space in this TOML file, checked and with every option spelt out.
///
/// ```
/// let space = nestling_train::space_file::preset_or_file("efficientnet-b0")?;
/// assert_eq!(space.lower(&space.smallest())?.cost().params, 5_288_548);
/// assert!(nestling_train::space_file::preset_or_file("efficientnet-b00").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`SpaceFileError`] says whether the name is unknown, or names the fault in the file.
pub fn preset_or_file(name: impl AsRef<Path>) -> Result<ValidatedSpace, SpaceFileError> {
    let path = name.as_ref();
    if let Some(preset) = path.to_str().and_then(Preset::find) {
        return Ok(preset.space().resolved().validated()?);
    }
    if !path.exists() {
        let known: Vec<&str> = Preset::ALL.iter().map(|preset| preset.name).collect();
        return Err(SpaceFileError::Unknown { name: path.display().to_string(), known: known.join(", ") });
    }
    let text = read_text(path, MAX_BYTES).map_err(|source| SpaceFileError::Read { path: path.to_owned(), source })?;
    let space: SearchSpace = toml::from_str(&text)
        .map_err(|error| SpaceFileError::Parse { path: path.to_owned(), problem: error.to_string() })?;
    Ok(space.resolved().validated()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ValidatedSpace, SpaceFileError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("my.toml");
        std::fs::write(&path, text).unwrap();
        preset_or_file(&path)
    }

    #[test]
    fn every_preset_survives_its_own_toml() {
        for preset in Preset::ALL {
            let space = preset_or_file(preset.name).unwrap();
            assert_eq!(parse(&toml::to_string(space.definition()).unwrap()).unwrap(), space, "{}", preset.name);
        }
    }

    #[test]
    fn a_short_file_is_filled_in() {
        let space = parse(
            r#"
            name = "mine"
            input_channels = 3
            resolutions = [64, 96]
            classes = 5
            activation = "swish"
            padding = "same"
            norm_epsilon = 1e-3
            stem = { widths = [8], kernel = 3, stride = 2 }
            head = { widths = [64] }

            [[stages]]
            widths = [16, 24]
            depths = [1, 2]
            kernels = [3, 5]
            expand_ratios = [3, 4.5]
            activation = "relu"
            squeeze_excite = { of = "expanded", reduction = 4 }
            "#,
        )
        .unwrap();
        let stage = &space.stages[0];
        assert_eq!((stage.stride, stage.padding), (1, Some(nestling_core::space::Padding::Same)));
        assert_eq!(stage.squeeze_excite.unwrap().activation, Some(nestling_core::space::Activation::Relu));
        assert!(space.lower(&space.biggest()).is_ok());
    }

    #[test]
    fn faults_are_named() {
        let text = toml::to_string(preset_or_file("fashion").unwrap().definition()).unwrap();
        for (from, to, expected) in [
            ("name = ", "colour = 1\nname = ", "unknown field `colour`"),
            ("stride = 2\n", "stride = 2\nstrides = 2\n", "unknown field `strides`"),
            ("widths = [12, 16]", "widths = [0, 16]", "holds 0"),
            ("kernels = [3, 5]", "kernels = [3, 4]", "holds 4"),
            ("\"hard_swish\"", "\"gelu\"", "unknown variant `gelu`"),
            ("padding", "[padding", "TOML parse error"),
        ] {
            assert!(text.contains(from), "{from}");
            let message = parse(&text.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        if cfg!(unix) {
            let error = preset_or_file("/dev/zero").unwrap_err();
            assert!(error.code() == "space_unreadable" && error.to_string().contains("more than"), "{error}");
        }
        assert!(preset_or_file("tabel1").unwrap_err().to_string().contains("presets are: table1,"));
    }
}
