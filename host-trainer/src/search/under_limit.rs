//! A search of the whole space under a limit: predicted children first, then the most promising ones evaluated.

use super::limit::{latency_table, most_accurate_within};
use super::{Evaluated, Evaluator, Limit, SearchError, SearchReport};
use crate::calibrate::CalibrateError;
use nestling_bundle::Bundle;
use nestling_core::accuracy::AccuracyPredictor;
use nestling_core::choosing::FoundChild;
use nestling_core::metrics::{MAdds, Millis, Params};
use nestling_core::space::{Child, ValidatedSpace};
use std::path::Path;

/// Seed of the search. It is fixed, so that the same inputs find the same children.
const SEED: u64 = 1;

/// A limit as a user states it; [`SearchInputs::limit`] resolves it.
#[derive(Clone, Copy, Debug)]
pub enum LimitRequest<'a> {
    /// Predicted median time on a device.
    Latency {
        /// A name as [`find_device`](crate::fleet::find_device) takes it.
        device: &'a str,
        /// Upper bound of the time.
        most: Millis,
    },
    /// Multiply-adds.
    MAdds(MAdds),
    /// Parameters.
    Params(Params),
}

/// Everything that a search under a limit starts from: taken from a run, a bundle, or both.
#[derive(Debug)]
pub struct SearchInputs<'a> {
    space: &'a ValidatedSpace,
    predictor: &'a AccuracyPredictor,
    starts: Vec<Child>,
    bundle: Option<(&'a Path, &'a Bundle)>,
}

impl<'a> SearchInputs<'a> {
    /// Takes the inputs from the run in `folder`, if one was trained there and searched, and from a bundle. The run's
    /// search and predictor come first.
    ///
    /// # Errors
    /// [`SearchError`] if both are missing or have different spaces, or neither has an accuracy predictor.
    pub fn new(
        folder: &Path,
        run: Option<(&'a ValidatedSpace, &'a SearchReport)>,
        bundle: Option<(&'a Path, &'a Bundle)>,
    ) -> Result<Self, SearchError> {
        let run_folder = || folder.to_owned();
        let (space, starts) = match (run, bundle) {
            (Some((space, _)), Some((path, bundle))) if space != bundle.space() => {
                return Err(SearchError::OtherSpace { bundle: path.to_owned(), run: run_folder() });
            }
            (Some((space, search)), _) => (space, search.evaluated.iter().map(|one| one.child.clone()).collect()),
            (None, Some((_, bundle))) => {
                (bundle.space(), bundle.children().iter().map(|entry| entry.child.clone()).collect())
            }
            (None, None) => return Err(SearchError::NothingKnown { run: run_folder() }),
        };
        let of_run = run.and_then(|(_, search)| search.accuracy_predictor.as_ref());
        let of_bundle = bundle.and_then(|(_, bundle)| bundle.manifest().accuracy_predictor.as_ref());
        let predictor = of_run.or(of_bundle).ok_or_else(|| SearchError::NoPredictor { run: run_folder() })?;
        Ok(Self { space, predictor, starts, bundle })
    }

    /// The space.
    pub fn space(&self) -> &'a ValidatedSpace {
        self.space
    }

    /// The limit that a user means.
    ///
    /// # Errors
    /// [`SearchError::NoBundle`] or [`SearchError::Device`] if its device is not known.
    pub fn limit(&self, request: LimitRequest<'_>) -> Result<Limit<'a>, SearchError> {
        Ok(match request {
            LimitRequest::MAdds(most) => Limit::MAdds(most),
            LimitRequest::Params(most) => Limit::Params(most),
            LimitRequest::Latency { device, most } => {
                Limit::Latency { table: latency_table(self.bundle, device)?, most }
            }
        })
    }

    /// The `most` children within a limit that are predicted to be most accurate, best first.
    ///
    /// # Errors
    /// [`SearchError::TooTight`] if every child costs more.
    pub fn most_accurate_within(&self, limit: &Limit<'_>, most: usize) -> Result<Vec<FoundChild>, SearchError> {
        most_accurate_within(self.space, self.predictor, &self.starts, limit, most, SEED)
    }
}

