use super::{DeviceError, Limit, LimitError, candidates, find_device};
use crate::run_folder::SearchReport;
use crate::search::{Evaluated, Evaluator};
use nestling_bundle::Bundle;
use nestling_core::accuracy::AccuracyPredictor;
use nestling_core::choosing::FoundChild;
use nestling_core::metrics::{MAdds, Millis};
use nestling_core::space::{Child, SearchSpace, SpaceError};
use std::path::{Path, PathBuf};

/// Draws of the search: the same every time.
const SEED: u64 = 1;

/// A limit as a user says it.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    /// Milliseconds on a device.
    Time {
        /// A name as [`find_device`] takes it.
        device: &'a str,
        /// Most.
        most: Millis,
    },
    /// Multiply-accumulates.
    MAdds(MAdds),
}

/// Why a space cannot be searched under a limit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WithinError {
    /// There is neither a trained run nor a bundle.
    #[error("{run} holds no trained run; give another --run, or --bundle to predict only")]
    NothingKnown {
        /// The run's folder.
        run: PathBuf,
    },
    /// The bundle was packed from another run.
    #[error("{bundle} has another search space than the run in {run}; give the --run that it was packed from")]
    OtherSpace {
        /// The bundle.
        bundle: PathBuf,
        /// The run's folder.
        run: PathBuf,
    },
    /// Nothing says how accurate a child would be.
    #[error("there is no accuracy predictor; run `nestling search --run {run}` again to fit one")]
    NoPredictor {
        /// The run's folder.
        run: PathBuf,
    },
    /// Without a bundle no device is known.
    #[error("no bundle says how fast `{device}` is; give --bundle with a bundle that has its latency table")]
    NoBundle {
        /// The name asked for.
        device: String,
    },
    /// The name means no device of the bundle.
    #[error("cannot search with {bundle}: {source}")]
    Device {
        /// The bundle.
        bundle: PathBuf,
        /// Why.
        source: DeviceError,
    },
}

/// What is known of a space before it is searched, from a run, a bundle, or both.
#[derive(Debug)]
pub struct Known<'a> {
    space: &'a SearchSpace,
    predictor: &'a AccuracyPredictor,
    starts: Vec<Child>,
    bundle: Option<(&'a Path, &'a Bundle)>,
}

impl<'a> Known<'a> {
    /// Of a run in `folder`, if one was trained there and searched, and of a bundle. What the run knows counts for more.
    ///
    /// # Errors
    /// [`WithinError`] if both are missing or have different spaces, or neither has an accuracy predictor.
    pub fn new(
        folder: &Path,
        run: Option<(&'a SearchSpace, &'a SearchReport)>,
        bundle: Option<(&'a Path, &'a Bundle)>,
    ) -> Result<Self, WithinError> {
        let run_folder = || folder.to_owned();
        let (space, starts) = match (run, bundle) {
            (Some((space, _)), Some((path, bundle))) if space != bundle.space() => {
                return Err(WithinError::OtherSpace { bundle: path.to_owned(), run: run_folder() });
            }
            (Some((space, search)), _) => (space, search.evaluated.iter().map(|one| one.child.clone()).collect()),
            (None, Some((_, bundle))) => {
                (bundle.space(), bundle.children().iter().map(|entry| entry.child.clone()).collect())
            }
            (None, None) => return Err(WithinError::NothingKnown { run: run_folder() }),
        };
        let of_run = run.and_then(|(_, search)| search.accuracy_predictor.as_ref());
        let of_bundle = bundle.and_then(|(_, bundle)| bundle.manifest().accuracy_predictor.as_ref());
        let predictor = of_run.or(of_bundle).ok_or_else(|| WithinError::NoPredictor { run: run_folder() })?;
        Ok(Self { space, predictor, starts, bundle })
    }

    /// The space.
    pub fn space(&self) -> &'a SearchSpace {
        self.space
    }

    /// The limit that a user means.
    ///
    /// # Errors
    /// [`WithinError::NoBundle`] or [`WithinError::Device`] if it is of a device that is not known.
    pub fn limit(&self, wanted: Wanted<'_>) -> Result<Limit<'a>, WithinError> {
        match (wanted, self.bundle) {
            (Wanted::MAdds(most), _) => Ok(Limit::MAdds(most)),
            (Wanted::Time { device, .. }, None) => Err(WithinError::NoBundle { device: device.to_owned() }),
            (Wanted::Time { device, most }, Some((path, bundle))) => {
                let table = find_device(&bundle.manifest().latency_tables, device)
                    .map_err(|source| WithinError::Device { bundle: path.to_owned(), source })?;
                Ok(Limit::Time { table, most })
            }
        }
    }

    /// The `most` children within a limit that are predicted to be most accurate, best first.
    ///
    /// # Errors
    /// [`LimitError`] if there is none.
    pub fn candidates(&self, limit: &Limit<'_>, most: usize) -> Result<Vec<FoundChild>, LimitError> {
        candidates(self.space, self.predictor, &self.starts, limit, most, SEED)
    }
}

