//! Where things lie outside the clone: `$FERROGATE_CACHE`, else `ferrogate` in the user's cache folder.

use std::path::PathBuf;

/// The folder of everything that outlives the clone.
/// Errors: neither `FERROGATE_CACHE` nor `XDG_CACHE_HOME` nor `HOME` is set.
pub fn root() -> anyhow::Result<PathBuf> {
    fg_testkit::programs::root().map_err(anyhow::Error::msg)
}

/// The folder of built programs: one folder a recipe.
/// Errors: as [`root`].
pub fn built() -> anyhow::Result<PathBuf> {
    Ok(root()?.join("cluster"))
}

/// The folder of clusters that are up: one folder a cluster, named by its id.
/// Errors: as [`root`].
pub fn runs() -> anyhow::Result<PathBuf> {
    Ok(root()?.join("runs"))
}
