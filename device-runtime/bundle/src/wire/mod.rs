//! How the manifest lies in the file. The types here mirror the runtime's, and only they are encoded: renaming or
//! extending a runtime type changes no byte of any file.
//!
//! ```text
//! codes                                  numbers of enumerations
//! few                                    lists with a bound
//! space, child, table, predictor, images the structures, encoded with postcard; frozen since format 5
//! split                                  a structure that was added to format 6
//! shells                                 a structure of format 8
//! v5                                     the manifest of format 5: all structures in one
//! v6                                     the manifest of formats 6 to 8: numbered fields, each with its length
//! golden                                 the section of golden pictures
//! ```
//!
//! A structure is never changed. To add to one, give the new part a field of its own in [`v6`]; to change one, write
//! its successor and raise the format. `docs/bundle-format.md` states the rule.

mod child;
mod codes;
mod few;
pub(crate) mod golden;
mod images;
mod predictor;
mod shells;
mod space;
mod split;
mod table;
pub(crate) mod v5;
pub(crate) mod v6;

pub(crate) use child::{Child, ChildEntry, Trained};
pub(crate) use codes::Coded;
pub(crate) use few::MAX_CHILDREN;
pub(crate) use images::{Images, Preprocessing};
pub(crate) use predictor::Predictor;
pub(crate) use shells::Shells;
pub(crate) use space::Space;
pub(crate) use split::Split;
pub(crate) use table::Table;

use crate::{BundleError, Manifest};

/// The manifest that a section holds, in the layout of a file's format.
pub(crate) fn decode(format: u32, section: &[u8]) -> Result<Manifest, BundleError> {
    if format == 5 { v5::decode(section) } else { v6::decode(format, section) }
}

/// Whole bytes as one value: nothing may follow it. Postcard takes no more memory than the bytes justify.
fn from_bytes<'a, T: serde::Deserialize<'a>>(what: &str, bytes: &'a [u8]) -> Result<T, BundleError> {
    let inconsistent = |problem: String| BundleError::Inconsistent { problem };
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(inconsistent(format!("{} bytes follow {what}", rest.len()))),
        Err(error) => Err(inconsistent(format!("{what} cannot be read ({error})"))),
    }
}

pub(crate) fn to_bytes(value: &impl serde::Serialize) -> Result<Vec<u8>, BundleError> {
    postcard::to_stdvec(value)
        .map_err(|error| BundleError::Inconsistent { problem: format!("a part cannot be encoded ({error})") })
}

/// Converts each item of a list.
fn all<W, T: TryFrom<W, Error = BundleError>>(items: Vec<W>) -> Result<Vec<T>, BundleError> {
    items.into_iter().map(T::try_from).collect()
}
