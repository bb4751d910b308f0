//! Published Go modules as folders, by the `go` command's own module cache and checksums.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde::Deserialize;

/// What `go mod download -json` says.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct Download {
    /// The unpacked module.
    dir: Option<PathBuf>,
    /// The module's checksum; there when it was downloaded and verified.
    sum: Option<String>,
    /// What went wrong.
    error: Option<String>,
}

/// Whether there is a `go` to ask.
pub(super) fn go_is_here() -> bool {
    Command::new("go")
        .arg("version")
        .output()
        .is_ok_and(|output| output.status.success())
}

/// The folder of a module at a version, downloaded and verified if it is not in the cache yet.
pub(super) fn folder(module: &str, version: &str) -> anyhow::Result<PathBuf> {
    // Away from any `go.mod`, which would decide on versions; and never another toolchain.
    let output = Command::new("go")
        .args(["mod", "download", "-json", &format!("{module}@{version}")])
        .current_dir(std::env::temp_dir())
        .env("GOTOOLCHAIN", "local")
        .env("GOFLAGS", "-mod=mod")
        .output()
        .context("cannot start go")?;
    let said: Download = serde_json::from_slice(&output.stdout).with_context(|| {
        format!(
            "go mod download {module}@{version}: {}",
            String::from_utf8_lossy(&output.stderr)
        )
    })?;
    if let Some(folder) = said.dir.filter(|folder| folder.is_dir()) {
        return Ok(folder);
    }
    // A module that wants a newer Go than this one is still downloaded, verified and unpacked; only its code could
    // not be built, and no code is needed here.
    let folder = Path::new(&setting("GOMODCACHE")?).join(format!("{module}@{version}"));
    if said.sum.is_some() && folder.is_dir() {
        return Ok(folder);
    }
    bail!(
        "go mod download {module}@{version}: {}",
        said.error.unwrap_or_else(|| "no folder".to_owned())
    )
}

fn setting(name: &str) -> anyhow::Result<String> {
    let output = Command::new("go").args(["env", name]).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
