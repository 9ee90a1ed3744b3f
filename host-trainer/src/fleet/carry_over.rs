use super::FleetError;
use nestling_bundle::{Bundle, BundleError};
use nestling_core::latency::LatencyTable;
use nestling_core::space::SearchSpace;
use std::path::Path;

/// The latency tables of the bundle at `path`, for a new bundle of `space` that replaces it; empty if there is no such
/// file.
///
/// A device's times depend on the space and the kernels, not on the weights.
///
/// # Errors
/// [`FleetError::Bundle`] or [`FleetError::OtherSpace`] if tables would be lost; the new bundle works without them.
pub fn carry_over_tables(path: &Path, space: &SearchSpace) -> Result<Vec<LatencyTable>, FleetError> {
    let bundle = match Bundle::open(path) {
        Ok(bundle) => bundle,
        Err(BundleError::Open { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Vec::new());
        }
        Err(source) => return Err(FleetError::Bundle { path: path.to_owned(), source: Box::new(source) }),
    };
    let tables = bundle.manifest().latency_tables.clone();
    if !tables.is_empty() && bundle.space().definition() != space {
        return Err(FleetError::OtherSpace { path: path.to_owned(), count: tables.len() });
    }
    Ok(tables)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::table;

    #[test]
    fn tables_are_kept_for_the_same_space_and_a_loss_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("my.nestling");
        let asset = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/assets/fashion.nestling");
        let bundle = Bundle::open(&asset).unwrap();
        let space = bundle.space();
        assert!(carry_over_tables(&path, space).unwrap().is_empty());
        let tables = vec![table("a", 1.0), table("b", 9.0)];
        std::fs::write(&path, bundle.with_latency_tables(tables.clone()).unwrap()).unwrap();
        assert_eq!(carry_over_tables(&path, space).unwrap(), tables);

        let mut other = space.definition().clone();
        other.stages[0].stride += 1;
        let error = carry_over_tables(&path, &other).unwrap_err().to_string();
        assert!(error.starts_with("2 latency tables of ") && error.contains("add their profiles"), "{error}");
        // Nothing is lost where nothing was.
        assert!(carry_over_tables(&asset, &other).unwrap().is_empty());
        std::fs::write(&path, b"a photograph").unwrap();
        let error = carry_over_tables(&path, space).unwrap_err();
        assert!(matches!(error, FleetError::Bundle { .. }), "{error}");
    }
}
