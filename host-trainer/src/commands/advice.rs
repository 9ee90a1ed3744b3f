//! Remedies for the library's errors, in terms of this program's commands and flags.

use nestling_bundle::ProfileError;
use nestling_train::data::DataError;
use nestling_train::fleet::FleetError;
use nestling_train::new_file::NewFileError;
use nestling_train::pack::PackRunError;
use nestling_train::ranks::RankError;
use nestling_train::run_folder::{RunError, Step};
use nestling_train::search::SearchError;
use nestling_train::space_file::SpaceFileError;
use nestling_train::train::TrainError;
use std::error::Error;
use std::path::PathBuf;

/// The remedy for one error, if the error's own message does not already name it.
pub fn advice(error: &(dyn Error + 'static)) -> Option<String> {
    error
        .downcast_ref()
        .and_then(of_data)
        .or_else(|| error.downcast_ref().and_then(of_train))
        .or_else(|| error.downcast_ref().and_then(of_run))
        .or_else(|| error.downcast_ref().and_then(of_search))
        .or_else(|| error.downcast_ref().and_then(of_fleet))
        .or_else(|| error.downcast_ref().and_then(of_profile))
        .or_else(|| error.downcast_ref().and_then(of_new_file))
        .or_else(|| error.downcast_ref().and_then(of_pack))
        .or_else(|| error.downcast_ref().and_then(of_space_file))
}

fn of_data(error: &DataError) -> Option<String> {
    match error {
        DataError::Missing { package, file, folders, .. } => Some(of_missing(package, file, folders)),
        DataError::TooFewImages { .. } => Some("set `held_out` in the TOML file of --config".to_owned()),
        DataError::Faults { .. } => {
            Some("without --strict the others are used; `nestling scan PATH --out scan.json` lists all".to_owned())
        }
        DataError::EmptyClasses { .. } => Some("`nestling scan PATH` lists the reasons".to_owned()),
        DataError::CacheWrite { .. } => {
            Some("give another folder with --cache, or a smaller --cache-budget".to_owned())
        }
        _ => None, // `DataError` is non-exhaustive, and its other messages need no flag
    }
}

fn of_missing(package: &str, file: &str, folders: &[PathBuf]) -> String {
    let names = || [file.to_owned(), format!("{file}.gz")];
    let candidates = folders.iter().flat_map(|folder| names().map(|name| folder.join(name)));
    // A link to nothing looks as if nothing were there.
    if let Some((link, target)) = candidates.into_iter().find_map(|path| Some((path.clone(), path.read_link().ok()?))) {
        return format!("{} is a link to {}, which is missing", link.display(), target.display());
    }
    format!("on Debian run `apt-get install {package}`, or give the folder with --data")
}

fn of_profile(error: &ProfileError) -> Option<String> {
    match error {
        ProfileError::Damaged { .. } | ProfileError::Version { .. } | ProfileError::Inconsistent { .. } => {
            Some("measure with `nestling-device profile BUNDLE --out FILE`".to_owned())
        }
        _ => None, // `ProfileError` is non-exhaustive, and its other messages need no flag
    }
}

fn of_train(error: &TrainError) -> Option<String> {
    if let TrainError::Data(error) = error {
        return of_data(error);
    }
    match error {
        TrainError::Ranks(RankError::Workers { .. }) => Some("give --workers, or another --processes".to_owned()),
        TrainError::Worker => Some("run the command again to resume".to_owned()),
        TrainError::OtherConfig { .. } | TrainError::FewerEpochs { .. } => {
            Some("give another --run, or remove the folder to start again (the demo: --fresh)".to_owned())
        }
        TrainError::OtherImages => Some("give their folder with --data, or another --run".to_owned()),
        _ => None, // `TrainError` is non-exhaustive, and its other messages need no flag
    }
}

fn of_run(error: &RunError) -> Option<String> {
    let RunError::Missing { step, .. } = error else { return None };
    let command = match step {
        Step::Train => "nestling train",
        Step::Search => "nestling search",
        Step::Demo => "cargo xtask demo",
    };
    Some(format!("run `{command}` first"))
}

fn of_search(error: &SearchError) -> Option<String> {
    if let SearchError::NothingKnown { .. } = error {
        return Some("give another --run, or --bundle to predict only".to_owned());
    }
    if let SearchError::OtherSpace { .. } = error {
        return Some("give the --run that the bundle was packed from".to_owned());
    }
    if let SearchError::NoPredictor { run } = error {
        return Some(format!("run `nestling search --run {}` again", run.display()));
    }
    let SearchError::NoBundle { .. } = error else { return None };
    Some("give a bundle with --bundle".to_owned())
}

fn of_fleet(error: &FleetError) -> Option<String> {
    if let FleetError::Stale { .. } = error {
        return Some("measure with `nestling-device profile BUNDLE --out FILE`".to_owned());
    }
    if let FleetError::Profile(error) = error {
        return of_profile(error);
    }
    if let FleetError::NotReplaceable { .. } = error {
        return Some("give --output".to_owned());
    }
    if let FleetError::File(error) = error {
        return of_new_file(error);
    }
    let FleetError::NoTables = error else { return None };
    Some(MEASURE_AND_ADD.to_owned())
}

const MEASURE_AND_ADD: &str = "measure with `nestling-device profile`, add the profile with `nestling latency add`";

fn of_new_file(error: &NewFileError) -> Option<String> {
    if let NewFileError::OtherSpace { .. } = error {
        return Some(MEASURE_AND_ADD.to_owned());
    }
    let NewFileError::Occupied { .. } = error else { return None };
    Some("replace it with --replace, if nobody needs it".to_owned())
}

fn of_pack(error: &PackRunError) -> Option<String> {
    let (PackRunError::Index { .. } | PackRunError::AccuracyChanged { .. }) = error else { return None };
    Some("run `nestling search` again".to_owned())
}

fn of_space_file(error: &SpaceFileError) -> Option<String> {
    let SpaceFileError::Parse { .. } = error else { return None };
    Some("`nestling spaces table1` prints a preset to start from".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn a_remedy_names_the_command_or_the_flag() {
        let run = || PathBuf::from("my-run");
        let missing = DataError::Missing { dataset: "a", package: "dataset-a", file: "b", folders: Vec::new() };
        let cases: [(Box<dyn Error>, &str); 6] = [
            (Box::new(TrainError::Data(missing)), "`apt-get install dataset-a`, or give the folder with --data"),
            (Box::new(RunError::Missing { path: run(), step: Step::Search }), "run `nestling search` first"),
            (Box::new(SearchError::NoPredictor { run: run() }), "`nestling search --run my-run` again"),
            (Box::new(SearchError::NoBundle { device: "x".to_owned() }), "--bundle"),
            (Box::new(FleetError::NoTables), "`nestling latency add`"),
            (Box::new(PackRunError::Index { index: 3, count: 1 }), "run `nestling search` again"),
        ];
        for (error, expected) in cases {
            let advice = advice(&*error).unwrap_or_default();
            assert!(advice.contains(expected), "{error}: {advice}");
            assert!(!error.to_string().contains("--"), "the library knows no flags: {error}");
        }
        let other = FleetError::UnknownDevice { name: "x".to_owned(), known: String::new() };
        assert_eq!(advice(&other), None, "its own message says all");
    }
}
