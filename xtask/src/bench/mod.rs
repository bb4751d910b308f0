//! `cargo xtask bench`: measures the gateway beside other proxies, in one run, and writes `bench/`.
//!
//! What is measured is the CPU time that a proxy's process takes for each completed request, which says more on a
//! small machine than requests a second: the proxy has a core for itself, load and upstream share another one.

mod chart;
mod control;
mod h2load;
mod http;
mod load;
mod options;
mod peers;
pub(crate) mod process;
mod report;
mod results;
mod scenarios;
pub(crate) mod site;
mod targets;
mod tools;
mod upstream;

#[cfg(test)]
mod tests;

use anyhow::{Context as _, bail};

use self::options::Options;
pub(crate) use self::results::Stamp;
use self::results::{Machine, Results};
use self::scenarios::{Bench, cpu, latency, live, memory};
pub(crate) use self::tools::target_folder;
use crate::workspace;

/// Runs the benchmarks. `args` are the words after the verb; `upstream ADDRESS LENGTH` is the harness's own upstream.
pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    match args.first().map(String::as_str) {
        Some("upstream") => return upstream::serve(&args[1..]),
        Some("--control") => return control::run(&args[1..]),
        Some("--help" | "-h") => {
            print!("{}", options::HELP);
            return Ok(());
        }
        _ => {}
    }
    let options = Options::parse(args)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores < 2 {
        bail!("needs two cores: one for the proxy, one for load and upstream");
    }
    let scratch = target_folder()?.join("bench");
    std::fs::create_dir_all(&scratch)?;
    let bench_folder = if options.is_for_the_record() {
        workspace::root()?.join("bench")
    } else {
        scratch.join("trial")
    };
    std::fs::create_dir_all(&bench_folder)?;
    let file = bench_folder.join("results.json");
    let mut results = Results::read(&file)?;
    results.machine = Machine::read();
    let peers = tools::peers(&options, &scratch)?;
    if peers.is_empty() {
        bail!("there is no proxy to measure");
    }
    results
        .versions
        .insert("wrk".to_owned(), tools::wrk_version()?);
    for peer in &peers {
        println!("{} {}", peer.name, peer.version);
        results
            .versions
            .insert(peer.name.to_owned(), peer.version.clone());
    }
    let bench = Bench {
        options,
        peers,
        folder: scratch,
    };
    for (name, measure) in SCENARIOS {
        if bench.options.wants(name) {
            println!("{name}");
            measure(&bench, &mut results).with_context(|| format!("scenario {name}"))?;
            // Kept at once: a run that is broken off has not measured for nothing.
            results.write(&file)?;
            std::fs::write(bench_folder.join("RESULTS.md"), report::text(&results))?;
            std::fs::write(bench_folder.join("chart.svg"), chart::draw(&results))?;
        }
    }
    conclude(&results)?;
    println!("written to {}", bench_folder.display());
    Ok(())
}

/// A scenario's name, and what measures it.
type Scenario = (&'static str, fn(&Bench, &mut Results) -> anyhow::Result<()>);

const SCENARIOS: [Scenario; 9] = [
    ("keep-alive", cpu::keep_alive),
    ("large", cpu::large),
    ("routes", cpu::routes),
    ("tls", cpu::tls),
    ("http2", cpu::http2),
    ("workers", cpu::workers),
    ("latency", latency::measure),
    ("memory", memory::measure),
    ("live", live::measure),
];

/// Prints each target; a scenario that failed is an error, a missed target is news.
fn conclude(results: &Results) -> anyhow::Result<()> {
    println!("targets");
    for target in targets::all(results) {
        println!("  {}", target.line());
    }
    let failures = report::failures(results);
    if !failures.is_empty() {
        bail!("failed: {}", failures.join("; "));
    }
    Ok(())
}
