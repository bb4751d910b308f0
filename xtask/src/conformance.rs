//! `cargo xtask conformance`: builds the gateway, then has `fg-testcluster` start a cluster and run the suite.

use anyhow::{Context as _, ensure};

use crate::cluster;
use crate::workspace;

/// Where reports of whole runs are kept.
const REPORTS: &str = "tests/conformance/reports";

/// Runs the suite with the words of the command; `--dev` takes a build without optimization. Ends with the suite's exit
/// code if it is not 0.
/// Errors: it did not come to a run of the suite.
pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    let said = |wanted: &str| args.iter().any(|word| word == wanted);
    let mut words: Vec<String> = vec!["conformance".into()];
    words.extend(args.iter().filter(|word| *word != "--dev").cloned());
    if !said("--help") && !said("-h") {
        let profile = if said("--dev") { "dev" } else { "release" };
        words.extend(["--ferrogate".into(), gateway(profile)?]);
        let reports = workspace::root()?.join(REPORTS);
        words.extend(["--reports".into(), reports.display().to_string()]);
    }
    let status = cluster::program(&words)?.status()?;
    if status.success() {
        return Ok(());
    }
    // The suite's own code says more than that of an error of ours.
    match status.code() {
        Some(code) => std::process::exit(code),
        None => anyhow::bail!(cluster::failed(status)),
    }
}

/// Builds the gateway; gives its path.
fn gateway(profile: &str) -> anyhow::Result<String> {
    println!("ferrogate: building ({profile})");
    // Of the whole workspace, so that dependencies are those that tests have built already.
    let built = workspace::cargo([
        "build",
        "--quiet",
        "--workspace",
        "--bin",
        "ferrogate",
        "--profile",
        profile,
    ])?
    .status()
    .context("cannot run cargo")?;
    ensure!(built.success(), "the build of ferrogate failed");
    let folder = if profile == "dev" { "debug" } else { profile };
    let program = crate::bench::target_folder()?
        .join(folder)
        .join("ferrogate");
    Ok(program.display().to_string())
}
