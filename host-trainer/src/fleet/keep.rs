use nestling_bundle::{Bundle, BundleError};
use nestling_core::latency::LatencyTable;
use nestling_core::space::SearchSpace;
use std::path::{Path, PathBuf};

/// Why a bundle that is about to be replaced gives no latency tables to the new one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeepError {
    /// It cannot be read.
    #[error(
        "no latency tables are kept of {path}: {source}; add the devices' profiles again with `nestling latency add`"
    )]
    Bundle {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: BundleError,
    },
    /// Its tables are prices of another space's work.
    #[error(
        "{count} latency tables of {path} are not kept: its search space is another; measure the devices with the new \
         bundle and add their profiles with `nestling latency add`"
    )]
    OtherSpace {
        /// Which file.
        path: PathBuf,
        /// How many are lost.
        count: usize,
    },
}

/// The latency tables of the bundle at `path`, to be kept in one of `space` that replaces it: what a device pays for
/// work does not change with the weights. None if there is no such file.
///
/// # Errors
/// [`KeepError`] says why there is nothing to keep; the new bundle is as good without.
pub fn tables_to_keep(path: &Path, space: &SearchSpace) -> Result<Vec<LatencyTable>, KeepError> {
    let bundle = match Bundle::open(path) {
        Ok(bundle) => bundle,
        Err(BundleError::Open { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Vec::new());
        }
        Err(source) => return Err(KeepError::Bundle { path: path.to_owned(), source }),
    };
    let tables = bundle.manifest().latency_tables.clone();
    if !tables.is_empty() && bundle.space() != space {
        return Err(KeepError::OtherSpace { path: path.to_owned(), count: tables.len() });
    }
    Ok(tables)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::synthetic::table;

    #[test]
    fn tables_are_kept_for_the_same_space_and_what_is_lost_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("my.nestling");
        let asset = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/assets/fashion.nestling");
        let bundle = Bundle::open(&asset).unwrap();
        let space = bundle.space();
        assert!(tables_to_keep(&path, space).unwrap().is_empty());
        let tables = vec![table("a", 1.0), table("b", 9.0)];
        std::fs::write(&path, bundle.with_latency_tables(tables.clone()).unwrap()).unwrap();
        assert_eq!(tables_to_keep(&path, space).unwrap(), tables);

        let mut other = space.clone();
        other.stages[0].stride += 1;
        let error = tables_to_keep(&path, &other).unwrap_err().to_string();
        assert!(error.starts_with("2 latency tables of ") && error.contains("`nestling latency add`"), "{error}");
        // Nothing is lost where nothing was.
        assert!(tables_to_keep(&asset, &other).unwrap().is_empty());
        std::fs::write(&path, b"a photograph").unwrap();
        let error = tables_to_keep(&path, space).unwrap_err();
        assert!(matches!(error, KeepError::Bundle { .. }), "{error}");
    }
}
