//! The programs of a cluster, built once from their Go modules and kept in a folder named after the recipe.
//!
//! A folder that is there is complete: it was built under another name and renamed. Using it needs neither Go nor a
//! network. A change of the recipe (module lists, versions, flags) or of the processor is another folder.

mod build;
mod envoy;
mod recipe;
mod toolchain;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::folders;

pub use envoy::ensure_envoys;
pub(crate) use envoy::envoys;
use recipe::Recipe;
pub use recipe::{ENVOY_GATEWAY, GATEWAY_API, KUBERNETES};

/// The built programs and the CRDs that go with them.
#[derive(Debug, Clone)]
pub struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// Finds what was built, or builds it, which takes some minutes and says what it does on standard error.
    /// Errors: no Go, no network, a compile error; the text names the program.
    pub fn ready() -> anyhow::Result<Self> {
        Self::of(&recipe::CLUSTER)
    }

    /// As [`Programs::ready`], for the control plane that ours is compared with: `envoy-gateway` and its CRDs.
    /// Errors: as [`Programs::ready`].
    pub fn peer() -> anyhow::Result<Self> {
        Self::of(&recipe::PEER)
    }

    fn of(recipe: &Recipe) -> anyhow::Result<Self> {
        let all = folders::built()?;
        let folder = all.join(recipe.key());
        if folder.is_dir() {
            return Ok(Self { folder });
        }
        fs::create_dir_all(&all).with_context(|| format!("cannot make {}", all.display()))?;
        let lock = File::create(all.join("build.lock"))?;
        if lock.try_lock().is_err() {
            eprintln!("waiting for another build of such programs");
            lock.lock()?;
        }
        // Another build may have made it meanwhile.
        if !folder.is_dir() {
            let unfinished = all.join(format!("{}.unfinished", recipe.key()));
            // A build that was broken off; Go's own cache keeps what it had done.
            if unfinished.exists() {
                fs::remove_dir_all(&unfinished)?;
            }
            fs::create_dir_all(&unfinished)?;
            build::all(recipe, &all, &unfinished)?;
            fs::rename(&unfinished, &folder)?;
        }
        Ok(Self { folder })
    }

    /// A program by its file name: `etcd`, `kube-apiserver`, `kube-controller-manager`, `echo-basic`,
    /// `conformance.test`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    /// The folder of CRDs, YAML files: those of the Gateway API, experimental channel, or those of the peer.
    pub fn crds(&self) -> PathBuf {
        self.folder.join("crds")
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
