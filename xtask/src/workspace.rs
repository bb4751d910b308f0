//! The workspace as the verbs see it: its root, its crates with their features, cargo to call, its test files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde::Deserialize;

/// The folder of the workspace manifest.
pub(crate) fn root() -> anyhow::Result<PathBuf> {
    // At run time, not compile time: a build folder may be shared by several clones.
    let own = std::env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
    let root = Path::new(&own)
        .parent()
        .context("xtask lies in the workspace")?;
    Ok(root.to_path_buf())
}

/// A call of the cargo that runs this, in the root of the workspace.
pub(crate) fn cargo<const N: usize>(args: [&str; N]) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()?).args(args);
    Ok(command)
}

/// What a command prints. Errors: it could not be started or did not succeed; its own error text is part of the error.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let name = format!("{command:?}");
    let output = command
        .output()
        .with_context(|| format!("cannot start {name}"))?;
    if !output.status.success() {
        bail!(
            "{name}: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("{name} printed something that is not UTF-8"))
}

/// A crate of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Crate {
    /// The package's name.
    pub(crate) name: String,
    /// Its features and what each turns on; `default` too, where it is written.
    pub(crate) features: BTreeMap<String, Vec<String>>,
    /// Where its manifest is.
    pub(crate) manifest_path: PathBuf,
    /// What it builds.
    pub(crate) targets: Vec<Target>,
}

/// One thing that a crate builds.
#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    /// Its name, as `--test NAME` or `--example NAME` takes it.
    pub(crate) name: String,
    /// `lib`, `bin`, `test`, `example`, ….
    pub(crate) kind: Vec<String>,
}

impl Crate {
    /// The features that are not part of the default set and are no dependency's name: the facets.
    pub(crate) fn facets(&self) -> Vec<&str> {
        let names = self.features.keys().map(String::as_str);
        names.filter(|name| *name != "default").collect()
    }

    /// The names of its targets of one kind.
    pub(crate) fn targets_of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        let of_kind = self
            .targets
            .iter()
            .filter(move |target| target.kind.iter().any(|each| each == kind));
        of_kind.map(|target| target.name.as_str())
    }
}

/// The crates of the workspace, by name.
pub(crate) fn crates() -> anyhow::Result<Vec<Crate>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Crate>,
    }
    let text = output(&mut cargo(["metadata", "--no-deps", "--format-version=1"])?)?;
    let mut crates = serde_json::from_str::<Metadata>(&text)
        .context("cargo metadata")?
        .packages;
    crates.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(crates)
}

/// The files that git knows or would add, relative to the root, sorted.
pub(crate) fn files() -> anyhow::Result<Vec<String>> {
    let root = root()?;
    let mut git = Command::new("git");
    git.current_dir(&root).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let text = output(&mut git)?;
    let mut files: Vec<String> = text
        .split('\0')
        .filter(|path| !path.is_empty())
        .map(str::to_owned)
        .collect();
    // A file that is deleted but not yet committed is still listed.
    files.retain(|path| root.join(path).is_file());
    files.sort();
    files.dedup();
    Ok(files)
}
