//! `cargo xtask cluster`: a test cluster, by the program `fg-testcluster`.

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

/// The program with its words, built. Errors: a tool is missing, or the build fails.
pub(crate) fn program(args: &[String]) -> anyhow::Result<Command> {
    for (program, package) in PROGRAMS {
        packages::ensure(program, package).map_err(|reason| anyhow!(reason))?;
    }
    let built = workspace::cargo(["build", "--quiet", "-p", "fg-testcluster"])?
        .status()
        .context("cannot run cargo")?;
    ensure!(built.success(), "the build of fg-testcluster failed");
    let mut command = Command::new(crate::bench::target_folder()?.join("debug/fg-testcluster"));
    command.args(args);
    Ok(command)
}

/// What is said of a program that did not succeed; its own words stand above.
pub(crate) fn failed(status: ExitStatus) -> String {
    format!("fg-testcluster: {status}")
}