/// Evaluates those of the children found that the search has not evaluated yet. Returns all of them, the most accurate on
/// the evaluator's images first, of equals the cheapest. `progress` hears how many are done, of how many.
///
/// # Errors
/// [`SpaceError`] if the weights are broken.
pub fn evaluate_found(
    found: &[FoundChild],
    search: &SearchReport,
    evaluator: &Evaluator<'_>,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Vec<(FoundChild, Evaluated)>, SpaceError> {
    let known = |child: &Child| search.evaluated.iter().find(|one| one.child == *child);
    let new: Vec<_> = found.iter().map(|one| one.child.clone()).filter(|child| known(child).is_none()).collect();
    let evaluated = evaluator.evaluate(&new, &|done| progress(done, new.len()))?;
    let of = |child: &Child| known(child).or_else(|| evaluated.iter().find(|one| one.child == *child)).cloned();
    let mut all: Vec<_> = found.iter().filter_map(|one| Some((one.clone(), of(&one.child)?))).collect();
    all.sort_by(|(a, x), (b, y)| y.held_out.correct.cmp(&x.held_out.correct).then(a.cost.total_cmp(&b.cost)));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::synthetic::{predictor, table};
    use nestling_core::metrics::Top1;

    /// The bundle of this repository, with a device.
    fn bundle() -> Bundle {
        let asset = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/assets/fashion.nestling");
        let bytes = Bundle::open(asset).unwrap().with_latency_tables(vec![table("Mali", 9.0)]).unwrap();
        Bundle::from_bytes(&bytes).unwrap()
    }

    fn search(space: &SearchSpace, accuracy_predictor: Option<AccuracyPredictor>) -> SearchReport {
        let (child, held_out) = (space.biggest(), Top1 { correct: 9, images: 10 });
        let cost = space.lower(&child).unwrap().cost();
        SearchReport {
            calibration_images: 1,
            evaluated: vec![Evaluated { child, cost, held_out }],
            kept_from_predictor: Vec::new(),
            accuracy_predictor,
            chosen: Vec::new(),
            cpu_s: 0.0,
            wall_s: 0.0,
        }
    }

    #[test]
    fn a_bundle_alone_is_enough_and_names_its_devices() {
        let (bundle, path) = (bundle(), Path::new("my.nestling"));
        let known = Known::new(Path::new("run"), None, Some((path, &bundle))).unwrap();
        assert_eq!((known.space(), known.starts.len()), (bundle.space(), bundle.children().len()));
        let table = &bundle.manifest().latency_tables[0];
        let most = table.predict(&bundle.networks()[0]);
        let limit = known.limit(Wanted::Time { device: "mali", most }).unwrap();
        let found = known.candidates(&limit, 4).unwrap();
        assert!(!found.is_empty() && found.iter().all(|one| one.cost <= most.0), "{found:?}");
        assert!(limit.allows(bundle.space(), &found[0].child) && !limit.allows(bundle.space(), &known.space.biggest()));
        let error = known.limit(Wanted::Time { device: "adreno", most }).unwrap_err().to_string();
        assert!(
            error.contains("search with my.nestling: no device matches `adreno`") && error.contains("Mali ("),
            "{error}"
        );
    }

    #[test]
    fn a_run_counts_for_more_and_what_is_missing_is_named() {
        let (bundle, folder) = (bundle(), Path::new("my-run"));
        let space = bundle.space();
        let report = search(space, Some(predictor(space)));
        let beside = Some((Path::new("my.nestling"), &bundle));
        let known = Known::new(folder, Some((space, &report)), beside).unwrap();
        assert_eq!(
            (&known.starts[..], Some(known.predictor)),
            (&[space.biggest()][..], report.accuracy_predictor.as_ref())
        );
        // A search of before there were predictors takes the bundle's.
        let older = search(space, None);
        let known = Known::new(folder, Some((space, &older)), beside).unwrap();
        assert_eq!(Some(known.predictor), bundle.manifest().accuracy_predictor.as_ref());
        let error = |run, bundle| Known::new(folder, run, bundle).unwrap_err().to_string();
        assert!(error(Some((space, &older)), None).contains("run `nestling search --run my-run` again"));
        assert!(error(None, None).contains("my-run holds no trained run; give"));
        let other = SearchSpace { name: "other".into(), ..space.clone() };
        assert!(error(Some((&other, &report)), beside).contains("give the --run that it was packed from"));

        let known = Known::new(folder, Some((space, &report)), None).unwrap();
        let error = known.limit(Wanted::Time { device: "mali", most: Millis(1.0) }).unwrap_err().to_string();
        assert!(error.contains("`mali`") && error.contains("give --bundle"), "{error}");
        assert!(known.limit(Wanted::MAdds(MAdds(1_000_000))).is_ok());
    }
}
