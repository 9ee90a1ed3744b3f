use super::searched::write_children;
use super::{PackOptions, PackRunError};
use crate::data::Dataset;
use crate::new_file::NewFile;
use crate::search::Evaluator;
use nestling_bundle::Bundle;
use nestling_core::space::{CalibratedChild, ChildEntry};

/// The only child of a bundle.
#[derive(Clone, Debug)]
pub struct OneChild<'a> {
    /// Its name.
    pub name: String,
    /// Its statistics, if it has some already; else it is calibrated.
    pub calibrated: Option<CalibratedChild>,
    /// The images for its accuracy, by which nothing was chosen.
    pub test: &'a Dataset,
}

/// Writes a bundle of the evaluator's one child to `file`, whole or not at all: the child of a run that
/// [`specialised`](crate::train::specialised()) made a network of its own.
///
/// # Errors
/// [`PackRunError`] if the child cannot be calibrated or evaluated, or the disk does not take the file.
pub fn pack_specialised(
    evaluator: &Evaluator<'_>,
    child: OneChild<'_>,
    options: PackOptions,
    file: NewFile,
) -> Result<Bundle, PackRunError> {
    let OneChild { name, calibrated, test } = child;
    let calibrated = match calibrated {
        Some(calibrated) => calibrated,
        None => evaluator.calibrate(&evaluator.space.biggest())?,
    };
    let held_out = evaluator.evaluate_calibrated(&calibrated)?;
    let tested = evaluator.on(test).evaluate_calibrated(&calibrated)?;
    let (child, cost) = (held_out.child, held_out.cost);
    let children = vec![ChildEntry { name, child, cost, held_out: held_out.held_out, test: tested.held_out }];
    write_children(evaluator, (children, &[calibrated]), None, options, file)
}
