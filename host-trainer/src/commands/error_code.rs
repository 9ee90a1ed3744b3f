//! The code of an error, as the JSON of a failed command has it.

use nestling_lab::documents::Fault;
use nestling_train::calibrate::CalibrateError;
use nestling_train::data::DataError;
use nestling_train::experiments::ExperimentError;
use nestling_train::export::ExportError;
use nestling_train::fleet::FleetError;
use nestling_train::import::{ImportError, WeightsError};
use nestling_train::label_file::LabelError;
use nestling_train::new_file::NewFileError;
use nestling_train::pack::PackRunError;
use nestling_train::parity::ParityError;
use nestling_train::ranks::RankError;
use nestling_train::run_folder::RunError;
use nestling_train::search::SearchError;
use nestling_train::space_file::SpaceFileError;
use nestling_train::train::SpecialiseError;
use nestling_train::train::auto_slim::SlimError;
use nestling_train::train::{CheckpointError, TrainError};
use std::error::Error;

/// The code of the first error of a chain that has one; `other` for none.
pub fn error_code(error: &anyhow::Error) -> &'static str {
    error.chain().find_map(code).unwrap_or(Fault::OTHER)
}

/// The code of a file of a training configuration that is no TOML, or has other keys: the same as of a wrong value.
const CONFIG: &str = "train_config";

/// Tries one type of errors after the other.
macro_rules! code_of {
    ($error:expr, $($kind:ty),+ $(,)?) => {
        None$(.or_else(|| $error.downcast_ref::<$kind>().map(<$kind>::code)))+
    };
}

fn code(error: &(dyn Error + 'static)) -> Option<&'static str> {
    code_of!(
        error,
        DataError,
        TrainError,
        CheckpointError,
        RunError,
        SearchError,
        FleetError,
        NewFileError,
        PackRunError,
        SpaceFileError,
        LabelError,
        ImportError,
        WeightsError,
        ExportError,
        ParityError,
        ExperimentError,
        SpecialiseError,
        RankError,
    )
    .or_else(|| error.downcast_ref::<SlimError<CalibrateError>>().map(|error| error.code(CalibrateError::code)))
    // A space's file has a type of its own.
    .or_else(|| error.is::<toml::de::Error>().then_some(CONFIG))
    // Those of the device's crates.
    .or_else(|| Fault::code_of(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context, anyhow};
    use nestling_bundle::BundleError;

    #[test]
    fn the_code_is_that_of_the_typed_error_below_the_context() {
        let missing = BundleError::Open { path: "a".into(), source: std::io::ErrorKind::NotFound.into() };
        let error = Err::<(), _>(missing).context("cannot use a").context("again").unwrap_err();
        assert_eq!(error_code(&error), "bundle_open");
        let inside = FleetError::Bundle { path: "a".into(), source: Box::new(BundleError::NotABundle) };
        assert_eq!(error_code(&inside.into()), "bundle_not_a_bundle");
        assert_eq!(error_code(&anyhow!("no type")), "other");
    }
}
