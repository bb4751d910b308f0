//! Envoy's programs for pods: those that tests start, too.

use std::path::PathBuf;

use anyhow::Error;
use fg_testkit::envoy::{self, VERSIONS};

/// Which image is which program, of the versions that are installed: what an image's name contains, `*` being anything,
/// and the program. `distroless-v1.40.2` and `v1.40-latest` are both 1.40.
/// Errors: no cache folder.
pub(crate) fn envoys() -> anyhow::Result<Vec<(String, PathBuf)>> {
    let mut all = Vec::new();
    for version in VERSIONS {
        let Some(program) = envoy::installed(version).map_err(Error::msg)? else {
            continue;
        };
        let minor = version.rsplit_once('.').map_or(version, |(minor, _)| minor);
        // The minor version is whole: neither 1.4 nor 1.400 is 1.40.
        for end in [".", "-"] {
            let image = format!("envoyproxy/envoy:*v{minor}{end}");
            all.push((image, program.clone()));
        }
    }
    Ok(all)
}

/// Installs the versions of Envoy that pods may be and that are missing; a cluster that starts later knows them.
/// Errors: no Python, no network.
pub fn ensure_envoys() -> anyhow::Result<()> {
    for version in VERSIONS {
        envoy::find(version).map_err(Error::msg)?;
    }
    Ok(())
}