/// Evaluates the found children that the search has not evaluated yet.
///
/// Returns all of them, the most accurate on the evaluator's images first, of equals the cheapest. `progress` is called
/// with the number of children done and to do.
///
/// # Errors
/// [`CalibrateError`] if the weights are broken or an image cannot be read.
pub fn evaluate_found(
    found: &[FoundChild],
    search: &SearchReport,
    evaluator: &Evaluator<'_>,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Vec<(FoundChild, Evaluated)>, CalibrateError> {
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
    use crate::synthetic::{predictor, table};
    use nestling_core::metrics::Top1;
    use nestling_core::space::SearchSpace;

    /// The bundle of this repository, with a device.
    fn bundle() -> Bundle {
        let asset = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/assets/fashion.nestling");
        let bytes = Bundle::open(asset).unwrap().with_latency_tables(vec![table("Mali", 9.0)]).unwrap();
        Bundle::from_bytes(&bytes).unwrap()
    }

    fn search(space: &ValidatedSpace, accuracy_predictor: Option<AccuracyPredictor>) -> SearchReport {
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
        let inputs = SearchInputs::new(Path::new("run"), None, Some((path, &bundle))).unwrap();
        assert_eq!((inputs.space(), inputs.starts.len()), (bundle.space(), bundle.children().len()));
        let table = &bundle.manifest().latency_tables[0];
        let most = table.predict(&bundle.networks()[0]);
        let limit = inputs.limit(LimitRequest::Latency { device: "mali", most }).unwrap();
        let found = inputs.most_accurate_within(&limit, 4).unwrap();
        assert!(!found.is_empty() && found.iter().all(|one| one.cost <= most.0), "{found:?}");
        assert!(
            limit.allows(bundle.space(), &found[0].child) && !limit.allows(bundle.space(), &inputs.space.biggest())
        );
        let error = inputs.limit(LimitRequest::Latency { device: "adreno", most }).unwrap_err().to_string();
        assert!(
            error.contains("search with my.nestling: no device matches `adreno`") && error.contains("Mali ("),
            "{error}"
        );
    }

    #[test]
    fn a_run_comes_first_and_what_is_missing_is_named() {
        let (bundle, folder) = (bundle(), Path::new("my-run"));
        let space = bundle.space();
        let report = search(space, Some(predictor(space)));
        let beside = Some((Path::new("my.nestling"), &bundle));
        let inputs = SearchInputs::new(folder, Some((space, &report)), beside).unwrap();
        assert_eq!(
            (&inputs.starts[..], Some(inputs.predictor)),
            (&[space.biggest()][..], report.accuracy_predictor.as_ref())
        );
        // An older search without a predictor takes the bundle's.
        let older = search(space, None);
        let inputs = SearchInputs::new(folder, Some((space, &older)), beside).unwrap();
        assert_eq!(Some(inputs.predictor), bundle.manifest().accuracy_predictor.as_ref());
        let error = |run, bundle| SearchInputs::new(folder, run, bundle).unwrap_err().to_string();
        assert!(error(Some((space, &older)), None).contains("search the run in my-run again"));
        assert!(error(None, None).contains("my-run holds no trained run"));
        let other = SearchSpace { name: "other".into(), ..space.definition().clone() }.validated().unwrap();
        assert!(error(Some((&other, &report)), beside).contains("take the bundle that was packed from that run"));

        let inputs = SearchInputs::new(folder, Some((space, &report)), None).unwrap();
        let error = inputs.limit(LimitRequest::Latency { device: "mali", most: Millis(1.0) }).unwrap_err().to_string();
        assert!(error.contains("`mali`") && error.contains("give a bundle"), "{error}");
        assert!(inputs.limit(LimitRequest::MAdds(MAdds(1_000_000))).is_ok());
    }
}
