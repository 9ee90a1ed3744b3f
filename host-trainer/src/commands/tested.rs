//! Children that classified the test images, for reports.

use super::progress::Progress;
use super::trained_run::{TrainedRun, processors};
use anyhow::Result;
use nestling_core::space::Child;
use nestling_train::classification::{ClassificationReport, ClassifiedImages, TestedChild};
use nestling_train::data::LoadedData;
use nestling_train::search::SearchReport;
use std::path::PathBuf;

/// The report of children that answered for the test images of `data`, which lies below one of the `roots`.
pub(super) fn classification(
    data: &LoadedData,
    classes: &[String],
    roots: &[PathBuf],
    children: &[TestedChild],
) -> ClassificationReport {
    let path = |index: usize| Some(place_of(data.pictures.as_ref()?.test.get(index)?, roots));
    ClassificationReport::new(&ClassifiedImages { data: &data.name, classes, path: &path }, children)
}

/// The file of a picture; its name if it lies in a tar file.
fn place_of(name: &str, roots: &[PathBuf]) -> String {
    let files = roots.iter().map(|root| root.join(name));
    // Without the dot of `folder/.`.
    let file = files.into_iter().find(|file| file.is_file()).map(|file| file.components().collect::<PathBuf>());
    file.map_or_else(|| name.to_owned(), |file| super::shown(&file))
}

/// The answers of the smallest and the biggest child of a run and of those that ship, on the test images.
pub(super) fn test_run(run: &TrainedRun, search: Option<&SearchReport>) -> Result<Vec<TestedChild>> {
    let named = children(run, search);
    let children: Vec<Child> = named.iter().map(|(_, child)| child.clone()).collect();
    let progress = Progress::new(children.len(), "test");
    let evaluator = run.evaluator(run.checkpoint.shipped_weights(), &run.data.test, processors());
    let answered = evaluator.answers(&children, &|done| progress.set(done, children.len()))?;
    let tested = |((name, child), (cost, answers))| TestedChild { name, child, cost, answers };
    Ok(named.into_iter().zip(answered).map(tested).collect())
}

fn children(run: &TrainedRun, search: Option<&SearchReport>) -> Vec<(String, Child)> {
    let shipped = search.into_iter().flat_map(SearchReport::shipped);
    let mut all: Vec<(String, Child)> =
        shipped.map(|(chosen, evaluated)| (chosen.name.clone(), evaluated.child.clone())).collect();
    for (name, child) in [("biggest", run.space.biggest()), ("smallest", run.space.smallest())] {
        // A space of one child has one that is both.
        if all.iter().all(|(_, known)| *known != child) {
            all.push((name.to_owned(), child));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_picture_is_named_by_its_file_if_it_has_one() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("cat")).unwrap();
        std::fs::write(folder.path().join("cat/1.png"), b"").unwrap();
        let file = folder.path().join("cat/1.png").display().to_string();
        for root in [folder.path().to_owned(), folder.path().join(".")] {
            assert_eq!(place_of("cat/1.png", &[Path::new("/nowhere").to_owned(), root]), file);
        }
        assert_eq!(place_of("train.tar/cat/1.png", &[folder.path().to_owned()]), "train.tar/cat/1.png");
    }
}
