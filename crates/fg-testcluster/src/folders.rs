//! Where things lie outside the clone: `$FERROGATE_CACHE`, else `ferrogate` in the user's cache folder.

use std::path::PathBuf;

use anyhow::Context as _;

/// The folder of everything that outlives the clone.
/// Errors: neither `FERROGATE_CACHE` nor `XDG_CACHE_HOME` nor `HOME` is set.
pub fn root() -> anyhow::Result<PathBuf> {
    let of = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(folder) = of("FERROGATE_CACHE") {
        return Ok(folder.into());
    }
    let cache = of("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(of("HOME")?).join(".cache")))
        .context("set FERROGATE_CACHE or HOME: programs are kept outside of the clone")?;
    Ok(cache.join("ferrogate"))
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
