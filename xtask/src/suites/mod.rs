//! `cargo xtask suites`: other people's tests, clients and servers against the real gateway.
//!
//! Each suite starts `ferrogate run` on a folder that it writes, drives it, and compares with what holds without a
//! gateway. Results are kept in `suites/`. What the suites need besides Rust comes from public registries and is kept
//! in a folder outside the clone; see `suites/README.md`.

mod cases;
mod exclusions;
mod gateway;
mod grpc;
mod h2spec;
mod lines;
mod options;
mod pairwise;
mod report;
mod results;
mod same;
mod servers;
mod tools;
mod websocket;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use anyhow::{Context as _, bail};

use self::options::Options;
use self::results::{Outcome, Results};
use self::tools::Tools;
use crate::bench::Stamp;
use crate::workspace;

/// What every suite needs.
pub(crate) struct Run {
    /// The words of the command.
    pub(crate) options: Options,
    /// Programs and their folders.
    pub(crate) tools: Tools,
    /// The gateway's program.
    pub(crate) gateway: PathBuf,
    /// Where configurations and logs of this run are written.
    pub(crate) folder: PathBuf,
}

/// A suite's name, and what runs it.
type Suite = (&'static str, fn(&Run) -> anyhow::Result<Outcome>);

const SUITES: [Suite; 4] = [
    ("h2spec", h2spec::run),
    ("grpc", grpc::run),
    ("pairwise", pairwise::run),
    ("websocket", websocket::run),
];

/// Runs the suites that `args` name, or all.
pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    if args
        .first()
        .is_some_and(|word| word == "--help" || word == "-h")
    {
        print!("{}", options::HELP);
        return Ok(());
    }
    let options = Options::parse(args)?;
    let target = crate::bench::target_folder()?;
    let folder = target.join("suites/run");
    std::fs::create_dir_all(&folder)?;
    let gateway = target.join("debug/ferrogate");
    if options.build && !options.direct {
        println!("ferrogate: building");
        let status = workspace::cargo(["build", "--quiet", "-p", "ferrogate"])?.status()?;
        anyhow::ensure!(status.success(), "the build failed");
    }
    let run = Run {
        options,
        tools: Tools::find()?,
        gateway,
        folder,
    };
    let page = workspace::root()?.join("suites");
    let mut results = Results::read(&page.join("results.json"))?;
    let mut failed = Vec::new();
    for (name, suite) in SUITES {
        if !run.options.wants(name) {
            continue;
        }
        println!("{name}");
        let mut outcome = suite(&run).with_context(|| format!("suite {name}"))?;
        outcome.stamp = Stamp::now()?;
        std::fs::write(
            run.folder.join(format!("{name}-failures.txt")),
            outcome.failures.join("\n"),
        )?;
        if !outcome.failures.is_empty() {
            failed.push(format!("{name}: {} failures", outcome.failures.len()));
        }
        if run.options.is_for_the_record() {
            results.suites.insert(name.to_owned(), outcome);
            results.write(&page.join("results.json"))?;
            std::fs::write(page.join("RESULTS.md"), report::text(&results))?;
        }
    }
    if !failed.is_empty() {
        bail!("{}", failed.join("; "));
    }
    Ok(())
}
