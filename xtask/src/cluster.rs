//! `cargo xtask cluster`: a test cluster, by the program `fg-testcluster`.

use std::path::PathBuf;
use std::process::{Command, ExitStatus};

use anyhow::{Context as _, anyhow, ensure};

use crate::packages;
use crate::workspace;

/// Programs that clusters need, each with the Debian package that brings it.
const PROGRAMS: [(&str, &str); 3] = [
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("nsenter", "util-linux"),
];

/// Gives the words to the program. Errors: a tool is missing, or the program fails.
pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    let status = program(args)?.status()?;
    ensure!(status.success(), "{}", failed(status));
    Ok(())
}

/// Whether tests can start clusters here without anybody waiting for builds of Go: `patient` waits.
/// Errors: why not, fit to follow "not run: …: ".
pub(crate) fn possible(patient: bool) -> Result<(), String> {
    if !packages::is_root() {
        return Err("needs to be root, for network namespaces".to_owned());
    }
    for (program, package) in PROGRAMS {
        packages::ensure(program, package)?;
    }
    if patient || is_built() {
        return Ok(());
    }
    Err("the programs of a cluster are not built yet: cargo xtask cluster build".to_owned())
}

/// Whether some version of an API server was built. Where: as `fg-testcluster` has it.
fn is_built() -> bool {
    let of = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let root = of("FERROGATE_CACHE").map(PathBuf::from).or_else(|| {
        let cache = of("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(of("HOME")?).join(".cache")));
        Some(cache?.join("ferrogate"))
    });
    let recipes = root.and_then(|root| std::fs::read_dir(root.join("cluster")).ok());
    let mut recipes = recipes.into_iter().flatten().flatten();
    recipes.any(|recipe| recipe.path().join("bin/kube-apiserver").is_file())
}

/// The program with its words, built. Errors: a tool is missing, or the build fails.
pub(crate) fn program(args: &[String]) -> anyhow::Result<Command> {
    ensure_tools()?;
    let built = workspace::cargo(["build", "--quiet", "--workspace", "--bin", "fg-testcluster"])?
        .status()
        .context("cannot run cargo")?;
    ensure!(built.success(), "the build of fg-testcluster failed");
    let mut command = Command::new(crate::bench::target_folder()?.join("debug/fg-testcluster"));
    command.args(args);
    Ok(command)
}

/// Sees to the tools that clusters need. Errors: one is missing and cannot be installed.
pub(crate) fn ensure_tools() -> anyhow::Result<()> {
    for (program, package) in PROGRAMS {
        packages::ensure(program, package).map_err(|reason| anyhow!(reason))?;
    }
    Ok(())
}

/// What is said of a program that did not succeed; its own words stand above.
pub(crate) fn failed(status: ExitStatus) -> String {
    format!("fg-testcluster: {status}")
}
